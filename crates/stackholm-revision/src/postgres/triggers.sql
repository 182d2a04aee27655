-- Triggers: what they execute, and how they are made.

-- Where the rows of a statement stand. A row before and after an update are paired by their order,
-- in which both tables are written at once; their keys may differ. The join is full, though no row
-- lacks its other half, because a full one is never a nested loop: the plan is kept, and may have
-- been made for two rows where there are thousands now. The second condition says nothing new. It
-- makes the server expect as many rows as there are, not fifty times as many, for which it would
-- compile the plan (JIT); that takes longer than it saves.
CREATE OR REPLACE FUNCTION stackholm.revision_rows(op text) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE op
        WHEN 'INSERT' THEN 'stackholm_new n'
        WHEN 'DELETE' THEN 'stackholm_old o'
        WHEN 'UPDATE' THEN
            '(SELECT pg_catalog.row_number() OVER () AS stackholm_place, * FROM stackholm_old) o '
            'FULL JOIN '
            '(SELECT pg_catalog.row_number() OVER () AS stackholm_place, * FROM stackholm_new) n '
            'ON o.stackholm_place OPERATOR(pg_catalog.=) n.stackholm_place '
            'AND (o.stackholm_place OPERATOR(pg_catalog.+) 0) '
            'OPERATOR(pg_catalog.=) (n.stackholm_place OPERATOR(pg_catalog.+) 0)'
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

-- Foreign keys that change rows of the table that has them.
CREATE OR REPLACE FUNCTION stackholm.revision_acts()
RETURNS TABLE (child oid, parent oid)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT conrelid, confrelid FROM pg_constraint
    WHERE contype = 'f' AND conparentid = 0
        AND (confdeltype IN ('c', 'n', 'd') OR confupdtype IN ('c', 'n', 'd'))
$$;

-- Whether foreign keys take rows of a table along. The trigger of such a key writes the rows, and
-- has ended when ours run: only a condition is asked before that, when they are queued. What other
-- triggers write is known by the depth at which ours run. So there are conditions only where such
-- keys are; two of them make a statement of one row 15 % dearer.
CREATE OR REPLACE FUNCTION stackholm.revision_taken_along(relation oid) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT EXISTS (SELECT FROM stackholm.revision_acts() WHERE child = relation)
$$;

-- Whether a table's rows are seen one by one though nobody asked for it: where a trigger of the
-- program's runs for each row, where foreign keys come back to the table, or take it along in two
-- ways, and where there are partitions. There, what happens to a row within one statement has an
-- order.
CREATE OR REPLACE FUNCTION stackholm.revision_by_row(relation oid) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    WITH RECURSIVE acts AS (SELECT * FROM stackholm.revision_acts()),
    above(parent) AS (
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

-- What sees a single row and keeps it. Its expressions stand by themselves, so that PL/pgSQL makes
-- them ready once in a transaction; those within a statement are made ready whenever it is executed,
-- which is most of what a trigger costs. `its_changes` fills `_old` and `_new` of an update and says
-- in `_found` whether there are any.
CREATE OR REPLACE FUNCTION stackholm.revision_one(of integer, op text, OUT its_changes text,
    OUT kept text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    row_name text := CASE op WHEN 'INSERT' THEN 'NEW' ELSE 'OLD' END;
    member text := '_%s := _%1$s OPERATOR(pg_catalog.||) '
        'pg_catalog.jsonb_build_object(%L, %s);';
BEGIN
    IF op = 'UPDATE' THEN
        SELECT string_agg(concat('IF ', stackholm.revision_differs(shown, 'OLD', 'NEW', name),
                ' THEN _found := true; ',
                format(member, 'old', name, stackholm.revision_shown(shown, 'OLD', name)),
                format(member, 'new', name, stackholm.revision_shown(shown, 'NEW', name)),
                CASE WHEN key_place IS NOT NULL THEN format('_moved := %s;',
                    stackholm.revision_key_of(of, 'NEW')) END,
                ' END IF;'), ' ' ORDER BY number)
            INTO its_changes FROM stackholm.revision_tracked_columns(of);
    ELSE
        its_changes := '_found := true;';
        kept := format('_%s := %s; ', lower(row_name), stackholm.revision_whole(of, row_name));
    END IF;
    kept := format('%s_key := %s; INSERT INTO stackholm.revision_delta(frame, statement, caused, '
        '"table", "key", moved_to, op, old, new) '
        'VALUES (_frame, _statement, _caused, %s, _key, _moved, %s)', kept,
        stackholm.revision_key_of(of, row_name), of, CASE op
            WHEN 'INSERT' THEN '''i'', NULL, _new' WHEN 'DELETE' THEN '''d'', _old, NULL'
            ELSE '''u'', _old, _new' END);
END $$;

-- Reads the first row of a statement as that of a trigger by row, and whether there are more.
CREATE OR REPLACE FUNCTION stackholm.revision_first(op text) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT concat(format('SELECT *, EXISTS (SELECT FROM %1$s OFFSET 1) AS stackholm_more INTO %2$s '
            'FROM %1$s; IF NOT FOUND THEN RETURN NULL; END IF; _many := %2$s.stackholm_more;',
            CASE op WHEN 'INSERT' THEN 'stackholm_new' ELSE 'stackholm_old' END,
            CASE op WHEN 'INSERT' THEN 'NEW' ELSE 'OLD' END),
        CASE op WHEN 'UPDATE' THEN ' SELECT * INTO NEW FROM stackholm_new;' END)
$$;

-- Takes the triggers of a table away, with their function.
CREATE OR REPLACE FUNCTION stackholm.revision_untie(of integer) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET client_min_messages = 'warning' AS $$
BEGIN
    EXECUTE format('DROP FUNCTION IF EXISTS stackholm.revision_on_%s() CASCADE', of);
END $$;

-- Which triggers these are: others that a table has are made anew.
CREATE OR REPLACE FUNCTION stackholm.revision_triggers() RETURNS integer
LANGUAGE sql IMMUTABLE AS $$ SELECT 2 $$;

-- Makes the function and the triggers of a table, whose names come before those of the program.
-- Triggers by statement keep a single row as those by row do, and several by one statement.
CREATE OR REPLACE FUNCTION stackholm.revision_tie(of integer) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $make$
DECLARE
    entry stackholm.revision_table;
    full_name text;
    relation oid;
    by_row boolean;
    body text := '';
    op text;
    source text;
    old_row text;
    new_row text;
    many text;
    first text;
    single record;
    depth text;
    name text;
    argument text;
BEGIN
    SELECT * INTO entry FROM stackholm.revision_table WHERE id = of;
    full_name := format('%I.%I', entry.schema_name, entry.table_name);
    relation := full_name::regclass;
    PERFORM stackholm.revision_check(of);
    PERFORM stackholm.revision_untie(of);
    by_row := entry.by_row OR stackholm.revision_by_row(relation);
    FOREACH op IN ARRAY ARRAY['INSERT', 'UPDATE', 'DELETE', 'TRUNCATE'] LOOP
        SELECT 'o', 'n', CASE WHEN op = 'TRUNCATE' THEN full_name || ' o'
            WHEN NOT by_row THEN stackholm.revision_rows(op) END INTO old_row, new_row, source;
        IF source IS NULL THEN
            SELECT '($1)', '($2)' INTO old_row, new_row;
        END IF;
        SELECT * INTO single FROM stackholm.revision_one(of, op);
        first := CASE WHEN op = 'TRUNCATE' THEN '_many := true;'
            WHEN source IS NULL THEN single.its_changes
            ELSE concat(stackholm.revision_first(op), ' ', single.its_changes) END;
        many := CASE WHEN source IS NOT NULL THEN
            stackholm.revision_sql(of, op, 'o', 'n', source, '_frame, _statement, _caused') END;
        body := body || format($$
    %1$s TG_OP OPERATOR(pg_catalog.=) %2$L THEN
        IF _stale THEN
            EXECUTE pg_catalog.concat('SELECT ',
                stackholm.revision_found(%3$s, %2$L, %4$L, %5$L, %6$L)) INTO _found%7$s;
        ELSE
            %8$s%9$s
        END IF;
        IF _found AND _frame IS NULL THEN
            _frame := stackholm.revision_tell(%3$s, %10$L);
        END IF;
        IF _frame IS NULL THEN
            RETURN NULL;
        END IF;
        IF _stale THEN
            EXECUTE stackholm.revision_sql(%3$s, %2$L, %4$L, %5$L, %6$L,
                pg_catalog.format('%%s, %%s, %%L', _frame, _statement, _caused))%7$s;%11$s%12$s
        END IF;$$,
            CASE body WHEN '' THEN 'IF' ELSE 'ELSIF' END, op, of, old_row, new_row, source,
            CASE WHEN source IS NULL THEN ' USING OLD, NEW' END, first,
            -- Most often the first of many tells.
            CASE WHEN op = 'TRUNCATE' OR op = 'UPDATE' AND source IS NOT NULL THEN format($$
            IF _many AND NOT _found AND _frame IS NULL THEN
                _found := %s;
            END IF;$$, stackholm.revision_found(of, op, 'o', 'n', source)) END,
            entry.or_nobody, E'\n        ELSIF _many THEN\n            ' || many || ';',
            CASE WHEN op <> 'TRUNCATE' THEN
                format(E'\n        ELSIF _found THEN\n            %s;', single.kept) END);
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
    _caused pg_catalog.bool := COALESCE(CAST(TG_ARGV[0] AS pg_catalog.bool),
        pg_catalog.pg_trigger_depth() OPERATOR(pg_catalog.>) 1);
    _stale pg_catalog.bool := false;
    _found pg_catalog.bool := false;
    _many pg_catalog.bool := false;
    _key pg_catalog.jsonb;
    _moved pg_catalog.jsonb;
    _old pg_catalog.jsonb := CAST('{}' AS pg_catalog.jsonb);
    _new pg_catalog.jsonb := CAST('{}' AS pg_catalog.jsonb);
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
        FOR name, depth, argument IN SELECT c.* FROM (VALUES
            (op, '', ''),
            (op, 'WHEN (pg_trigger_depth() = 0)', '''f'''),
            (op || '_caused', 'WHEN (pg_trigger_depth() > 0)', '''t''')
        ) c(name, depth, argument) WHERE (c.depth <> '') = stackholm.revision_taken_along(relation)
        LOOP
            EXECUTE format('CREATE TRIGGER "!stackholm_%s" AFTER %s ON %s %s %s '
                'EXECUTE FUNCTION stackholm.revision_on_%s(%s)', name, op, full_name,
                CASE WHEN by_row THEN 'FOR EACH ROW'
                    ELSE format('REFERENCING %s FOR EACH STATEMENT', source) END,
                depth, of, argument);
        END LOOP;
    END LOOP;
    EXECUTE format('CREATE TRIGGER "!stackholm_TRUNCATE" BEFORE TRUNCATE ON %s FOR EACH STATEMENT '
        'EXECUTE FUNCTION stackholm.revision_on_%s(''f'')', full_name, of);
    UPDATE stackholm.revision_table t SET tracked = true, triggers = stackholm.revision_triggers(),
        columns = (SELECT jsonb_agg(c.name ORDER BY number)
            FROM stackholm.revision_tracked_columns(of) c),
        key_columns = (SELECT jsonb_agg(c.name ORDER BY key_place)
            FROM stackholm.revision_tracked_columns(of) c WHERE key_place IS NOT NULL),
        made_for = stackholm.revision_made_for(of)
        WHERE id = of;
END $make$;
