//! The stack that is current on this thread.
//!
//! The slot needs no destructor, so it answers at any time of a thread's life (R14). What a thread leaves behind
//! on its own stack is ended by a second slot that does have one, armed by the first frame.

use super::enter::Begins;
use super::keep::Kept;
use super::key::Key;
use super::leave::Leaving;
use super::link::Link;
use super::own::Own;
use super::parting::{Borrows, Parting};
use super::serial::Serials;
use super::sight::{Seen, Sight};
use super::spine::{Closed, Spine, Unread};
use crate::sync::{Site, at_thread_end, kept, thread_slot};
use std::cell::Cell;
use std::panic::Location;

pub(crate) struct Current {
    spine: Spine,
    borrows: Borrows,
    serials: Serials,
    armed: Cell<bool>,
}

thread_slot! {
    static CURRENT: Current = Current {
        spine: Spine::new(),
        borrows: Borrows::new(),
        serials: Serials::new(),
        armed: Cell::new(false),
    };
}

at_thread_end! { fn arm(CURRENT) => end_of_thread }

/// Leaves what the thread has not left itself. Values that bind others as they go are followed a few times.
fn end_of_thread(current: &Current) {
    for _ in 0..8 {
        if kept(Site::ThreadEnds) {
            let floor = current.spine.clear(&Parting::under(&current.borrows));
            drop(floor);
        }
        if current.spine.is_bare() {
            return;
        }
    }
}

/// `None` when the thread is so far gone that its slot is, which only happens under loom.
#[inline]
fn with<R>(f: impl FnOnce(&Current) -> R) -> Option<R> {
    CURRENT.try_with(f).ok()
}

/// As [`with`], for what has no sensible answer without the slot.
#[inline]
fn must<R>(f: impl FnOnce(&Current) -> R) -> R {
    with(f).expect("the thread's slot needs no destructor")
}

/// Calls `f` with what a variable is plainly bound to on the current stack, else `other` with `f`.
///
/// What `f` gives is nowhere part of something that may be empty, so that it is not copied from one to the next.
#[inline]
pub(crate) fn read<T, R, E, F: FnOnce(&T) -> R>(
    key: &Key<T>,
    f: F,
    other: impl FnOnce(F, Unread) -> Result<R, E>,
) -> Result<R, E> {
    // SAFETY: the frame has the id of a key of `T`.
    let value = |sight: Sight| unsafe { sight.plain_value::<T>() };
    match with(|current| current.spine.glance(key.peek()).map(value)).unwrap_or(Err(Unread::Absent)) {
        Ok(value) => Ok(must(|current| {
            // SAFETY: the record keeps what the stack may let go meanwhile.
            current.borrows.during(current.spine.top.get(), || f(unsafe { &*value }))
        })),
        Err(unread) => other(f, unread),
    }
}

/// As [`read`], by the long way, which always has an answer.
pub(crate) fn read_slowly<T, R, F: FnOnce(&T) -> R>(key: &Key<T>, f: F) -> Result<R, (F, Seen)> {
    let mut f = Some(f);
    let read = with(|current| {
        let sight = match current.spine.glance_through(key.peek()) {
            Ok(sight) => sight,
            Err(Unread::Absent) => return Err(Seen::Absent),
            Err(Unread::Unclear) => current.spine.look(key.peek())?,
        };
        let f = f.take().expect("is taken once");
        // SAFETY: as in `read`.
        Ok(current.borrows.during(current.spine.top.get(), || f(unsafe { &*sight.value::<T>() })))
    });
    match read {
        Some(Ok(result)) => Ok(result),
        Some(Err(seen)) => Err((f.take().expect("was not taken"), seen)),
        None => Err((f.take().expect("was not taken"), Seen::Absent)),
    }
}

impl Current {
    #[inline]
    fn arm(&self) {
        if !self.armed.get() {
            self.armed.set(true);
            arm();
        }
    }

    #[inline]
    fn begins(&self, sealed: bool) -> (Begins, u64) {
        self.arm();
        let serial = self.serials.next();
        (if sealed { Begins::Sealed(serial) } else { Begins::Open(serial) }, serial)
    }
}

/// What a variable is bound to on the current stack, without its value.
#[inline]
pub(crate) fn see<T>(key: &Key<T>) -> Seen {
    with(|current| match current.spine.glance(key.peek()) {
        // SAFETY: what is seen is on the current stack.
        Ok(sight) => unsafe { sight.seen() },
        Err(Unread::Absent) => Seen::Absent,
        Err(Unread::Unclear) => current.spine.see(key.peek()),
    })
    .unwrap_or(Seen::Absent)
}

/// Keeps the value that a variable is bound to on the current stack, unless it is of short reach.
pub(crate) fn keep<T>(key: &Key<T>) -> Result<Kept<T>, Seen> {
    with(|current| current.spine.keep(key)).unwrap_or(Err(Seen::Absent))
}

pub(crate) fn history<T>(key: &Key<T>) -> Vec<Seen> {
    with(|current| current.spine.history(key.peek())).unwrap_or_default()
}

/// Whether what is visible here began with a context that was handed over, an empty one included.
pub(crate) fn is_received() -> bool {
    with(|current| current.spine.is_received()).unwrap_or(false)
}

/// Begins a sealed checkpoint with one binding; the number is for [`leave`].
#[inline]
pub(crate) fn enter<T>(key: &Key<T>, value: T, place: &'static Location<'static>) -> u64 {
    must(|current| current.spine.scope(key, value, || current.begins(true).1, place))
}

/// Runs `f` with the spine of this thread and a way to begin on it. `f` must not run foreign code.
pub(crate) fn on_spine<R>(f: impl FnOnce(&Spine, &dyn Fn(bool) -> (Begins, u64)) -> R) -> R {
    must(|current| f(&current.spine, &|sealed| current.begins(sealed)))
}

/// Begins an open checkpoint in which `context` takes the place of all that was visible.
pub(crate) fn adopt(context: Option<Link>, place: &'static Location<'static>) -> u64 {
    must(|current| {
        let (_, serial) = current.begins(false);
        current.spine.adopt(context, serial, place);
        serial
    })
}

/// Changes the innermost checkpoint, if it is open. `f` must not run foreign code.
pub(crate) fn change<R>(f: impl FnOnce(&Spine, &Parting<'_>) -> R) -> Result<R, Closed> {
    must(|current| {
        current.spine.is_open()?;
        current.arm();
        Ok(f(&current.spine, &Parting::under(&current.borrows)))
    })
}

/// Whether the innermost checkpoint can be changed.
pub(crate) fn is_open() -> Result<(), Closed> {
    with(|current| current.spine.is_open()).unwrap_or(Err(Closed::NoCheckpoint))
}

/// A number for a frame on a stack that is not current.
pub(crate) fn serial() -> u64 {
    with(|current| current.serials.next()).unwrap_or_else(|| Serials::new().next())
}

/// Leaves the checkpoint with that number and all inside it. Runs foreign code.
#[inline(never)]
pub(crate) fn leave(serial: u64) -> Leaving {
    if with(|current| current.borrows.is_empty() && current.spine.leave_alone(serial)) == Some(true) {
        return Leaving::InOrder;
    }
    leave_among_others(serial)
}

#[inline(never)]
fn leave_among_others(serial: u64) -> Leaving {
    if with(|current| current.borrows.is_empty() && current.spine.leave_bundle(serial)) == Some(true) {
        return Leaving::InOrder;
    }
    with(|current| current.spine.leave(serial, &Parting::under(&current.borrows))).unwrap_or(Leaving::NotHere)
}

#[inline]
pub(crate) fn capture() -> Option<Link> {
    with(|current| current.spine.capture()).flatten()
}

/// Runs `f` with `own` as the current stack: swapped in before, swapped out after, even if `f` panics.
#[inline]
pub(crate) fn run_on<R>(own: &mut Own, f: impl FnOnce() -> R) -> R {
    must(|current| current.borrows.aside(|| current.spine.run_as(own.spine(), f)))
}
