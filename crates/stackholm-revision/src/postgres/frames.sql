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
