//! Transactions and savepoints on a tracked connection.

use super::capture::{Mode, Refusal, Shared};
use super::error::{Error, Result};
use super::history::History;
use super::revert;
use super::statement::{self, Kind};
use super::{Tracked, Value};
use crate::key::RevisionKey;
use crate::revert::{Conflict, Reverted};
use crate::value::Key;
use rusqlite::{OptionalExtension, Params, Row, Statement};
use std::fmt;

/// A transaction or a savepoint, which is a transaction within one. Dropping it rolls it back, and
/// with it everything that was recorded in it.
///
/// It is a value and may be handed to another thread or task: each statement is attributed to the
/// block around that statement. What a guard that was forgotten left open is rolled back by the
/// next use of the one around it.
#[must_use = "a transaction that is dropped is rolled back"]
pub struct Transaction<'d> {
    db: &'d mut Tracked,
    /// 1 for a transaction, more for savepoints.
    depth: usize,
    done: bool,
}

impl<'d> Transaction<'d> {
    pub(super) fn begin(db: &'d mut Tracked) -> Result<Self> {
        db.conn.execute_batch("BEGIN IMMEDIATE")?;
        db.session.begun();
        let this = Transaction { db, depth: 1, done: false };
        this.db.keep_up()?;
        Ok(this)
    }

    /// Begins a savepoint.
    ///
    /// # Errors
    /// If SQLite fails.
    pub fn savepoint(&mut self) -> Result<Transaction<'_>> {
        self.settle()?;
        let depth = self.depth + 1;
        self.db.conn.execute_batch(&format!("SAVEPOINT stackholm_{depth}"))?;
        self.db.session.begun();
        Ok(Transaction { db: self.db, depth, done: false })
    }

    /// Executes one statement; gives the number of rows that it changed itself.
    ///
    /// If it writes and the block is not the one of the last write, the frame is written before it.
    /// A statement that changes the schema is followed by all tracked tables.
    ///
    /// # Errors
    /// If a tracked table is changed outside of every block, the statement begins or ends a
    /// transaction, or SQLite fails. What an earlier statement wrote stays.
    pub fn execute(&mut self, sql: &str, params: impl Params) -> Result<usize> {
        self.run(sql, |statement| {
            let changed = statement.execute(params)?;
            Ok(if statement.readonly() { 0 } else { changed })
        })
    }

    /// Executes several statements, separated by semicolons.
    ///
    /// # Errors
    /// As [`execute`](Self::execute); those before the one that fails have been executed.
    pub fn execute_batch(&mut self, sql: &str) -> Result<()> {
        let mut rest = sql;
        while let Some((first, after)) = statement::first(rest) {
            self.run(first, |statement| {
                let mut rows = statement.raw_query();
                while rows.next()?.is_some() {}
                Ok(())
            })?;
            rest = after;
        }
        Ok(())
    }

    /// Executes a statement that gives rows, `INSERT … RETURNING` included; gives what `f` makes
    /// of each.
    ///
    /// # Errors
    /// As [`execute`](Self::execute), and those of `f`.
    pub fn query<T>(
        &mut self,
        sql: &str,
        params: impl Params,
        f: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>> {
        self.run(sql, |statement| statement.query_map(params, f)?.collect())
    }

    /// The first row of what a statement gives, if there is one.
    ///
    /// # Errors
    /// As [`query`](Self::query).
    pub fn query_row<T>(
        &mut self,
        sql: &str,
        params: impl Params,
        f: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Option<T>> {
        self.run(sql, |statement| statement.query_row(params, f).optional())
    }

    /// The rowid of the last row that a statement of the program inserted.
    pub fn last_insert_rowid(&self) -> i64 {
        self.db.conn.last_insert_rowid()
    }

    /// What happened, as this transaction sees it.
    pub fn history(&self) -> History<'_> {
        History::on(&self.db.conn)
    }

    /// Takes back what a revision did, its last change first, as a new revision that names it.
    ///
    /// A row that has changed since is a conflict. Each conflict is in the report, or in the error
    /// if `conflict` is [`Conflict::Stop`] and there is one: then nothing is reverted.
    ///
    /// # Errors
    /// If there is no block here, no such revision, a table of it is not tracked on this
    /// connection, or a column of it is not there any more or was redacted.
    pub fn revert(&mut self, revision: RevisionKey, conflict: Conflict) -> Result<Reverted> {
        self.settle()?;
        revert::revert(self, revision, None, conflict)
    }

    /// Takes back what a revision did to one row, and nothing else of it; see
    /// [`revert`](Self::revert).
    ///
    /// # Errors
    /// As [`revert`](Self::revert).
    pub fn revert_row(
        &mut self,
        revision: RevisionKey,
        table: &str,
        key: impl Into<Key>,
        conflict: Conflict,
    ) -> Result<Reverted> {
        self.settle()?;
        revert::revert(self, revision, Some((table, key.into())), conflict)
    }

    /// Commits; of a savepoint, keeps what it did for the transaction around it.
    ///
    /// # Errors
    /// If SQLite cannot commit; then everything is rolled back.
    pub fn commit(mut self) -> Result<()> {
        self.settle()?;
        if self.depth > 1 {
            self.db.conn.execute_batch(&format!("RELEASE stackholm_{}", self.depth))?;
            self.db.session.kept();
        } else {
            self.db.session.tidy(&self.db.conn)?;
            self.db.conn.execute_batch("COMMIT")?;
            // The triggers that were made in it are there to stay.
            let schema = self.db.schema;
            self.db.ended();
            self.db.schema = schema;
        }
        self.done = true;
        Ok(())
    }

    /// Rolls back. Dropping does the same, and says nothing of errors.
    ///
    /// # Errors
    /// If SQLite fails; the next use of the connection tries again.
    pub fn rollback(mut self) -> Result<()> {
        self.undo()
    }

    fn undo(&mut self) -> Result<()> {
        self.done = true;
        if self.db.conn.is_autocommit() {
            // SQLite was faster.
            self.db.ended();
            return Ok(());
        }
        if self.depth == 1 {
            self.db.conn.execute_batch("ROLLBACK")?;
            self.db.ended();
            return Ok(());
        }
        let depth = self.depth;
        self.roll_back_to(depth)
    }

    /// Rolls back all levels from `depth` on.
    fn roll_back_to(&mut self, depth: usize) -> Result<()> {
        let name = format!("stackholm_{depth}");
        self.db.conn.execute_batch(&format!("ROLLBACK TO {name}; RELEASE {name}"))?;
        while self.db.session.depth() >= depth {
            self.db.session.undone(&self.db.capture);
        }
        if self.db.session.rebuilt() {
            self.db.untie()?;
            self.db.tie()?;
        }
        Ok(())
    }

    /// Brings in order what may have been left: by guards that were forgotten, by a statement
    /// that panicked, by an error that made SQLite roll back.
    fn settle(&mut self) -> Result<()> {
        if self.db.conn.is_autocommit() {
            return Err(Error::RolledBack);
        }
        if self.db.session.depth() > self.depth {
            self.roll_back_to(self.depth + 1)?;
        }
        self.db.session.take_over(&self.db.conn, &self.db.capture)
    }

    /// How many changes of the last statement were caused by others.
    pub(super) fn caused(&self) -> usize {
        self.db.capture.lock().caused
    }

    pub(super) fn parts(&self) -> (&rusqlite::Connection, &Shared) {
        (&self.db.conn, &self.db.capture)
    }

    pub(super) fn execute_values(&mut self, (sql, values): (String, Vec<Value>)) -> Result<usize> {
        self.execute(&sql, rusqlite::params_from_iter(values))
    }

    fn run<T>(
        &mut self,
        sql: &str,
        f: impl FnOnce(&mut Statement<'_>) -> rusqlite::Result<T>,
    ) -> Result<T> {
        self.settle()?;
        let kind = Kind::of(sql);
        match kind {
            Kind::Control(word) => Err(Error::Control { word: word.to_ascii_uppercase() }),
            Kind::Schema => {
                self.db.session.set_rebuilt();
                self.db.untie()?;
                let done = self.statement(sql, None, f);
                if !self.db.conn.is_autocommit() {
                    self.db.tie()?;
                }
                done
            }
            Kind::Write(table) => self.statement(sql, Some(table), f),
            Kind::Other => self.statement(sql, None, f),
        }
    }

    fn statement<T>(
        &mut self,
        sql: &str,
        target: Option<&str>,
        f: impl FnOnce(&mut Statement<'_>) -> rusqlite::Result<T>,
    ) -> Result<T> {
        let Tracked { conn, capture, session, .. } = &mut *self.db;
        let mut statement = conn.prepare_cached(sql)?;
        if statement.readonly() {
            return Ok(f(&mut statement)?);
        }
        let mode = session.tell(conn, capture)?;
        capture.lock().begin(mode, target);
        let running = Running(capture);
        let done = f(&mut statement);
        drop(running);
        drop(statement);
        let done = done.map_err(|error| {
            let mut capture = capture.lock();
            // What it wrote is gone. Where SQLite was told to keep it, the deltas keep their frame.
            capture.used = false;
            match capture.refused.take() {
                Some(Refusal::OutsideBlock(slot)) => {
                    Error::OutsideBlock { table: capture.tables[slot].name.clone() }
                }
                _ => Error::Sqlite(error),
            }
        });
        if !conn.is_autocommit() {
            session.take_over(conn, capture)?;
        }
        done
    }
}

/// As long as it is there, a statement of a transaction runs.
struct Running<'c>(&'c Shared);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.lock().mode = Mode::Idle;
    }
}

impl Drop for Transaction<'_> {
    fn drop(&mut self) {
        if !self.done {
            // If it fails, the next use of the connection finds it open and tries again.
            let _ = self.undo();
        }
    }
}

impl fmt::Debug for Transaction<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transaction").field("depth", &self.depth).finish_non_exhaustive()
    }
}
