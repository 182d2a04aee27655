//! Frames that leave their stack, and the reads that may keep them a little longer.
//!
//! A read that runs foreign code puts a record on the machine's stack. Should that code leave the frames that were
//! there when the read began, the record keeps them until the read ends (R6); frames that came later end at once.

use super::counts::take;
use super::frame::*;
use super::own::Own;
use super::queue::Ending;
use super::slot::Slot;
use super::spine::{Ends, Spine};
use super::trie;
use std::cell::Cell;
use std::ptr;

/// What goes with the frames that leave a stack. Its drop ends them, which runs foreign code: by then the stack must
/// be as it is to stay.
pub(crate) struct Parting<'a> {
    borrows: Option<&'a Borrows>,
    ending: Ending,
}

impl<'a> Parting<'a> {
    /// For the current stack of this thread, whose reads may keep frames.
    #[inline]
    pub(super) fn under(borrows: &'a Borrows) -> Self {
        Parting { borrows: Some(borrows), ending: Ending::new() }
    }

    /// For a stack that no read can be out from.
    pub(super) fn free() -> Self {
        Parting { borrows: None, ending: Ending::new() }
    }

    /// Whether no read is out.
    pub(super) fn is_unwatched(&self) -> bool {
        self.borrows.is_none_or(Borrows::is_empty)
    }

    /// Whether a read keeps a frame that is being left; `parent` is then the next one to look out for.
    #[inline]
    pub(super) fn keep(&self, frame: *const Frame, parent: *const Frame) -> bool {
        self.borrows.is_some_and(|borrows| borrows.keep(frame, parent))
    }

    pub(super) fn ending(&self) -> &Ending {
        &self.ending
    }
}

impl Drop for Parting<'_> {
    #[inline]
    fn drop(&mut self) {
        self.ending.finish();
    }
}

/// The reads of this thread that run foreign code just now, and the stacks that were swapped in there, innermost first.
///
/// Each is a record on the machine's stack; [`READ`] says that it is a [`Borrow`], else it is an [`Under`].
pub(crate) struct Borrows(Cell<*const u8>);

/// The lowest bit of a pointer to a read.
const READ: usize = 1;

/// What another stack was swapped in over.
pub(super) struct Under {
    ends: Ends,
    outer: *const u8,
}

/// The read that a pointer to a record leads to, if it is one.
#[inline]
fn as_read(record: *const u8) -> Option<*const Borrow> {
    (record.addr() & READ != 0).then(|| record.map_addr(|at| at & !READ).cast())
}

struct Borrow {
    outer: *const u8,
    /// The innermost of the frames that were there when the read began and are still on the stack.
    top: Cell<*const Frame>,
    /// Those that have been left since, from the first one outwards.
    kept: Cell<*const Frame>,
    number: Cell<usize>,
}

impl Borrows {
    pub(crate) const fn new() -> Self {
        Borrows(Cell::new(ptr::null()))
    }

    /// Whether no read of the current stack is out.
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.0.get().addr() & READ == 0
    }

    /// Whether a read keeps a frame that is being left; `parent` is then the next one to look out for.
    #[inline]
    pub(super) fn keep(&self, frame: *const Frame, parent: *const Frame) -> bool {
        !self.is_empty() && self.keep_slowly(frame, parent)
    }

    #[cold]
    fn keep_slowly(&self, frame: *const Frame, parent: *const Frame) -> bool {
        let mut keeper: Option<&Borrow> = None;
        let mut next = self.0.get();
        // What was swapped in beneath belongs to another stack: what leaves this one is nothing to its reads.
        while let Some(borrow) = as_read(next) {
            // SAFETY: records are on the list for as long as they are on the machine's stack.
            let borrow = unsafe { &*borrow };
            if borrow.top.get() == frame {
                borrow.top.set(parent);
                keeper = Some(borrow);
            }
            next = borrow.outer;
        }
        // The outermost of them ends last.
        let Some(keeper) = keeper else { return false };
        if keeper.number.get() == 0 {
            keeper.kept.set(frame);
        }
        keeper.number.set(keeper.number.get() + 1);
        true
    }
}

/// Ends a read: on return and on panic.
struct EndOfRead<'a>(&'a Borrow, &'a Borrows);

impl Drop for EndOfRead<'_> {
    #[inline]
    fn drop(&mut self) {
        self.1.0.set(self.0.outer);
        if self.0.number.get() != 0 {
            end_kept(self.0);
        }
    }
}

#[cold]
fn end_kept(borrow: &Borrow) {
    let ending = Ending::new();
    let mut frame = borrow.kept.get();
    for _ in 0..borrow.number.get() {
        // SAFETY: the record owns these frames, as the stack did before; each leads to the next.
        unsafe {
            let next = (*frame).parent;
            retire(frame, &ending);
            frame = next;
        }
    }
    ending.finish();
}

impl Borrows {
    /// Calls `f` while what can be seen from `top` is kept.
    #[inline]
    pub(super) fn during<R>(&self, top: *const Frame, f: impl FnOnce() -> R) -> R {
        let borrow =
            Borrow { outer: self.0.get(), top: Cell::new(top), kept: Cell::new(ptr::null()), number: Cell::new(0) };
        self.0.set((&raw const borrow).cast::<u8>().map_addr(|at| at | READ));
        let _end = EndOfRead(&borrow, self);
        f()
    }
}

impl Borrows {
    /// Calls `f` with `own` as `spine`: what leaves it, be it a frame that the stack beneath was handed, is nothing to the
    /// reads of that one. If it may be seen through, it leaves a record of what it was swapped in over; if it has not
    /// begun, it is made what `begin` gives.
    #[inline]
    pub(super) fn swapped<R>(
        &self,
        spine: &Spine,
        own: &mut Own,
        begin: impl FnOnce() -> Own,
        f: impl FnOnce() -> R,
    ) -> R {
        struct Back<'a>(&'a Borrows, *const u8);
        impl Drop for Back<'_> {
            #[inline]
            fn drop(&mut self) {
                self.0.0.set(self.1);
            }
        }
        let outer = self.0.get();
        let _back = Back(self, outer);
        let under;
        if !outer.is_null() | own.spine().is_through() {
            if own.spine().is_waiting() {
                begin_on(own, begin);
            }
            under = Under { ends: spine.ends(), outer };
            self.0.set((&raw const under).cast());
        }
        spine.run_as(own.spine(), f)
    }

    /// The stacks beneath the current one, the nearest first. They are suspended: nothing leaves them meanwhile.
    pub(super) fn beneath(&self) -> impl Iterator<Item = Spine> {
        let mut next = self.0.get();
        std::iter::from_fn(move || {
            while let Some(borrow) = as_read(next) {
                // SAFETY: records are on the list for as long as they are on the machine's stack.
                next = unsafe { (*borrow).outer };
            }
            // SAFETY: as above; what is no read is what a stack was swapped in over, or the end.
            let under = unsafe { next.cast::<Under>().as_ref() }?;
            next = under.outer;
            Some(Spine::of_ends(under.ends))
        })
    }
}

#[cold]
#[inline(never)]
fn begin_on(own: &mut Own, begin: impl FnOnce() -> Own) {
    *own = begin();
}

/// Puts a frame that has left its stack on the list. Values of short reach end here, whoever keeps the frame.
///
/// # Safety
/// 1. `frame` was on a stack of the caller and is not any more.
pub(super) unsafe fn retire(frame: *const Frame, ending: &Ending) {
    // SAFETY: #1; what a digest shows of its own checkpoint left the stack when it took its place.
    unsafe {
        let shared = (*frame).state.get() & (SHARED | HELD) != 0;
        if shared && (*frame).role == Role::Digest {
            each_own(frame, &mut |slot| end_apart(slot.as_frame(), ending));
        } else if shared {
            ends_here(frame);
        }
        ending.push(frame);
    }
}

/// Calls `f` with what a digest shows of its own checkpoint.
///
/// # Safety
/// 1. `digest` is one, and of a stack of the caller.
unsafe fn each_own(digest: *const Frame, f: &mut dyn FnMut(Slot)) {
    // SAFETY: #1; what was not inherited is of the caller's stack too.
    unsafe {
        let marker = (*digest).origin.get().marker;
        trie::each(digest.cast(), 0, &mut |slot| {
            if !slot.is_inherited() && Frame::marker(slot.as_frame()) == marker {
                f(slot);
            }
        });
    }
}

/// Ends the values of short reach that go with `frame` as `digest` takes its place, and that `digest` does not show.
///
/// # Safety
/// 1. `frame` is on a stack of the caller, in the checkpoint that `digest` belongs to.
pub(super) unsafe fn end_unless_seen(frame: *const Frame, digest: *const Frame, ending: &Ending) {
    // SAFETY: #1, which holds for what an older digest shows of this checkpoint too.
    unsafe {
        let unseen = |old: *const Frame| trie::find(digest.cast(), (*old).id).is_none_or(|slot| slot.as_frame() != old);
        if (*frame).role == Role::Digest {
            each_own(frame, &mut |slot| {
                if unseen(slot.as_frame()) {
                    end_apart(slot.as_frame(), ending);
                }
            });
        } else if (*frame).state.get() & (SHARED | HELD) != 0 && unseen(frame) {
            end_apart(frame, ending);
        }
    }
}

/// Ends the value of a frame, if it is of short reach, apart from the counts of the frame: those stay as they are.
///
/// # Safety
/// 1. `frame` is of a stack of the caller, and shared or held.
unsafe fn end_apart(frame: *const Frame, ending: &Ending) {
    // SAFETY: #1; a count of its own keeps the frame until the list has come to it.
    unsafe {
        if ends_here(frame) {
            take(&(*frame).values);
            (*frame).set_state(ONLY);
            ending.push(frame);
        }
    }
}

/// Whether the value of a frame ends as its stack leaves it; notes that it is going.
///
/// # Safety
/// 1. `frame` is of a stack of the caller.
unsafe fn ends_here(frame: *const Frame) -> bool {
    // SAFETY: #1.
    let this = unsafe { &*frame };
    let ends = this.is(STACK | CHECKPOINT) && matches!(this.role, Role::Binding | Role::Alias) && !this.gone.get();
    if ends {
        this.gone.set(true);
        this.set_state(LEFT);
    }
    ends
}
