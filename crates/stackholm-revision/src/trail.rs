//! A row through its changes, as far as that is the same in all databases. A database is asked for
//! the changes that touch a key; what they tell is worked out here.

use crate::entry::{Entry, Op};
use crate::value::{Key, Row};

/// Of changes that touch a key, newest first: those of the row that is under it, and where it was
/// before, if it came there. A key, and the number of the change that was made to it.
pub(crate) fn own(touching: Vec<Entry>, key: &Key) -> (Vec<Entry>, Option<(Key, i64)>) {
    let came = touching.iter().position(|entry| entry.moved_to.as_ref() == Some(key));
    let own: Vec<_> = match came {
        Some(at) => touching.into_iter().take(at + 1).collect(),
        None => touching,
    };
    let before = own.last().filter(|_| came.is_some()).map(|last| (last.key.clone(), last.number));
    (own, before)
}

/// Where the row under a key was before it came there, by changes that touch the key.
pub(crate) fn came(touching: Vec<Entry>, key: &Key) -> Option<(Key, i64)> {
    let came = touching.into_iter().find(|entry| entry.moved_to.as_ref() == Some(key))?;
    Some((came.key, came.number))
}

/// What a row was, by what later changes say.
#[derive(Default)]
pub(crate) struct Past(Option<Row>);

/// Where to look next.
pub(crate) enum Next {
    /// This is what it was.
    Known(Option<Row>),
    /// At the changes of this key behind that number: the row went there.
    Under(Key, i64),
    /// At the row as it is now.
    Present,
}

impl Past {
    /// Learns from changes that touch a key, newest first.
    pub(crate) fn learn(&mut self, mut touching: Vec<Entry>, key: &Key) -> Next {
        while let Some(entry) = touching.pop() {
            if entry.op == Op::Insert || entry.key != *key {
                // Until then there was none.
                return Next::Known(self.0.take());
            }
            let known = self.0.get_or_insert_default();
            for (column, value) in &entry.old.0 {
                known.0.entry(column.clone()).or_insert_with(|| value.clone());
            }
            if entry.op == Op::Delete {
                return Next::Known(self.0.take());
            }
            if let Some(to) = entry.moved_to {
                return Next::Under(to, entry.number);
            }
        }
        Next::Present
    }

    /// What changes do not tell is as it is now.
    pub(crate) fn with(self, present: Option<Row>) -> Option<Row> {
        match (present, self.0) {
            (Some(mut present), Some(known)) => {
                present.0.extend(known.0);
                Some(present)
            }
            (present, known) => present.or(known),
        }
    }
}

/// Newest first; a gap comes after the changes that it followed.
pub(crate) fn newest_first(mut entries: Vec<Entry>, limit: Option<usize>) -> Vec<Entry> {
    entries.sort_by_key(|entry| std::cmp::Reverse((entry.number, entry.op == Op::Gap)));
    entries.truncate(limit.unwrap_or(usize::MAX));
    entries
}
