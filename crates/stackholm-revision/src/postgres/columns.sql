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
-- date. Each transaction asks; a function in SQL would be planned anew each time.
CREATE OR REPLACE FUNCTION stackholm.revision_shape(relation oid) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$ BEGIN
    RETURN md5(string_agg(concat_ws(' ', attnum, attname, atttypid, attgenerated), ',' ORDER BY
            attnum) || (SELECT indkey::text FROM pg_index WHERE indrelid = relation
                AND indisprimary))
        FROM pg_attribute WHERE attrelid = relation AND attnum > 0 AND NOT attisdropped;
END $$;

-- The text of a value, whatever the session shows.
CREATE OR REPLACE FUNCTION stackholm.revision_text(value anyelement) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET datestyle = 'ISO'
SET timezone = 'UTC' SET intervalstyle = 'postgres' SET extra_float_digits = 1
AS $$ BEGIN RETURN value::text; END $$;

-- A column of a row as it is kept.
CREATE OR REPLACE FUNCTION stackholm.revision_shown(shown text, row_name text, name text)
RETURNS text LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT format(CASE shown
        -- Its text has nothing that would have to be escaped; so put together, it is read faster.
        WHEN 'real' THEN 'CAST(''{"real": "'' OPERATOR(pg_catalog.||) '
            'CASE WHEN %3$s OPERATOR(pg_catalog.=) ''1'' '
            'THEN CAST(%1$s.%2$I AS pg_catalog.text) '
            'ELSE stackholm.revision_text(%1$s.%2$I) END '
            'OPERATOR(pg_catalog.||) ''"}'' AS pg_catalog.jsonb)'
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
    END, row_name, name,
        -- A statement asks once. What keeps a single row would not be an expression any more.
        format(CASE WHEN row_name IN ('OLD', 'NEW') THEN '%s' ELSE '(SELECT %s)' END,
            'pg_catalog.current_setting(''extra_float_digits'')'))
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
