//! Who counts the frame below: the transitions of I4, by name.
//!
//! Of two frames on a stack the upper one counts the lower one if it is shared and the lower one is
//! its base. Else the stack counts the lower one, if that is shared. What the stack counts changes
//! in the events below. All happen on the thread that owns the stack; other threads only copy and
//! release counts of their own.
//!
//! | event | who counted the frame below | who does now | here |
//! |---|---|---|---|
//! | a frame is shared for the first time | the stack | the frame | [`share`] |
//! | the same, and it has another base | the stack | the stack; the frame counts its base | [`share`] |
//! | a context derives a frame from another one | the context that is used up | the frame | [`share_derived`] |
//! | the stack leaves a frame that others keep | the frame | both | [`stack_counts_below`] |
//! | the stack leaves a frame that nobody else keeps | the frame | the stack | [`stack_inherits_below`] |
//! | a compaction frame takes the place of others | the lowest of them | both | `RawStack::compact` |
//! | the stack leaves all of its frames to contexts | the lowest frame | the lowest frame | `RawStack::leave_to_contexts` |

use super::base::{Base, base, counts_parent, retain_base, settle};
use super::refcount::{release_if_unique, retain, retain_all};
use crate::engine::memory::flags::*;
use crate::engine::memory::frame::*;
use crate::engine::memory::note::At;
use crate::engine::memory::slot::{INHERITED, Slot};
use crate::sys::{Site, Way, reached, step};

/// Marks a frame of a stack as shared, for its first context: it counts its base and each value that
/// it shows and its base does not. The count of a parent that is its base, and shared already, passes
/// from the stack to the frame. A base is looked for over at most `most` frames. It is
/// captured at `at`.
///
/// # Safety
/// 1. `frame` is on a stack of this thread, above what `floor` gives, and is not shared. The floor
///    and all below it were inherited.
#[inline]
pub(in crate::engine) unsafe fn share(
    frame: *const Frame,
    floor: impl FnOnce() -> *const Frame,
    most: usize,
    at: At,
) {
    // SAFETY: #1: what it shows is on this stack or was inherited.
    unsafe {
        let is_full = (*frame).is(Traits::FULL_INDEX);
        (*frame).set_state(Lifecycle::SHARED);
        (*frame).seen.captured(at);
        if is_full && !(*frame).in_state(Lifecycle::HOLDS_VALUES) && step(Site::WholeHolds) {
            reached(Way::WholeShared);
            retain_all(frame, 0);
        }
        if (*frame).hides() {
            settle(frame, floor(), 0, most);
        }
    }
}

/// Marks a frame as shared that a context derives from `parent`. Says whether it counts its parent:
/// with the count of the context, which is used up then. A base is looked for over at most `most`
/// frames.
///
/// # Safety
/// 1. `frame` was built on `parent`, which is null or which the caller has a count of, and nobody
///    else knows it.
pub(in crate::engine) unsafe fn share_derived(frame: *const Frame, most: usize) -> bool {
    // SAFETY: #1; all it shows was inherited.
    unsafe {
        let uses_up = if (*frame).is(Traits::FULL_INDEX) && step(Site::WholeHolds) {
            retain_all(frame, INHERITED);
            false
        } else if (*frame).hides() {
            settle(frame, (*frame).parent, INHERITED, most);
            match base(frame) {
                Base::Parent(_) => true,
                Base::Apart(base) => {
                    retain_base(base.as_frame());
                    false
                }
            }
        } else {
            true
        };
        (*frame).set_state(Lifecycle::SHARED);
        uses_up
    }
}

/// Whether a base that is not the frame's parent is shared already, or null. If not, it is on the
/// same stack and no count of it is in use yet.
///
/// # Safety
/// 1. `base` is null or leads to a live frame.
#[inline]
pub(in crate::engine) unsafe fn is_shared_or_null(base: Slot) -> bool {
    // SAFETY: #1; the state of what was inherited is not this thread's to look at.
    unsafe {
        let frame = base.as_frame();
        frame.is_null() || base.is_inherited() || (*frame).in_state(Lifecycle::SHARED)
    }
}

/// The stack leaves `frame`, which others keep: it takes a count of its own of the frame below,
/// which `frame` goes on counting. Not if `frame` does not count that, or `is_done` says no.
///
/// # Safety
/// 1. `frame` is the lowest one that leaves a stack of this thread.
#[inline]
pub(in crate::engine) unsafe fn stack_counts_below(
    frame: *const Frame,
    is_done: impl FnOnce() -> bool,
) {
    // SAFETY: #1; what is below a shared frame is shared (I7).
    unsafe {
        if does_count_below(frame) && is_done() {
            retain(&(*(*frame).parent).strong);
        }
    }
}

/// Whether `frame` is shared and counts the frame below it.
///
/// # Safety
/// 1. `frame` is on a stack of this thread.
#[inline]
pub(in crate::engine) unsafe fn does_count_below(frame: *const Frame) -> bool {
    // SAFETY: #1.
    unsafe { (*frame).in_state(Lifecycle::SHARED) && counts_parent(frame) }
}

/// The stack leaves `frame`, which counts the frame below. If nobody else keeps `frame`, that count
/// passes to the stack; else the stack takes its own.
///
/// # Safety
/// 1. `frame` leaves a stack of this thread, and [`does_count_below`].
#[inline]
pub(in crate::engine) unsafe fn stack_inherits_below(frame: *const Frame) {
    // SAFETY: #1.
    unsafe {
        if release_if_unique(&(*frame).strong) {
            (*frame).set_state(Lifecycle::STRONG_GONE);
        } else if step(Site::LeaveTakesParent) {
            retain(&(*(*frame).parent).strong);
        }
    }
}
