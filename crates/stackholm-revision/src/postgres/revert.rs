//! The way back: what a revision did is taken back by a new one.

use super::error::{Error, Result};
use super::history;
use super::sent::Params;
use super::table::{Table, Written};
use super::transaction::Transaction;
use crate::entry::{Entry, Op};
use crate::frame;
use crate::key::RevisionKey;
use crate::revert::{Conflict, ConflictAt, Reverted, Why, in_the_way, lacking, of_one_row};
use crate::revision::Revision;
use crate::value::Key;
use std::collections::{BTreeMap, BTreeSet};
use tokio_postgres::types::ToSql;

pub(super) async fn revert(
    tx: &mut Transaction<'_>,
    revision: RevisionKey,
    row: Option<(&str, Key)>,
    conflict: Conflict,
) -> Result<Reverted> {
    if frame::here().is_none() {
        return Err(Error::NoBlock);
    }
    let mut entries = tx.history().in_revision(revision).entries().await?;
    entries.retain(|entry| entry.op != Op::Gap);
    if entries.is_empty() {
        return Err(Error::NoRevision(revision));
    }
    if let Some((table, key)) = row {
        let named = "SELECT stackholm.revision_named($1)";
        let name = tx.client().query_one(named, &[&table]).await.map_err(Error::of_history)?;
        entries = of_one_row(entries, name.get(0), key);
    }
    let mut tables = BTreeMap::new();
    for entry in &entries {
        if !tables.contains_key(&entry.table) {
            tables.insert(entry.table.clone(), Table::read(tx.client(), &entry.table).await?);
        }
        if let Some(column) = lacking(entry, |name| tables[&entry.table].has(name)) {
            return Err(Error::Column { table: entry.table.clone(), column });
        }
    }
    let mut all = tx.savepoint().await?;
    let block = Revision::reverting(revision);
    let reverted = block.wrap(each(&mut all, &entries, &tables, conflict)).await?;
    if conflict == Conflict::Stop && !reverted.conflicts.is_empty() {
        return Err(Error::Conflicts(reverted.conflicts));
    }
    all.commit().await?;
    Ok(reverted)
}

/// What came of taking one change back.
enum Outcome {
    Done(Op, Option<Why>),
    Not(Why),
    /// A constraint refuses it; perhaps not any more when others are back.
    Refused(String),
}

/// Takes the changes back, newest first. One that a constraint refuses waits for the others, and
/// older changes of its row wait for it; once none gets through any more, those that are left are
/// conflicts.
async fn each(
    all: &mut Transaction<'_>,
    entries: &[Entry],
    tables: &BTreeMap<String, Table>,
    conflict: Conflict,
) -> Result<Reverted> {
    let revision = frame::here().map_or_else(RevisionKey::new, |here| here.revision);
    let mut reverted = Reverted { revision, rows: Vec::new(), conflicts: Vec::new() };
    let mut pending: Vec<&Entry> = entries.iter().collect();
    loop {
        let (mut waiting, mut refused) = (Vec::new(), Vec::new());
        let mut blocked = BTreeSet::new();
        for entry in &pending {
            let key = entry.moved_to.as_ref().unwrap_or(&entry.key);
            if blocked.contains(&(&entry.table, key.stored())) {
                blocked.insert((&entry.table, entry.key.stored()));
                waiting.push(*entry);
                continue;
            }
            let at = |why| {
                let (table, key, number) = (entry.table.clone(), key.clone(), entry.number);
                ConflictAt { table, key, number, why }
            };
            match one(all, entry, &tables[&entry.table], conflict).await? {
                Outcome::Done(op, why) => {
                    reverted.conflicts.extend(why.map(at));
                    reverted.rows.push((entry.table.clone(), entry.key.clone(), op));
                }
                Outcome::Not(why) => reverted.conflicts.push(at(why)),
                Outcome::Refused(said) => {
                    blocked.insert((&entry.table, entry.key.stored()));
                    refused.push(at(Why::Refused(said)));
                    waiting.push(*entry);
                }
            }
        }
        if waiting.len() == pending.len() || waiting.is_empty() {
            reverted.conflicts.extend(refused);
            return Ok(reverted);
        }
        pending = waiting;
    }
}

async fn one(
    all: &mut Transaction<'_>,
    entry: &Entry,
    table: &Table,
    conflict: Conflict,
) -> Result<Outcome> {
    let key = entry.moved_to.as_ref().unwrap_or(&entry.key);
    let mut one = all.savepoint().await?;
    let present = match history::present(one.client(), table.id, key).await {
        Err(error) if error.refuses() => return Ok(Outcome::Refused(error.to_string())),
        present => present?,
    };
    let found = in_the_way(entry, present.as_ref());
    let forced = conflict == Conflict::Overwrite && found != Some(Why::Gone);
    let mut why = match found {
        Some(why) if !forced => return Ok(Outcome::Not(why)),
        found => found,
    };
    let (written, op) = match entry.op {
        Op::Insert => (table.delete_sql(key), Op::Delete),
        Op::Delete if present.is_none() => (table.insert_sql(&entry.old), Op::Insert),
        _ => (table.update_sql(key, &entry.old), Op::Update),
    };
    let newest = "SELECT coalesce(max(id), 0) FROM stackholm.revision_delta";
    let before: i64 = one.client().query_one(newest, &[]).await?.get(0);
    match execute(&mut one, written).await {
        Err(error) if error.refuses() => return Ok(Outcome::Refused(error.to_string())),
        done => done?,
    }
    if entry.op == Op::Insert {
        let sql = "SELECT count(*) FROM stackholm.revision_delta d \
                   JOIN stackholm.revision_frame f ON f.id = frame \
                   JOIN stackholm.revision_part p ON p.id = part \
                   WHERE d.id > $1 AND caused AND transaction = pg_current_xact_id()";
        let along: i64 = one.client().query_one(sql, &[&before]).await?.get(0);
        if along > 0 {
            let takes = Why::TakesAlong(usize::try_from(along).unwrap_or(usize::MAX));
            if conflict != Conflict::Overwrite {
                return Ok(Outcome::Not(takes));
            }
            why = Some(takes);
        }
    }
    one.commit().await?;
    Ok(Outcome::Done(op, why))
}

async fn execute(tx: &mut Transaction<'_>, (sql, values): Written) -> Result<()> {
    let values: Vec<_> = values.iter().map(|value| value as &(dyn ToSql + Sync)).collect();
    let values: Params<'_> = &values;
    tx.execute(&sql, values).await.map(drop)
}
