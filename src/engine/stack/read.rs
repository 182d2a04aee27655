//! Reads of the current stack.
//!
//! The rule (R6): while a closure has a value, a read guard keeps that value, whatever the closure
//! leaves. Only this thread's stack is read; frames that others share are immutable.

use super::current::{Current, must, with};
use super::keep::Kept;
use super::lookup::Miss;
use super::raw::RawStack;
use crate::engine::memory::frame::Frame;
use crate::engine::memory::key::Key;
use crate::engine::snapshot::resolved::{Resolution, Resolved};
use alloc::vec::Vec;

/// Calls `f` with what a variable is plainly bound to on the current stack, else `other` with `f`.
///
/// Returns `R` directly and never inside an `Option`, so that it is built in place.
#[inline]
pub(crate) fn read<T, R, E, F: FnOnce(&T) -> R>(
    key: &Key<T>,
    f: F,
    other: impl FnOnce(F, Miss) -> Result<R, E>,
) -> Result<R, E> {
    // SAFETY: the frame has the id of a key of `T`.
    let value = |resolved: Resolved| unsafe { resolved.plain_value::<T>() };
    match with(|current| current.raw.lookup_plain(key.peek()).map(value))
        .unwrap_or(Err(Miss::Absent))
    {
        Ok(value) => Ok(must(|current| {
            // SAFETY: the read guard keeps what `f` may leave.
            current.reads.during(current.raw.top.get(), || f(unsafe { &*value }))
        })),
        Err(unread) => other(f, unread),
    }
}

/// Whether a lookup on the current stack finds nothing at once; if not, there may be a binding.
#[inline(never)]
pub(crate) fn is_plainly_absent<T>(key: &Key<T>) -> bool {
    let absent =
        |current: &Current| matches!(current.raw.lookup_plain(key.peek()), Err(Miss::Absent));
    with(absent).unwrap_or(true)
}

/// As [`read`], by the slow path, which always has an answer.
pub(crate) fn read_slowly<T, R, F: FnOnce(&T) -> R>(
    key: &Key<T>,
    f: F,
) -> Result<R, (F, Resolution)> {
    let mut f = Some(f);
    let read = with(|current| {
        let resolved = match current.raw.lookup_plain(key.peek()) {
            Ok(resolved) => resolved,
            Err(Miss::Absent) => return Err(Resolution::Absent),
            Err(Miss::Unclear) => current.lookup(key.peek())?,
        };
        let f = f.take().expect("is taken once");
        // SAFETY: as in `read`.
        Ok(current.reads.during(current.raw.top.get(), || f(unsafe { &*resolved.value::<T>() })))
    });
    match read {
        Some(Ok(result)) => Ok(result),
        Some(Err(seen)) => Err((f.take().expect("was not taken"), seen)),
        None => Err((f.take().expect("was not taken"), Resolution::Absent)),
    }
}

impl Current {
    /// As [`RawStack::lookup`], and through the stacks whose work this one continues.
    pub(super) fn lookup(&self, id: usize) -> Result<Resolved, Resolution> {
        match self.raw.lookup(id) {
            Err(seen @ Resolution::NotCarried(_)) if self.raw.is_through() => {
                self.lookup_beneath(id).ok_or(seen)
            }
            other => other,
        }
    }

    #[cold]
    fn lookup_beneath(&self, id: usize) -> Option<Resolved> {
        let (frame, inherited) = self.raw.stays(id)?;
        (inherited && !self.raw.has_entered() && self.is_beneath(id, frame))
            .then_some(Resolved(frame))
    }

    /// Whether the stack beneath, whose work this one continues, shows the very same frame of reach
    /// "stack": then the binding was not handed over, and stays visible.
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
}

/// What a variable is bound to on the current stack, without its value.
#[inline]
pub(crate) fn see<T>(key: &Key<T>) -> Resolution {
    // SAFETY: what is seen is on the current stack, or on one beneath.
    let bound = |resolved: Resolved| unsafe { resolved.resolution() };
    with(|current| match current.raw.lookup_plain(key.peek()) {
        Ok(resolved) => bound(resolved),
        Err(Miss::Absent) => Resolution::Absent,
        Err(Miss::Unclear) => current.lookup(key.peek()).map_or_else(|other| other, bound),
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
                *last = unsafe { Resolved(frame).resolution() };
            }
        }
        history
    };
    let history = |current: &Current| current.reads.during(current.raw.top.get(), || look(current));
    with(history).unwrap_or_default()
}
