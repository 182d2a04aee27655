//! Frames that leave a stack: in order, with all inside them, or all at once.

use super::counts::{give_if_sole, take};
use super::frame::*;
use super::link::Link;
use super::parting::{Parting, retire};
use super::spine::Spine;
use std::ptr;

/// What came of leaving.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Leaving {
    InOrder,
    /// Checkpoints inside it were left with it.
    WithInner,
    /// It is not on this stack, or not any more.
    NotHere,
}

impl Spine {
    /// Takes the innermost frame from the stack; puts on the list what ends with that.
    pub(super) fn pop(&self, parting: &Parting<'_>) {
        // SAFETY: the top is on this stack (S1) and above the floor, as all callers have looked.
        unsafe {
            let frame = self.top.get();
            let parent = (*frame).parent;
            self.top.set(parent);
            let counts_parent = (*frame).state.get() & SHARED != 0 && !(*frame).is(CUT);
            let counts_parent = counts_parent && !parent.is_null();
            if parting.keep(frame, parent) {
                if counts_parent {
                    take(&(*parent).strong);
                }
                return;
            }
            if counts_parent {
                // The count of the parent passes to the stack if the frame ends here, else the stack takes its own.
                if give_if_sole(&*frame) {
                    (*frame).set_state(DEAD);
                } else {
                    take(&(*parent).strong);
                }
            }
            retire(frame, parting.ending());
        }
    }

    /// Leaves the innermost frame, if it alone is the checkpoint with that number and belongs to nobody else (I8).
    #[inline]
    pub(super) fn take_alone(&self, serial: u64) -> Option<*const Frame> {
        if self.is_bare() {
            return None;
        }
        let top = self.top.get();
        // SAFETY: S1; a frame that begins a checkpoint has a serial number.
        unsafe {
            let this = &*top;
            let alone =
                this.is(MARKER) && this.origin.get().serial == serial && this.state.get() & (SHARED | HELD) == 0;
            alone.then(|| {
                self.top.set(this.parent);
                top
            })
        }
    }

    /// Leaves the checkpoint with that serial number and all inside it.
    pub(crate) fn leave(&self, serial: u64, parting: &Parting<'_>) -> Leaving {
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
                if outside == self.floor.get() {
                    return Leaving::NotHere;
                }
                marker = Frame::marker(outside);
                leaving = Leaving::WithInner;
            }
            let target = (*marker).parent;
            while self.top.get() != target {
                self.pop(parting);
            }
            leaving
        }
    }

    /// Leaves everything, the floor included; puts on the list what ends with that.
    pub(crate) fn clear(&self, parting: &Parting<'_>) -> Option<Link> {
        while !self.is_bare() {
            self.pop(parting);
        }
        self.top.set(ptr::null());
        self.open.set(false);
        // SAFETY: a bare spine owns one count of its floor.
        unsafe { Link::from_raw(self.floor.replace(ptr::null())) }
    }
}
