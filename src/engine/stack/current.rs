//! The stack that is current on this thread.
//!
//! The slot needs no destructor, so it answers at any time of a thread's life (R14). What a thread
//! leaves behind on its own stack is ended by a second slot that does have one, armed by the first
//! frame.

use super::enter::Boundary;
use super::keep::Kept;
use super::late::LateGuards;
use super::leave::Leaving;
use super::owned::OwnedStack;
use super::raw::{Closed, Miss, RawStack};
use crate::engine::memory::frame::Frame;
use crate::engine::memory::key::Key;
use crate::engine::memory::serial::{Serial, Serials};
use crate::engine::reclaim::read_guard::{Departures, ReadGuards};
use crate::engine::snapshot::resolved::{Resolution, Resolved};
use crate::engine::snapshot::strong::Snapshot;
use crate::sync::{Site, at_thread_end, step, thread_slot};
use std::cell::Cell;
use std::panic::Location;

pub(crate) struct Current {
    raw: RawStack,
    reads: ReadGuards,
    serials: Serials,
    late: LateGuards,
    armed: Cell<bool>,
}

thread_slot! {
    static CURRENT: Current = Current::new();
}

at_thread_end! { fn arm(CURRENT) => end_of_thread }

/// Leaves what the thread has not left itself. Values that bind others as they go are followed a
/// few times.
///
/// While another stack is current nothing ends. The process is then ending in the middle of that
/// stack's turn, by a call of `std::process::exit`, and other threads may still be reading what it
/// shows.
fn end_of_thread(current: &Current) {
    current.armed.set(false);
    for _ in 0..8 {
        if current.raw.is_lent() {
            return;
        }
        if step(Site::ThreadEnds) {
            let floor = current.raw.clear(&Departures::under(&current.reads));
            drop(floor);
        }
        if current.raw.is_bare() {
            return;
        }
    }
}

/// `None` when the thread is so far gone that its slot is: see [`without_slot`].
#[inline]
fn with<R>(f: impl FnOnce(&Current) -> R) -> Option<R> {
    CURRENT.try_with(f).ok()
}

/// As [`with`], for what needs a stack. A thread whose slot is gone gets an empty one, which ends
/// as `f` returns.
#[inline]
fn must<R>(f: impl FnOnce(&Current) -> R) -> R {
    match with(|_| ()) {
        // It was there just now, and nothing of the thread ended since.
        Some(()) => with(f).unwrap_or_else(|| std::process::abort()),
        None => without_slot(f),
    }
}

/// A target whose thread-locals are made by keys takes the slot away late in the thread, and so
/// does loom.
#[cold]
fn without_slot<R>(f: impl FnOnce(&Current) -> R) -> R {
    let current = Current { armed: Cell::new(true), ..Current::new() };
    let result = f(&current);
    drop(current.raw.clear(&Departures::free()));
    result
}

/// Calls `f` with what a variable is plainly bound to on the current stack, else `other` with `f`.
///
/// What `f` gives is nowhere part of something that may be empty, so that it is not copied from one
/// to the next.
#[inline]
pub(crate) fn read<T, R, E, F: FnOnce(&T) -> R>(
    key: &Key<T>,
    f: F,
    other: impl FnOnce(F, Miss) -> Result<R, E>,
) -> Result<R, E> {
    // SAFETY: the frame has the id of a key of `T`.
    let value = |sight: Resolved| unsafe { sight.plain_value::<T>() };
    match with(|current| current.raw.lookup_root(key.peek()).map(value))
        .unwrap_or(Err(Miss::Absent))
    {
        Ok(value) => Ok(must(|current| {
            // SAFETY: the record keeps what the stack may let go meanwhile.
            current.reads.during(current.raw.top.get(), || f(unsafe { &*value }))
        })),
        Err(unread) => other(f, unread),
    }
}

/// As [`read`], by the long way, which always has an answer.
pub(crate) fn read_slowly<T, R, F: FnOnce(&T) -> R>(
    key: &Key<T>,
    f: F,
) -> Result<R, (F, Resolution)> {
    let mut f = Some(f);
    let read = with(|current| {
        let sight = match current.raw.lookup_plain(key.peek()) {
            Ok(sight) => sight,
            Err(Miss::Absent) => return Err(Resolution::Absent),
            Err(Miss::Unclear) => current.look(key.peek())?,
        };
        let f = f.take().expect("is taken once");
        // SAFETY: as in `read`.
        Ok(current.reads.during(current.raw.top.get(), || f(unsafe { &*sight.value::<T>() })))
    });
    match read {
        Some(Ok(result)) => Ok(result),
        Some(Err(seen)) => Err((f.take().expect("was not taken"), seen)),
        None => Err((f.take().expect("was not taken"), Resolution::Absent)),
    }
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

    /// As [`RawStack::look`], and through stacks on which the work goes on.
    fn look(&self, id: usize) -> Result<Resolved, Resolution> {
        match self.raw.look(id) {
            Err(seen @ Resolution::NotCarried(_)) if self.raw.is_through() => {
                self.look_beneath(id).ok_or(seen)
            }
            other => other,
        }
    }

    #[cold]
    fn look_beneath(&self, id: usize) -> Option<Resolved> {
        let (frame, inherited) = self.raw.stays(id)?;
        (inherited && !self.raw.has_entered() && self.is_beneath(id, frame))
            .then_some(Resolved(frame))
    }

    /// Whether the stack beneath this one, on which it goes on, shows the very same frame of reach
    /// "stack": then it was not handed over, the work has only gone on.
    ///
    /// That stack is suspended, and its frames stay, for longer than any read from here.
    fn is_beneath(&self, id: usize, frame: *const Frame) -> bool {
        for raw in self.reads.beneath().map(RawStack::of_ends) {
            match raw.stays(id) {
                Some((same, inherited)) if same == frame => {
                    if !inherited {
                        return true;
                    }
                }
                _ => return false,
            }
            if !raw.is_through() || raw.has_entered() {
                return false;
            }
        }
        false
    }

    /// Notes a guard that was dropped here, while its checkpoint is on another stack.
    #[cold]
    fn remember(&self, serial: Serial) {
        self.late.push(serial);
        self.reads.note_late();
    }

    /// After a turn: puts the list of reads back, and leaves what guards were dropped for in it.
    #[cold]
    #[inline(never)]
    fn swapped_out(&self) {
        let before = self.reads.put_back();
        if self.late.number() != before {
            self.leave_late(before);
        }
    }

    /// After a turn: leaves the checkpoints whose guards were dropped in it, but for the first ones,
    /// which were remembered `before` it. Those that are not on the current stack may be on one
    /// beneath. Runs foreign code.
    #[cold]
    fn leave_late(&self, before: usize) {
        /// Goes on if the drop of a value panics.
        struct Rest<'a> {
            current: &'a Current,
            before: usize,
            number: Cell<usize>,
        }
        impl Rest<'_> {
            fn leave(&self) {
                while self.number.get() > 0 {
                    self.number.set(self.number.get() - 1);
                    self.current.leave_late_one(self.before);
                }
            }
        }
        impl Drop for Rest<'_> {
            fn drop(&mut self) {
                self.leave();
            }
        }
        let number = Cell::new(self.late.number().saturating_sub(before));
        let rest = Rest { current: self, before, number };
        rest.leave();
        drop(rest);
        if !self.raw.is_lent() {
            self.late.clear();
        } else if self.late.number() != 0 {
            self.reads.note_late();
        }
    }

    fn leave_late_one(&self, before: usize) {
        let Some(serial) = self.late.take_after(before) else { return };
        let leaving = self.raw.leave(serial, &Departures::under(&self.reads));
        if leaving == Leaving::NotHere {
            self.late.push(serial);
        }
    }

    #[inline]
    fn arm(&self) {
        if !self.armed.get() {
            self.armed.set(true);
            arm();
        }
    }

    #[inline]
    fn begins(&self, sealed: bool) -> (Boundary, Serial) {
        self.arm();
        let serial = self.serials.next();
        (if sealed { Boundary::Sealed(serial) } else { Boundary::Open(serial) }, serial)
    }
}

/// What a variable is bound to on the current stack, without its value.
#[inline]
pub(crate) fn see<T>(key: &Key<T>) -> Resolution {
    // SAFETY: what is seen is on the current stack, or on one beneath.
    let seen = |sight: Resolved| unsafe { sight.seen() };
    with(|current| match current.raw.lookup_root(key.peek()) {
        Ok(sight) => seen(sight),
        Err(Miss::Absent) => Resolution::Absent,
        Err(Miss::Unclear) => current.look(key.peek()).map_or_else(|seen| seen, seen),
    })
    .unwrap_or(Resolution::Absent)
}

/// Keeps the value that a variable is bound to on the current stack, unless it is of short reach.
pub(crate) fn keep<T>(key: &Key<T>) -> Result<Kept<T>, Resolution> {
    with(|current| current.raw.keep(key)).unwrap_or(Err(Resolution::Absent))
}

pub(crate) fn history<T>(key: &Key<T>) -> Vec<Resolution> {
    let id = key.peek();
    let look = |current: &Current| {
        let mut history = current.raw.history(id);
        let inherited = current.raw.stays_below(id).filter(|_| current.raw.is_through());
        if let (Some(last @ Resolution::NotCarried(_)), Some(frame)) =
            (history.last_mut(), inherited)
        {
            if !current.raw.has_entered() && current.is_beneath(id, frame) {
                // SAFETY: the frame is on a stack beneath the current one.
                *last = unsafe { Resolved(frame).seen() };
            }
        }
        history
    };
    let history = |current: &Current| current.reads.during(current.raw.top.get(), || look(current));
    with(history).unwrap_or_default()
}

/// Whether what is visible here began with a context that was handed over, an empty one included.
pub(crate) fn is_received() -> bool {
    with(|current| current.raw.is_received()).unwrap_or(false)
}

/// A raw stack for work that goes on from here: it begins with what is visible. O(1), unless there is
/// something that stays on its stack.
pub(crate) fn going_on() -> RawStack {
    // Only debug builds ever ask.
    RawStack::going_on(capture(), !cfg!(debug_assertions) || is_received())
}

/// Begins a sealed checkpoint with one binding; the number is for [`leave`].
#[inline]
pub(crate) fn enter<T>(key: &Key<T>, value: T, place: &'static Location<'static>) -> Serial {
    must(|current| current.raw.scope(key, value, || current.begins(true).1, place))
}

/// Runs `f` with the raw stack of this thread and a way to begin on it. `f` must not run foreign code.
pub(crate) fn on_spine<R>(
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
pub(crate) fn capture() -> Option<Snapshot> {
    with(|current| current.raw.capture()).flatten()
}

/// The stack that is current here and its reads, for a walk.
#[cfg(debug_assertions)]
pub(in crate::engine) fn resolve(f: impl FnOnce(&RawStack, &ReadGuards)) {
    with(|current| f(&current.raw, &current.reads));
}

/// Runs `f` with `own` as the current stack: swapped in before, swapped out after, even if `f`
/// panics.
#[inline]
pub(crate) fn run_on<R>(own: &mut OwnedStack, f: impl FnOnce() -> R) -> R {
    run_begun(own, || OwnedStack::new(RawStack::held()), f)
}

/// As [`run_on`]; if `own` has not begun, it is first made what `begin` gives.
#[inline]
pub(crate) fn run_begun<R>(
    own: &mut OwnedStack,
    begin: impl FnOnce() -> OwnedStack,
    f: impl FnOnce() -> R,
) -> R {
    must(|current| {
        let (raw, reads) = (&current.raw, &current.reads);
        let under;
        if reads.has_any() | own.raw().is_through() {
            if own.raw().is_waiting() {
                begin_on(own, begin);
            }
            under = reads.under(raw.ends(), current.late.number());
            // SAFETY: it is there until after the turn, which puts the list back; nothing moves it.
            unsafe { reads.push(&under) };
        }
        let _turn = Turn(current);
        raw.run_as(own.raw(), f)
    })
}

/// The time in which another stack is current. Its drop comes after that stack was swapped out: on
/// return and on panic.
struct Turn<'a>(&'a Current);

impl Drop for Turn<'_> {
    #[inline]
    fn drop(&mut self) {
        // Mostly there was nothing on the list and nothing has come.
        if self.0.reads.has_any() {
            self.0.swapped_out();
        }
    }
}

#[cold]
#[inline(never)]
fn begin_on(own: &mut OwnedStack, begin: impl FnOnce() -> OwnedStack) {
    *own = begin();
}
