-- What runs in the server: made anew by each version of the crate, after the tables.
--
-- `stackholm.frame` says, for the rest of the transaction or savepoint, in whose name and why
-- statements are made; the program sets it, before a statement and only if it has changed.
-- `stackholm.frame_id` is the row that the first change under it made. Both are settings of the
-- transaction: a rollback takes them back together with the rows, and a connection that is handed
-- on has neither.

-- A key of a revision for what is nobody's: laid out as a UUID of version 7.
CREATE OR REPLACE FUNCTION stackholm.revision_key() RETURNS uuid
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
    SELECT encode(set_byte(overlay(uuid_send(gen_random_uuid()) PLACING substring(
        int8send((extract(epoch FROM clock_timestamp()) * 1000)::int8) FROM 3) FROM 1),
        6, 112 + floor(random() * 16)::int), 'hex')::uuid
$$;

-- The frame of a change: the row is written if it is the first one. Null if the change is not
-- tracked; then the gap is on record.
CREATE OR REPLACE FUNCTION stackholm.revision_tell(of integer, allowed boolean) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    told jsonb := nullif(current_setting('stackholm.frame', true), '')::jsonb;
    gaps text := coalesce(current_setting('stackholm.gaps', true), '');
    gap text;
    here bigint;
    its_part bigint;
    somebody boolean := told IS NOT NULL;
BEGIN
    IF NOT somebody THEN
        IF NOT allowed THEN
            RAISE EXCEPTION 'a tracked table was written outside of every revision' USING
                ERRCODE = 'SHR01', TABLE = (SELECT name FROM stackholm.revision_table WHERE id = of);
        END IF;
        here := nullif(current_setting('stackholm.nobody', true), '')::bigint;
        IF here IS NOT NULL THEN
            RETURN here;
        END IF;
        told := jsonb_build_object('who', 'nobody', 'revision', stackholm.revision_key());
    ELSIF told ? 'untracked' THEN
        gap := format(',%s:%s,', told ->> 'number', of);
        IF position(gap IN gaps) > 0 THEN
            RETURN NULL;
        END IF;
        PERFORM set_config('stackholm.gaps', gaps || gap, true);
    END IF;
    SELECT id INTO its_part FROM stackholm.revision_part
        WHERE revision = (told ->> 'revision')::uuid AND transaction = pg_current_xact_id()
            AND description IS NOT DISTINCT FROM told ->> 'description'
            AND reverts IS NOT DISTINCT FROM (told ->> 'reverts')::uuid
        LIMIT 1;
    IF its_part IS NULL THEN
        INSERT INTO stackholm.revision_part(revision, description, reverts, begun_at, transaction)
            VALUES ((told ->> 'revision')::uuid, told ->> 'description', (told ->> 'reverts')::uuid,
                date_trunc('milliseconds', clock_timestamp()), pg_current_xact_id())
            RETURNING id INTO its_part;
    END IF;
    INSERT INTO stackholm.revision_frame(part, actor, actor_kind, actor_id, object_reason,
            deletion_reason, tracked, gap_table, gap_reason, gap_after)
        VALUES (its_part, told ->> 'who', told ->> 'kind', told ->> 'id', told ->> 'because',
            told ->> 'deletion', gap IS NULL, CASE WHEN gap IS NOT NULL THEN of END,
            told ->> 'untracked',
            CASE WHEN gap IS NOT NULL THEN
                (SELECT CASE WHEN is_called THEN last_value ELSE 0 END
                 FROM stackholm.revision_delta_id_seq) END)
        RETURNING id INTO here;
    IF gap IS NOT NULL THEN
        RETURN NULL;
    END IF;
    PERFORM set_config(
        CASE WHEN somebody THEN 'stackholm.frame_id' ELSE 'stackholm.nobody' END, here::text, true);
    RETURN here;
END $$;

-- The columns of a table that can be written, in their order, with how each is shown:
-- `plain` as the value itself, `text` too, `real` and `blob` as an object, the rest by its text.
CREATE OR REPLACE FUNCTION stackholm.revision_columns(relation oid)
RETURNS TABLE (name text, number smallint, type text, shown text, key_place integer)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    WITH RECURSIVE base(number, type, basic) AS (
        SELECT attnum, atttypid, atttypid FROM pg_attribute
        WHERE attrelid = relation AND attnum > 0 AND NOT attisdropped AND attgenerated = ''
        UNION ALL
        SELECT base.number, base.type, typbasetype FROM base JOIN pg_type ON oid = basic
        WHERE typtype = 'd'
    )
    SELECT attname::text, attnum, format_type(atttypid, atttypmod),
        CASE
            WHEN basic IN ('int2'::regtype, 'int4'::regtype, 'int8'::regtype, 'bool'::regtype)
                THEN 'plain'
            WHEN basic IN ('text'::regtype, 'varchar'::regtype) THEN 'text'
            WHEN basic IN ('float4'::regtype, 'float8'::regtype) THEN 'real'
            WHEN basic = 'bytea'::regtype THEN 'blob'
            ELSE 'other'
        END,
        (SELECT place::int FROM pg_index,
            unnest(indkey::smallint[]) WITH ORDINALITY AS k(attribute, place)
            WHERE indrelid = relation AND indisprimary AND attribute = attnum)
    FROM pg_attribute JOIN base ON number = attnum JOIN pg_type ON oid = basic AND typtype <> 'd'
    WHERE attrelid = relation
    ORDER BY attnum
$$;

-- What the triggers of a table are made for; another text afterwards says that they are out of
-- date.
CREATE OR REPLACE FUNCTION stackholm.revision_shape(relation oid) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT md5(string_agg(concat_ws(' ', attnum, attname, atttypid, attgenerated), ',' ORDER BY
        attnum) || (SELECT indkey::text FROM pg_index WHERE indrelid = relation AND indisprimary))
    FROM pg_attribute WHERE attrelid = relation AND attnum > 0 AND NOT attisdropped
$$;

-- A column of a row as it is kept.
CREATE OR REPLACE FUNCTION stackholm.revision_shown(shown text, row_name text, name text)
RETURNS text LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT format(CASE shown
        WHEN 'real' THEN
            'CASE WHEN %1$s.%2$I IS NOT NULL THEN jsonb_build_object(''real'', %1$s.%2$I::text) END'
        WHEN 'blob' THEN 'CASE WHEN %1$s.%2$I IS NOT NULL THEN '
            'jsonb_build_object(''blob'', encode(%1$s.%2$I, ''hex'')) END'
        WHEN 'other' THEN '%1$s.%2$I::text'
        WHEN 'redacted' THEN '''{"redacted": true}''::jsonb'
        ELSE '%1$s.%2$I'
    END, row_name, name)
$$;

-- Whether a column differs. Of what is equal and looks different, the looks are compared.
CREATE OR REPLACE FUNCTION stackholm.revision_differs(shown text, old_row text, new_row text,
    name text) RETURNS text LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT format(CASE shown
        WHEN 'plain' THEN '%1$s.%3$I IS DISTINCT FROM %2$s.%3$I'
        WHEN 'blob' THEN '%1$s.%3$I IS DISTINCT FROM %2$s.%3$I'
        WHEN 'text' THEN '%1$s.%3$I COLLATE "C" IS DISTINCT FROM %2$s.%3$I COLLATE "C"'
        ELSE '%1$s.%3$I::text IS DISTINCT FROM %2$s.%3$I::text'
    END, old_row, new_row, name)
$$;

-- The columns of a tracked table, as the program asked for them.
CREATE OR REPLACE FUNCTION stackholm.revision_tracked_columns(of integer)
RETURNS TABLE (name text, number smallint, type text, shown text, key_place integer)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT c.name, c.number, c.type,
        CASE WHEN t.redacted_columns ? c.name THEN 'redacted' ELSE c.shown END, c.key_place
    FROM stackholm.revision_table t, pg_class r JOIN pg_namespace s ON s.oid = relnamespace,
        stackholm.revision_columns(r.oid) c
    WHERE t.id = of AND nspname = schema_name AND relname = table_name
        AND NOT t.except_columns ? c.name
$$;

-- All columns of a row as one object. A function takes a hundred arguments at most.
CREATE OR REPLACE FUNCTION stackholm.revision_whole(of integer, row_name text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT string_agg(format('jsonb_build_object(%s)', members), ' || ' ORDER BY chunk) FROM (
        SELECT number / 40 AS chunk, string_agg(format('%L, %s', name,
            stackholm.revision_shown(shown, row_name, name)), ', ' ORDER BY number) AS members
        FROM stackholm.revision_tracked_columns(of) GROUP BY number / 40) chunks
$$;

CREATE OR REPLACE FUNCTION stackholm.revision_key_of(of integer, row_name text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT format('jsonb_build_array(%s)', string_agg(
        stackholm.revision_shown(shown, row_name, name), ', ' ORDER BY key_place))
    FROM stackholm.revision_tracked_columns(of) WHERE key_place IS NOT NULL
$$;

-- Where the rows of a statement stand. A row before and after an update are paired by their order,
-- in which both tables are written at once; their keys may differ.
CREATE OR REPLACE FUNCTION stackholm.revision_rows(op text) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE op
        WHEN 'INSERT' THEN 'stackholm_new n'
        WHEN 'DELETE' THEN 'stackholm_old o'
        WHEN 'UPDATE' THEN
            '(SELECT row_number() OVER () AS stackholm_place, * FROM stackholm_old) o JOIN '
            '(SELECT row_number() OVER () AS stackholm_place, * FROM stackholm_new) n '
            'USING (stackholm_place)'
    END
$$;

-- The statement that keeps what happened. `head` are its frame, statement and whether it was
-- caused; `source` is where the rows stand, or null if there is one row with these names.
CREATE OR REPLACE FUNCTION stackholm.revision_sql(of integer, op text, old_row text, new_row text,
    source text, head text) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    its_old text := 'NULL';
    its_new text := 'NULL';
    moved text := 'NULL';
    condition text := '';
BEGIN
    IF op = 'INSERT' THEN
        its_new := stackholm.revision_whole(of, new_row);
    ELSIF op = 'UPDATE' THEN
        SELECT string_agg(format('CASE WHEN %s THEN jsonb_build_object(%L, %s) ELSE ''{}'' END',
                differs, name, old_shown), ' || ' ORDER BY number),
            string_agg(format('CASE WHEN %s THEN jsonb_build_object(%L, %s) ELSE ''{}'' END',
                differs, name, new_shown), ' || ' ORDER BY number),
            format('CASE WHEN %s THEN %s END',
                string_agg(differs, ' OR ') FILTER (WHERE key_place IS NOT NULL),
                stackholm.revision_key_of(of, new_row)),
            format(' WHERE %s', string_agg(differs, ' OR '))
            INTO its_old, its_new, moved, condition
        FROM (SELECT name, number, key_place,
                stackholm.revision_differs(shown, old_row, new_row, name) AS differs,
                stackholm.revision_shown(shown, old_row, name) AS old_shown,
                stackholm.revision_shown(shown, new_row, name) AS new_shown
              FROM stackholm.revision_tracked_columns(of)) c;
    ELSE
        its_old := stackholm.revision_whole(of, old_row);
    END IF;
    RETURN format('INSERT INTO stackholm.revision_delta(frame, statement, caused, "table", "key", '
            'moved_to, op, old, new) SELECT %s, %s, %s, %s, %L, %s, %s%s%s',
        head, of, stackholm.revision_key_of(of, CASE op WHEN 'INSERT' THEN new_row ELSE old_row END),
        moved, CASE op WHEN 'INSERT' THEN 'i' WHEN 'UPDATE' THEN 'u' ELSE 'd' END, its_old, its_new,
        ' FROM ' || source, condition);
END $$;

-- Whether a table's rows are seen one by one: where a trigger of the program's runs for each row,
-- where foreign keys come back to the table, or take it along in two ways, and where there are
-- partitions. There, what happens to a row within one statement has an order.
CREATE OR REPLACE FUNCTION stackholm.revision_by_row(relation oid) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    WITH RECURSIVE acts(child, parent) AS (
        SELECT conrelid, confrelid FROM pg_constraint
        WHERE contype = 'f' AND conparentid = 0
            AND (confdeltype IN ('c', 'n', 'd') OR confupdtype IN ('c', 'n', 'd'))
    ), above(parent) AS (
        SELECT parent FROM acts WHERE child = relation
        UNION SELECT acts.parent FROM acts JOIN above ON child = above.parent
    )
    SELECT (SELECT relkind = 'p' FROM pg_class WHERE oid = relation)
        OR (SELECT count(*) > 1 FROM acts WHERE child = relation)
        OR EXISTS (SELECT FROM above WHERE parent = relation)
        OR EXISTS (SELECT FROM pg_trigger WHERE tgrelid = relation AND NOT tgisinternal
            AND tgtype & 1 = 1 AND tgtype & 2 = 0 AND tgname NOT LIKE '!stackholm%')
$$;

-- Whether anything was changed that has to be attributed.
CREATE OR REPLACE FUNCTION stackholm.revision_found(of integer, op text, old_row text, new_row text,
    source text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT concat('EXISTS (SELECT', ' FROM ' || source,
        CASE op WHEN 'UPDATE' THEN ' WHERE ' || string_agg(
            stackholm.revision_differs(shown, old_row, new_row, name), ' OR ') END, ')')
    FROM stackholm.revision_tracked_columns(of)
$$;

-- What a table's triggers are made for: its columns and key, how its rows are seen, and what the
-- program asked for.
CREATE OR REPLACE FUNCTION stackholm.revision_made_for(of integer) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT concat_ws(' ', triggers, stackholm.revision_shape(r.oid), stackholm.revision_by_row(r.oid),
        r.oid, or_nobody, except_columns, redacted_columns)
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

-- Takes the triggers of a table away, with their function.
CREATE OR REPLACE FUNCTION stackholm.revision_untie(of integer) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET client_min_messages = 'warning' AS $$
BEGIN
    EXECUTE format('DROP FUNCTION IF EXISTS stackholm.revision_on_%s() CASCADE', of);
END $$;

-- Makes the function and the triggers of a table, whose names come before those of the program.
-- Whether a change is caused is known when it happens, by the depth of triggers around it.
CREATE OR REPLACE FUNCTION stackholm.revision_tie(of integer) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $make$
DECLARE
    entry stackholm.revision_table;
    full_name text;
    relation oid;
    by_row boolean;
    old_row text;
    new_row text;
    pinned text := '';
    body text := '';
    op text;
    source text;
BEGIN
    SELECT * INTO entry FROM stackholm.revision_table WHERE id = of;
    full_name := format('%I.%I', entry.schema_name, entry.table_name);
    relation := full_name::regclass;
    PERFORM stackholm.revision_check(of);
    PERFORM stackholm.revision_untie(of);
    by_row := stackholm.revision_by_row(relation);
    IF EXISTS (SELECT FROM stackholm.revision_tracked_columns(of) WHERE shown IN ('real', 'other'))
    THEN
        pinned := ' SET datestyle = ''ISO'' SET timezone = ''UTC'''
            ' SET intervalstyle = ''postgres'' SET extra_float_digits = 1';
    END IF;
    FOREACH op IN ARRAY ARRAY['INSERT', 'UPDATE', 'DELETE', 'TRUNCATE'] LOOP
        SELECT CASE WHEN op = 'TRUNCATE' THEN full_name || ' o'
                WHEN NOT by_row THEN stackholm.revision_rows(op) END,
            CASE WHEN by_row AND op <> 'TRUNCATE' THEN 'OLD' ELSE 'o' END,
            CASE WHEN by_row THEN 'NEW' ELSE 'n' END
            INTO source, old_row, new_row;
        body := body || format($$
    WHEN '%1$s' THEN
        IF _stale THEN
            EXECUTE 'SELECT ' || stackholm.revision_found(%2$s, '%1$s', %3$L, %4$L, %5$L)
                INTO _found%8$s;
        ELSIF _frame IS NULL THEN
            _found := %6$s;
        END IF;
        IF _found AND _frame IS NULL THEN
            _frame := stackholm.revision_tell(%2$s, %9$L);
        END IF;
        IF _frame IS NULL THEN
            RETURN NULL;
        END IF;
        IF _stale THEN
            EXECUTE stackholm.revision_sql(%2$s, '%1$s', %3$L, %4$L, %5$L,
                format('%%s, %%s, %%L', _frame, _statement, _caused))%8$s;
        ELSE
            %7$s;
        END IF;$$,
            op, of,
            CASE old_row WHEN 'OLD' THEN '($1)' ELSE old_row END,
            CASE new_row WHEN 'NEW' THEN '($2)' ELSE new_row END, source,
            stackholm.revision_found(of, op, old_row, new_row, source),
            stackholm.revision_sql(of, op, old_row, new_row, source, '_frame, _statement, _caused'),
            CASE WHEN by_row AND op <> 'TRUNCATE' THEN ' USING OLD, NEW' ELSE '' END,
            entry.or_nobody);
    END LOOP;
    EXECUTE format($function$
CREATE FUNCTION stackholm.revision_on_%1$s() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp%2$s AS $trigger$
#variable_conflict use_variable
DECLARE
    _frame bigint := nullif(current_setting('stackholm.frame_id', true), '')::bigint;
    _statement bigint := (extract(epoch FROM statement_timestamp()) * 1000000)::bigint;
    _caused boolean := TG_ARGV[0]::boolean;
    _stale boolean := false;
    _found boolean;
BEGIN
    -- Within a transaction that has written the table no other one changes its columns.
    IF current_setting('stackholm.shape_%1$s', true) IS DISTINCT FROM %3$L THEN
        _stale := stackholm.revision_shape(%4$s) IS DISTINCT FROM %3$L;
        IF _stale THEN
            PERFORM stackholm.revision_check(%1$s);
        ELSE
            PERFORM set_config('stackholm.shape_%1$s', %3$L, true);
        END IF;
    END IF;
    CASE TG_OP%5$s
    END CASE;
    RETURN NULL;
END $trigger$ $function$, of, pinned, stackholm.revision_shape(relation), relation, body);
    EXECUTE format('REVOKE EXECUTE ON FUNCTION stackholm.revision_on_%s() FROM PUBLIC', of);
    FOR op, source IN VALUES ('INSERT', 'NEW TABLE AS stackholm_new'),
        ('UPDATE', 'OLD TABLE AS stackholm_old NEW TABLE AS stackholm_new'),
        ('DELETE', 'OLD TABLE AS stackholm_old')
    LOOP
        EXECUTE format($$
CREATE TRIGGER "!stackholm_%1$s" AFTER %1$s ON %2$s %3$s
    WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION stackholm.revision_on_%4$s('f');
CREATE TRIGGER "!stackholm_%1$s_caused" AFTER %1$s ON %2$s %3$s
    WHEN (pg_trigger_depth() > 0) EXECUTE FUNCTION stackholm.revision_on_%4$s('t');$$,
            op, full_name, CASE WHEN by_row THEN 'FOR EACH ROW'
                ELSE format('REFERENCING %s FOR EACH STATEMENT', source) END, of);
    END LOOP;
    EXECUTE format('CREATE TRIGGER "!stackholm_TRUNCATE" BEFORE TRUNCATE ON %s FOR EACH STATEMENT '
        'EXECUTE FUNCTION stackholm.revision_on_%s(''f'')', full_name, of);
    UPDATE stackholm.revision_table t SET tracked = true,
        columns = (SELECT jsonb_agg(name ORDER BY number)
            FROM stackholm.revision_tracked_columns(of)),
        key_columns = (SELECT jsonb_agg(name ORDER BY key_place)
            FROM stackholm.revision_tracked_columns(of) WHERE key_place IS NOT NULL),
        made_for = stackholm.revision_made_for(of)
        WHERE id = of;
END $make$;

-- Whether a table is tracked as is written down.
CREATE OR REPLACE FUNCTION stackholm.revision_tied(of integer) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT tracked AND made_for IS NOT DISTINCT FROM stackholm.revision_made_for(of) AND 7 = (
        SELECT count(*) FROM pg_trigger JOIN pg_proc ON pg_proc.oid = tgfoid
            WHERE tgrelid = to_regclass(format('%I.%I', schema_name, table_name))
                AND tgname LIKE '!stackholm%' AND proname = format('revision_on_%s', of)
                AND tgenabled = 'O')
    FROM stackholm.revision_table WHERE id = of
$$;

-- Tracks a table; makes nothing if it is tracked so already.
CREATE OR REPLACE FUNCTION stackholm.revision_track(relation oid, excepted text[],
    redacted text[], allowed boolean) RETURNS integer
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
    IF (entry.except_columns, entry.redacted_columns, entry.or_nobody) = (to_jsonb(excepted),
            to_jsonb(redacted), allowed) AND stackholm.revision_tied(entry.id) THEN
        RETURN entry.id;
    END IF;
    PERFORM pg_advisory_xact_lock('stackholm.revision_table'::regclass::oid::bigint);
    INSERT INTO stackholm.revision_table(schema_name, table_name, name, key_columns, columns,
            except_columns, redacted_columns, or_nobody, tracked, triggers, made_for)
        VALUES (its_schema, its_name, CASE its_schema WHEN 'public' THEN quote_ident(its_name)
                ELSE format('%I.%I', its_schema, its_name) END,
            '[]', '[]', to_jsonb(excepted), to_jsonb(redacted), allowed, false, 1, '')
        ON CONFLICT (schema_name, table_name) DO UPDATE SET
            except_columns = excluded.except_columns, triggers = excluded.triggers,
            redacted_columns = excluded.redacted_columns, or_nobody = excluded.or_nobody
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

-- Only the triggers tell.
REVOKE EXECUTE ON FUNCTION stackholm.revision_tell(integer, boolean) FROM PUBLIC;
