//! The process-wide values in a thread's cache: those that it read last, each with a count of its
//! own.
//!
//! An entry counts the reads that are running, in a word of this thread. So nested reads, and reads
//! that end in any order, keep the value that they began with, whatever is set meanwhile. An
//! evicted value is dropped when the last of its reads ends.

use super::table::Value;
use alloc::boxed::Box;
use core::cell::Cell;
use core::ptr::{self, NonNull};

/// The stamp of an empty entry; stamps of versions are even.
const NONE: usize = 1;

/// The number of entries. Two variables whose ids fall on one entry evict each other.
const ENTRIES: usize = 16;

/// A cached value, with its count.
pub(super) struct CachedGlobal {
    value: Value,
    /// The reads that are running, once the value was evicted; until then the entry counts them.
    reads: Cell<usize>,
}

impl CachedGlobal {
    pub(super) fn new(value: Value) -> CachedGlobal {
        CachedGlobal { value, reads: Cell::new(0) }
    }
}

/// The entry of one variable.
///
/// Invariant: G2 — unless the stamp is [`NONE`], the entry has the value that the variable with
/// that id has in that version: `kept` is the raw form of a box that this entry owns, `value`
/// points into it, and `reads` reads of it are running. Or the variable has no value in that
/// version: then `kept` is null, and `number` is the complement of the id.
struct Entry {
    number: Cell<usize>,
    stamp: Cell<usize>,
    value: Cell<NonNull<()>>,
    kept: Cell<*const CachedGlobal>,
    reads: Cell<usize>,
}

impl Entry {
    const fn new() -> Self {
        Entry {
            number: Cell::new(0),
            stamp: Cell::new(NONE),
            value: Cell::new(NonNull::dangling()),
            kept: Cell::new(ptr::null()),
            reads: Cell::new(0),
        }
    }

    fn is(&self, number: usize, stamp: usize) -> bool {
        self.number.get() == number && self.stamp.get() == stamp
    }

    /// Empties the entry, and returns the value for the caller to drop, which runs the user's code.
    /// If reads of it are running, the last of them drops it instead.
    fn take(&self) -> Option<Box<CachedGlobal>> {
        let (kept, reads) = (self.kept.replace(ptr::null()), self.reads.replace(0));
        self.stamp.set(NONE);
        if kept.is_null() {
            return None;
        }
        // SAFETY: G2: this entry owns the box.
        unsafe { &(*kept).reads }.set(reads);
        // SAFETY: as above; no read of it is running.
        (reads == 0).then(|| unsafe { Box::from_raw(kept.cast_mut()) })
    }
}

pub(super) struct GlobalCache([Entry; ENTRIES]);

/// The result of a lookup.
pub(super) enum Lookup {
    Value(NonNull<()>, Reading),
    /// The variable has no value in that version.
    Absent,
    Unknown,
}

impl GlobalCache {
    pub(super) const fn new() -> Self {
        GlobalCache([const { Entry::new() }; ENTRIES])
    }

    fn entry(&self, number: usize) -> &Entry {
        &self.0[number % ENTRIES]
    }

    /// The value of a variable in that version, and the read that begins now.
    #[inline(always)]
    pub(super) fn read(&self, number: usize, stamp: usize) -> Option<(NonNull<()>, Reading)> {
        let entry = self.entry(number);
        entry.is(number, stamp).then(|| {
            entry.reads.set(entry.reads.get() + 1);
            (entry.value.get(), Reading(entry, entry.kept.get()))
        })
    }

    /// As [`read`](Self::read); can also find that the variable has no value.
    pub(super) fn lookup(&self, number: usize, stamp: usize) -> Lookup {
        match self.read(number, stamp) {
            Some((value, reading)) => Lookup::Value(value, reading),
            None if self.entry(number).is(!number, stamp) => Lookup::Absent,
            None => Lookup::Unknown,
        }
    }

    /// Caches a value, which lies in the box, or that the variable has none. Returns what the entry
    /// had, for the caller to drop.
    pub(super) fn insert(
        &self,
        number: usize,
        stamp: usize,
        found: Option<(NonNull<()>, Box<CachedGlobal>)>,
    ) -> Option<Box<CachedGlobal>> {
        let entry = self.entry(number);
        let before = entry.take();
        let (value, kept) = match found {
            Some((value, kept)) => (value, Box::into_raw(kept).cast_const()),
            None => (NonNull::dangling(), ptr::null()),
        };
        entry.number.set(if kept.is_null() { !number } else { number });
        entry.value.set(value);
        entry.kept.set(kept);
        entry.stamp.set(stamp);
        before
    }

    /// Empties an entry unless it has that version, and returns the value for the caller to drop.
    fn evict(&self, at: usize, except: Option<usize>) -> Option<Box<CachedGlobal>> {
        let stamp = self.0[at].stamp.get();
        if stamp == NONE || Some(stamp) == except { None } else { self.0[at].take() }
    }
}

/// Evicts the values of all other versions, and calls `end` with each, which runs the user's code.
/// Visits each entry once, since that code may read and cache values again.
pub(super) fn evict_all(
    local: impl Fn(&dyn Fn(&GlobalCache) -> Option<Box<CachedGlobal>>) -> Option<Box<CachedGlobal>>,
    except: Option<usize>,
    end: impl Fn(Box<CachedGlobal>),
) {
    (0..ENTRIES).filter_map(|at| local(&|local| local.evict(at, except))).for_each(end);
}

impl CachedGlobal {
    pub(super) fn value(&self) -> &Value {
        &self.value
    }
}

/// A read that is running, which keeps its value alive.
///
/// It never leaves its thread: it lies on the machine stack of the read.
pub(super) struct Reading(*const Entry, *const CachedGlobal);

impl Drop for Reading {
    #[inline(always)]
    fn drop(&mut self) {
        // SAFETY: entries lie in a thread-local without a destructor, and this is its thread.
        let entry = unsafe { &*self.0 };
        // A value that was evicted is never cached again, and its box lives until its last read
        // ends: so no other box has that address meanwhile.
        if entry.kept.get() == self.1 {
            entry.reads.set(entry.reads.get() - 1);
        } else {
            // SAFETY: it was evicted, and counts this read.
            unsafe { end(self.1) }
        }
    }
}

/// # Safety
/// 1. It was evicted, and counts one read of the caller, which ends here.
#[cold]
#[inline(never)]
unsafe fn end(kept: *const CachedGlobal) {
    // SAFETY: #1.
    let reads = unsafe { &(*kept).reads };
    reads.set(reads.get() - 1);
    if reads.get() == 0 {
        // SAFETY: #1: that was its last read.
        drop(unsafe { Box::from_raw(kept.cast_mut()) });
    }
}
