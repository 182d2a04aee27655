//! The tables of revisions: made where they are absent, brought up to date where they are older.

use super::error::{Error, Result};
use tokio_postgres::Client;

/// What brings a schema from each version to the next. Steps are added and never changed: a
/// database may have been left at any of them.
const STEPS: [&str; 2] = [include_str!("tables.sql"), include_str!("by_row.sql")];

/// What runs in the server. It is made anew where it is not this.
const FUNCTIONS: &str = concat!(
    include_str!("frames.sql"),
    include_str!("columns.sql"),
    include_str!("triggers.sql"),
    include_str!("tracking.sql"),
);

/// Makes or upgrades the tables and the functions, all or nothing.
pub(super) async fn install(client: &Client) -> Result<()> {
    let (known, functions) = (STEPS.len() as i32, hash(FUNCTIONS));
    if version(client).await? == (known, functions.clone()) {
        return Ok(());
    }
    let mut sql = String::from(
        // Another program may be at the same. The number is any that others do not take.
        "BEGIN; SELECT pg_advisory_xact_lock(5834071623950817);
         CREATE SCHEMA IF NOT EXISTS stackholm;
         CREATE TABLE IF NOT EXISTS stackholm.revision_schema(
             version integer NOT NULL, functions text NOT NULL);",
    );
    client.batch_execute(&sql).await.inspect_err(|_| rollback(client))?;
    // Asked once more: the other program may have been faster.
    let (found, _) = version(client).await.inspect_err(|_| rollback(client))?;
    if found > known {
        rollback(client);
        return Err(Error::LaterSchema { found });
    }
    sql.clear();
    STEPS[found as usize..].iter().for_each(|step| sql.push_str(step));
    sql.push_str(FUNCTIONS);
    sql.push_str(&format!(
        "DELETE FROM stackholm.revision_schema;
         INSERT INTO stackholm.revision_schema VALUES ({known}, '{functions}');
         SELECT stackholm.revision_keep_up();
         COMMIT"
    ));
    Ok(client.batch_execute(&sql).await.inspect_err(|_| rollback(client))?)
}

fn rollback(client: &Client) {
    super::sent::queue(client, "ROLLBACK");
}

/// The version of what is installed, and which functions; 0 if nothing is.
async fn version(client: &Client) -> Result<(i32, String)> {
    let there = "SELECT to_regclass('stackholm.revision_schema') IS NOT NULL";
    if !client.query_one(there, &[]).await?.get::<_, bool>(0) {
        return Ok((0, String::new()));
    }
    let sql = "SELECT version, functions FROM stackholm.revision_schema";
    let row = client.query_opt(sql, &[]).await?;
    Ok(row.map_or((0, String::new()), |row| (row.get(0), row.get(1))))
}

/// Which text this is.
fn hash(text: &str) -> String {
    use sha2::Digest;
    let mut out = String::new();
    crate::hex::push(&mut out, &sha2::Sha256::digest(text));
    out
}
