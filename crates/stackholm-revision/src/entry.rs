//! What history tells.

use crate::actor::Who;
use crate::key::RevisionKey;
use crate::value::{Key, Row, Value};
use std::collections::BTreeSet;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// What happened to a row, or to what is known of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// The row was made.
    Insert,
    /// Columns of the row were changed.
    Update,
    /// The row was deleted.
    Delete,
    /// The table was changed without being tracked.
    Gap,
}

/// One change of one row; or a gap, of which no change is known.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Entry {
    /// Where it stands among all changes; a gap stands at the change before it.
    pub number: i64,
    /// When the transaction wrote for the first time.
    pub at: SystemTime,
    /// The revision that it belongs to.
    pub revision: RevisionKey,
    /// What the revision is about.
    pub description: Option<String>,
    /// The revision that this one takes back.
    pub reverts: Option<RevisionKey>,
    /// Who made it.
    pub actor: Who,
    /// Why: the reason of the statement; of a row that went with a deletion, that of the deletion
    /// if one was given; of a gap, why nothing was tracked.
    pub because: Option<String>,
    /// Whether the database made the change because of another one, such as a cascade: the row is
    /// of another table than the statement names, or a key of its own table took it along.
    pub caused: bool,
    /// Which statement of the connection made it; changes of one statement share the number.
    pub statement: i64,
    /// The table.
    pub table: String,
    /// The key of the row before the change; of a gap, nothing.
    pub key: Key,
    /// The key after the change, if the change altered it.
    pub moved_to: Option<Key>,
    /// What happened.
    pub op: Op,
    /// What the changed columns were; of a deleted row, all of them.
    pub old: Row,
    /// What the changed columns are; of a new row, all of them.
    pub new: Row,
}

/// One column of one change.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Change<'a> {
    /// The column.
    pub column: &'a str,
    /// What it was; `None` if the row was not there.
    pub old: Option<&'a Value>,
    /// What it is; `None` if the row is not there.
    pub new: Option<&'a Value>,
}

impl Entry {
    /// The changed columns, by name.
    pub fn changes(&self) -> Vec<Change<'_>> {
        let columns: BTreeSet<_> = self.old.iter().chain(self.new.iter()).map(|(c, _)| c).collect();
        let change =
            |column| Change { column, old: self.old.get(column), new: self.new.get(column) };
        columns.into_iter().map(change).collect()
    }
}

/// A row of the view `revision_history`, or a gap in the same form.
pub(crate) struct Stored {
    pub(crate) number: i64,
    /// Milliseconds since 1970.
    pub(crate) begun_at: i64,
    pub(crate) revision: [u8; 16],
    pub(crate) description: Option<String>,
    pub(crate) reverts: Option<[u8; 16]>,
    pub(crate) actor: String,
    pub(crate) actor_kind: Option<String>,
    pub(crate) actor_id: Option<String>,
    pub(crate) reason: Option<String>,
    pub(crate) deletion: Option<String>,
    pub(crate) caused: bool,
    pub(crate) statement: i64,
    pub(crate) table: String,
    pub(crate) key: String,
    pub(crate) moved_to: Option<String>,
    pub(crate) op: String,
    pub(crate) old: Option<String>,
    pub(crate) new: Option<String>,
}

impl Stored {
    /// What it says; `None` if it cannot be read.
    pub(crate) fn read(self) -> Option<Entry> {
        let columns = |json: Option<String>| match json {
            None => Some(Row::default()),
            Some(json) => Row::read(&json),
        };
        let op = match self.op.as_str() {
            "i" => Op::Insert,
            "u" => Op::Update,
            "d" => Op::Delete,
            "gap" => Op::Gap,
            _ => return None,
        };
        let because = if self.caused { self.deletion.or(self.reason) } else { self.reason };
        Some(Entry {
            number: self.number,
            at: UNIX_EPOCH + Duration::from_millis(u64::try_from(self.begun_at).unwrap_or(0)),
            revision: RevisionKey::from_bytes(self.revision),
            description: self.description,
            reverts: self.reverts.map(RevisionKey::from_bytes),
            actor: Who::read(&self.actor, self.actor_kind, self.actor_id)?,
            because,
            caused: self.caused,
            statement: self.statement,
            table: self.table,
            key: Key::read(&self.key)?,
            moved_to: match self.moved_to {
                None => None,
                Some(json) => Some(Key::read(&json)?),
            },
            op,
            old: columns(self.old)?,
            new: columns(self.new)?,
        })
    }
}
