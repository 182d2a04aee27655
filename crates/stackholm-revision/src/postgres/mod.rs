//! Tracked tables of PostgreSQL.
//!
//! Triggers in the schema capture: so every statement is seen, whatever program it comes from, and
//! what they write is part of its transaction and savepoint. The block around a statement
//! attributes; see [`Revision`](crate::Revision). It is sent to the server before the first write
//! and whenever it has changed, in the same trip as the statement, as a setting of the transaction:
//! it ends with the transaction, so a connection that is handed on, by a pool of the program's or
//! between it and the server, lends nobody's name to anybody.
//!
//! A program that does not use this crate is tracked too. It says nothing of blocks, so it is
//! refused, or recorded as nobody's where the table was tracked so.
//!
//! # Who may
//!
//! [`install`](Tracked::install) makes the schema `stackholm`, [`track`](Tracked::track) makes
//! triggers: both by the role that owns the tables. Who only writes needs no right but those on his
//! tables: the triggers run with the rights of who made them (`SECURITY DEFINER`), with a search
//! path of their own, which has `pg_catalog` alone. Who reads the history needs `USAGE` on the
//! schema and `SELECT` on what is in it; who reverts, that and the rights on the tables.
//!
//! **Whoever can send statements can say in whose name**: the setting `stackholm.frame` is anyone's
//! to set. It is a record of what programs did, not a proof against them. What roles may not do is
//! write the history: only the triggers do.
//!
//! # By statement and by row
//!
//! Triggers run once for a statement, which makes a bulk statement several times cheaper. Where
//! rows of one statement have an order among themselves they run for each row: in tables with row
//! triggers of the program's, with partitions, and with foreign keys with `CASCADE`, `SET NULL` or
//! `SET DEFAULT` that come back to the table or are more than one. A statement that changes one row
//! takes a shorter way, which costs about as much by statement as a trigger by row does.
//!
//! [`track`](Tracked::track) chooses, and so does a statement of a [`Transaction`] that changes the
//! schema; after another program has changed it, track again. Until then, rows that a foreign key
//! takes along which that program has added to a table that had none are not marked as caused.
//!
//! Columns are followed without that. A statement after such a change is somewhat slower until the
//! table is tracked again.

mod error;
mod history;
mod revert;
mod schema;
mod sent;
mod session;
mod statement;
mod table;
mod transaction;

pub use crate::revert::{Conflict, ConflictAt, Reverted, Why};
pub use error::{Error, Result};
pub use history::History;
pub use sent::{Params, Sql};
pub use transaction::Transaction;

use session::Session;
use std::borrow::BorrowMut;
use std::fmt;
use std::pin::Pin;
use tokio_postgres::{Client, IsolationLevel};

/// A connection by which tracked tables are written.
///
/// It takes the client itself, or a `&mut` to one, such as that of a pool: nothing is sent by
/// [`new`](Self::new), so it may be made for each piece of work. A `&mut`, because a statement that
/// came in between by another way would be attributed as if it were of the open transaction.
///
/// # Examples
/// ```no_run
/// use stackholm_revision::{Revision, postgres::{Error, Tracked}};
///
/// # async fn example(client: tokio_postgres::Client) -> Result<(), Error> {
/// let mut db = Tracked::new(client);
/// db.install().await?;
/// db.track("post").await?;
///
/// Revision::new().actor(("user", 7)).because("spam sweep").wrap(async {
///     let mut tx = db.transaction().await?;
///     tx.execute("UPDATE post SET spam = $1", &[&true]).await?;
///     tx.commit().await
/// }).await?;
///
/// for entry in db.history().of("post", 1).await? {
///     println!("{} {:?}", entry.actor, entry.changes());
/// }
/// # Ok(())
/// # }
/// ```
pub struct Tracked<C: BorrowMut<Client>> {
    client: C,
    session: Session,
}

impl<C: BorrowMut<Client>> Tracked<C> {
    /// Takes a connection over.
    pub fn new(client: C) -> Self {
        Tracked { client, session: Session::default() }
    }

    /// Makes the tables of revisions if they are absent, and brings older ones up to date, all or
    /// nothing. Once for a database, or at each start of a program.
    ///
    /// Triggers of tracked tables that an older version made are made anew, where the role owns the
    /// table. That waits for the transactions which are writing it, and is the only time that it
    /// locks one.
    ///
    /// # Errors
    /// If the tables were written by a later version of this crate, the role may not make them, or
    /// the connection is lost.
    pub async fn install(&mut self) -> Result<()> {
        self.end_forgotten();
        schema::install(self.client.borrow()).await
    }

    /// Tracks a table in this database, in every program, once it is awaited. Its name is written
    /// as in a statement, with a schema or not, and in quotes if need be.
    ///
    /// If it is tracked so already, nothing is locked: a program may ask at each start. Options
    /// replace those that were there. Nothing is copied, and what stands in the table stays
    /// unrecorded until it changes.
    ///
    /// # Errors
    /// If [`install`](Self::install) was never called; if there is no such table, it has no primary
    /// key, or one with a floating-point number, is temporary, foreign, a view, a partition, or
    /// inherits.
    pub fn track(&mut self, table: &str) -> Track<'_> {
        self.end_forgotten();
        Track {
            client: self.client.borrow(),
            table: table.into(),
            except: Vec::new(),
            redact: Vec::new(),
            or_nobody: false,
            by_row: false,
        }
    }

    /// Ends the tracking of a table. Its history stays.
    ///
    /// # Errors
    /// If the table is not tracked, or PostgreSQL fails.
    pub async fn untrack(&mut self, table: &str) -> Result<()> {
        self.end_forgotten();
        let sql = "SELECT stackholm.revision_untrack($1)";
        let done = self.client.borrow().query_one(sql, &[&table]).await;
        if done.map_err(Error::of_history)?.get(0) {
            Ok(())
        } else {
            Err(Error::NotTracked { table: table.into() })
        }
    }

    /// The names of the tables that are tracked, and exist.
    ///
    /// # Errors
    /// If [`install`](Self::install) was never called, or the connection is lost.
    pub async fn tables(&self) -> Result<Vec<String>> {
        let sql = "SELECT name FROM stackholm.revision_table \
                   WHERE stackholm.revision_tied(id) ORDER BY id";
        let rows = self.client.borrow().query(sql, &[]).await.map_err(Error::of_history)?;
        Ok(rows.iter().map(|row| row.get(0)).collect())
    }

    /// Begins a transaction of the server's default isolation.
    ///
    /// # Errors
    /// If one is open that was begun past this, or the connection is lost.
    pub async fn transaction(&mut self) -> Result<Transaction<'_>> {
        self.begin("").await
    }

    /// Begins a transaction of this isolation. One that could not be serialised is for the program
    /// to repeat.
    ///
    /// # Errors
    /// As [`transaction`](Self::transaction).
    pub async fn transaction_at(&mut self, level: IsolationLevel) -> Result<Transaction<'_>> {
        self.begin(match level {
            IsolationLevel::RepeatableRead => "ISOLATION LEVEL REPEATABLE READ",
            IsolationLevel::Serializable => "ISOLATION LEVEL SERIALIZABLE",
            // The server has no dirty reads either.
            _ => "ISOLATION LEVEL READ COMMITTED",
        })
        .await
    }

    async fn begin(&mut self, mode: &str) -> Result<Transaction<'_>> {
        self.end_forgotten();
        Transaction::begin(self.client.borrow(), &mut self.session, mode).await
    }

    /// Calls `f` with a transaction, which is committed if `f` succeeds and rolled back if it
    /// fails, panics, or the future is dropped.
    ///
    /// # Errors
    /// Those of `f`, of [`transaction`](Self::transaction) and [`Transaction::commit`].
    pub async fn write<T, E: From<Error>>(
        &mut self,
        f: impl AsyncFnOnce(&mut Transaction<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut tx = self.transaction().await?;
        let done = f(&mut tx).await?;
        tx.commit().await?;
        Ok(done)
    }

    /// What happened to the rows of tracked tables.
    pub fn history(&self) -> History<'_> {
        History::on(self.client.borrow())
    }

    /// The client itself, to read and to configure. A statement that writes to a tracked table by
    /// it is of no block.
    pub fn client(&self) -> &Client {
        self.client.borrow()
    }

    /// Rolls back what a guard left open that was forgotten.
    fn end_forgotten(&mut self) {
        if self.session.depth() > 0 {
            self.session.ended();
            sent::queue(self.client.borrow(), "ROLLBACK");
        }
    }
}

/// Rolls back what a guard left open that was forgotten: the client may be a pool's.
impl<C: BorrowMut<Client>> Drop for Tracked<C> {
    fn drop(&mut self) {
        self.end_forgotten();
    }
}

impl<C: BorrowMut<Client>> fmt::Debug for Tracked<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tracked").finish_non_exhaustive()
    }
}

/// A table that is to be tracked: how can be said before it is awaited.
#[must_use = "the table is not tracked before this is awaited"]
#[derive(Debug)]
pub struct Track<'d> {
    client: &'d Client,
    table: String,
    except: Vec<String>,
    redact: Vec<String>,
    or_nobody: bool,
    by_row: bool,
}

impl Track<'_> {
    /// Leaves columns out: their changes are not recorded, and a reverted deletion gives them their
    /// defaults. Names are as they are stored, without quotes.
    pub fn except(mut self, columns: &[&str]) -> Self {
        self.except.extend(columns.iter().map(|column| String::from(*column)));
        self
    }

    /// Records that these columns changed, and not from what to what. Where one of them is renamed
    /// the table is not written before it is tracked again.
    pub fn redact(mut self, columns: &[&str]) -> Self {
        self.redact.extend(columns.iter().map(|column| String::from(*column)));
        self
    }

    /// Allows writes outside of every block, those of other programs included, and records them as
    /// nobody's. Without this they are refused.
    pub fn or_nobody(mut self) -> Self {
        self.or_nobody = true;
        self
    }

    /// Records rows by a trigger that runs for each of them. A statement that changes one row then
    /// costs an eighth to a fifth less, and one that changes thousands half as much again. What is
    /// recorded is the same.
    ///
    /// Without this a table is seen by statement, but for those whose rows have an order within one:
    /// with row triggers, with partitions, and with foreign keys that act and come back to it.
    pub fn by_row(mut self) -> Self {
        self.by_row = true;
        self
    }

    async fn apply(self) -> Result<()> {
        let sql = "SELECT stackholm.revision_track(to_regclass($1::text)::oid, $2, $3, $4, $5)";
        let params: Params<'_> =
            &[&self.table, &self.except, &self.redact, &self.or_nobody, &self.by_row];
        let done = self.client.query_one(sql, params).await;
        done.map(drop).map_err(|error| match Error::of_history(error) {
            Error::CannotTrack { why, .. } => Error::CannotTrack { table: self.table, why },
            error => error,
        })
    }
}

impl<'d> IntoFuture for Track<'d> {
    type Output = Result<()>;
    type IntoFuture = Pin<Box<dyn Future<Output = Result<()>> + Send + 'd>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.apply())
    }
}
