//! What happened to the rows of tracked tables, newest first.

use super::error::{Error, Result};
use super::table::{Options, Table};
use crate::actor::{Actor, Who};
use crate::entry::{Entry, Stored};
use crate::key::RevisionKey;
use crate::trail::{self, Next, Past};
use crate::value::{Key, Row, Value};
use rusqlite::{Connection, OptionalExtension, params_from_iter};
use std::time::{SystemTime, UNIX_EPOCH};

/// What to look for in the history; narrowed down by its methods, asked by those that give a
/// result.
#[derive(Clone, Debug)]
#[must_use = "nothing is asked before one of the methods that give a result"]
pub struct History<'c> {
    conn: &'c Connection,
    conditions: Vec<String>,
    parameters: Vec<Value>,
    limit: Option<usize>,
}

impl<'c> History<'c> {
    /// The history in the database of any connection, tracked or not.
    pub fn on(conn: &'c Connection) -> Self {
        History { conn, conditions: Vec::new(), parameters: Vec::new(), limit: None }
    }

    fn only(mut self, condition: &str, parameters: impl IntoIterator<Item = Value>) -> Self {
        self.conditions.push(condition.into());
        self.parameters.extend(parameters);
        self
    }

    /// Of one table.
    pub fn table(self, table: &str) -> Self {
        self.only("\"table\" = ? COLLATE NOCASE", [table.into()])
    }

    /// Made by one actor.
    pub fn by(self, actor: impl Actor) -> Self {
        self.by_who(&actor.who())
    }

    /// Made by one actor, by the system, or by nobody who was named.
    pub fn by_who(self, who: &Who) -> Self {
        let (word, kind, id) = who.stored();
        let values = [word.into(), kind.into(), id.into()];
        self.only("actor = ? AND actor_kind IS ? AND actor_id IS ?", values)
    }

    /// Of one revision.
    pub fn in_revision(self, revision: RevisionKey) -> Self {
        self.only("revision = ?", [Value::Blob(revision.to_bytes().into())])
    }

    /// In transactions that wrote first at this time or later, to the millisecond.
    pub fn since(self, time: SystemTime) -> Self {
        let millis = time.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        self.only("begun_at >= ?", [Value::Integer(i64::try_from(millis).unwrap_or(i64::MAX))])
    }

    /// The newest ones, so many at most.
    pub fn limit(self, limit: usize) -> Self {
        History { limit: Some(limit), ..self }
    }

    /// All changes and gaps that were asked for, newest first.
    ///
    /// # Errors
    /// If what is stored cannot be read, or SQLite fails.
    pub fn entries(&self) -> Result<Vec<Entry>> {
        let mut entries = self.changes("", [])?;
        entries.extend(self.gaps()?);
        Ok(trail::newest_first(entries, self.limit))
    }

    /// What happened to one row, and to the same row under the keys that it had before; and the
    /// gaps of its table.
    ///
    /// # Errors
    /// As [`entries`](Self::entries).
    pub fn of(self, table: &str, key: impl Into<Key>) -> Result<Vec<Entry>> {
        let this = self.table(table);
        let mut entries = Vec::new();
        let mut next = Some((key.into(), i64::MAX));
        while let Some((key, before)) = next {
            let (own, came) = trail::own(this.touching(&key, -1, before)?, &key);
            entries.extend(own);
            next = came;
        }
        entries.extend(this.gaps()?);
        Ok(trail::newest_first(entries, this.limit))
    }

    /// The row that is now under a key, as it was when a revision had been made; `None` if it did
    /// not exist.
    ///
    /// Found by going back from the present row, so a row is whole even if it is older than its
    /// tracking. A column that was dropped or renamed since is known as far as changes tell. Values
    /// that were redacted are [`Value::Redacted`].
    ///
    /// # Errors
    /// If there is no such revision, what is stored cannot be read, or SQLite fails.
    pub fn at(
        &self,
        table: &str,
        key: impl Into<Key>,
        revision: RevisionKey,
    ) -> Result<Option<Row>> {
        let (_, last) = self.range(revision)?;
        self.walk(table, &key.into(), last)
    }

    /// The same, before the revision was made.
    ///
    /// # Errors
    /// As [`at`](Self::at).
    pub fn before(
        &self,
        table: &str,
        key: impl Into<Key>,
        revision: RevisionKey,
    ) -> Result<Option<Row>> {
        let (first, _) = self.range(revision)?;
        self.walk(table, &key.into(), first - 1)
    }

    /// The same, after the change of this number; see [`Entry::number`].
    ///
    /// # Errors
    /// As [`at`](Self::at).
    pub fn after(&self, table: &str, key: impl Into<Key>, number: i64) -> Result<Option<Row>> {
        self.walk(table, &key.into(), number)
    }

    /// The numbers of the first and the last change of a revision.
    fn range(&self, revision: RevisionKey) -> Result<(i64, i64)> {
        let sql = "SELECT min(number), max(number) FROM revision_history WHERE revision = ?1";
        let range: (Option<i64>, Option<i64>) =
            self.conn
                .query_row(sql, [revision.to_bytes()], |row| Ok((row.get(0)?, row.get(1)?)))?;
        match range {
            (Some(first), Some(last)) => Ok((first, last)),
            _ => Err(Error::NoRevision(revision)),
        }
    }

    /// The row that is now under a key, as it was once the change of this number was made.
    fn walk(&self, table: &str, key: &Key, after: i64) -> Result<Option<Row>> {
        let all = History::on(self.conn).table(table);
        let key = all.key_then(key, after)?;
        all.under(table, key, after)
    }

    /// The key that what is now under a key had then.
    fn key_then(&self, key: &Key, after: i64) -> Result<Key> {
        let (mut key, mut before) = (key.clone(), i64::MAX);
        while let Some(came) = trail::came(self.touching(&key, after, before)?, &key) {
            (key, before) = came;
        }
        Ok(key)
    }

    /// The row that was under a key then: what later changes say that it was, the first of them
    /// first, and for the rest what it is now.
    fn under(&self, table: &str, key: Key, after: i64) -> Result<Option<Row>> {
        let (mut key, mut after) = (key, after);
        let mut past = Past::default();
        loop {
            match past.learn(self.touching(&key, after, i64::MAX)?, &key) {
                Next::Known(row) => return Ok(row),
                Next::Under(to, number) => (key, after) = (to, number),
                Next::Present => return Ok(past.with(self.present(table, &key)?)),
            }
        }
    }

    /// The row as it is now; nothing if the table is gone.
    fn present(&self, table: &str, key: &Key) -> Result<Option<Row>> {
        let sql = "SELECT name, except_columns, redacted_columns FROM revision_table \
                   WHERE name = ?1 COLLATE NOCASE";
        let registered = self.conn.query_row(sql, [table], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?, row.get::<_, String>(2)?))
        });
        let Some((name, except, redact)) = registered.optional()? else {
            return Err(Error::NotTracked { table: table.into() });
        };
        if !self.conn.table_exists(Some("main"), &name)? {
            return Ok(None);
        }
        let exists =
            |column: &String| self.conn.column_exists(Some("main"), &name, column).unwrap_or(false);
        let list = |json: &str| -> Vec<String> {
            let names = Key::read(json).map(|key| key.values().to_vec()).unwrap_or_default();
            names.iter().map(ToString::to_string).filter(exists).collect()
        };
        let options =
            Options { except: list(&except), redact: list(&redact), ..Options::default() };
        Table::read(self.conn, &name, &options)?.present(self.conn, key)
    }

    /// Changes of the row under a key, or that brought a row there, newest first.
    fn touching(&self, key: &Key, after: i64, before: i64) -> Result<Vec<Entry>> {
        let key = key.stored();
        self.changes(
            " AND number > ? AND number < ? AND (\"key\" = ? OR moved_to = ?)",
            [after.into(), before.into(), key.as_str().into(), key.as_str().into()],
        )
    }

    fn condition(&self) -> String {
        let each = self.conditions.iter().map(|condition| format!(" AND ({condition})"));
        each.collect()
    }

    fn changes(&self, more: &str, values: impl IntoIterator<Item = Value>) -> Result<Vec<Entry>> {
        let limit = self.limit.map_or(String::new(), |limit| format!(" LIMIT {limit}"));
        let sql = format!(
            "SELECT number, begun_at, revision, description, reverts, actor, actor_kind, \
             actor_id, object_reason, deletion_reason, caused, statement, \"table\", \"key\", \
             moved_to, op, old, new FROM revision_history WHERE 1{}{more} \
             ORDER BY number DESC{limit}",
            self.condition()
        );
        self.read(&sql, self.parameters.iter().cloned().chain(values))
    }

    fn gaps(&self) -> Result<Vec<Entry>> {
        let limit = self.limit.map_or(String::new(), |limit| format!(" LIMIT {limit}"));
        let sql = format!(
            "SELECT * FROM (SELECT f.gap_after AS number, p.begun_at, p.revision, p.description, \
             p.reverts, f.actor, f.actor_kind, f.actor_id, f.gap_reason, NULL, 0, 0, \
             t.name AS \"table\", '[]', NULL, 'gap', NULL, NULL FROM revision_frame f \
             JOIN revision_part p ON p.id = f.part JOIN revision_table t ON t.id = f.gap_table \
             ORDER BY f.id DESC) WHERE 1{} ORDER BY number DESC{limit}",
            self.condition()
        );
        self.read(&sql, self.parameters.iter().cloned())
    }

    fn read(&self, sql: &str, values: impl Iterator<Item = Value>) -> Result<Vec<Entry>> {
        let mut statement = self.conn.prepare_cached(sql)?;
        let rows = statement.query_map(params_from_iter(values), |row| {
            Ok(entry(row)?.ok_or(Error::Damaged { number: row.get(0)? }))
        })?;
        rows.map(|entry| entry?).collect()
    }
}

fn entry(row: &rusqlite::Row<'_>) -> rusqlite::Result<Option<Entry>> {
    let stored = Stored {
        number: row.get(0)?,
        begun_at: row.get(1)?,
        revision: row.get(2)?,
        description: row.get(3)?,
        reverts: row.get(4)?,
        actor: row.get(5)?,
        actor_kind: row.get(6)?,
        actor_id: row.get(7)?,
        reason: row.get(8)?,
        deletion: row.get(9)?,
        caused: row.get(10)?,
        statement: row.get(11)?,
        table: row.get(12)?,
        key: row.get(13)?,
        moved_to: row.get(14)?,
        op: row.get(15)?,
        old: row.get(16)?,
        new: row.get(17)?,
    };
    Ok(stored.read())
}
