//! Who keeps a frame, and how it ends.
//!
//! `strong` keeps a frame with its parents, `values` its value alone, `weak` its memory (I4 to I6 of `Frame`).
//! Taking a count is relaxed: whoever takes one has one already, or got the frame by an edge of its own. Giving
//! one back is a release, and the last one acquires before it looks at or ends anything: so all uses of a value
//! happen before its end.
//!
//! Ending runs foreign code, so everything that ends is first put on a list, with no foreign code in between,
//! and then the list is worked off in a loop. Values that own contexts bring further lists; a few levels nest on
//! the machine's stack, what lies deeper is worked off by the deepest of them. A value whose drop panics does
//! not keep the rest of its list: the guard goes on with it while the panic travels.

use super::build;
use super::frame::{CROWN, CUT, DEAD, ENDED, Frame, HELD, HOLDING, LEFT, ONLY, SHARED};
use super::queue::{self, Ending};
use super::slot::Slot;
use super::trie;
use crate::sync::{AtomicU32, MODELLED, Ordering::*, Site, kept, order};
use std::ptr;

/// More counts than a program can hold; beyond it the process ends, as with `Arc`.
const MANY: u32 = u32::MAX / 2;

/// How many lists may be worked off inside each other before they queue.
const NESTED: u32 = if MODELLED { 1 } else { 16 };

#[inline]
pub(super) fn take(count: &AtomicU32) {
    // Relaxed: the caller has the frame already; nothing is published by taking one more.
    if count.fetch_add(1, order(Site::TakeCount, Relaxed)) > MANY {
        std::process::abort();
    }
}

/// Gives a count back; says whether it was the last.
#[inline]
#[must_use]
pub(super) fn give(count: &AtomicU32) -> bool {
    // Release: pairs with the Acquire below in whoever gives the last one; our uses happen before the end.
    if count.fetch_sub(1, order(Site::GiveCount, Release)) != 1 && kept(Site::LastEnds) {
        return false;
    }
    // Acquire: pairs with the Release above in all who gave theirs before.
    count.load(order(Site::LastCount, Acquire));
    true
}

/// As [`give`], without a write if the count that is given back is the only one. Not for `strong`: there a weak
/// context may take one more at any time.
#[inline]
#[must_use]
fn give_sole(count: &AtomicU32) -> bool {
    // Acquire: pairs with the Release of those who gave theirs; one left is ours, and nobody can take another.
    count.load(order(Site::SoleCount, Acquire)) == 1 || give(count)
}

/// Gives back the only `strong` count there is, if it is the only one.
#[inline]
#[must_use]
pub(super) fn give_if_sole(frame: &Frame) -> bool {
    // Acquire: pairs with the Release of the contexts that went before, whose reads happen before the end.
    frame.strong.compare_exchange(1, 0, order(Site::SoleStrong, Acquire), Relaxed).is_ok() || !kept(Site::LeaveLooks)
}

/// Gives a `strong` count back unless it is the last; says whether it was given.
#[inline]
#[must_use]
pub(super) fn give_to_others(frame: &Frame) -> bool {
    let is_last = |n| n == 1 && kept(Site::LeftToLooks);
    // Release: pairs with the Acquire in whoever gives the last one; our uses happen before the end.
    frame.strong.fetch_update(order(Site::GiveToOthers, Release), Relaxed, |n| (!is_last(n)).then(|| n - 1)).is_ok()
}

/// Whether nobody else keeps a frame whose last `strong` count was given back just now.
#[inline]
pub(super) fn is_sole(frame: &Frame) -> bool {
    // Acquire: pairs with the Release of those who gave theirs; what is left is ours, and nobody can take another.
    let is_sole =
        frame.values.load(order(Site::SoleValue, Acquire)) == 1 && frame.weak.load(order(Site::SoleWeak, Acquire)) == 1;
    is_sole || !kept(Site::SoleLooks)
}

/// Takes a `strong` count for a weak context, unless the last one is gone.
pub(super) fn take_if_alive(frame: &Frame) -> bool {
    // Relaxed: the frame's fields were visible to whoever made the weak context; the count says only "not gone".
    let is_alive = |n| n != 0 || !kept(Site::UpgradeLooks);
    frame.strong.fetch_update(order(Site::Upgrade, Relaxed), Relaxed, |n| is_alive(n).then(|| n + 1)).is_ok()
}

/// Counts the value that `slot` leads to.
///
/// # Safety
/// 1. `slot` leads to a live frame.   2. If it is not inherited, this thread owns the stack that the frame is on.
pub(super) unsafe fn hold(slot: Slot) {
    // SAFETY: #1.
    let frame = unsafe { &*slot.as_frame() };
    // What was inherited is shared or held, its counts are in use, and its cells are not ours to look at.
    if slot.is_inherited() || frame.state.get() & (SHARED | HELD) != 0 {
        take(&frame.values);
    } else {
        frame.set_state(HELD);
        // Relaxed: only this thread knows the frame; who else learns of it does so by an edge that comes after.
        frame.values.store(2, order(Site::FirstHold, Relaxed));
    }
}

/// Counts every value that `frame` shows, but its own.
///
/// # Safety
/// 1. `frame` is alive, not yet shared and has a whole index.
/// 2. As [`hold`], for all it shows; `inherited` says that all of it is.
pub(super) unsafe fn hold_all(frame: *const Frame, inherited: usize) {
    // SAFETY: #1 and #2.
    unsafe {
        trie::each(frame.cast(), inherited, &mut |slot| {
            if slot.as_frame() != frame {
                hold(slot);
            }
        });
        (*frame).set_state(HOLDING);
    }
}

impl Ending {
    /// Ends them all. Runs foreign code.
    pub(super) fn finish(&self) {
        if self.is_empty() {
            return;
        }
        let Some(level) = queue::nest(NESTED) else {
            return queue::queue(self);
        };
        struct Rest<'a>(&'a dyn Fn());
        impl Drop for Rest<'_> {
            fn drop(&mut self) {
                (self.0)();
            }
        }
        let work = || {
            while let Some(frame) = self.next(level.is_deepest()) {
                // SAFETY: frames on a list wait to be ended, each is on one list, and each is taken once.
                unsafe { self.end(frame) };
            }
        };
        let rest = Rest(&work);
        work();
        std::mem::forget(rest);
    }

    fn next(&self, deepest: bool) -> Option<*const Frame> {
        if self.is_empty() && deepest && kept(Site::QueueIsDone) {
            queue::queued(self);
        }
        self.pop()
    }

    /// # Safety
    /// 1. `frame` was taken from a list.
    unsafe fn end(&self, frame: *const Frame) {
        // SAFETY: #1; the state says which counts are still there to give back.
        unsafe {
            let state = (*frame).state.get();
            if state & ENDED != 0 || state & (SHARED | HELD) == 0 {
                return end_value(frame, state & ENDED != 0);
            }
            if state & LEFT != 0 {
                (*frame).state.set(state & !LEFT);
                // On a panic the counts are given back all the same: the frame is first on the list again.
                self.push_front(frame);
                return Frame::drop_value(frame);
            }
            if state & ONLY != 0 {
                (*frame).state.set(state & !ONLY);
                return self.give_value(frame);
            }
            if state & SHARED == 0 {
                return self.give_value(frame);
            }
            if state & DEAD != 0 || give(&(*frame).strong) {
                self.end_chain(frame, state & DEAD != 0);
            }
        }
    }

    /// Puts on the list what ends with `frame`, whose last `strong` count is gone, and with its parents.
    ///
    /// # Safety
    /// 1. The last `strong` count of `frame` was given back just now; so nobody else goes on from it.
    /// 2. `alone`: the count of the parent has been passed on.
    pub(super) unsafe fn end_chain(&self, mut frame: *const Frame, mut alone: bool) {
        // SAFETY: by #1 the frame is ours; its index and parent are kept until here.
        unsafe {
            loop {
                let this = &*frame;
                let parent = if alone || this.is(CUT) { ptr::null() } else { this.parent };
                if this.state.get() & HOLDING != 0 && kept(Site::EndGivesValues) {
                    trie::each(frame.cast(), 0, &mut |slot| {
                        if slot.as_frame() != frame {
                            self.give_value(slot.as_frame());
                        }
                    });
                }
                self.give_value(frame);
                if parent.is_null() || !kept(Site::EndGivesParent) || !give(&(*parent).strong) {
                    return;
                }
                (frame, alone) = (parent, false);
            }
        }
    }

    /// Gives back what a stack has of a frame that stays visible, or ends. Unlike a frame that is pushed on the list,
    /// one that stays keeps its origin.
    ///
    /// # Safety
    /// 1. The frame is the stack's, alone or with one of its counts, and is not reached by the stack any more.
    pub(super) unsafe fn give_from_stack(&self, frame: *const Frame) {
        // SAFETY: #1.
        unsafe {
            match (*frame).state.get() & (SHARED | HELD) {
                0 => self.push(frame),
                HELD => self.give_value(frame),
                _ if give(&(*frame).strong) => self.end_chain(frame, false),
                _ => {}
            }
        }
    }

    /// Gives one `values` count back; if it was the last, the value ends with this list.
    ///
    /// # Safety
    /// 1. The count is the caller's.
    pub(super) unsafe fn give_value(&self, frame: *const Frame) {
        // SAFETY: #1; with the last count the frame is ours.
        unsafe {
            if give_sole(&(*frame).values) {
                (*frame).set_state(ENDED);
                self.push(frame);
            }
        }
    }
}

/// Ends a value that nobody counts any more, and its memory unless weak contexts keep that. Runs foreign code.
///
/// # Safety
/// 1. Nobody has a `strong` or `values` count of `frame`.   2. `counted`: its `weak` counts are in use.
pub(super) unsafe fn end_value(frame: *const Frame, counted: bool) {
    struct Memory(*const Frame, bool);
    impl Drop for Memory {
        #[inline]
        fn drop(&mut self) {
            // SAFETY: #1 of `end_value`; the last weak count means that nobody knows the frame.
            unsafe {
                if !self.1 && (*self.0).before & CROWN == 0 || give_sole(&(*self.0).weak) {
                    free(self.0);
                }
            }
        }
    }
    let memory = Memory(frame, counted);
    // SAFETY: #1.
    unsafe {
        if !(*frame).gone.get() {
            Frame::drop_value(frame);
        }
    }
    drop(memory);
}

/// Gives a `strong` count back. Runs foreign code.
///
/// # Safety
/// 1. The count is the caller's.
#[inline]
pub(super) unsafe fn give_strong(frame: *const Frame) {
    // SAFETY: #1.
    if give(unsafe { &(*frame).strong }) {
        let ending = Ending::new();
        // SAFETY: it was the last one.
        unsafe { ending.end_chain(frame, false) };
        ending.finish();
    }
}

/// Gives a `weak` count back.
///
/// # Safety
/// 1. The count is the caller's.
pub(super) unsafe fn give_weak(frame: *const Frame) {
    // SAFETY: #1; with the last one nobody knows the frame, and its value has ended before (I6).
    unsafe {
        if give(&(*frame).weak) {
            free(frame);
        }
    }
}

/// Gives the memory of a frame back: its block, or its count of the block that it lies in.
///
/// # Safety
/// 1. Nobody uses the frame any more.
unsafe fn free(frame: *const Frame) {
    // SAFETY: #1; frames in the block of another have a static name, and the block is there while they count it (I6).
    unsafe {
        match Frame::crown(frame) {
            None => build::free(frame),
            Some(crown) => {
                ptr::drop_in_place(frame.cast_mut());
                if kept(Site::InnerGivesBlock) {
                    give_weak(crown);
                }
            }
        }
    }
}

/// A counted value without its parents.
#[repr(transparent)]
pub(crate) struct Held(pub(super) *const Frame);

// SAFETY: values are `Send + Sync`, and what is read of the frame through a count of the value is immutable.
unsafe impl Send for Held {}
// SAFETY: as above.
unsafe impl Sync for Held {}

impl Clone for Held {
    fn clone(&self) -> Self {
        if kept(Site::HeldTakes) {
            // SAFETY: we have a count, so the frame is alive.
            take(unsafe { &(*self.0).values });
        }
        Held(self.0)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let ending = Ending::new();
        // SAFETY: the count is ours.
        unsafe { ending.give_value(self.0) };
        ending.finish();
    }
}
