//! Tracked connections of SQLite.
//!
//! Temporary triggers on the connection capture: so every statement that goes through it is seen,
//! bulk statements, upserts, `REPLACE`, cascades and other triggers included, and what they write
//! is part of the same transaction and savepoint. The block around a statement attributes; see
//! [`Revision`](crate::Revision).
//!
//! The triggers belong to the connection. Other connections, in this program or another one, are
//! neither disturbed nor tracked: track the same tables on each connection that writes.

mod capture;
mod error;
mod history;
mod revert;
mod schema;
mod session;
mod statement;
mod table;
mod transaction;

pub use crate::revert::{Conflict, ConflictAt, Reverted, Why};
pub use error::{Error, Result};
pub use history::History;
pub use transaction::Transaction;

use crate::value::Value;
use capture::Shared;
use rusqlite::Connection;
use rusqlite::types::{ToSql, ToSqlOutput, ValueRef};
use session::Session;
use std::fmt;
use table::{Options, Table};

/// A connection whose writes to some tables are tracked.
///
/// # Examples
/// ```
/// use stackholm_revision::{Revision, sqlite::Tracked};
///
/// let mut db = Tracked::new(rusqlite::Connection::open_in_memory()?)?;
/// db.connection().execute_batch("CREATE TABLE post(id INTEGER PRIMARY KEY, spam INT)")?;
/// db.install()?;
/// db.track("post")?;
///
/// Revision::new().actor(("user", 7)).because("spam sweep").run(|| {
///     let mut tx = db.transaction()?;
///     tx.execute("INSERT INTO post VALUES (1, 0), (2, 0)", [])?;
///     tx.execute("UPDATE post SET spam = 1", [])?;
///     tx.commit()
/// })?;
///
/// let history = db.history().of("post", 1)?;
/// assert_eq!(history.len(), 2);
/// assert_eq!(history[0].actor.to_string(), "user 7");
/// assert_eq!(history[0].because.as_deref(), Some("spam sweep"));
/// # Ok::<_, stackholm_revision::sqlite::Error>(())
/// ```
#[derive(Debug)]
pub struct Tracked {
    conn: Connection,
    capture: Shared,
    session: Session,
    installed: bool,
    /// The version of the schema that the triggers were made for.
    schema: i64,
}

impl Tracked {
    /// Takes a connection over: gives it the functions that the triggers call, and switches
    /// `recursive_triggers` on, without which `REPLACE` deletes rows unseen. The program's own
    /// triggers become recursive with it.
    ///
    /// # Errors
    /// If a transaction is open on the connection, or SQLite fails.
    pub fn new(conn: Connection) -> Result<Self> {
        if !conn.is_autocommit() {
            return Err(Error::AlreadyOpen);
        }
        conn.pragma_update(None, "recursive_triggers", true)?;
        let capture = Shared::default();
        capture.register(&conn)?;
        let (session, schema) = (Session::default(), -1);
        Ok(Tracked { conn, capture, session, installed: false, schema })
    }

    /// Makes the tables of revisions if they are absent, and brings older ones up to date, all or
    /// nothing. Each connection calls it once before it tracks.
    ///
    /// # Errors
    /// If the tables were written by a later version of this crate, or SQLite fails.
    pub fn install(&mut self) -> Result<()> {
        self.end_forgotten()?;
        schema::install(&self.conn)?;
        self.installed = true;
        Ok(())
    }

    /// Tracks a table on this connection.
    ///
    /// Nothing is copied, and what stands in the table stays unrecorded until it changes. Columns
    /// that are added later are tracked from the next transaction on, without another call.
    ///
    /// # Errors
    /// If there is no such table, it has no primary key, or is virtual or a view; if
    /// [`install`](Self::install) was not called.
    pub fn track(&mut self, table: &str) -> Result<Track<'_>> {
        if !self.installed {
            return Err(Error::NotInstalled);
        }
        self.end_forgotten()?;
        let slot = self.slot(table).unwrap_or(usize::MAX);
        let mut track = Track { db: self, slot, table: table.into(), options: Options::default() };
        track.apply()?;
        Ok(track)
    }

    /// The names of the tables that are tracked on this connection, and exist.
    pub fn tables(&self) -> Vec<String> {
        let capture = self.capture.lock();
        let there = capture.tables.iter().filter(|table| table.exists);
        there.map(|table| table.name.clone()).collect()
    }

    /// Begins a transaction that takes the write lock at once (`BEGIN IMMEDIATE`), so that it never
    /// fails for having read before another one wrote.
    ///
    /// # Errors
    /// If another connection holds the lock for longer than the busy timeout, or the schema has
    /// changed so that a table cannot be tracked any more.
    pub fn transaction(&mut self) -> Result<Transaction<'_>> {
        self.end_forgotten()?;
        Transaction::begin(self)
    }

    /// Calls `f` with a transaction, which is committed if `f` succeeds and rolled back if it fails
    /// or panics.
    ///
    /// # Errors
    /// Those of `f`, of [`transaction`](Self::transaction) and [`Transaction::commit`].
    pub fn write<T, E: From<Error>>(
        &mut self,
        f: impl FnOnce(&mut Transaction<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut tx = self.transaction()?;
        let done = f(&mut tx)?;
        tx.commit()?;
        Ok(done)
    }

    /// What happened to the rows of tracked tables.
    pub fn history(&self) -> History<'_> {
        History::on(&self.conn)
    }

    /// The connection itself, to read and to configure. A statement that writes to a tracked table
    /// by it is refused.
    pub fn connection(&self) -> &Connection {
        &self.conn
    }

    fn slot(&self, table: &str) -> Option<usize> {
        let capture = self.capture.lock();
        capture.tables.iter().position(|known| known.name.eq_ignore_ascii_case(table))
    }

    /// Rolls back what a guard left open that was forgotten.
    fn end_forgotten(&mut self) -> Result<()> {
        if self.session.depth() > 0 && !self.conn.is_autocommit() {
            self.conn.execute_batch("ROLLBACK")?;
        }
        self.ended();
        if self.conn.is_autocommit() { Ok(()) } else { Err(Error::AlreadyOpen) }
    }

    /// Forgets everything about the transaction that has ended.
    fn ended(&mut self) {
        if self.session.rebuilt() {
            // Whether the triggers are those of before or of after is for the next one to find out.
            self.schema = -1;
        }
        self.session = Session::default();
        let mut capture = self.capture.lock();
        (capture.used, capture.mode) = (false, capture::Mode::Idle);
        capture.gaps.clear();
    }

    /// Makes all triggers anew if the schema is not the one that they were made for.
    fn keep_up(&mut self) -> Result<()> {
        let now: i64 = self.conn.pragma_query_value(None, "schema_version", |row| row.get(0))?;
        if self.schema != now {
            self.untie()?;
            self.tie()?;
        }
        Ok(())
    }

    /// Takes all triggers away, so that tables can be changed.
    fn untie(&mut self) -> Result<()> {
        let count = self.capture.lock().tables.len();
        let sql: String = (0..count).map(Table::no_triggers).collect();
        self.conn.execute_batch(&sql)?;
        Ok(())
    }

    /// Reads all tables anew and makes their triggers. One that is gone is kept in mind: it is
    /// tracked again as soon as it is there again.
    fn tie(&mut self) -> Result<()> {
        let old: Vec<_> = self.capture.lock().tables.drain(..).collect();
        let (mut tables, mut failed) = (Vec::new(), None);
        for mut before in old {
            if !self.conn.table_exists(Some("main"), &before.name)? {
                before.exists = false;
                tables.push(before);
                continue;
            }
            let read = Table::read(&self.conn, &before.name, &before.options);
            let read = read.and_then(|mut table| table.register(&self.conn).map(|()| table));
            // One that fails stays in the list, so that it is asked for again and not forgotten.
            tables.push(read.unwrap_or_else(|error| {
                failed.get_or_insert(error);
                before
            }));
        }
        let there = tables.iter().enumerate().filter(|(_, table)| table.exists);
        let sql: String = there.map(|(n, table)| table.triggers(n)).collect();
        self.capture.lock().tables = tables;
        if let Some(error) = failed {
            return Err(error);
        }
        self.conn.execute_batch(&sql)?;
        self.schema = self.conn.pragma_query_value(None, "schema_version", |row| row.get(0))?;
        Ok(())
    }
}

/// A table that has just been tracked, to say more about how.
pub struct Track<'d> {
    db: &'d mut Tracked,
    slot: usize,
    table: String,
    options: Options,
}

impl Track<'_> {
    /// Leaves columns out: their changes are not recorded, and a reverted deletion gives them their
    /// defaults.
    ///
    /// # Errors
    /// If there is no such column, or it is of the key.
    pub fn except(mut self, columns: &[&str]) -> Result<Self> {
        self.options.except.extend(columns.iter().map(|column| String::from(*column)));
        self.apply()?;
        Ok(self)
    }

    /// Records that these columns changed, and not from what to what.
    ///
    /// # Errors
    /// If there is no such column, or it is of the key.
    pub fn redact(mut self, columns: &[&str]) -> Result<Self> {
        self.options.redact.extend(columns.iter().map(|column| String::from(*column)));
        self.apply()?;
        Ok(self)
    }

    /// Allows writes outside of every block, and records them as nobody's. Without this they are
    /// refused.
    ///
    /// # Errors
    /// If SQLite fails.
    pub fn or_nobody(mut self) -> Result<Self> {
        self.options.or_nobody = true;
        self.apply()?;
        Ok(self)
    }

    fn apply(&mut self) -> Result<()> {
        let conn = &self.db.conn;
        let mut table = Table::read(conn, &self.table, &self.options)?;
        table.register(conn)?;
        let mut capture = self.db.capture.lock();
        self.slot = self.slot.min(capture.tables.len());
        let sql = Table::no_triggers(self.slot) + &table.triggers(self.slot);
        if self.slot == capture.tables.len() {
            capture.tables.push(table);
        } else {
            capture.tables[self.slot] = table;
        }
        drop(capture);
        conn.execute_batch(&sql)?;
        if self.db.schema == -1 {
            self.db.schema = conn.pragma_query_value(None, "schema_version", |row| row.get(0))?;
        }
        Ok(())
    }
}

impl fmt::Debug for Track<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Track").field("table", &self.table).finish_non_exhaustive()
    }
}

/// What a column holds.
fn value(value: ValueRef<'_>) -> Value {
    match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(number) => Value::Integer(number),
        ValueRef::Real(number) => Value::Real(number),
        ValueRef::Blob(bytes) => Value::Blob(bytes.into()),
        ValueRef::Text(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) => Value::Text(text.into()),
            Err(_) => Value::Malformed(bytes.into()),
        },
    }
}

/// Malformed text is bound as bytes. A redacted value cannot be bound.
impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Value::Null => ValueRef::Null,
            Value::Bool(truth) => ValueRef::Integer((*truth).into()),
            Value::Integer(number) => ValueRef::Integer(*number),
            Value::Real(number) => ValueRef::Real(*number),
            Value::Text(text) => ValueRef::Text(text.as_bytes()),
            Value::Malformed(bytes) | Value::Blob(bytes) => ValueRef::Blob(bytes),
            Value::Redacted => {
                let why = "a redacted value is not known and cannot be written";
                return Err(rusqlite::Error::ToSqlConversionFailure(why.into()));
            }
        }))
    }
}
