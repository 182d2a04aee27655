//! Leaving: frames are taken from a stack, in order, with all inside them, or all at once.
//!
//! The rule (I4): a shared frame that counts its parent passes that count to the stack if it ends
//! here; otherwise the stack retains the parent itself. Other threads may hold snapshots of the
//! frames and release them at the same time.

use super::raw::RawStack;
use crate::engine::build::general;
use crate::engine::build::single;
use crate::engine::memory::flags::*;
use crate::engine::memory::frame::*;
use crate::engine::memory::reentry;
use crate::engine::memory::serial::Serial;
use crate::engine::reclaim::base::{Base, base, counts_parent};
use crate::engine::reclaim::departures::Departures;
use crate::engine::reclaim::ownership::{
    does_count_below, stack_counts_below, stack_inherits_below,
};
use crate::engine::reclaim::refcount::{is_unique, release_if_unique, release_to_others};
use crate::engine::reclaim::retire::retire;
use crate::engine::reclaim::seen;
use crate::engine::snapshot::strong::Snapshot;
use crate::sys::{Ordering::Relaxed, Site, Way, ordering, reached};

/// What came of leaving.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Leaving {
    InOrder,
    /// Checkpoints inside it were left with it.
    WithInner,
    /// It is not on this stack, or not any more.
    NotHere,
}

impl RawStack {
    /// Takes the innermost frame from the stack, and puts on the list what ends with it.
    pub(in crate::engine) fn pop(&self, departures: &Departures<'_>) {
        // SAFETY: the top is on this stack (S1) and above the floor, as all callers have looked.
        unsafe {
            let frame = self.top.get();
            let parent = (*frame).parent;
            self.top.set(parent);
            if departures.keep(frame, parent) {
                return stack_counts_below(frame, || true);
            }
            if does_count_below(frame) {
                stack_inherits_below(frame);
            }
            retire(frame, departures.ending());
        }
    }

    /// As [`pop`](Self::pop), with the frames that lie in its block where that can be done at once.
    #[inline]
    pub(in crate::engine) fn pop_some(&self, departures: &Departures<'_>) {
        // SAFETY: S1; the stack is not bare, as all callers have looked.
        let is_head = unsafe { (*self.top.get()).before.is_head() };
        if !is_head || !self.pop_batch(departures) {
            self.pop(departures);
        }
    }

    /// The fast path: leaves the innermost frame, if it alone is the checkpoint with that number,
    /// and it is private or the stack has its only `strong` count. Says whether that was so. No
    /// read may be running. Runs foreign code.
    #[inline]
    pub(in crate::engine) fn leave_alone(&self, serial: Serial) -> bool {
        let top = self.top.get();
        if self.is_bare() {
            return false;
        }
        // SAFETY: S1; a frame that begins a checkpoint has a serial number; one with no other count
        // is ours.
        unsafe {
            let this = &*top;
            if !this.is(Traits::BOUNDARY) || this.origin.get().serial != serial {
                return false;
            }
            let is_plain = this.kind.is_plain();
            let state = this.state.get();
            if state != Lifecycle::NONE {
                // When the only `strong` count is released, the frame's count of its parent passes
                // to the stack, as in `pop`.
                let simple = state == Lifecycle::SHARED
                    && is_plain
                    && !this.is(Traits::DETACHED | Traits::SHORT_REACH);
                let simple = simple && (!this.hides() || counts_parent(top));
                if !simple || !release_if_unique(&this.strong) {
                    return false;
                }
                if !is_unique(this) {
                    this.set_state(Lifecycle::STRONG_GONE);
                    self.top.set(this.parent);
                    self.end_shared(top);
                    return true;
                }
                this.state.set(Lifecycle::NONE);
                // `strong` is zero; the others are one, as in a new frame.
                // Relaxed: the frame is this thread's alone.
                this.strong.store(1, ordering(Site::AgainStrong, Relaxed));
            }
            self.top.set(this.parent);
            if !is_plain {
                self.end_scope(top, serial);
            } else if !reentry::keep_for_reentry(top, serial) {
                self.free_scope(top, serial);
            }
            true
        }
    }

    /// Drops the value of a scope that was the innermost one, and keeps or frees its frame. Runs
    /// foreign code.
    ///
    /// # Safety
    /// 1. As for `free_scope`, but its value is still there.
    #[inline(never)]
    unsafe fn end_scope(&self, frame: *const Frame, serial: Serial) {
        /// Frees a frame whose value's drop panics.
        struct Block(*const Frame);
        impl Drop for Block {
            fn drop(&mut self) {
                // SAFETY: #1 of `end_scope`.
                unsafe { general::free(self.0) };
            }
        }
        // The drop may change what lies below.
        let below = self.number_here();
        // SAFETY: #1.
        unsafe {
            let block = Block(frame);
            Frame::drop_value(frame);
            core::mem::forget(block);
            if !reentry::keep_for_reentry(frame, serial) {
                single::free(frame, serial, below);
            }
        }
    }

    /// Keeps or frees the frame of a scope that was the innermost one.
    ///
    /// # Safety
    /// 1. As for `single::free`; its parent is the top.
    #[inline(never)]
    unsafe fn free_scope(&self, frame: *const Frame, serial: Serial) {
        // SAFETY: #1.
        unsafe { single::free(frame, serial, self.number_here()) };
    }

    /// The serial number of the top, if a scope on it can be entered there again.
    fn number_here(&self) -> Serial {
        // Slots copied from a floor are tagged as inherited; copied from the same frame on another
        // stack they would not be.
        let is_floor = self.is_bare() && !self.top.get().is_null();
        // SAFETY: S1.
        if is_floor { Serial::UNKNOWN } else { unsafe { single::number_below(self.top.get()) } }
    }

    /// Retires a shared frame that has left the stack and whose `strong` count is gone, but whose
    /// value or memory others keep.
    #[cold]
    fn end_shared(&self, frame: *const Frame) {
        let departures = Departures::free();
        // SAFETY: the frame was on this stack.
        unsafe { retire(frame, departures.ending()) };
    }

    /// Leaves the checkpoint with that serial number and all inside it.
    pub(crate) fn leave(&self, serial: Serial, departures: &Departures<'_>) -> Leaving {
        // SAFETY: markers of frames on this stack are on it too (S1).
        unsafe {
            let mut marker = self.marker();
            let mut leaving = Leaving::InOrder;
            loop {
                if marker.is_null() {
                    return Leaving::NotHere;
                }
                if (*marker).origin.get().serial == serial {
                    break;
                }
                let outside = (*marker).parent;
                if outside == self.floor() {
                    return Leaving::NotHere;
                }
                marker = Frame::marker(outside);
                leaving = Leaving::WithInner;
            }
            let target = (*marker).parent;
            if leaving == Leaving::WithInner {
                self.note_unclosed(marker);
            }
            while self.top.get() != target {
                self.pop_some(departures);
            }
            leaving
        }
    }

    /// Leaves everything, the floor included, to snapshots that keep all of it. Says whether there
    /// are any; if not, nothing has happened. The stack may not be empty, and no read may be
    /// running.
    pub(in crate::engine) fn leave_to_contexts(&self) -> bool {
        debug_assert!(!self.is_bare(), "a floor has more counts than the stack's");
        let mut frame = self.top.get();
        // SAFETY: frames down to the floor are on this stack (S1). Each of them counts the next
        // one, so the stack has one count of them all, that of the top (I4).
        unsafe {
            while frame != self.floor() {
                if !(*frame).in_state(Lifecycle::SHARED)
                    || (*frame).is(Traits::DETACHED | Traits::SHORT_REACH)
                {
                    return false;
                }
                let outer =
                    if (*frame).before.is_carried_head() { Frame::marker(frame) } else { frame };
                let Base::Parent(parent) = base(outer) else { return false };
                frame = parent;
            }
            seen::all_left(self.top.get(), self.floor());
            if !release_to_others(&(*self.top.get()).strong) {
                return false;
            }
        }
        self.take_floor();
        reached(Way::LeftToContexts);
        true
    }

    /// Leaves everything, the floor included; puts on the list what ends with that.
    pub(crate) fn clear(&self, departures: &Departures<'_>) -> Option<Snapshot> {
        while !self.is_bare() {
            self.pop_some(departures);
        }
        // SAFETY: a bare raw stack owns one count of its floor.
        unsafe { Snapshot::from_raw(self.take_floor()) }
    }
}
