//! What a thread keeps of the process-wide values: those that it read last, each with a count of
//! its own.
//!
//! A read counts what it has for as long as it runs, in a word of this thread: so reads inside
//! reads, and reads that end in any order, go on with what they had, whatever is set meanwhile. An
//! old value ends with the last of them.

use super::table::Value;
use alloc::boxed::Box;
use core::cell::Cell;
use core::ptr::{self, NonNull};

/// In the place of a version, which is even: nothing is kept.
const NONE: usize = 1;

/// How many variables' values are kept; two whose numbers meet in one place take turns.
const PLACES: usize = 16;

/// A value with its count.
pub(super) struct Kept {
    value: Value,
    /// The reads that are running, once it is in its place no more; until then the place counts.
    reads: Cell<usize>,
}

impl Kept {
    pub(super) fn new(value: Value) -> Kept {
        Kept { value, reads: Cell::new(0) }
    }
}

/// What is kept of one variable.
///
/// Invariant: G2 — unless the stamp is [`NONE`], the variable by that number has that value by that
/// version: `kept` is the raw form of a box, which is ours, `value` lies in it, and `reads` of it are
/// running; or `kept` is null and there is no value, and the number stands there with all bits turned.
struct Place {
    number: Cell<usize>,
    stamp: Cell<usize>,
    value: Cell<NonNull<()>>,
    kept: Cell<*const Kept>,
    reads: Cell<usize>,
}

impl Place {
    const fn new() -> Self {
        Place {
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

    /// Takes out what is there, for the caller to drop: that is foreign code. If reads of it are
    /// running, the last of them does.
    fn take(&self) -> Option<Box<Kept>> {
        let (kept, reads) = (self.kept.replace(ptr::null()), self.reads.replace(0));
        self.stamp.set(NONE);
        if kept.is_null() {
            return None;
        }
        // SAFETY: G2: it is ours.
        unsafe { &(*kept).reads }.set(reads);
        // SAFETY: as above; no read of it is running.
        (reads == 0).then(|| unsafe { Box::from_raw(kept.cast_mut()) })
    }
}

pub(super) struct Local([Place; PLACES]);

/// What a look finds.
pub(super) enum Look {
    Value(NonNull<()>, Reading),
    /// There is none by that version.
    Absent,
    Unknown,
}

impl Local {
    pub(super) const fn new() -> Self {
        Local([const { Place::new() }; PLACES])
    }

    fn place(&self, number: usize) -> &Place {
        &self.0[number % PLACES]
    }

    /// The value that a variable has by that version, with a read that has begun.
    #[inline(always)]
    pub(super) fn read(&self, number: usize, stamp: usize) -> Option<(NonNull<()>, Reading)> {
        let place = self.place(number);
        place.is(number, stamp).then(|| {
            place.reads.set(place.reads.get() + 1);
            (place.value.get(), Reading(place, place.kept.get()))
        })
    }

    /// As [`read`](Self::read); knows too that there is none.
    pub(super) fn look(&self, number: usize, stamp: usize) -> Look {
        match self.read(number, stamp) {
            Some((value, reading)) => Look::Value(value, reading),
            None if self.place(number).is(!number, stamp) => Look::Absent,
            None => Look::Unknown,
        }
    }

    /// Keeps a value that lies in `kept`, or that there is none. Gives what was in its place, for
    /// the caller to drop.
    pub(super) fn keep(
        &self,
        number: usize,
        stamp: usize,
        found: Option<(NonNull<()>, Box<Kept>)>,
    ) -> Option<Box<Kept>> {
        let place = self.place(number);
        let before = place.take();
        let (value, kept) = match found {
            Some((value, kept)) => (value, Box::into_raw(kept).cast_const()),
            None => (NonNull::dangling(), ptr::null()),
        };
        place.number.set(if kept.is_null() { !number } else { number });
        place.value.set(value);
        place.kept.set(kept);
        place.stamp.set(stamp);
        before
    }

    /// Takes out what is in a place, unless it has that version, for the caller to drop.
    fn take_old(&self, at: usize, but: Option<usize>) -> Option<Box<Kept>> {
        let stamp = self.0[at].stamp.get();
        if stamp == NONE || Some(stamp) == but { None } else { self.0[at].take() }
    }
}

/// Has each place of a thread let go of what has another version, and `end` drop it: that is
/// foreign code. Once each: what a thread frees may make it read, and keep something anew.
pub(super) fn let_go(
    local: impl Fn(&dyn Fn(&Local) -> Option<Box<Kept>>) -> Option<Box<Kept>>,
    but: Option<usize>,
    end: impl Fn(Box<Kept>),
) {
    (0..PLACES).filter_map(|at| local(&|local| local.take_old(at, but))).for_each(end);
}

impl Kept {
    pub(super) fn value(&self) -> &Value {
        &self.value
    }
}

/// A read that is running: the value stays.
///
/// It does not leave its thread: it is on the machine's stack of a read.
pub(super) struct Reading(*const Place, *const Kept);

impl Drop for Reading {
    #[inline(always)]
    fn drop(&mut self) {
        // SAFETY: places lie in the thread, and it is there.
        let place = unsafe { &*self.0 };
        // What is in its place no more never comes back there, and its box is there until its last
        // read is over: so no other one has that address.
        if place.kept.get() == self.1 {
            place.reads.set(place.reads.get() - 1);
        } else {
            // SAFETY: one of the reads that it counts is ours.
            unsafe { end(self.1) }
        }
    }
}

/// # Safety
/// 1. It is in its place no more, and one of its reads is the caller's, which ends here.
#[cold]
#[inline(never)]
unsafe fn end(kept: *const Kept) {
    // SAFETY: #1.
    let reads = unsafe { &(*kept).reads };
    reads.set(reads.get() - 1);
    if reads.get() == 0 {
        // SAFETY: #1: it was the last one, and the place let it go.
        drop(unsafe { Box::from_raw(kept.cast_mut()) });
    }
}
