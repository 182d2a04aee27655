//! Frames that wait for their end: a list without an allocation, and how deep lists may nest.
//!
//! A value whose drop releases a context brings a list of its own while one is being worked off. A
//! few lists nest on the machine's stack, so that most values are dropped at once; what would nest
//! deeper is queued for the deepest one. Lists and queue are one thread's own.

use crate::engine::memory::frame::{Frame, Origin};
use crate::sys::thread_slot;
use core::cell::Cell;
use core::ptr;

/// Frames that end, first in first out, linked through their `origin`.
pub(crate) struct ReleaseList {
    first: Cell<*const Frame>,
    last: Cell<*const Frame>,
}

impl ReleaseList {
    #[inline]
    pub(in crate::engine) const fn new() -> Self {
        ReleaseList { first: Cell::new(ptr::null()), last: Cell::new(ptr::null()) }
    }

    #[inline]
    pub(in crate::engine) fn is_empty(&self) -> bool {
        self.first.get().is_null()
    }

    /// # Safety
    /// 1. `frame` is alive, on no list, and its `origin` is not needed any more.
    #[inline]
    pub(in crate::engine) unsafe fn push(&self, frame: *const Frame) {
        // SAFETY: #1; the last one of a list is alive.
        unsafe {
            (*frame).origin.set(Origin { next: ptr::null() });
            match self.last.replace(frame) {
                last if last.is_null() => self.first.set(frame),
                last => (*last).origin.set(Origin { next: frame }),
            }
        }
    }

    #[inline]
    pub(in crate::engine) fn pop(&self) -> Option<*const Frame> {
        let first = self.first.get();
        if first.is_null() {
            return None;
        }
        // SAFETY: frames on a list are alive, and their origin leads to the next.
        self.first.set(unsafe { (*first).origin.get().next });
        if self.first.get().is_null() {
            self.last.set(ptr::null());
        }
        Some(first)
    }

    pub(in crate::engine) fn append(&self, other: &ReleaseList) {
        let first = other.first.replace(ptr::null());
        let last = other.last.replace(ptr::null());
        if first.is_null() {
            return;
        }
        match self.last.replace(last) {
            end if end.is_null() => self.first.set(first),
            // SAFETY: frames on a list are alive.
            end => unsafe { (*end).origin.set(Origin { next: first }) },
        }
    }

    /// # Safety
    /// As [`ReleaseList::push`].
    pub(in crate::engine) unsafe fn push_front(&self, frame: *const Frame) {
        // SAFETY: #1 of `push`.
        unsafe { (*frame).origin.set(Origin { next: self.first.get() }) };
        self.first.set(frame);
        if self.last.get().is_null() {
            self.last.set(frame);
        }
    }
}

struct Levels {
    nested: Cell<u32>,
    queue: ReleaseList,
}

thread_slot! {
    static LEVELS: Levels = Levels { nested: Cell::new(0), queue: ReleaseList::new() };
}

/// `None` if the thread-local has been destroyed, under loom, or where there is no slot. Then lists
/// nest as deep as values hold contexts.
fn with<R>(f: impl FnOnce(&Levels) -> R) -> Option<R> {
    LEVELS.try_with(f).ok()
}

/// One more list is worked off on this thread.
pub(in crate::engine) struct Level(u32, u32);

impl Level {
    pub(in crate::engine) fn is_deepest(&self) -> bool {
        self.0 + 1 == self.1
    }
}

impl Drop for Level {
    fn drop(&mut self) {
        with(|slot| slot.nested.set(self.0));
    }
}

/// Enters one more level of nesting, unless there are `most` already.
pub(in crate::engine) fn nest(most: u32) -> Option<Level> {
    with(|slot| {
        let nested = slot.nested.get();
        (nested < most).then(|| {
            slot.nested.set(nested + 1);
            Level(nested, most)
        })
    })
    .unwrap_or_else(|| Some(Level(0, 0)))
}

/// Queues a list for the deepest level.
pub(in crate::engine) fn queue(list: &ReleaseList) {
    with(|slot| slot.queue.append(list));
}

/// Takes over what was queued for the deepest level.
pub(in crate::engine) fn queued(list: &ReleaseList) {
    with(|slot| list.append(&slot.queue));
}
