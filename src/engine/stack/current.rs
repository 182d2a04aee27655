//! The stack that is current on this thread.
//!
//! Its thread-local needs no destructor, so it answers at any time of a thread's life (R14). What a
//! thread leaves on its own stack is ended by a second thread-local, which has a destructor and is
//! armed by the first frame. No other thread reaches it.

use super::enter::Boundary;
use super::late::LateGuards;
use super::leave::Leaving;
use super::listed;
use super::raw::{Closed, RawStack};
use crate::engine::memory::key::Key;
use crate::engine::memory::note::At;
use crate::engine::memory::serial::{Serial, Serials};
use crate::engine::reclaim::departures::Departures;
use crate::engine::reclaim::read_guard::ReadGuards;
use crate::engine::snapshot::strong::Snapshot;
use crate::sys::{Site, abort, at_thread_end, step, thread_slot};
use core::cell::Cell;
use core::panic::Location;

pub(crate) struct Current {
    pub(in crate::engine) raw: RawStack,
    pub(in crate::engine) reads: ReadGuards,
    serials: Serials,
    pub(in crate::engine) late: LateGuards,
    armed: Cell<bool>,
}

thread_slot! {
    static CURRENT: Current = Current::new();
}

at_thread_end! { fn arm(CURRENT) => end_of_thread }

/// Leaves what the thread has not left itself. If values that are dropped enter more, that is left
/// too, eight times over; what they enter then waits for the next call, of twelve in all.
///
/// While another stack is current nothing ends. The process is then ending in the middle of that
/// stack's turn, by a call of `std::process::exit`, and other threads may still be reading what it
/// shows.
fn end_of_thread(current: &Current) {
    // What is entered in here is left in here.
    current.armed.set(true);
    for _ in 0..8 {
        if current.raw.is_lent() {
            break;
        }
        if step(Site::ThreadEnds) {
            current.raw.note_unclosed(core::ptr::null());
            let floor = current.raw.clear(&Departures::under(&current.reads));
            drop(floor);
        }
        if current.raw.is_bare() {
            break;
        }
    }
    current.armed.set(false);
    if !current.raw.is_lent() && !current.raw.is_bare() {
        current.arm();
    }
}

/// `None` if the thread-local has been destroyed: see [`without_slot`].
#[inline]
pub(in crate::engine) fn with<R>(f: impl FnOnce(&Current) -> R) -> Option<R> {
    CURRENT.try_with(f).ok()
}

/// As [`with`], for what needs a stack. A thread whose thread-local has been destroyed gets an
/// empty stack, which ends as `f` returns.
#[inline]
pub(in crate::engine) fn must<R>(f: impl FnOnce(&Current) -> R) -> R {
    match with(|_| ()) {
        // It was there just now, and nothing of the thread ended since.
        Some(()) => with(f).unwrap_or_else(|| abort()),
        None => without_slot(f),
    }
}

/// On a target whose thread-locals are made by keys, the slot is destroyed late in the thread; so
/// it is under loom.
#[cold]
fn without_slot<R>(f: impl FnOnce(&Current) -> R) -> R {
    let current = Current { armed: Cell::new(true), ..Current::new() };
    let result = f(&current);
    drop(current.raw.clear(&Departures::free()));
    result
}

impl Current {
    const fn new() -> Current {
        Current {
            raw: RawStack::new(),
            reads: ReadGuards::new(),
            serials: Serials::new(),
            late: LateGuards::new(),
            armed: Cell::new(false),
        }
    }

    #[inline]
    fn arm(&self) {
        if !self.armed.get() {
            self.armed.set(true);
            if arm() {
                listed::armed();
            }
        }
    }

    #[inline]
    fn begins(&self, sealed: bool) -> (Boundary, Serial) {
        self.arm();
        let serial = self.serials.next();
        (if sealed { Boundary::Sealed(serial) } else { Boundary::Open(serial) }, serial)
    }
}

/// Whether what is visible here began with a context that was handed over, an empty one included.
pub(crate) fn is_received() -> bool {
    with(|current| current.raw.is_received()).unwrap_or(false)
}

/// A raw stack for work that continues from here: it begins with what is visible. O(1), unless
/// there is a binding of reach "stack".
pub(crate) fn going_on(at: At) -> RawStack {
    // Only debug builds ever ask.
    RawStack::going_on(capture(at), !cfg!(debug_assertions) || is_received())
}

/// Begins a sealed checkpoint with one binding; the number is for [`leave`].
#[inline]
pub(crate) fn enter<T>(key: &Key<T>, value: T, place: &'static Location<'static>) -> Serial {
    must(|current| current.raw.scope(key, value, || current.begins(true).1, place))
}

/// Runs `f` with the raw stack of this thread and a way to begin on it. `f` must not run foreign
/// code.
pub(crate) fn with_raw<R>(
    f: impl FnOnce(&RawStack, &dyn Fn(bool) -> (Boundary, Serial)) -> R,
) -> R {
    must(|current| f(&current.raw, &|sealed| current.begins(sealed)))
}

/// Begins an open checkpoint in which `context` takes the place of all that was visible.
pub(crate) fn adopt(context: Option<Snapshot>, place: &'static Location<'static>) -> Serial {
    must(|current| {
        let (_, serial) = current.begins(false);
        current.raw.adopt(context, serial, place);
        serial
    })
}

/// Changes the innermost checkpoint, if it is open. `f` must not run foreign code.
pub(crate) fn change<R>(f: impl FnOnce(&RawStack, &Departures<'_>) -> R) -> Result<R, Closed> {
    must(|current| {
        current.raw.is_open()?;
        current.arm();
        Ok(f(&current.raw, &Departures::under(&current.reads)))
    })
}

/// Whether the innermost checkpoint can be changed.
pub(crate) fn is_open() -> Result<(), Closed> {
    with(|current| current.raw.is_open()).unwrap_or(Err(Closed::NoCheckpoint))
}

/// A number for a frame on a stack that is not current.
pub(crate) fn serial() -> Serial {
    with(|current| current.serials.next()).unwrap_or_else(|| Serials::new().next())
}

/// Leaves the checkpoint with that number and all inside it. Runs foreign code.
#[inline(never)]
pub(crate) fn leave(serial: Serial) -> Leaving {
    if with(|current| current.reads.is_empty() && current.raw.leave_alone(serial)) == Some(true) {
        return Leaving::InOrder;
    }
    leave_among_others(serial)
}

#[inline(never)]
fn leave_among_others(serial: Serial) -> Leaving {
    if with(|current| current.reads.is_empty() && current.raw.leave_batch(serial)) == Some(true) {
        return Leaving::InOrder;
    }
    let leave = |current: &Current| {
        let leaving = current.raw.leave(serial, &Departures::under(&current.reads));
        if leaving == Leaving::NotHere && current.raw.is_lent() {
            current.remember(serial);
        }
        leaving
    };
    with(leave).unwrap_or(Leaving::NotHere)
}

#[inline]
pub(crate) fn capture(at: At) -> Option<Snapshot> {
    with(|current| current.raw.capture(at)).flatten()
}

/// The stack that is current here and its reads, for a walk.
#[cfg(debug_assertions)]
pub(in crate::engine) fn resolve(f: impl FnOnce(&RawStack, &ReadGuards)) {
    with(|current| f(&current.raw, &current.reads));
}
