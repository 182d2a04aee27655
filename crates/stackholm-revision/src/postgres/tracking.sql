-- Which tables are tracked, and what has become of them.

-- What a table's triggers are made for: its columns and key, how its rows are seen, and what the
-- program asked for.
CREATE OR REPLACE FUNCTION stackholm.revision_made_for(of integer) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT concat_ws(' ', stackholm.revision_triggers(), stackholm.revision_shape(r.oid),
        by_row OR stackholm.revision_by_row(r.oid), stackholm.revision_taken_along(r.oid), r.oid,
        or_nobody, except_columns, redacted_columns)
    FROM stackholm.revision_table t, pg_class r JOIN pg_namespace s ON s.oid = relnamespace
    WHERE t.id = of AND nspname = schema_name AND relname = table_name
$$;

-- Refuses a table that cannot be tracked, or not any more, with the reason.
CREATE OR REPLACE FUNCTION stackholm.revision_check(of integer) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    entry stackholm.revision_table;
    relation pg_class;
    why text;
BEGIN
    SELECT * INTO entry FROM stackholm.revision_table WHERE id = of;
    SELECT r.* INTO relation FROM pg_class r JOIN pg_namespace s ON s.oid = relnamespace
        WHERE nspname = entry.schema_name AND relname = entry.table_name;
    SELECT CASE
        WHEN relation.oid IS NULL THEN 'there is no such table'
        WHEN entry.schema_name = 'stackholm' THEN 'it belongs to the history itself'
        WHEN relation.relkind NOT IN ('r', 'p') THEN 'it is no plain table'
        WHEN relation.relpersistence = 't' THEN 'it is temporary'
        WHEN relation.relispartition THEN 'it is a part of a table; track that one'
        WHEN EXISTS (SELECT FROM pg_inherits WHERE relation.oid IN (inhrelid, inhparent))
            AND relation.relkind <> 'p' THEN 'it inherits or is inherited from'
        WHEN max(key_place) IS NULL THEN 'it has no primary key'
        ELSE coalesce(
            (SELECT format('it has no column `%s`', asked.name) FROM jsonb_array_elements_text(
                entry.except_columns || entry.redacted_columns) AS asked(name)
             WHERE asked.name NOT IN (SELECT attname FROM pg_attribute
                WHERE attrelid = relation.oid AND NOT attisdropped AND attnum > 0) LIMIT 1),
            min(format('`%s` is of the key and cannot be left out', name)) FILTER (WHERE
                key_place IS NOT NULL AND (entry.except_columns || entry.redacted_columns) ? name),
            min(format('`%s` is of the key and a floating-point number', name)) FILTER (WHERE
                key_place IS NOT NULL AND shown = 'real'))
        END INTO why FROM stackholm.revision_columns(relation.oid);
    IF why IS NOT NULL THEN
        RAISE EXCEPTION '%', why USING ERRCODE = 'SHR02', TABLE = entry.name;
    END IF;
END $$;

-- Whether a table is tracked as is written down.
CREATE OR REPLACE FUNCTION stackholm.revision_tied(of integer) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT tracked AND made_for IS NOT DISTINCT FROM stackholm.revision_made_for(of) AND (
        SELECT count(*) FROM pg_trigger JOIN pg_proc ON pg_proc.oid = tgfoid
            WHERE tgrelid = relation AND tgname LIKE '!stackholm%'
                AND proname = format('revision_on_%s', of) AND tgenabled = 'O'
        ) = CASE WHEN stackholm.revision_taken_along(relation) THEN 7 ELSE 4 END
    FROM stackholm.revision_table,
        CAST(to_regclass(format('%I.%I', schema_name, table_name)) AS oid) relation
    WHERE id = of
$$;

-- Tracks a table; makes nothing if it is tracked so already.
CREATE OR REPLACE FUNCTION stackholm.revision_track(relation oid, excepted text[],
    redacted text[], allowed boolean, one_by_one boolean) RETURNS integer
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    its_schema text;
    its_name text;
    its_id integer;
    entry stackholm.revision_table;
BEGIN
    SELECT nspname, relname INTO its_schema, its_name
        FROM pg_class r JOIN pg_namespace s ON s.oid = relnamespace WHERE r.oid = relation;
    IF its_name IS NULL THEN
        RAISE EXCEPTION 'there is no such table' USING ERRCODE = 'SHR02';
    END IF;
    SELECT * INTO entry FROM stackholm.revision_table
        WHERE schema_name = its_schema AND table_name = its_name;
    IF (entry.except_columns, entry.redacted_columns, entry.or_nobody, entry.by_row) =
            (to_jsonb(excepted), to_jsonb(redacted), allowed, one_by_one)
        AND stackholm.revision_tied(entry.id)
    THEN
        RETURN entry.id;
    END IF;
    PERFORM pg_advisory_xact_lock('stackholm.revision_table'::regclass::oid::bigint);
    INSERT INTO stackholm.revision_table(schema_name, table_name, name, key_columns, columns,
            except_columns, redacted_columns, or_nobody, by_row, tracked, triggers, made_for)
        VALUES (its_schema, its_name, CASE its_schema WHEN 'public' THEN quote_ident(its_name)
                ELSE format('%I.%I', its_schema, its_name) END,
            '[]', '[]', to_jsonb(excepted), to_jsonb(redacted), allowed, one_by_one,
                false, stackholm.revision_triggers(), '')
        ON CONFLICT (schema_name, table_name) DO UPDATE SET
            except_columns = excluded.except_columns,
            redacted_columns = excluded.redacted_columns, or_nobody = excluded.or_nobody,
            by_row = excluded.by_row
        RETURNING id INTO its_id;
    -- Another program may have been faster.
    IF NOT stackholm.revision_tied(its_id) THEN
        PERFORM stackholm.revision_tie(its_id);
    END IF;
    RETURN its_id;
END $$;

-- The name of a table in the history, by its name in a statement.
CREATE OR REPLACE FUNCTION stackholm.revision_named(asked text) RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT coalesce(
        (SELECT t.name FROM stackholm.revision_table t, pg_catalog.pg_class r
            JOIN pg_catalog.pg_namespace s ON s.oid = relnamespace
            WHERE r.oid = pg_catalog.to_regclass(asked) AND nspname = schema_name
                AND relname = table_name),
        asked)
$$;

-- Ends the tracking of a table; says whether it was tracked.
CREATE OR REPLACE FUNCTION stackholm.revision_untrack(asked text) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
    its_id integer;
BEGIN
    PERFORM pg_catalog.pg_advisory_xact_lock(
        'stackholm.revision_table'::pg_catalog.regclass::pg_catalog.oid::pg_catalog.int8);
    UPDATE stackholm.revision_table SET tracked = false
        WHERE name = stackholm.revision_named(asked) AND tracked RETURNING id INTO its_id;
    IF its_id IS NOT NULL THEN
        PERFORM stackholm.revision_untie(its_id);
    END IF;
    RETURN its_id IS NOT NULL;
END $$;

-- Follows what has become of the tables: makes the triggers anew that are out of date, where this
-- role may.
CREATE OR REPLACE FUNCTION stackholm.revision_keep_up() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    its_id integer;
BEGIN
    FOR its_id IN SELECT t.id FROM stackholm.revision_table t, pg_class r
        JOIN pg_namespace s ON s.oid = relnamespace
        WHERE nspname = schema_name AND relname = table_name AND tracked
            AND pg_has_role(relowner, 'USAGE') ORDER BY t.id
    LOOP
        IF NOT stackholm.revision_tied(its_id) THEN
            PERFORM pg_advisory_xact_lock('stackholm.revision_table'::regclass::oid::bigint);
            PERFORM stackholm.revision_tie(its_id);
        END IF;
    END LOOP;
END $$;

-- A row as it is now, in the form in which it would be kept. Where a key is checked at the end of
-- the transaction, two rows may have it until then; neither of them is the one.
CREATE OR REPLACE FUNCTION stackholm.revision_row(of integer, its_key jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET datestyle = 'ISO'
SET timezone = 'UTC' SET intervalstyle = 'postgres' SET extra_float_digits = 1 AS $$
DECLARE
    condition text;
    its_rows jsonb[];
BEGIN
    SELECT string_agg(format(CASE shown
            WHEN 'blob' THEN 'o.%I = decode($1 -> %s ->> ''blob'', ''hex'')'
            ELSE 'o.%I = ($1 ->> %s)::%s' END, name, key_place - 1, type), ' AND ')
        INTO condition
        FROM stackholm.revision_tracked_columns(of) WHERE key_place IS NOT NULL;
    IF condition IS NULL THEN
        RETURN NULL;
    END IF;
    EXECUTE (SELECT format('SELECT array_agg(%s) FROM %I.%I o WHERE %s',
            stackholm.revision_whole(of, 'o'), schema_name, table_name, condition)
        FROM stackholm.revision_table WHERE id = of) INTO its_rows USING its_key;
    IF array_length(its_rows, 1) > 1 THEN
        RAISE EXCEPTION 'more than one row has the key %', its_key USING ERRCODE = '23505';
    END IF;
    RETURN its_rows[1];
END $$;
