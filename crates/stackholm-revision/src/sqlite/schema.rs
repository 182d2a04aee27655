//! The tables of revisions: made where they are absent, brought up to date where they are older.

use super::error::{Error, Result};
use rusqlite::Connection;

/// What brings a schema from each version to the next. Steps are added and never changed: a
/// database may have been left at any of them.
const STEPS: [&str; 2] = [
    r#"
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
    "#,
    // Version 2: a change of a key names the new one, and can be found by it.
    r#"
    ALTER TABLE revision_delta ADD COLUMN moved_to TEXT;
    CREATE INDEX revision_delta_moved ON revision_delta("table", moved_to)
        WHERE moved_to IS NOT NULL;
    CREATE VIEW revision_history AS
        SELECT d.id AS number, p.begun_at, p.revision, p.description, p.reverts,
               f.actor, f.actor_kind, f.actor_id, f.object_reason, f.deletion_reason,
               d.caused, d.statement, t.name AS "table", d."key", d.moved_to, d.op, d.old, d.new
        FROM revision_delta d
        JOIN revision_frame f ON f.id = d.frame
        JOIN revision_part p ON p.id = f.part
        JOIN revision_table t ON t.id = d."table";
    "#,
];

/// The tables' version, which is how many steps were taken.
const VERSION: &str = "CREATE TABLE IF NOT EXISTS revision_schema(version INTEGER NOT NULL)";

/// What only this connection has: a view that frames are written through. A row that comes by a
/// trigger leaves `last_insert_rowid()` as it was, which the program may be about to use.
const OWN: &str = r#"
    CREATE TEMP VIEW IF NOT EXISTS stackholm_tell AS SELECT
        NULL AS part, NULL AS revision, NULL AS description, NULL AS reverts, NULL AS begun_at,
        NULL AS actor, NULL AS actor_kind, NULL AS actor_id, NULL AS object_reason,
        NULL AS deletion_reason, NULL AS gap_table, NULL AS gap_reason;
    CREATE TEMP TRIGGER IF NOT EXISTS stackholm_told INSTEAD OF INSERT ON stackholm_tell BEGIN
        INSERT INTO revision_part(revision, description, reverts, begun_at)
            SELECT new.revision, new.description, new.reverts, new.begun_at
            WHERE new.part IS NULL;
        INSERT INTO revision_frame(part, actor, actor_kind, actor_id, object_reason,
                deletion_reason, tracked, gap_table, gap_reason, gap_after)
            SELECT coalesce(new.part, (SELECT max(id) FROM revision_part)), new.actor,
                new.actor_kind, new.actor_id, new.object_reason, new.deletion_reason,
                new.gap_table IS NULL, new.gap_table, new.gap_reason,
                CASE WHEN new.gap_table IS NOT NULL THEN
                    coalesce((SELECT max(id) FROM revision_delta), 0) END;
    END;
"#;

/// Makes or upgrades the tables, all or nothing, and what belongs to the connection.
pub(super) fn install(conn: &Connection) -> Result<()> {
    if version(conn)? != Some(STEPS.len() as i64) {
        conn.execute_batch("BEGIN IMMEDIATE")?;
        let installed = upgrade(conn);
        conn.execute_batch(if installed.is_ok() { "COMMIT" } else { "ROLLBACK" })?;
        installed?;
    }
    conn.execute_batch(OWN)?;
    Ok(())
}

/// Asks for the version once more: another program may have been faster.
fn upgrade(conn: &Connection) -> Result<()> {
    let known = STEPS.len() as i64;
    let found = version(conn)?.unwrap_or(0);
    if found > known {
        return Err(Error::LaterSchema { found });
    }
    conn.execute_batch(VERSION)?;
    for step in &STEPS[found as usize..] {
        conn.execute_batch(step)?;
    }
    conn.execute("DELETE FROM revision_schema", [])?;
    conn.execute("INSERT INTO revision_schema VALUES (?1)", [known])?;
    Ok(())
}

/// The version of what is installed; `None` if nothing is.
fn version(conn: &Connection) -> Result<Option<i64>> {
    if !conn.table_exists(Some("main"), "revision_schema")? {
        return Ok(None);
    }
    let version =
        conn.query_row("SELECT max(version) FROM revision_schema", [], |row| row.get(0))?;
    Ok(version)
}
