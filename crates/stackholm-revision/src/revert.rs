//! The way back, as far as it is the same in all databases: what a conflict is, and what is said of
//! one.

use crate::entry::{Entry, Op};
use crate::key::RevisionKey;
use crate::value::{Key, Row, Value};
use std::fmt;

/// What to do with a row that has changed since.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conflict {
    /// Revert nothing, and name all such rows.
    Stop,
    /// Leave such rows as they are, and revert the others.
    Skip,
    /// Revert them too, where that is possible.
    Overwrite,
}

/// What was reverted; made by `revert` of a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reverted {
    /// The revision that took the other back.
    pub revision: RevisionKey,
    /// The rows that were changed, in this order, and what was done with each.
    pub rows: Vec<(String, Key, Op)>,
    /// The rows that had changed since: left as they were, or overwritten.
    pub conflicts: Vec<ConflictAt>,
}

/// A row that has changed since.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConflictAt {
    /// The table.
    pub table: String,
    /// The key of the row.
    pub key: Key,
    /// The change that was to be taken back.
    pub number: i64,
    /// What is in the way.
    pub why: Why,
}

/// What is in the way of taking a change back.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Why {
    /// These columns are not as the change left them.
    Changed(Vec<String>),
    /// The row is not there any more.
    Gone,
    /// There is a row again under the key of the deleted one.
    There,
    /// Deleting the row would take so many others along.
    TakesAlong(usize),
    /// The database refuses it.
    Refused(String),
}

impl fmt::Display for ConflictAt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} ", self.table, self.key)?;
        match &self.why {
            Why::Changed(columns) => write!(f, "has changed in {}", columns.join(", ")),
            Why::Gone => f.write_str("is gone"),
            Why::There => f.write_str("is there again"),
            Why::TakesAlong(rows) => write!(f, "would take {rows} rows along"),
            Why::Refused(error) => f.write_str(error),
        }
    }
}

/// The changes of one row of those of a revision, newest first, whatever its key was before.
pub(crate) fn of_one_row(entries: Vec<Entry>, table: &str, key: Key) -> Vec<Entry> {
    let mut key = key;
    let mut own = Vec::new();
    for entry in entries {
        let after = entry.moved_to.as_ref().unwrap_or(&entry.key);
        if entry.table.eq_ignore_ascii_case(table) && *after == key {
            key = entry.key.clone();
            own.push(entry);
        }
    }
    own
}

/// A column of a change that is not known in the table, or whose value was not kept.
pub(crate) fn lacking(entry: &Entry, known: impl Fn(&str) -> bool) -> Option<String> {
    let unknown = |(name, _): &(&str, &Value)| !known(name);
    let lost = |(name, value): &(&str, &Value)| !known(name) || **value == Value::Redacted;
    let column = entry.old.iter().find(lost).or_else(|| entry.new.iter().find(unknown));
    column.map(|(name, _)| name.to_owned())
}

/// What has changed since a change was made, by the row as it is now.
pub(crate) fn in_the_way(entry: &Entry, present: Option<&Row>) -> Option<Why> {
    let Some(present) = present else {
        return (entry.op != Op::Delete).then_some(Why::Gone);
    };
    if entry.op == Op::Delete {
        return Some(Why::There);
    }
    let differs = |(name, value): &(&str, &Value)| present.get(name) != Some(*value);
    let columns: Vec<_> =
        entry.new.iter().filter(differs).map(|(name, _)| name.to_owned()).collect();
    (!columns.is_empty()).then_some(Why::Changed(columns))
}
