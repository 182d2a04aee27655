//! Capturing: a counted pointer to the top. Frames that were private are marked as shared, once
//! each.
//!
//! The rule (I4): the stack has a count of a shared frame unless the frame above it counts it. So
//! the count of the first frame that is shared already passes to the frame that has it as its base.
//! Other threads learn of the frames only through the snapshot, after all are marked.

use super::raw::RawStack;
use crate::engine::index::staying::{note_staying, staying_is_used};
use crate::engine::memory::flags::*;
use crate::engine::memory::frame::*;
use crate::engine::memory::note::At;
use crate::engine::reclaim::base::{Base, FAR_OUT, base, retain_base};
use crate::engine::reclaim::ownership::{self, is_shared_or_null};
use crate::engine::reclaim::refcount::{retain, share_with_stack};
use crate::engine::snapshot::strong::Snapshot;
use crate::sys::{Site, step};

impl RawStack {
    /// One counted pointer to all that is visible here. From now on these frames are shared.
    #[inline]
    pub(crate) fn capture(&self, at: At) -> Option<Snapshot> {
        // SAFETY: frames down to the first shared one are on this stack; it is ours alone to mark
        // them.
        unsafe {
            let top = self.top.get();
            if top.is_null() {
                return None;
            }
            let this = &*top;
            if self.is_bare() || this.in_state(Lifecycle::SHARED) {
                if step(Site::CaptureTakes) {
                    retain(&this.strong);
                }
                Snapshot::from_raw(top)
            } else {
                self.share_first(at)
            }
        }
    }

    /// Marks what is visible here, of which the innermost frame was this stack's alone, for its
    /// first context.
    #[inline(never)]
    fn share_first(&self, at: At) -> Option<Snapshot> {
        let top = self.top.get();
        // SAFETY: S1; the value of a frame that adopts a context is that.
        unsafe {
            if (*top).role == Role::Adopt {
                (*top).watch.reads();
                return (*Frame::value::<Option<Snapshot>>(top)).clone();
            }
            self.share(at);
            share_with_stack(&(*top).strong);
            Snapshot::from_raw(top)
        }
    }

    /// Marks the frames from the top outwards, each base after the frame that counts it, down to
    /// the first one that is shared already.
    fn share(&self, at: At) {
        let mut frame = self.top.get();
        while frame != self.floor() {
            // SAFETY: frames above the floor are on this stack (S1); this one is only now shared,
            // and what it shows is on this stack or was inherited.
            unsafe {
                if (*frame).in_state(Lifecycle::SHARED) {
                    return;
                }
                if (*frame).is(Traits::STACK) {
                    staying_is_used();
                }
                ownership::share(frame, || self.floor(), FAR_OUT, at);
                match base(frame) {
                    Base::Parent(parent) => frame = parent,
                    Base::Apart(next) => {
                        note_staying(frame);
                        let base = next.as_frame();
                        if is_shared_or_null(next) {
                            return retain_base(base);
                        }
                        // The frame above it on the stack does not count it, so the stack does.
                        share_with_stack(&(*base).strong);
                        frame = base;
                    }
                }
            }
        }
    }
}
