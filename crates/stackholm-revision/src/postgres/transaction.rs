//! Transactions and savepoints on a tracked connection.

use super::error::{Error, Result};
use super::history::History;
use super::revert;
use super::sent::{Given, Params, Sql, both, queue};
use super::session::Session;
use super::statement::Kind;
use crate::frame;
use crate::key::RevisionKey;
use crate::revert::{Conflict, Reverted};
use crate::value::Key;
use std::fmt;
use std::future::Future;
use tokio_postgres::{Client, CopyInSink, Row, SimpleQueryMessage, Statement};

/// A transaction or a savepoint, which is a transaction within one. Dropping it rolls it back, and
/// with it everything that was recorded in it; so does dropping a future of its, with the guard.
///
/// It is a value and may be handed to another task: each statement is attributed to the block
/// around that statement. What a guard that was forgotten left open is rolled back by the next use
/// of the one around it.
#[must_use = "a transaction that is dropped is rolled back"]
pub struct Transaction<'d> {
    client: &'d Client,
    session: &'d mut Session,
    /// 1 for a transaction, more for savepoints.
    depth: usize,
    done: bool,
}

impl<'d> Transaction<'d> {
    pub(super) async fn begin(
        client: &'d Client,
        session: &'d mut Session,
        mode: &str,
    ) -> Result<Self> {
        session.begun();
        let mut this = Transaction { client, session, depth: 1, done: false };
        // Both are of one message, so they are equal unless the transaction is older.
        let begin = format!("BEGIN {mode}; SELECT transaction_timestamp() = statement_timestamp()");
        let said = client.simple_query(&begin).await?;
        let fresh = said
            .iter()
            .any(|said| matches!(said, SimpleQueryMessage::Row(row) if row.get(0) == Some("t")));
        if !fresh {
            // Somebody else's is left alone.
            this.done = true;
            this.session.ended();
            return Err(Error::AlreadyOpen);
        }
        Ok(this)
    }

    /// Begins a savepoint.
    ///
    /// # Errors
    /// If an earlier statement failed, or the connection is lost.
    pub async fn savepoint(&mut self) -> Result<Transaction<'_>> {
        self.settle();
        let depth = self.depth + 1;
        self.session.begun();
        let this = Transaction { client: self.client, session: self.session, depth, done: false };
        let begun = this.client.batch_execute(&format!("SAVEPOINT stackholm_{depth}")).await;
        begun.map_err(|error| Error::of_statement(error, true))?;
        Ok(this)
    }

    /// Executes one statement; gives the number of rows that it changed itself.
    ///
    /// If the block is not the one of the last statement, its frame is sent before it, in the same
    /// trip. This is done for a `SELECT` as well: its functions may write.
    ///
    /// # Errors
    /// If a tracked table is changed outside of every block, the statement begins or ends a
    /// transaction, or PostgreSQL fails; then the transaction, or the savepoint, can only be
    /// rolled back.
    pub async fn execute(&mut self, sql: impl Into<Sql<'_>>, params: Params<'_>) -> Result<u64> {
        let (sql, kind) = self.looked_at(sql.into())?;
        let statement = self.prepared(sql).await?;
        let work = self.client.execute(&statement, params);
        let done = self.send(true, work).await;
        self.finish(sql, kind, done).await
    }

    /// Executes a statement that gives rows, `INSERT … RETURNING` included.
    ///
    /// A text that begins with `SELECT` or its like is taken for a read, and the frame is not sent
    /// for it. If a function in it writes to a tracked table, that is refused: see
    /// [`execute`](Self::execute), and [`call`](Self::call) for its rows.
    ///
    /// # Errors
    /// As [`execute`](Self::execute).
    pub async fn query(&mut self, sql: impl Into<Sql<'_>>, params: Params<'_>) -> Result<Vec<Row>> {
        let (sql, kind) = self.looked_at(sql.into())?;
        self.rows(sql, kind, kind != Kind::Read, params).await
    }

    /// The first row of what a statement gives, if there is one.
    ///
    /// # Errors
    /// As [`query`](Self::query).
    pub async fn query_row(
        &mut self,
        sql: impl Into<Sql<'_>>,
        params: Params<'_>,
    ) -> Result<Option<Row>> {
        Ok(self.query(sql, params).await?.into_iter().next())
    }

    /// Executes a statement that gives rows and looks like a read, and whose functions write.
    ///
    /// # Errors
    /// As [`execute`](Self::execute).
    pub async fn call(&mut self, sql: impl Into<Sql<'_>>, params: Params<'_>) -> Result<Vec<Row>> {
        let (sql, kind) = self.looked_at(sql.into())?;
        self.rows(sql, kind, true, params).await
    }

    /// Executes several statements, separated by semicolons, in one trip.
    ///
    /// # Errors
    /// As [`execute`](Self::execute).
    pub async fn execute_batch(&mut self, sql: &str) -> Result<()> {
        let (given, kind) = self.looked_at(sql.into())?;
        let work = self.client.batch_execute(sql);
        let done = self.send(true, work).await;
        self.finish(given, kind, done).await
    }

    /// Begins a `COPY … FROM STDIN`, which is attributed to the block around this call, wherever
    /// its data come from. Finish the sink before the next statement.
    ///
    /// # Errors
    /// As [`execute`](Self::execute).
    pub async fn copy_in<U>(&mut self, sql: &str) -> Result<CopyInSink<U>>
    where
        U: bytes::Buf + 'static + Send,
    {
        let (given, _) = self.looked_at(sql.into())?;
        let statement = self.prepared(given).await?;
        let work = self.client.copy_in(&statement);
        self.send(true, work).await
    }

    /// What happened, as this transaction sees it.
    pub fn history(&self) -> History<'_> {
        History::on(self.client)
    }

    /// Takes back what a revision did, its last change first, as a new revision that names it.
    ///
    /// A row that has changed since is a conflict. Each conflict is in the report, or in the error
    /// if `conflict` is [`Conflict::Stop`] and there is one: then nothing is reverted. Rows that a
    /// foreign key does not let back yet wait for the others.
    ///
    /// # Errors
    /// If there is no block here, no such revision, a table of it is not tracked, or a column of it
    /// is not there any more or was redacted.
    pub async fn revert(&mut self, revision: RevisionKey, conflict: Conflict) -> Result<Reverted> {
        self.settle();
        revert::revert(self, revision, None, conflict).await
    }

    /// Takes back what a revision did to one row, and nothing else of it; see
    /// [`revert`](Self::revert).
    ///
    /// # Errors
    /// As [`revert`](Self::revert).
    pub async fn revert_row(
        &mut self,
        revision: RevisionKey,
        table: &str,
        key: impl Into<Key>,
        conflict: Conflict,
    ) -> Result<Reverted> {
        self.settle();
        let key = key.into();
        revert::revert(self, revision, Some((table, key)), conflict).await
    }

    /// Commits; of a savepoint, keeps what it did for the transaction around it.
    ///
    /// A future that is dropped leaves open whether it was committed, as a lost connection does.
    ///
    /// # Errors
    /// If an earlier statement failed, even if that was not noticed, or PostgreSQL cannot commit;
    /// then everything is rolled back.
    pub async fn commit(mut self) -> Result<()> {
        self.settle();
        let sql = if self.depth > 1 {
            format!("RELEASE stackholm_{}", self.depth)
        } else {
            // In a transaction that failed, `COMMIT` alone would roll back and say nothing. What
            // deferred triggers write is attributed to the block around the commit.
            let telling = self.session.telling(false)?;
            telling.map_or_else(|| "SELECT".to_owned(), |telling| telling.sql) + "; COMMIT"
        };
        let done = self.client.batch_execute(&sql).await;
        done.map_err(|error| Error::of_statement(error, true))?;
        self.done = true;
        if self.depth > 1 {
            self.session.kept();
        } else {
            self.session.ended();
        }
        Ok(())
    }

    /// Rolls back. Dropping does the same, and does not wait for it.
    ///
    /// # Errors
    /// If the connection is lost.
    pub async fn rollback(mut self) -> Result<()> {
        self.settle();
        let sql = self.undo();
        Ok(self.client.batch_execute(&sql).await?)
    }

    /// Forgets this level; gives what rolls it back.
    fn undo(&mut self) -> String {
        self.done = true;
        self.session.undone(self.depth);
        if self.depth == 1 {
            self.session.ended();
            return "ROLLBACK".to_owned();
        }
        let depth = self.depth;
        format!("ROLLBACK TO stackholm_{depth}; RELEASE stackholm_{depth}")
    }

    /// Rolls back what guards left open that were forgotten.
    fn settle(&mut self) {
        if self.session.depth() > self.depth {
            let inner = self.depth + 1;
            self.session.undone(inner);
            queue(
                self.client,
                &format!("ROLLBACK TO stackholm_{inner}; RELEASE stackholm_{inner}"),
            );
        }
    }

    pub(super) fn client(&self) -> &'d Client {
        self.client
    }

    fn looked_at<'s>(&mut self, sql: Sql<'s>) -> Result<(Sql<'s>, Kind<'s>)> {
        self.settle();
        let kind = match sql.0 {
            Given::Text(text) => Kind::of(text),
            // What the program prepared may be anything.
            Given::Prepared(_) => Kind::Other,
        };
        match kind {
            Kind::Control(word) => Err(Error::Control { word: word.to_ascii_uppercase() }),
            kind => Ok((sql, kind)),
        }
    }

    async fn prepared(&mut self, sql: Sql<'_>) -> Result<Statement> {
        let text = match sql.0 {
            Given::Prepared(statement) => return Ok(statement.clone()),
            Given::Text(text) => text,
        };
        if let Some(statement) = self.session.statement(text) {
            return Ok(statement);
        }
        let statement = self.client.prepare(text).await;
        let statement = statement.map_err(|error| Error::of_statement(error, true))?;
        self.session.keep(text, &statement);
        Ok(statement)
    }

    async fn rows(
        &mut self,
        sql: Sql<'_>,
        kind: Kind<'_>,
        writes: bool,
        params: Params<'_>,
    ) -> Result<Vec<Row>> {
        let statement = self.prepared(sql).await?;
        let work = self.client.query(&statement, params);
        let done = self.send(writes, work).await;
        self.finish(sql, kind, done).await
    }

    /// Sends the frame, if need be, and right behind it the statement. What is told counts as
    /// unknown until both have come to their end.
    async fn send<T>(
        &mut self,
        writes: bool,
        work: impl Future<Output = Result<T, tokio_postgres::Error>>,
    ) -> Result<T> {
        let done = match self.session.telling(writes)? {
            None => work.await,
            Some(telling) => {
                let (told, done) = both(self.client.batch_execute(&telling.sql), work).await;
                if told.is_ok() {
                    self.session.told(telling);
                }
                told.and(done)
            }
        };
        let taken_for_read = frame::here().is_some() && !self.session.knows_of_block();
        done.map_err(|error| Error::of_statement(error, !taken_for_read))
    }

    /// Sees to what a statement may have left behind.
    async fn finish<T>(&mut self, sql: Sql<'_>, kind: Kind<'_>, done: Result<T>) -> Result<T> {
        if let (Given::Text(text), true) = (sql.0, done.is_err() || kind == Kind::Schema) {
            self.session.forget(text);
        }
        if done.is_ok() && kind == Kind::Schema {
            // Whoever may not is no owner of a tracked table either.
            let may = "SELECT CASE WHEN to_regnamespace('stackholm') IS NULL \
                 OR NOT has_schema_privilege(to_regnamespace('stackholm'), 'USAGE') THEN false \
                 WHEN to_regclass('stackholm.revision_table') IS NULL THEN false \
                 ELSE has_table_privilege('stackholm.revision_table', 'UPDATE') END";
            let of_statement = |error| Error::of_statement(error, true);
            let may = self.client.query_one(may, &[]).await.map_err(of_statement)?;
            if may.get(0) {
                let keep_up = "SELECT stackholm.revision_keep_up()";
                self.client.batch_execute(keep_up).await.map_err(of_statement)?;
            }
        }
        done
    }
}

impl Drop for Transaction<'_> {
    fn drop(&mut self) {
        if !self.done {
            self.settle();
            let sql = self.undo();
            queue(self.client, &sql);
        }
    }
}

impl fmt::Debug for Transaction<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transaction").field("depth", &self.depth).finish_non_exhaustive()
    }
}
