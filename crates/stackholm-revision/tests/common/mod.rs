//! Databases for tests, and words for what happened in them.
#![allow(dead_code, reason = "each test file uses some of it")]

use stackholm_revision::sqlite::{Error, Tracked};
use stackholm_revision::{Entry, Op, Revision, RevisionKey, Who, here};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// A tracked connection.
pub(crate) type Db = Tracked;

pub(crate) type Outcome<T = ()> = Result<T, Error>;

/// A database in memory with these tables.
pub(crate) fn memory(sql: &str) -> Tracked {
    prepared(rusqlite::Connection::open_in_memory().unwrap(), sql)
}

fn prepared(conn: rusqlite::Connection, sql: &str) -> Tracked {
    conn.pragma_update(None, "foreign_keys", true).unwrap();
    let mut db = Tracked::new(conn).unwrap();
    db.connection().execute_batch(sql).unwrap();
    db.install().unwrap();
    db
}

/// A database in memory with one tracked table.
pub(crate) fn posts() -> Tracked {
    let mut db = memory("CREATE TABLE post(id INTEGER PRIMARY KEY, title, spam)");
    db.track("post").unwrap();
    db
}

/// A file that is removed with its folder.
pub(crate) struct File(PathBuf);

impl File {
    pub(crate) fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("stackholm-revision-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir(&folder).unwrap();
        File(folder)
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.0.join("test.db")
    }

    pub(crate) fn open(&self, sql: &str) -> Tracked {
        open(&self.path(), sql)
    }
}

impl Drop for File {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).unwrap();
    }
}

pub(crate) fn open(path: &Path, sql: &str) -> Tracked {
    let conn = rusqlite::Connection::open(path).unwrap();
    conn.busy_timeout(std::time::Duration::from_secs(60)).unwrap();
    prepared(conn, sql)
}

pub(crate) fn user(name: &str) -> Revision {
    Revision::new().actor(("user", name))
}

/// Executes one statement in a transaction of its own.
pub(crate) fn write(db: &mut Tracked, sql: &str) -> Outcome<usize> {
    db.write(|tx| tx.execute(sql, []))
}

/// Executes one statement in a block of its own; gives its revision.
pub(crate) fn revision(db: &mut Tracked, name: &str, sql: &str) -> RevisionKey {
    user(name).run(|| {
        write(db, sql).unwrap();
        here().unwrap().revision
    })
}

/// One line for each entry, oldest first: what happened to which row, and by whom.
pub(crate) fn story(db: &Tracked) -> Vec<String> {
    let entries = db.history().entries().unwrap();
    entries.iter().rev().map(line).collect()
}

pub(crate) fn line(entry: &Entry) -> String {
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

pub(crate) fn actors(db: &Tracked) -> Vec<Who> {
    db.history().entries().unwrap().into_iter().rev().map(|entry| entry.actor).collect()
}

pub(crate) fn count(db: &Tracked, table: &str) -> i64 {
    number(db, &format!("SELECT count(*) FROM {table}"))
}

pub(crate) fn number(db: &Tracked, sql: &str) -> i64 {
    db.connection().query_row(sql, [], |row| row.get(0)).unwrap()
}
