-- A database as the first version of the triggers left it: what `install` executed then, word for
-- word, a table that it tracked, and a history. Never changed.
CREATE SCHEMA stackholm;
CREATE TABLE stackholm.revision_schema(version integer NOT NULL, functions text NOT NULL);
-- The tables, which one step brings to version 1. Steps are added and never changed.
CREATE TABLE stackholm.revision_part(
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    revision uuid NOT NULL,
    description text,
    reverts uuid,
    begun_at timestamptz NOT NULL,
    transaction xid8 NOT NULL
);
CREATE INDEX revision_part_revision ON stackholm.revision_part(revision);
CREATE TABLE stackholm.revision_frame(
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    part bigint NOT NULL,
    actor text NOT NULL CHECK (actor IN ('nobody', 'system', 'named')),
    actor_kind text,
    actor_id text,
    object_reason text,
    deletion_reason text,
    tracked boolean NOT NULL,
    gap_table integer,
    gap_reason text,
    gap_after bigint,
    CHECK ((actor = 'named') = (actor_kind IS NOT NULL AND actor_id IS NOT NULL)),
    CHECK (tracked = (gap_table IS NULL))
);
CREATE INDEX revision_frame_part ON stackholm.revision_frame(part);
CREATE TABLE stackholm.revision_table(
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    schema_name text NOT NULL,
    table_name text NOT NULL,
    name text NOT NULL UNIQUE,
    key_columns jsonb NOT NULL,
    columns jsonb NOT NULL,
    except_columns jsonb NOT NULL,
    redacted_columns jsonb NOT NULL,
    or_nobody boolean NOT NULL,
    tracked boolean NOT NULL,
    triggers integer NOT NULL,
    made_for text NOT NULL,
    UNIQUE (schema_name, table_name)
);
CREATE TABLE stackholm.revision_delta(
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    frame bigint NOT NULL,
    statement bigint NOT NULL,
    caused boolean NOT NULL,
    "table" integer NOT NULL,
    "key" jsonb NOT NULL,
    moved_to jsonb,
    op "char" NOT NULL,
    old jsonb,
    new jsonb
);
CREATE INDEX revision_delta_key ON stackholm.revision_delta("table", "key");
CREATE INDEX revision_delta_moved ON stackholm.revision_delta("table", moved_to)
    WHERE moved_to IS NOT NULL;
CREATE INDEX revision_delta_frame ON stackholm.revision_delta(frame);
CREATE VIEW stackholm.revision_history AS
    SELECT d.id AS number, p.begun_at, p.revision, p.description, p.reverts,
           f.actor, f.actor_kind, f.actor_id, f.object_reason, f.deletion_reason,
           d.caused, d.statement, t.name AS "table", d."key", d.moved_to, d.op, d.old, d.new
    FROM stackholm.revision_delta d
    JOIN stackholm.revision_frame f ON f.id = d.frame
    JOIN stackholm.revision_part p ON p.id = f.part
    JOIN stackholm.revision_table t ON t.id = d."table";
-- Frames. What runs in the server is made anew by each version of the crate, after the tables.
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
                ERRCODE = 'SHR01',
                TABLE = (SELECT name FROM stackholm.revision_table WHERE id = of);
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

-- Only the triggers tell.
REVOKE EXECUTE ON FUNCTION stackholm.revision_tell(integer, boolean) FROM PUBLIC;
-- Columns, and how each is kept. These write SQL, which is executed elsewhere: in triggers, under
-- the search path of whoever writes, with the rights of who made them. So each function, operator
-- and type in it is named with its schema; what looks up an operator unseen, such as
-- `IS DISTINCT FROM`, is not used. A path that is set for a function would cost as much as the rest.

-- The columns of a table that can be written, in their order, with how each is shown:
-- `plain` as the value itself, `text` too, `real` and `blob` as an object, `zoned` as a text in UTC,
-- the rest by its text; `styled` is one that depends on how the session shows it.
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
            WHEN basic IN ('int2'::regtype, 'int4'::regtype, 'int8'::regtype, 'bool'::regtype,
                'uuid'::regtype, 'date'::regtype, 'timestamp'::regtype) THEN 'plain'
            WHEN basic IN ('text'::regtype, 'varchar'::regtype) THEN 'text'
            WHEN basic IN ('float4'::regtype, 'float8'::regtype) THEN 'real'
            WHEN basic = 'bytea'::regtype THEN 'blob'
            WHEN basic = 'timestamptz'::regtype THEN 'zoned'
            WHEN typtype = 'e' OR basic IN ('numeric'::regtype, 'bpchar'::regtype, 'json'::regtype,
                'jsonb'::regtype, 'time'::regtype, 'inet'::regtype, 'cidr'::regtype,
                'oid'::regtype, 'name'::regtype, '_text'::regtype, '_varchar'::regtype,
                '_int4'::regtype, '_int8'::regtype, '_uuid'::regtype) THEN 'other'
            ELSE 'styled'
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

-- The text of a value, whatever the session shows.
CREATE OR REPLACE FUNCTION stackholm.revision_text(value anyelement) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET datestyle = 'ISO'
SET timezone = 'UTC' SET intervalstyle = 'postgres' SET extra_float_digits = 1
AS $$ BEGIN RETURN value::text; END $$;

-- A column of a row as it is kept.
CREATE OR REPLACE FUNCTION stackholm.revision_shown(shown text, row_name text, name text)
RETURNS text LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT format(CASE shown
        WHEN 'real' THEN 'CASE WHEN %1$s.%2$I IS NOT NULL THEN pg_catalog.jsonb_build_object('
            '''real'', CASE WHEN pg_catalog.current_setting(''extra_float_digits'') '
            'OPERATOR(pg_catalog.=) ''1'' THEN CAST(%1$s.%2$I AS pg_catalog.text) '
            'ELSE stackholm.revision_text(%1$s.%2$I) END) END'
        WHEN 'blob' THEN 'CASE WHEN %1$s.%2$I IS NOT NULL THEN pg_catalog.jsonb_build_object('
            '''blob'', pg_catalog.encode(%1$s.%2$I, ''hex'')) END'
        -- Neither infinite nor before Christ.
        WHEN 'zoned' THEN 'CASE WHEN pg_catalog.isfinite(%1$s.%2$I) AND %1$s.%2$I '
            'OPERATOR(pg_catalog.>) pg_catalog.to_timestamp(-62000000000) THEN '
            '(pg_catalog.to_jsonb(pg_catalog.timezone(''UTC'', %1$s.%2$I)) '
            'OPERATOR(pg_catalog.#>>) CAST(''{}'' AS pg_catalog._text)) '
            'OPERATOR(pg_catalog.||) ''Z'' ELSE stackholm.revision_text(%1$s.%2$I) END'
        WHEN 'other' THEN 'CAST(%1$s.%2$I AS pg_catalog.text)'
        WHEN 'styled' THEN 'stackholm.revision_text(%1$s.%2$I)'
        WHEN 'redacted' THEN 'CAST(''{"redacted": true}'' AS pg_catalog.jsonb)'
        ELSE '%1$s.%2$I'
    END, row_name, name)
$$;

-- Whether a column differs. Of what is equal and looks different, the looks are compared.
CREATE OR REPLACE FUNCTION stackholm.revision_differs(shown text, old_row text, new_row text,
    name text) RETURNS text LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    -- Without nulls, whether they are unequal; else, whether one of them is none.
    SELECT format('COALESCE(%1$s OPERATOR(pg_catalog.<>) %2$s%3$s, '
        '(%4$s IS NULL) OPERATOR(pg_catalog.<>) (%5$s IS NULL))',
        format(form, old_column), format(form, new_column),
        CASE shown WHEN 'real' THEN format(' OR %1$s OPERATOR(pg_catalog.=) 0 AND '
            'CAST(%1$s AS pg_catalog.text) OPERATOR(pg_catalog.<>) CAST(%2$s AS pg_catalog.text)',
            old_column, new_column) ELSE '' END, old_column, new_column)
    FROM (SELECT format('%s.%I', old_row, name) AS old_column,
            format('%s.%I', new_row, name) AS new_column, CASE
                WHEN shown IN ('plain', 'blob', 'real', 'zoned') THEN '%s'
                WHEN shown = 'text' THEN '%s COLLATE pg_catalog."C"'
                ELSE 'CAST(%s AS pg_catalog.text) COLLATE pg_catalog."C"' END AS form) of
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
    SELECT string_agg(format('pg_catalog.jsonb_build_object(%s)', members),
        ' OPERATOR(pg_catalog.||) ' ORDER BY chunk) FROM (
        SELECT number / 40 AS chunk, string_agg(format('%L, %s', name,
            stackholm.revision_shown(shown, row_name, name)), ', ' ORDER BY number) AS members
        FROM stackholm.revision_tracked_columns(of) GROUP BY number / 40) chunks
$$;

CREATE OR REPLACE FUNCTION stackholm.revision_key_of(of integer, row_name text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT format('pg_catalog.jsonb_build_array(%s)', string_agg(
        stackholm.revision_shown(shown, row_name, name), ', ' ORDER BY key_place))
    FROM stackholm.revision_tracked_columns(of) WHERE key_place IS NOT NULL
$$;
-- Triggers: what they execute, and how they are made.

-- Where the rows of a statement stand. A row before and after an update are paired by their order,
-- in which both tables are written at once; their keys may differ.
CREATE OR REPLACE FUNCTION stackholm.revision_rows(op text) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE op
        WHEN 'INSERT' THEN 'stackholm_new n'
        WHEN 'DELETE' THEN 'stackholm_old o'
        WHEN 'UPDATE' THEN
            '(SELECT pg_catalog.row_number() OVER () AS stackholm_place, * FROM stackholm_old) o '
            'JOIN '
            '(SELECT pg_catalog.row_number() OVER () AS stackholm_place, * FROM stackholm_new) n '
            'ON o.stackholm_place OPERATOR(pg_catalog.=) n.stackholm_place'
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
    member text := 'CASE WHEN %s THEN pg_catalog.jsonb_build_object(%L, %s) '
        'ELSE CAST(''{}'' AS pg_catalog.jsonb) END';
    joined text := ' OPERATOR(pg_catalog.||) ';
BEGIN
    IF op = 'INSERT' THEN
        its_new := stackholm.revision_whole(of, new_row);
    ELSIF op = 'UPDATE' THEN
        -- Whether a column differs is asked once, and used three times.
        SELECT string_agg(format(member, differs, name, old_shown), joined ORDER BY number),
            string_agg(format(member, differs, name, new_shown), joined ORDER BY number),
            format('CASE WHEN %s THEN %s END',
                string_agg(differs, ' OR ') FILTER (WHERE key_place IS NOT NULL),
                stackholm.revision_key_of(of, new_row)),
            format(' WHERE %s', string_agg(differs, ' OR ')),
            concat(source || ', LATERAL ', format('(SELECT %s OFFSET 0) c',
                string_agg(format('%s AS d%s', asked, number), ', ')))
            INTO its_old, its_new, moved, condition, source
        FROM (SELECT name, number, key_place, format('c.d%s', number) AS differs,
                stackholm.revision_differs(shown, old_row, new_row, name) AS asked,
                stackholm.revision_shown(shown, old_row, name) AS old_shown,
                stackholm.revision_shown(shown, new_row, name) AS new_shown
              FROM stackholm.revision_tracked_columns(of)) c;
    ELSE
        its_old := stackholm.revision_whole(of, old_row);
    END IF;
    RETURN format('INSERT INTO stackholm.revision_delta(frame, statement, caused, "table", "key", '
            'moved_to, op, old, new) SELECT %s, %s, %s, %s, %L, %s, %s%s%s',
        head, of,
        stackholm.revision_key_of(of, CASE op WHEN 'INSERT' THEN new_row ELSE old_row END),
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
    FOREACH op IN ARRAY ARRAY['INSERT', 'UPDATE', 'DELETE', 'TRUNCATE'] LOOP
        SELECT CASE WHEN op = 'TRUNCATE' THEN full_name || ' o'
                WHEN NOT by_row THEN stackholm.revision_rows(op) END,
            CASE WHEN by_row AND op <> 'TRUNCATE' THEN 'OLD' ELSE 'o' END,
            CASE WHEN by_row THEN 'NEW' ELSE 'n' END
            INTO source, old_row, new_row;
        body := body || format($$
    %10$s TG_OP OPERATOR(pg_catalog.=) '%1$s' THEN
        IF _stale THEN
            EXECUTE pg_catalog.concat('SELECT ',
                stackholm.revision_found(%2$s, '%1$s', %3$L, %4$L, %5$L))
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
                pg_catalog.format('%%s, %%s, %%L', _frame, _statement, _caused))%8$s;
        ELSE
            %7$s;
        END IF;$$,
            op, of,
            CASE old_row WHEN 'OLD' THEN '($1)' ELSE old_row END,
            CASE new_row WHEN 'NEW' THEN '($2)' ELSE new_row END, source,
            stackholm.revision_found(of, op, old_row, new_row, source),
            stackholm.revision_sql(of, op, old_row, new_row, source, '_frame, _statement, _caused'),
            CASE WHEN by_row AND op <> 'TRUNCATE' THEN ' USING OLD, NEW' ELSE '' END,
            entry.or_nobody, CASE body WHEN '' THEN 'IF' ELSE 'ELSIF' END);
    END LOOP;
    EXECUTE format($function$
CREATE FUNCTION stackholm.revision_on_%1$s() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
AS $trigger$
#variable_conflict use_variable
DECLARE
    _told pg_catalog.text := pg_catalog.current_setting('stackholm.frame_id', true);
    _frame pg_catalog.int8 :=
        CASE WHEN _told OPERATOR(pg_catalog.<>) '' THEN CAST(_told AS pg_catalog.int8) END;
    _statement pg_catalog.int8 := CAST(pg_catalog.date_part('epoch',
        pg_catalog.statement_timestamp()) OPERATOR(pg_catalog.*) 1000000 AS pg_catalog.int8);
    _caused pg_catalog.bool := CAST(TG_ARGV[0] AS pg_catalog.bool);
    _stale pg_catalog.bool := false;
    _found pg_catalog.bool;
BEGIN
    -- Within a transaction that has written the table no other one changes its columns.
    IF COALESCE(pg_catalog.current_setting('stackholm.shape_%1$s', true), '')
        OPERATOR(pg_catalog.<>) %2$L
    THEN
        _stale := COALESCE(stackholm.revision_shape(%3$s), '') OPERATOR(pg_catalog.<>) %2$L;
        IF _stale THEN
            PERFORM stackholm.revision_check(%1$s);
        ELSE
            PERFORM pg_catalog.set_config('stackholm.shape_%1$s', %2$L, true);
        END IF;
    END IF;%4$s
    END IF;
    RETURN NULL;
END $trigger$ $function$, of, stackholm.revision_shape(relation), relation, body);
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
-- Which tables are tracked, and what has become of them.

-- What a table's triggers are made for: its columns and key, how its rows are seen, and what the
-- program asked for.
CREATE OR REPLACE FUNCTION stackholm.revision_made_for(of integer) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT concat_ws(' ', triggers, stackholm.revision_shape(r.oid),
        stackholm.revision_by_row(r.oid), r.oid, or_nobody, except_columns, redacted_columns)
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
INSERT INTO stackholm.revision_schema VALUES (1, 'those of the first version');
CREATE TABLE post(id int PRIMARY KEY, title text, mail text, seen int);
SELECT stackholm.revision_track('post'::regclass, '{seen}', '{mail}', true);
INSERT INTO post VALUES (1, 'a', 'secret', 0), (2, 'b', 'secret', 0);
BEGIN;
SELECT set_config('stackholm.frame', '{"number": 0, "who": "named", "kind": "user", "id": "ada",
    "revision": "01930000-0000-7000-8000-000000000001", "because": "long ago"}', true);
UPDATE post SET title = 'A' WHERE id = 1;
COMMIT;
