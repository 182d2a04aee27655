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
