//! Frames that leave a stack: in order, with all inside them, or all at once.

use super::counts::{give_if_sole, is_sole, take};
use super::flat;
use super::frame::*;
use super::link::Link;
use super::parting::{Parting, retire};
use super::pool::UNKNOWN;
use super::spine::Spine;
use crate::sync::{Site, kept};

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
                } else if kept(Site::LeaveTakesParent) {
                    take(&(*parent).strong);
                }
            }
            retire(frame, parting.ending());
        }
    }

    /// Leaves the innermost frame, if it alone is the checkpoint with that number, nobody else keeps it, and its
    /// value needs no end. Says whether that was so.
    #[inline]
    pub(super) fn leave_plain(&self, serial: u64) -> bool {
        let top = self.top.get();
        if self.is_bare() {
            return false;
        }
        // SAFETY: S1; a frame that begins a checkpoint has a serial number; one that is sole is ours.
        unsafe {
            let this = &*top;
            if !this.is(MARKER) || this.origin.get().serial != serial || !this.kind.is_plain() {
                return false;
            }
            let parent = this.parent;
            let state = this.state.get();
            if state != 0 {
                // The count of the parent passes to the stack, as in `pop`.
                let simple = state == SHARED && !this.is(CUT | STACK | CHECKPOINT);
                if !simple || !give_if_sole(this) {
                    return false;
                }
                if !is_sole(this) {
                    this.set_state(DEAD);
                    self.top.set(parent);
                    self.end_shared(top);
                    return true;
                }
            }
            self.top.set(parent);
            // On the floor everything is tagged as inherited; on another stack the same frame would not be.
            let is_floor = self.is_bare() && !parent.is_null();
            flat::free(top, if is_floor { UNKNOWN } else { flat::number_below(parent) });
            true
        }
    }

    /// Ends a shared frame that has left the stack and is dead, but whose value or memory others keep.
    #[cold]
    fn end_shared(&self, frame: *const Frame) {
        let parting = Parting::free();
        // SAFETY: the frame was on this stack.
        unsafe { retire(frame, parting.ending()) };
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
                if outside == self.floor() {
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
        // SAFETY: a bare spine owns one count of its floor.
        unsafe { Link::from_raw(self.take_floor()) }
    }
}
