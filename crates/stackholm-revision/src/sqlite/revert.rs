//! The way back: what a revision did is taken back by a new one.

use super::error::{Error, Result};
use super::table::Table;
use super::transaction::Transaction;
use crate::entry::{Entry, Op};
use crate::frame;
use crate::key::RevisionKey;
use crate::revert::{Conflict, ConflictAt, Reverted, Why, in_the_way, lacking, of_one_row};
use crate::revision::Revision;
use crate::value::Key;
use rusqlite::{Connection, ErrorCode};

pub(super) fn revert(
    tx: &mut Transaction<'_>,
    revision: RevisionKey,
    row: Option<(&str, Key)>,
    conflict: Conflict,
) -> Result<Reverted> {
    if frame::here().is_none() {
        return Err(Error::NoBlock);
    }
    let mut entries = tx.history().in_revision(revision).entries()?;
    entries.retain(|entry| entry.op != Op::Gap);
    if entries.is_empty() {
        return Err(Error::NoRevision(revision));
    }
    if let Some((table, key)) = row {
        entries = of_one_row(entries, table, key);
    }
    let tables = entries.iter().map(|entry| table(tx, entry)).collect::<Result<Vec<_>>>()?;
    let deferred = deferred_keys(tx.parts().0)?;
    let mut all = tx.savepoint()?;
    // A row may come back before the one that it refers to; what is wrong at the end of the
    // transaction is still refused then.
    defer_keys(all.parts().0, true)?;
    let block = Revision::reverting(revision);
    let reverted = block.run(|| each(&mut all, entries.iter().zip(&tables), conflict));
    defer_keys(all.parts().0, deferred)?;
    let reverted = reverted?;
    if conflict == Conflict::Stop && !reverted.conflicts.is_empty() {
        return Err(Error::Conflicts(reverted.conflicts));
    }
    all.commit()?;
    Ok(reverted)
}

fn deferred_keys(conn: &Connection) -> Result<bool> {
    Ok(conn.pragma_query_value(None, "defer_foreign_keys", |row| row.get(0))?)
}

fn defer_keys(conn: &Connection, defer: bool) -> Result<()> {
    Ok(conn.pragma_update(None, "defer_foreign_keys", defer)?)
}

/// The table of a change, which must have all that is needed to take it back.
fn table(tx: &Transaction<'_>, entry: &Entry) -> Result<Table> {
    let capture = tx.parts().1.lock();
    let table = capture.tables.iter().find(|table| table.name == entry.table);
    let table = table.ok_or_else(|| Error::NotTracked { table: entry.table.clone() })?;
    let known = |name: &str| table.columns.iter().any(|column| column.name == name);
    match lacking(entry, known) {
        Some(column) => Err(Error::Column { table: entry.table.clone(), column }),
        None => Ok(table.clone()),
    }
}

fn each<'e>(
    all: &mut Transaction<'_>,
    entries: impl Iterator<Item = (&'e Entry, &'e Table)>,
    conflict: Conflict,
) -> Result<Reverted> {
    let revision = frame::here().map_or_else(RevisionKey::new, |here| here.revision);
    let mut reverted = Reverted { revision, rows: Vec::new(), conflicts: Vec::new() };
    for (entry, table) in entries {
        let key = entry.moved_to.as_ref().unwrap_or(&entry.key);
        let mut at = |why| {
            let (table, key, number) = (entry.table.clone(), key.clone(), entry.number);
            reverted.conflicts.push(ConflictAt { table, key, number, why });
        };
        let mut one = all.savepoint()?;
        let present = table.present(one.parts().0, key)?;
        let found = in_the_way(entry, present.as_ref());
        let forced = conflict == Conflict::Overwrite && found != Some(Why::Gone);
        let goes_on = found.is_none() || forced;
        found.into_iter().for_each(&mut at);
        if !goes_on {
            continue;
        }
        let (sql, op) = match entry.op {
            Op::Insert => (table.delete_sql(key), Op::Delete),
            Op::Delete if present.is_none() => (table.insert_sql(&entry.old), Op::Insert),
            _ => (table.update_sql(key, &entry.old), Op::Update),
        };
        match one.execute_values(sql) {
            Ok(_) if entry.op == Op::Insert && one.caused() > 0 => {
                at(Why::TakesAlong(one.caused()));
                if conflict != Conflict::Overwrite {
                    continue;
                }
            }
            Ok(_) => {}
            Err(Error::Sqlite(error)) if is_refusal(&error) => {
                at(Why::Refused(error.to_string()));
                continue;
            }
            Err(error) => return Err(error),
        }
        one.commit()?;
        reverted.rows.push((entry.table.clone(), entry.key.clone(), op));
    }
    Ok(reverted)
}

fn is_refusal(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation)
}
