//! What the triggers of a connection call: functions that look at a row, decide whether it leaves
//! a delta, and say what stands in it.
//!
//! They run on the thread that executes the statement, within it. What they need to know was left
//! here by the transaction before the statement began; what they found is taken from here by the
//! trigger, and by the transaction afterwards. A statement that did not come by a transaction of
//! ours finds that none is running, and is refused.

use super::table::Table;
use crate::value::Scalar;
use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Result};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What is done with the rows that the running statement changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Mode {
    /// None is: whatever writes came past us.
    #[default]
    Idle,
    /// They leave deltas in this frame.
    Tracked(i64),
    /// They leave a gap.
    Untracked,
    /// There is no block. Tables that allow it leave deltas in this frame, which is nobody's.
    Outside(Option<i64>),
}

/// Why a row could not be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    OutsideBlock(usize),
    PastUs(usize),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Refusal::OutsideBlock(_) => "a tracked table was written outside of every revision",
            Refusal::PastUs(_) => "a tracked table was written past its transaction",
        })
    }
}

impl std::error::Error for Refusal {}

/// What a trigger and a transaction tell each other.
#[derive(Debug, Default)]
pub(super) struct Capture {
    /// The tracked tables; their triggers name them by their place here.
    pub(super) tables: Vec<Table>,
    pub(super) mode: Mode,
    pub(super) statement: i64,
    /// The table that the running statement names.
    pub(super) target: Option<usize>,
    /// Whether the frame of the running statement has a delta.
    pub(super) used: bool,
    /// Which tables were changed without being tracked.
    pub(super) gaps: Vec<usize>,
    /// How many changes of the running statement were caused by others.
    pub(super) caused: usize,
    pub(super) refused: Option<Refusal>,
    /// The keys of rows whose change has begun and not ended, in tables that refer to themselves.
    nested: Vec<(usize, String)>,
    seen: Seen,
}

/// What the trigger that runs is about to write.
#[derive(Debug, Default)]
struct Seen {
    frame: i64,
    caused: bool,
    key: String,
    moved_to: Option<String>,
    old: Option<String>,
    new: Option<String>,
}

impl Capture {
    /// Forgets what an earlier statement left, and begins the next one.
    pub(super) fn begin(&mut self, mode: Mode, target: Option<&str>) {
        self.mode = mode;
        self.statement += 1;
        self.target = target.and_then(|target| {
            self.tables.iter().position(|table| table.name.eq_ignore_ascii_case(target))
        });
        self.used = false;
        self.caused = 0;
        self.refused = None;
        self.nested.clear();
    }

    /// Where a change of this table goes: `None` if it leaves no delta.
    fn frame(&mut self, slot: usize) -> Result<Option<i64>, Refusal> {
        match self.mode {
            Mode::Tracked(frame) => Ok(Some(frame)),
            Mode::Outside(Some(frame)) if self.tables[slot].or_nobody => Ok(Some(frame)),
            Mode::Untracked => {
                if !self.gaps.contains(&slot) {
                    self.gaps.push(slot);
                }
                Ok(None)
            }
            Mode::Outside(_) => Err(self.refuse(Refusal::OutsideBlock(slot))),
            Mode::Idle => Err(self.refuse(Refusal::PastUs(slot))),
        }
    }

    fn refuse(&mut self, refusal: Refusal) -> Refusal {
        self.refused = Some(refusal);
        refusal
    }

    /// Looks at a new or deleted row; says whether a delta is to be written.
    fn row(&mut self, slot: usize, inserted: bool, row: &Arguments<'_, '_>) -> Result<bool> {
        let Some(frame) = self.frame(slot).map_err(user)? else { return Ok(false) };
        let table = &self.tables[slot];
        self.seen.frame = frame;
        self.seen.key = table.key(|column| row.scalar(column));
        let mut json = Json::new();
        for (n, column) in table.columns.iter().enumerate() {
            json.push(&column.json, column.shown(row.scalar(n)));
        }
        let json = Some(json.finish());
        self.seen.moved_to = None;
        (self.seen.old, self.seen.new) = if inserted { (None, json) } else { (json, None) };
        self.settle(slot, !inserted);
        Ok(true)
    }

    /// Looks at an updated row, whose columns come in pairs, the old value first.
    fn update(&mut self, slot: usize, row: &Arguments<'_, '_>) -> Result<bool> {
        let columns = self.tables[slot].columns.len();
        let changed = |n: usize| !row.scalar(2 * n).same(row.scalar(2 * n + 1));
        if !(0..columns).any(changed) {
            return Ok(false);
        }
        let Some(frame) = self.frame(slot).map_err(user)? else { return Ok(false) };
        let table = &self.tables[slot];
        self.seen.frame = frame;
        self.seen.key = table.key(|column| row.scalar(2 * column));
        let (mut old, mut new) = (Json::new(), Json::new());
        for (n, column) in table.columns.iter().enumerate().filter(|(n, _)| changed(*n)) {
            old.push(&column.json, column.shown(row.scalar(2 * n)));
            new.push(&column.json, column.shown(row.scalar(2 * n + 1)));
        }
        (self.seen.old, self.seen.new) = (Some(old.finish()), Some(new.finish()));
        let moved = table.key_columns.iter().any(|column| changed(*column));
        self.seen.moved_to = moved.then(|| table.key(|column| row.scalar(2 * column + 1)));
        self.settle(slot, true);
        Ok(true)
    }

    /// Finds out whether the change was caused by another one.
    fn settle(&mut self, slot: usize, may_nest: bool) {
        self.used = true;
        let mut caused = self.target != Some(slot);
        if may_nest && self.tables[slot].refers_to_itself {
            let own = |(of, key): &(usize, String)| *of == slot && *key == self.seen.key;
            if let Some(at) = self.nested.iter().rposition(own) {
                self.nested.truncate(at);
            }
            caused |= self.nested.iter().any(|(of, _)| *of == slot);
        }
        self.caused += usize::from(caused);
        self.seen.caused = caused;
    }
}

/// The arguments of a call behind the table's place.
struct Arguments<'a, 'c>(&'a Context<'c>);

impl Arguments<'_, '_> {
    fn scalar(&self, n: usize) -> Scalar<'_> {
        match self.0.get_raw(n + 1) {
            ValueRef::Null => Scalar::Null,
            ValueRef::Integer(number) => Scalar::Integer(number),
            ValueRef::Real(number) => Scalar::Real(number),
            ValueRef::Text(bytes) => Scalar::Text(bytes),
            ValueRef::Blob(bytes) => Scalar::Blob(bytes),
        }
    }

    fn slot(&self) -> Result<usize> {
        self.0.get::<u32>(0).map(|slot| slot as usize)
    }
}

/// An object that is being written.
struct Json(String);

impl Json {
    fn new() -> Self {
        Json(String::with_capacity(64))
    }

    /// One more member; its name is written with the quotes and the colon already.
    fn push(&mut self, name: &str, value: Scalar<'_>) {
        self.0.push(if self.0.is_empty() { '{' } else { ',' });
        self.0.push_str(name);
        value.push(&mut self.0);
    }

    fn finish(mut self) -> String {
        self.0.push('}');
        self.0
    }
}

fn user(refusal: Refusal) -> rusqlite::Error {
    rusqlite::Error::UserFunctionError(Box::new(refusal))
}

/// A capture that a connection's functions and its transactions share. Both are used by one thread
/// at a time, and nothing of the program's runs while it is locked.
#[derive(Clone, Debug, Default)]
pub(super) struct Shared(Arc<Mutex<Capture>>);

impl Shared {
    pub(super) fn lock(&self) -> MutexGuard<'_, Capture> {
        // A panic in here leaves a capture that the next statement begins anew.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives the connection its functions.
    pub(super) fn register(&self, conn: &Connection) -> Result<()> {
        self.function(conn, "stackholm_inserted", -1, |capture, row| {
            capture.row(row.slot()?, true, row)
        })?;
        self.function(conn, "stackholm_deleted", -1, |capture, row| {
            capture.row(row.slot()?, false, row)
        })?;
        self.function(conn, "stackholm_updated", -1, |capture, row| {
            capture.update(row.slot()?, row)
        })?;
        self.function(conn, "stackholm_begun", -1, |capture, row| {
            let slot = row.slot()?;
            let key = capture.tables[slot].key(|column| {
                row.scalar(
                    capture.tables[slot].key_columns.iter().position(|c| *c == column).unwrap_or(0),
                )
            });
            capture.nested.push((slot, key));
            Ok(0)
        })?;
        self.function(conn, "stackholm_frame", 0, |capture, _| Ok(capture.seen.frame))?;
        self.function(conn, "stackholm_statement", 0, |capture, _| Ok(capture.statement))?;
        self.function(conn, "stackholm_caused", 0, |capture, _| Ok(capture.seen.caused))?;
        let take = std::mem::take::<String>;
        self.function(conn, "stackholm_key", 0, move |capture, _| Ok(take(&mut capture.seen.key)))?;
        self.function(conn, "stackholm_moved", 0, |capture, _| Ok(capture.seen.moved_to.take()))?;
        self.function(conn, "stackholm_old", 0, |capture, _| Ok(capture.seen.old.take()))?;
        self.function(conn, "stackholm_new", 0, |capture, _| Ok(capture.seen.new.take()))
    }

    fn function<T: rusqlite::functions::SqlFnOutput>(
        &self,
        conn: &Connection,
        name: &str,
        arguments: i32,
        call: impl Fn(&mut Capture, &Arguments<'_, '_>) -> Result<T> + Send + 'static,
    ) -> Result<()> {
        let shared = self.clone();
        conn.create_scalar_function(name, arguments, FunctionFlags::SQLITE_UTF8, move |context| {
            call(&mut shared.lock(), &Arguments(context))
        })
    }
}
