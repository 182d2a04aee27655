//! What happened to the rows of tracked tables, newest first.

use super::error::{Error, Result};
use crate::actor::{Actor, Who};
use crate::entry::{Entry, Stored};
use crate::key::RevisionKey;
use crate::trail::{self, Next, Past};
use crate::value::{Key, Row};
use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};
use tokio_postgres::Client;
use tokio_postgres::types::ToSql;

/// The columns of an entry, in the order in which they are read.
const COLUMNS: &str = "number, (extract(epoch FROM begun_at) * 1000)::bigint, uuid_send(revision), \
     description, uuid_send(reverts), actor, actor_kind, actor_id, object_reason, deletion_reason, \
     caused, statement, \"table\", \"key\"::text, moved_to::text, op::text, old::text, new::text";

/// Gaps in the form of changes.
const GAPS: &str = "SELECT f.gap_after AS number, p.begun_at, p.revision, p.description, \
     p.reverts, f.actor, f.actor_kind, f.actor_id, f.gap_reason AS object_reason, \
     NULL::text AS deletion_reason, false AS caused, 0::bigint AS statement, \
     t.name AS \"table\", '[]' AS \"key\", NULL AS moved_to, 'gap' AS op, NULL AS old, NULL AS new, \
     f.id AS frame FROM stackholm.revision_frame f \
     JOIN stackholm.revision_part p ON p.id = f.part \
     JOIN stackholm.revision_table t ON t.id = f.gap_table";

/// What to look for in the history; narrowed down by its methods, asked by those that give a
/// result.
///
/// A question that goes back through several changes is several statements. Ask in a transaction of
/// [`RepeatableRead`](tokio_postgres::IsolationLevel::RepeatableRead) if others move keys meanwhile.
#[derive(Clone)]
#[must_use = "nothing is asked before one of the methods that give a result"]
pub struct History<'c> {
    client: &'c Client,
    conditions: Vec<String>,
    /// All of them as texts.
    parameters: Vec<Option<String>>,
    limit: Option<usize>,
}

impl<'c> History<'c> {
    /// The history in the database of any client, tracked or not.
    pub fn on(client: &'c Client) -> Self {
        History { client, conditions: Vec::new(), parameters: Vec::new(), limit: None }
    }

    /// One more condition, in which each `?` is the next of the values.
    fn only(mut self, condition: &str, values: impl IntoIterator<Item = Option<String>>) -> Self {
        let mut sql = String::new();
        let mut values = values.into_iter();
        for part in condition.split_inclusive('?') {
            let Some(before) = part.strip_suffix('?') else {
                sql.push_str(part);
                continue;
            };
            self.parameters.push(values.next().flatten());
            sql.push_str(&format!("{before}${}::text", self.parameters.len()));
        }
        self.conditions.push(sql);
        self
    }

    /// Of one table, by its name in the history or in a statement.
    pub fn table(self, table: &str) -> Self {
        self.only("\"table\" = stackholm.revision_named(?)", [Some(table.into())])
    }

    /// Made by one actor.
    pub fn by(self, actor: impl Actor) -> Self {
        self.by_who(&actor.who())
    }

    /// Made by one actor, by the system, or by nobody who was named.
    pub fn by_who(self, who: &Who) -> Self {
        let (word, kind, id) = who.stored();
        let values = [Some(word), kind, id].map(|text| text.map(String::from));
        let same = "actor = ? AND actor_kind IS NOT DISTINCT FROM ? \
                    AND actor_id IS NOT DISTINCT FROM ?";
        self.only(same, values)
    }

    /// Of one revision.
    pub fn in_revision(self, revision: RevisionKey) -> Self {
        self.only("revision = CAST(? AS uuid)", [Some(revision.to_string())])
    }

    /// In transactions that wrote first at this time or later, to the millisecond.
    pub fn since(self, time: SystemTime) -> Self {
        let millis = time.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        let millis = millis.min(i64::MAX as u128).to_string();
        self.only("extract(epoch FROM begun_at) * 1000 >= CAST(? AS numeric)", [Some(millis)])
    }

    /// The newest ones, so many at most.
    pub fn limit(self, limit: usize) -> Self {
        History { limit: Some(limit), ..self }
    }

    /// All changes and gaps that were asked for, newest first.
    ///
    /// # Errors
    /// If what is stored cannot be read, or PostgreSQL fails.
    pub async fn entries(&self) -> Result<Vec<Entry>> {
        let mut entries = self.changes().await?;
        entries.extend(self.gaps().await?);
        Ok(trail::newest_first(entries, self.limit))
    }

    /// What happened to one row, and to the same row under the keys that it had before; and the
    /// gaps of its table.
    ///
    /// # Errors
    /// As [`entries`](Self::entries).
    pub async fn of(self, table: &str, key: impl Into<Key>) -> Result<Vec<Entry>> {
        let mut next = Some((key.into(), i64::MAX));
        let this = self.table(table);
        let mut entries = Vec::new();
        while let Some((key, before)) = next {
            let (own, came) = trail::own(this.touching(&key, -1, before).await?, &key);
            entries.extend(own);
            next = came;
        }
        entries.extend(this.gaps().await?);
        Ok(trail::newest_first(entries, this.limit))
    }

    /// The row that is now under a key, as it was when a revision had been made; `None` if it did
    /// not exist.
    ///
    /// Found by going back from the present row, so a row is whole even if it is older than its
    /// tracking. A column that was dropped or renamed since is known as far as changes tell. Values
    /// that were redacted are [`Value::Redacted`](crate::Value::Redacted).
    ///
    /// # Errors
    /// If there is no such revision, what is stored cannot be read, or PostgreSQL fails.
    pub async fn at(
        &self,
        table: &str,
        key: impl Into<Key>,
        revision: RevisionKey,
    ) -> Result<Option<Row>> {
        let key = key.into();
        let (_, last) = self.range(revision).await?;
        self.walk(table, &key, last).await
    }

    /// The same, before the revision was made.
    ///
    /// # Errors
    /// As [`at`](Self::at).
    pub async fn before(
        &self,
        table: &str,
        key: impl Into<Key>,
        revision: RevisionKey,
    ) -> Result<Option<Row>> {
        let key = key.into();
        let (first, _) = self.range(revision).await?;
        self.walk(table, &key, first - 1).await
    }

    /// The same, after the change of this number; see [`Entry::number`].
    ///
    /// # Errors
    /// As [`at`](Self::at).
    pub async fn after(
        &self,
        table: &str,
        key: impl Into<Key>,
        number: i64,
    ) -> Result<Option<Row>> {
        let key = key.into();
        self.walk(table, &key, number).await
    }

    /// The numbers of the first and the last change of a revision.
    async fn range(&self, revision: RevisionKey) -> Result<(i64, i64)> {
        let sql = "SELECT min(number), max(number) FROM stackholm.revision_history \
                   WHERE revision = CAST($1::text AS uuid)";
        let row = self.client.query_one(sql, &[&revision.to_string()]).await;
        let row = row.map_err(Error::of_history)?;
        match (row.get(0), row.get(1)) {
            (Some(first), Some(last)) => Ok((first, last)),
            _ => Err(Error::NoRevision(revision)),
        }
    }

    /// The row that is now under a key, as it was once the change of this number was made.
    async fn walk(&self, table: &str, key: &Key, after: i64) -> Result<Option<Row>> {
        let all = History::on(self.client).table(table);
        let (mut key, mut before) = (key.clone(), i64::MAX);
        while let Some(came) = trail::came(all.touching(&key, after, before).await?, &key) {
            (key, before) = came;
        }
        let mut after = after;
        let mut past = Past::default();
        loop {
            // Asked first: a change that comes in between tells what was before it.
            let present = self.present(table, &key).await?;
            match past.learn(all.touching(&key, after, i64::MAX).await?, &key) {
                Next::Known(row) => return Ok(row),
                Next::Under(to, number) => (key, after) = (to, number),
                Next::Present => return Ok(past.with(present)),
            }
        }
    }

    /// The row as it is now; nothing if the table is gone.
    async fn present(&self, table: &str, key: &Key) -> Result<Option<Row>> {
        let sql = "SELECT id FROM stackholm.revision_table \
                   WHERE name = stackholm.revision_named($1)";
        let found = self.client.query_opt(sql, &[&table]).await.map_err(Error::of_history)?;
        let absent = || Error::NotTracked { table: table.into() };
        present(self.client, found.ok_or_else(absent)?.get(0), key).await
    }

    /// Changes of the row under a key, or that brought a row there, newest first.
    async fn touching(&self, key: &Key, after: i64, before: i64) -> Result<Vec<Entry>> {
        let key = key.stored();
        let touching = "number > CAST(? AS bigint) AND number < CAST(? AS bigint) \
                        AND (\"key\" = CAST(? AS jsonb) OR moved_to = CAST(? AS jsonb))";
        let values = [after.to_string(), before.to_string(), key.clone(), key].map(Some);
        self.clone().only(touching, values).changes().await
    }

    async fn changes(&self) -> Result<Vec<Entry>> {
        self.read("stackholm.revision_history", "number DESC").await
    }

    async fn gaps(&self) -> Result<Vec<Entry>> {
        self.read(&format!("({GAPS}) gaps"), "number DESC, frame DESC").await
    }

    async fn read(&self, source: &str, order: &str) -> Result<Vec<Entry>> {
        let conditions = self.conditions.iter().map(|condition| format!(" AND ({condition})"));
        let limit = self.limit.map_or(String::new(), |limit| format!(" LIMIT {limit}"));
        let sql = format!(
            "SELECT {COLUMNS} FROM {source} WHERE true{} ORDER BY {order}{limit}",
            conditions.collect::<String>()
        );
        let values: Vec<_> = self.parameters.iter().map(|v| v as &(dyn ToSql + Sync)).collect();
        let rows = self.client.query(&sql, &values).await.map_err(Error::of_history)?;
        rows.iter().map(entry).collect()
    }
}

impl fmt::Debug for History<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("History").field("conditions", &self.conditions).finish_non_exhaustive()
    }
}

/// A row as it is now.
pub(super) async fn present(client: &Client, table: i32, key: &Key) -> Result<Option<Row>> {
    let sql = "SELECT stackholm.revision_row($1, CAST($2::text AS jsonb))::text";
    let row = client.query_one(sql, &[&table, &key.stored()]).await.map_err(Error::of_history)?;
    match row.get::<_, Option<String>>(0) {
        None => Ok(None),
        Some(json) => Ok(Some(Row::read(&json).ok_or(Error::Damaged { number: 0 })?)),
    }
}

fn entry(row: &tokio_postgres::Row) -> Result<Entry> {
    let number = row.get(0);
    let bytes = |at: usize| row.get::<_, Option<&[u8]>>(at).map(<[u8; 16]>::try_from);
    let damaged = || Error::Damaged { number };
    let stored = Stored {
        number,
        begun_at: row.get(1),
        revision: bytes(2).and_then(Result::ok).ok_or_else(damaged)?,
        description: row.get(3),
        reverts: bytes(4).transpose().map_err(|_| damaged())?,
        actor: row.get(5),
        actor_kind: row.get(6),
        actor_id: row.get(7),
        reason: row.get(8),
        deletion: row.get(9),
        caused: row.get(10),
        statement: row.get(11),
        table: row.get(12),
        key: row.get(13),
        moved_to: row.get(14),
        op: row.get(15),
        old: row.get(16),
        new: row.get(17),
    };
    stored.read().ok_or_else(damaged)
}
