//! A batch leaves its stack in one step.
//!
//! The rule: this is done only if all frames of the batch are in one state: all of them private, or
//! all shared and of full reach. Then the stack has one count of them all, that of the head, or
//! none. In every other case they are left one by one (see `leave`).

use super::raw::RawStack;
use crate::engine::memory::flags::*;
use crate::engine::memory::frame::*;
use crate::engine::memory::serial::Serial;
use crate::engine::reclaim::departures::Departures;
use crate::engine::reclaim::ownership::stack_counts_below;
use crate::engine::reclaim::release::{end_block, release_strong};
use crate::engine::reclaim::seen;
use crate::sys::{Site, Way, reached, step};

impl RawStack {
    /// Leaves the innermost frames, if they are one batch, which is the checkpoint with that
    /// number, and all of them are shared or none. Says whether that was so. No read may be
    /// running. Runs foreign code.
    pub(in crate::engine) fn leave_batch(&self, serial: Serial) -> bool {
        // SAFETY: a frame that begins a checkpoint has a serial number; the head is ours, alone or
        // with a count.
        unsafe {
            let Some(marker) =
                self.batch_on_top().filter(|marker| (**marker).origin.get().serial == serial)
            else {
                return false;
            };
            let head = self.top.get();
            if self.step_below(marker) { release_strong(head) } else { end_block(head) }
        }
        true
    }

    /// As [`leave_batch`](Self::leave_batch), whatever its number; puts on the list what ends
    /// with that.
    pub(in crate::engine) fn pop_batch(&self, departures: &Departures<'_>) -> bool {
        let Some(marker) = self.batch_on_top().filter(|_| departures.is_unwatched()) else {
            return false;
        };
        let (head, ending) = (self.top.get(), departures.ending());
        // SAFETY: the head is ours, alone or with a count, and not reached from the stack any
        // more.
        unsafe {
            if self.step_below(marker) {
                ending.release_from_stack(head)
            } else {
                ending.push_block(head)
            }
        }
        true
    }

    /// The outermost frame of the batch on top, if there is one and all its frames are shared, or
    /// none is.
    fn batch_on_top(&self) -> Option<*const Frame> {
        let top = self.top.get();
        // SAFETY: S1; the frames of a batch lie side by side, down to the one that begins its
        // checkpoint.
        unsafe {
            if self.is_bare() || !(*top).before.is_head() {
                return None;
            }
            let marker = Frame::marker(top);
            if (*top).in_state(Lifecycle::SHARED) {
                // Frames are shared with all below them.
                return (*top).before.is_carried_head().then_some(marker);
            }
            let mut frame = top;
            while (*frame).state.get() == Lifecycle::NONE {
                if frame == marker {
                    return Some(marker);
                }
                frame = (*frame).parent;
            }
            None
        }
    }

    /// Takes the batch on top, which `marker` begins, from the stack. Says whether it is shared:
    /// then each of its frames counts the next one, so the stack had one count of them all, that of
    /// the head, and now has one of what is below.
    ///
    /// # Safety
    /// 1. `marker` is what `batch_on_top` gave.
    unsafe fn step_below(&self, marker: *const Frame) -> bool {
        // SAFETY: #1; what is below a shared frame is shared (I7).
        unsafe {
            let is_shared = (*marker).in_state(Lifecycle::SHARED);
            if is_shared {
                seen::all_left(self.top.get(), (*marker).parent);
            }
            stack_counts_below(marker, || step(Site::LeaveTakesBelow));
            self.top.set((*marker).parent);
            if is_shared {
                reached(Way::BatchShared);
            }
            is_shared
        }
    }
}
