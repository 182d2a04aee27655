//! Retiring a frame: what ends when it leaves its stack.
//!
//! The rule: a value of short reach is dropped when its stack leaves it, whoever keeps the frame
//! (R10); any other value goes on for whoever counts it. Nothing is dropped here: what ends is put
//! on a list. Only the thread that has the stack retires its frames; others may hold counts of them
//! at the same time.

use super::refcount::retain;
use super::release_list::ReleaseList;
use super::seen;
use crate::engine::index::trie;
use crate::engine::memory::flags::*;
use crate::engine::memory::frame::*;
use crate::engine::memory::slot::Slot;
use crate::sys::{Way, reached};

/// Puts a frame that has left its stack on the list. Values of short reach end here, whoever keeps
/// the frame.
///
/// # Safety
/// 1. `frame` was on a stack of the caller and is not any more.
pub(in crate::engine) unsafe fn retire(frame: *const Frame, ending: &ReleaseList) {
    // SAFETY: #1; what a compaction frame shows of its own checkpoint left the stack when the
    // compaction took its place.
    unsafe {
        let shared = (*frame).in_state(Lifecycle::SHARED | Lifecycle::VALUE_SHARED);
        if shared && (*frame).role == Role::Compacted {
            each_own(frame, &mut |slot| {
                seen::left_with(frame, slot.as_frame());
                end_apart(slot.as_frame(), ending);
            });
        } else if shared && !ends_here(frame) {
            seen::left(frame);
        }
        ending.push(frame);
    }
}

/// Calls `f` with what a compaction frame shows of its own checkpoint.
///
/// # Safety
/// 1. `compaction` is one, and of a stack of the caller.
unsafe fn each_own(compaction: *const Frame, f: &mut dyn FnMut(Slot)) {
    // SAFETY: #1; what was not inherited is of the caller's stack too.
    unsafe {
        let marker = (*compaction).origin.get().marker;
        trie::each(compaction.cast(), 0, &mut |slot| {
            if !slot.is_inherited() && Frame::marker(slot.as_frame()) == marker {
                f(slot);
            }
        });
    }
}

/// Ends the values of short reach of `frame`, whose place `compaction` takes, if `compaction` does
/// not show them.
///
/// # Safety
/// 1. `frame` is on a stack of the caller, in the checkpoint that `compaction` belongs to.
pub(in crate::engine) unsafe fn end_unless_seen(
    frame: *const Frame,
    compaction: *const Frame,
    ending: &ReleaseList,
) {
    // SAFETY: #1, which holds for what an older compaction frame shows of this checkpoint too.
    unsafe {
        let unseen = |old: *const Frame| {
            trie::find(compaction.cast(), (*old).id).is_none_or(|slot| slot.as_frame() != old)
        };
        if (*frame).role == Role::Compacted {
            each_own(frame, &mut |slot| {
                if unseen(slot.as_frame()) {
                    seen::left_with_others(slot.as_frame());
                    end_apart(slot.as_frame(), ending);
                }
            });
        } else if (*frame).in_state(Lifecycle::SHARED | Lifecycle::VALUE_SHARED) && unseen(frame) {
            seen::left_with_others(frame);
            end_apart(frame, ending);
        }
    }
}

/// Ends the value of a frame, if it is of short reach, apart from the counts of the frame: those
/// stay as they are.
///
/// # Safety
/// 1. `frame` is of a stack of the caller, and `SHARED` or `VALUE_SHARED`.
unsafe fn end_apart(frame: *const Frame, ending: &ReleaseList) {
    // SAFETY: #1; a count of its own keeps the frame until the list has come to it.
    unsafe {
        if ends_here(frame) {
            reached(Way::ShortEndsApart);
            retain(&(*frame).values);
            (*frame).set_state(Lifecycle::VALUE_ONLY);
            ending.push(frame);
        }
    }
}

/// Whether the value of a frame ends as its stack leaves it; if so, notes that it is ending.
///
/// # Safety
/// 1. `frame` is of a stack of the caller.
unsafe fn ends_here(frame: *const Frame) -> bool {
    // SAFETY: #1.
    let this = unsafe { &*frame };
    let ends = this.is(Traits::SHORT_REACH)
        && matches!(this.role, Role::Binding | Role::Alias)
        && !this.gone.get();
    if ends {
        this.gone.set(true);
        this.set_state(Lifecycle::LEFT);
    }
    ends
}
