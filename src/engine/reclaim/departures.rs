//! Departures: the frames that leave a stack in one step, and what ends with them.
//!
//! The rule (R6): nothing is dropped while the stack is in the middle of a change. Frames that
//! leave are put on a list, and the list is worked off when the `Departures` is dropped. A frame
//! that a running read still needs goes to the guard of that read instead. All of it is one
//! thread's own.

use super::read_guard::ReadGuards;
use super::release_list::ReleaseList;
use crate::engine::memory::frame::*;
use core::cell::Cell;
use core::ptr;

/// The frames that leave a stack, and the list of what ends with them. Its drop ends them, which
/// runs foreign code: by then the stack must be in its final state.
pub(crate) struct Departures<'a> {
    reads: Option<&'a ReadGuards>,
    ending: ReleaseList,
    /// A frame that stays on the stack without its value, which is still to be dropped; null if
    /// there is none.
    emptied: Cell<*const Frame>,
}

impl<'a> Departures<'a> {
    /// For the current stack of this thread, whose reads may keep frames.
    #[inline]
    pub(in crate::engine) fn under(reads: &'a ReadGuards) -> Self {
        Departures {
            reads: Some(reads),
            ending: ReleaseList::new(),
            emptied: Cell::new(ptr::null()),
        }
    }

    /// For a stack on which no read can be running.
    #[inline]
    pub(in crate::engine) fn free() -> Self {
        Departures { reads: None, ending: ReleaseList::new(), emptied: Cell::new(ptr::null()) }
    }

    /// Whether no read is running.
    #[inline]
    pub(in crate::engine) fn is_unwatched(&self) -> bool {
        self.reads.is_none_or(ReadGuards::is_empty)
    }

    /// Whether a read keeps a frame that is being left; `parent` is then the next one to look out
    /// for.
    #[inline]
    pub(in crate::engine) fn keep(&self, frame: *const Frame, parent: *const Frame) -> bool {
        self.reads.is_some_and(|reads| reads.keep(frame, parent))
    }

    #[inline]
    pub(in crate::engine) fn ending(&self) -> &ReleaseList {
        &self.ending
    }

    /// Whether [`end_value`](Self::end_value) may be called: no read is running, and it was not
    /// called before.
    #[inline]
    pub(in crate::engine) fn can_end_value(&self) -> bool {
        self.is_unwatched() && self.emptied.get().is_null()
    }

    /// Notes that the value of a frame that stays on the stack is to be dropped at the end.
    ///
    /// # Safety
    /// 1. `frame` is alive and on the stack that this is for; nobody else knows it, and nothing
    ///    shows its value any more.
    /// 2. [`can_end_value`](Self::can_end_value) says so.
    pub(in crate::engine) unsafe fn end_value(&self, frame: *const Frame) {
        debug_assert!(self.emptied.get().is_null());
        // SAFETY: #1.
        unsafe { (*frame).gone.set(true) };
        self.emptied.set(frame);
    }
}

impl Drop for Departures<'_> {
    #[inline]
    fn drop(&mut self) {
        /// Goes on if the drop of the first value panics.
        struct Rest<'a>(&'a ReleaseList);
        impl Drop for Rest<'_> {
            #[inline]
            fn drop(&mut self) {
                self.0.finish();
            }
        }
        let _rest = Rest(&self.ending);
        if !self.emptied.get().is_null() {
            drop_emptied(self.reads, self.emptied.get());
        }
    }
}

/// Drops a value whose frame stays. The drop may leave that frame: a read guard keeps it until the
/// drop returns. A stack without reads cannot be reached from the drop.
#[cold]
#[inline(never)]
fn drop_emptied(reads: Option<&ReadGuards>, frame: *const Frame) {
    // SAFETY: #1 and #2 of `end_value`.
    let value = || unsafe { Frame::drop_value(frame) };
    match reads {
        Some(reads) => reads.during(frame, value),
        None => value(),
    }
}
