//! Tracked databases for tests, and words for what happened in them.

use crate::server::Database;
use stackholm_revision::postgres::{Error, Tracked};
use stackholm_revision::{Entry, Op, Revision, RevisionKey, Who, here};
use tokio_postgres::Client;

pub(crate) type Db = Tracked<Client>;

pub(crate) type Outcome<T = ()> = Result<T, Error>;

/// Ends a test where there is no server.
macro_rules! or_skip {
    ($database:expr) => {
        match $database {
            Some(there) => there,
            None => return,
        }
    };
}
pub(crate) use or_skip;

/// A database with these tables, all of them tracked.
pub(crate) async fn tables(sql: &str) -> Option<(Database, Db)> {
    let database = Database::new().await?;
    let mut db = Tracked::new(database.connect().await);
    db.client().batch_execute(sql).await.unwrap();
    db.install().await.unwrap();
    let named = "SELECT tablename::text FROM pg_tables WHERE schemaname = 'public' ORDER BY 1";
    for row in db.client().query(named, &[]).await.unwrap() {
        db.track(row.get(0)).await.unwrap();
    }
    Some((database, db))
}

pub(crate) const POST: &str = "CREATE TABLE post(id int PRIMARY KEY, title text, spam int)";

/// A database with one tracked table.
pub(crate) async fn posts() -> Option<(Database, Db)> {
    tables(POST).await
}

pub(crate) fn user(name: &str) -> Revision {
    Revision::new().actor(("user", name))
}

pub(crate) fn named(name: &str) -> Who {
    stackholm_revision::Actor::who(&("user", name))
}

pub(crate) fn insert(id: i32) -> String {
    format!("INSERT INTO post VALUES ({id}, 'a', 0)")
}

/// Executes one statement in a transaction of its own.
pub(crate) async fn write(db: &mut Db, sql: &str) -> Outcome<u64> {
    let mut tx = db.transaction().await?;
    let done = tx.execute(sql, &[]).await?;
    tx.commit().await?;
    Ok(done)
}

/// Executes statements in a block of its own; gives its revision.
pub(crate) async fn revision(db: &mut Db, name: &str, sql: &str) -> RevisionKey {
    let work = async {
        let mut tx = db.transaction().await.unwrap();
        tx.execute_batch(sql).await.unwrap();
        tx.commit().await.unwrap();
        here().unwrap().revision
    };
    user(name).wrap(work).await
}

/// One line for each entry, oldest first: what happened to which row, and by whom.
pub(crate) async fn story(db: &Db) -> Vec<String> {
    let entries = db.history().entries().await.unwrap();
    entries.iter().rev().map(line).collect()
}

fn line(entry: &Entry) -> String {
    let verb = match entry.op {
        Op::Insert => "+",
        Op::Update => "~",
        Op::Delete => "-",
        Op::Gap => "?",
    };
    let mut line = format!("{verb}{} {}", entry.table, entry.key);
    if let Some(key) = &entry.moved_to {
        line += &format!(" -> {key}");
    }
    for change in entry.changes() {
        let shown = |value: Option<&stackholm_revision::Value>| {
            value.map_or(String::from("·"), ToString::to_string)
        };
        line += &format!(" {}:{}>{}", change.column, shown(change.old), shown(change.new));
    }
    line += if entry.caused { " caused by " } else { " by " };
    line += &entry.actor.to_string();
    if let Some(reason) = &entry.because {
        line += &format!(" ({reason})");
    }
    line
}

pub(crate) async fn actors(db: &Db) -> Vec<Who> {
    let entries = db.history().entries().await.unwrap();
    entries.into_iter().rev().map(|entry| entry.actor).collect()
}

pub(crate) async fn count(db: &Db, table: &str) -> i64 {
    number(db, &format!("SELECT count(*) FROM {table}")).await
}

pub(crate) async fn number(db: &Db, sql: &str) -> i64 {
    db.client().query_one(sql, &[]).await.unwrap().get(0)
}

pub(crate) async fn texts(db: &Db, sql: &str) -> Vec<String> {
    let rows = db.client().query(sql, &[]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

/// Each delta has its frame, each frame its part, no frame and no part stands alone.
pub(crate) async fn whole(db: &Db) {
    let lost = "SELECT \
        (SELECT count(*) FROM stackholm.revision_delta WHERE frame NOT IN \
            (SELECT id FROM stackholm.revision_frame)) \
        + (SELECT count(*) FROM stackholm.revision_frame WHERE part NOT IN \
            (SELECT id FROM stackholm.revision_part) OR tracked AND id NOT IN \
            (SELECT frame FROM stackholm.revision_delta)) \
        + (SELECT count(*) FROM stackholm.revision_part WHERE id NOT IN \
            (SELECT part FROM stackholm.revision_frame))";
    assert_eq!(number(db, lost).await, 0);
}
