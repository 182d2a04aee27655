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
