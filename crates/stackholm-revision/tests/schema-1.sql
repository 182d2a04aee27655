CREATE TABLE revision_part(
    id INTEGER PRIMARY KEY,
    revision BLOB NOT NULL,
    description TEXT,
    reverts BLOB,
    begun_at INTEGER NOT NULL
);
CREATE INDEX revision_part_revision ON revision_part(revision);
CREATE TABLE revision_frame(
    id INTEGER PRIMARY KEY,
    part INTEGER NOT NULL,
    actor TEXT NOT NULL CHECK (actor IN ('nobody', 'system', 'named')),
    actor_kind TEXT,
    actor_id TEXT,
    object_reason TEXT,
    deletion_reason TEXT,
    tracked INTEGER NOT NULL,
    gap_table INTEGER,
    gap_reason TEXT,
    gap_after INTEGER,
    CHECK ((actor = 'named') = (actor_kind IS NOT NULL AND actor_id IS NOT NULL)),
    CHECK (tracked = (gap_table IS NULL))
);
CREATE INDEX revision_frame_part ON revision_frame(part);
CREATE TABLE revision_table(
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    key_columns TEXT NOT NULL,
    columns TEXT NOT NULL,
    except_columns TEXT NOT NULL,
    redacted_columns TEXT NOT NULL,
    triggers INTEGER NOT NULL
);
CREATE TABLE revision_delta(
    id INTEGER PRIMARY KEY,
    frame INTEGER NOT NULL,
    statement INTEGER NOT NULL,
    caused INTEGER NOT NULL,
    "table" INTEGER NOT NULL,
    "key" TEXT NOT NULL,
    op TEXT NOT NULL,
    old TEXT,
    new TEXT
);
CREATE INDEX revision_delta_key ON revision_delta("table", "key");
CREATE INDEX revision_delta_frame ON revision_delta(frame);
CREATE TABLE revision_schema(version INTEGER NOT NULL);
INSERT INTO revision_schema VALUES (1);

CREATE TABLE post(id INTEGER PRIMARY KEY, title TEXT);
INSERT INTO post VALUES (1, 'after');
INSERT INTO revision_table VALUES (1, 'post', '["id"]', '["id","title"]', '[]', '[]', 1);
INSERT INTO revision_part VALUES (1, x'01930000000070008000000000000001', 'sweep', NULL, 1732600000000);
INSERT INTO revision_frame VALUES (1, 1, 'named', 'user', 'ada', NULL, NULL, 1, NULL, NULL, NULL);
INSERT INTO revision_delta VALUES (1, 1, 1, 0, 1, '[1]', 'u', '{"title":"before"}', '{"title":"after"}');
