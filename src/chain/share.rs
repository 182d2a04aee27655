//! Snapshots: marking what was private as shared, once for each frame.

use super::counts::{hold_all, take};
use super::frame::*;
use super::link::Link;
use super::spine::Spine;
use super::trie;
use crate::sync::{OnceLock, Ordering::Relaxed, Site, kept, order};

/// Whether a context was ever taken that leads to a binding that stays on its stack.
static STAYING: OnceLock<()> = OnceLock::new();

pub(super) fn is_staying_used() -> bool {
    STAYING.get().is_some()
}

/// Notes that a frame was shared that stays on its stack. Whoever captures it later comes after.
#[cold]
#[inline(never)]
fn staying_is_used() {
    STAYING.get_or_init(|| ());
}

/// Whether an index leads to a binding that stays on its stack.
///
/// # Safety
/// 1. `frame` is alive, with everything its index leads to.
pub(super) unsafe fn leads_to_staying(frame: *const Frame) -> bool {
    let mut found = false;
    // SAFETY: #1.
    unsafe { trie::each(frame.cast(), 0, &mut |slot| found |= (*slot.as_frame()).is(STACK)) };
    found
}

/// As [`staying_is_used`], if that is what a frame shows that does not count its parent: those below it are shared
/// without being passed.
///
/// # Safety
/// 1. As for [`leads_to_staying`].
pub(super) unsafe fn note_staying(frame: *const Frame) {
    // SAFETY: #1.
    if !is_staying_used() && unsafe { leads_to_staying(frame) } {
        staying_is_used();
    }
}

impl Spine {
    /// One counted pointer to all that is visible here. From now on these frames are shared.
    #[inline]
    pub(crate) fn capture(&self) -> Option<Link> {
        // SAFETY: frames down to the first shared one are on this stack; it is ours alone to mark them.
        unsafe {
            let top = self.top.get();
            if top.is_null() {
                return None;
            }
            let this = &*top;
            if self.is_bare() || this.state.get() & SHARED != 0 {
                if kept(Site::CaptureTakes) {
                    take(&this.strong);
                }
            } else {
                self.share_first();
            }
            Link::from_raw(top)
        }
    }

    /// Marks what is visible here, of which the innermost frame was this stack's alone, for its first context.
    #[inline(never)]
    fn share_first(&self) {
        self.share();
        // Nobody else knows the frame yet: one count is the stack's, one the context's.
        // Relaxed: whoever gets the context does so by an edge that comes after.
        // SAFETY: S1.
        unsafe { (*self.top.get()).strong.store(2, order(Site::FirstCapture, Relaxed)) };
    }

    /// Marks the frames from the top down to the first one that is shared already, or does not count its parent.
    fn share(&self) {
        let mut frame = self.top.get();
        // The count of a parent that is shared already passes from the stack to the frame above it (I4).
        while frame != self.floor() {
            // SAFETY: frames above the floor are on this stack (S1).
            let this = unsafe { &*frame };
            if this.state.get() & SHARED != 0 {
                return;
            }
            this.set_state(SHARED);
            if this.is(STACK) {
                staying_is_used();
            }
            if this.is(WHOLE) && this.state.get() & HOLDING == 0 && kept(Site::WholeHolds) {
                // SAFETY: the frame is only now shared; what it shows is on this stack or was inherited.
                unsafe { hold_all(frame, 0) };
            }
            if this.is(CUT) {
                // SAFETY: the frame is on this stack (S1).
                unsafe { note_staying(frame) };
                return;
            }
            frame = this.parent;
        }
    }
}
