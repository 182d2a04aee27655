//! How a frame ends.
//!
//! Dropping a value runs foreign code, so everything that ends is first put on a list, with no
//! foreign code in between, and then the list is worked off in a loop. A value that owns contexts
//! brings a list of its own; a few lists nest on the machine's stack, and the deepest of them works
//! off what would nest deeper. If the drop of a value panics, a guard works off the rest of the
//! list while the panic unwinds.
//!
//! Whoever releases the last count, on whatever thread, ends the frame there.

use super::base::{base, counted_besides};
use super::refcount::{is_only_kept_from_above, is_only_value, release, release_unique};
use super::release_list::{self, ReleaseList};
use super::seen;
use crate::engine::build::general;
use crate::engine::index::trie;
use crate::engine::memory::flags::{Lifecycle, Traits};
use crate::engine::memory::frame::Frame;
use crate::sys::{MODELLED, Site, Way, reached, step};
use core::cell::Cell;
use core::ptr;

/// How many lists may be worked off inside each other before they queue.
const NESTED: u32 = if MODELLED { 1 } else { 16 };

impl ReleaseList {
    /// Ends them all. Runs foreign code.
    pub(in crate::engine) fn finish(&self) {
        if self.is_empty() {
            return;
        }
        let Some(level) = release_list::nest(NESTED) else {
            return release_list::queue(self);
        };
        struct Rest<'a>(&'a dyn Fn());
        impl Drop for Rest<'_> {
            fn drop(&mut self) {
                if step(Site::RestIsDone) {
                    (self.0)();
                }
            }
        }
        let work = || {
            while let Some(frame) = self.next(level.is_deepest()) {
                // SAFETY: frames on a list wait to be ended, each is on one list, and each is taken
                // once.
                unsafe { self.end(frame) };
            }
        };
        let rest = Rest(&work);
        work();
        core::mem::forget(rest);
    }

    fn next(&self, deepest: bool) -> Option<*const Frame> {
        if self.is_empty() && deepest && step(Site::QueueIsDone) {
            release_list::queued(self);
        }
        self.pop()
    }

    /// # Safety
    /// 1. `frame` was taken from a list.
    unsafe fn end(&self, frame: *const Frame) {
        // SAFETY: #1; the state says which counts are still to be released.
        unsafe {
            let state = (*frame).state.get();
            if state.has_any(Lifecycle::BATCH_GONE) {
                return end_block(frame);
            }
            if state.has_any(Lifecycle::VALUE_GONE)
                || !state.has_any(Lifecycle::SHARED | Lifecycle::VALUE_SHARED)
            {
                return end_value(frame, state.has_any(Lifecycle::VALUE_GONE));
            }
            if state.has_any(Lifecycle::LEFT) {
                (*frame).state.set(state.without(Lifecycle::LEFT));
                // If the drop panics, the counts are released all the same: the frame is first on
                // the list again.
                self.push_front(frame);
                return Frame::drop_value(frame);
            }
            if state.has_any(Lifecycle::VALUE_ONLY) {
                (*frame).state.set(state.without(Lifecycle::VALUE_ONLY));
                return self.release_value(frame);
            }
            if !state.has_any(Lifecycle::SHARED) {
                return self.release_value(frame);
            }
            if state.has_any(Lifecycle::STRONG_GONE) || release(&(*frame).strong) {
                self.end_chain(frame, state.has_any(Lifecycle::STRONG_GONE));
            }
        }
    }

    /// Puts on the list what ends with `frame`, whose last `strong` count is gone, and releases its
    /// base.
    ///
    /// # Safety
    /// 1. The last `strong` count of `frame` was released just now, so nobody else can reach it by
    ///    one.
    /// 2. `alone`: the count of the parent has been passed on.
    pub(in crate::engine) unsafe fn end_chain(&self, mut frame: *const Frame, mut alone: bool) {
        // SAFETY: by #1 the frame is ours; its index and parent are kept until here.
        unsafe {
            loop {
                let this = &*frame;
                let outermost = if alone { None } else { ends_as_one(frame) };
                let base =
                    if alone { ptr::null() } else { base(outermost.unwrap_or(frame)).as_frame() };
                // A shared frame with a full index always counts what it shows. The bit is
                // immutable; `state` is not, and its stack may be writing it as the last context
                // goes on another thread.
                let holds = if step(Site::EndAsksShape) {
                    this.is(Traits::FULL_INDEX)
                } else {
                    this.in_state(Lifecycle::HOLDS_VALUES)
                };
                if holds && step(Site::EndGivesValues) {
                    trie::each(frame.cast(), 0, &mut |slot| {
                        if slot.as_frame() != frame {
                            self.release_value(slot.as_frame());
                        }
                    });
                }
                if !this.is(Traits::FULL_INDEX) && this.hides() && step(Site::HiderGives) {
                    counted_besides(frame, &mut |shown| self.release_value(shown));
                }
                if outermost.is_some() {
                    reached(Way::BlockEndsAsOne);
                    self.push_block(frame);
                } else {
                    self.release_value(frame);
                }
                if base.is_null() || !step(Site::EndGivesParent) || !release(&(*base).strong) {
                    return;
                }
                (frame, alone) = (base, false);
            }
        }
    }

    /// Releases what a stack has of a frame that stays visible, or ends. A frame that stays is not
    /// pushed on the list, and so keeps its origin.
    ///
    /// # Safety
    /// 1. The frame is the stack's, alone or with one of its counts, and is not reached by the
    ///    stack any more.
    pub(in crate::engine) unsafe fn release_from_stack(&self, frame: *const Frame) {
        // SAFETY: #1.
        unsafe {
            match (*frame).state.get().among(Lifecycle::SHARED | Lifecycle::VALUE_SHARED) {
                Lifecycle::NONE => self.push(frame),
                Lifecycle::VALUE_SHARED => self.release_value(frame),
                _ if release(&(*frame).strong) => self.end_chain(frame, false),
                _ => {}
            }
        }
    }

    /// Puts a block on the list, whose frames end together.
    ///
    /// # Safety
    /// 1. `head` is that of a batch of which nobody has a `strong` or `values` count, and is on no
    ///    list.
    pub(in crate::engine) unsafe fn push_block(&self, head: *const Frame) {
        // SAFETY: #1.
        unsafe {
            (*head).set_state(Lifecycle::BATCH_GONE);
            self.push(head);
        }
    }

    /// Releases one `values` count; if it was the last, the value ends with this list.
    ///
    /// # Safety
    /// 1. The count is the caller's.
    pub(in crate::engine) unsafe fn release_value(&self, frame: *const Frame) {
        // SAFETY: #1; with the last count the frame is ours.
        unsafe {
            if release_unique(&(*frame).values, 1) {
                (*frame).set_state(Lifecycle::VALUE_GONE);
                self.push(frame);
            }
        }
    }
}

/// Drops a value that nobody counts any more, and frees its memory unless weak snapshots keep it.
/// Runs foreign code.
///
/// # Safety
/// 1. Nobody has a `strong` or `values` count of `frame`.
/// 2. `counted`: its `weak` counts are in use.
pub(in crate::engine) unsafe fn end_value(frame: *const Frame, counted: bool) {
    struct Memory(*const Frame, bool);
    impl Drop for Memory {
        #[inline]
        fn drop(&mut self) {
            // SAFETY: #1 of `end_value`; the last weak count means that nobody knows the frame.
            unsafe {
                if !self.1 && !(*self.0).before.is_head() || release_unique(&(*self.0).weak, 1) {
                    free(self.0);
                }
            }
        }
    }
    let memory = Memory(frame, counted);
    // SAFETY: #1.
    unsafe {
        seen::ended(frame);
        if !(*frame).gone.get() {
            Frame::drop_value(frame);
        }
    }
    drop(memory);
}

/// The outermost frame in the block of `frame`, if it is the head of a batch and all of them end
/// with it.
///
/// # Safety
/// 1. The last `strong` count of `frame` was released just now, and that of its parent is still
///    its own.
#[inline]
unsafe fn ends_as_one(frame: *const Frame) -> Option<*const Frame> {
    // SAFETY: #1; the frames of a batch lie side by side, down to the one that begins its
    // checkpoint.
    unsafe {
        if !(*frame).before.is_head() || !is_only_value(&*frame) {
            return None;
        }
        let mut each = frame;
        loop {
            let this = &*each;
            if this.state.get().without(Lifecycle::VALUE_SHARED) != Lifecycle::SHARED
                || this.gone.get()
            {
                return None;
            }
            if this.is(Traits::BOUNDARY) {
                return Some(each);
            }
            each = this.parent;
            if !is_only_kept_from_above(&*each) {
                return None;
            }
        }
    }
}

/// Drops the values of a whole batch, from the head outwards, and then frees its memory unless weak
/// snapshots keep it. Runs foreign code.
///
/// # Safety
/// 1. `head` is that of a batch that is on no stack, and nobody has a `strong` or `values` count
///    of its frames.
#[inline(never)]
pub(in crate::engine) unsafe fn end_block(head: *const Frame) {
    struct Rest {
        /// Whose value is next; null if there is none.
        next: Cell<*const Frame>,
        head: *const Frame,
        ended: Cell<u32>,
    }
    impl Rest {
        fn end(&self) {
            // SAFETY: #1 of `end_block`; each is taken once.
            unsafe {
                while !self.next.get().is_null() {
                    let frame = self.next.get();
                    self.next.set(if (*frame).is(Traits::BOUNDARY) {
                        ptr::null()
                    } else {
                        (*frame).parent
                    });
                    self.ended.set(self.ended.get() + 1);
                    seen::ended(frame);
                    Frame::drop_value(frame);
                    if frame != self.head {
                        ptr::drop_in_place(frame.cast_mut());
                    }
                }
            }
        }
    }
    impl Drop for Rest {
        /// Goes on if the drop of a value panics.
        fn drop(&mut self) {
            self.end();
            let all = if step(Site::InnerGivesBlock) { self.ended.get() } else { 1 };
            // SAFETY: #1 of `end_block`; each of them counted the block, and the last count means
            // that nobody knows it.
            unsafe {
                if release_unique(&(*self.head).weak, all) {
                    general::free(self.head);
                }
            }
        }
    }
    Rest { next: Cell::new(head), head, ended: Cell::new(0) }.end();
}

/// Releases a `strong` count. Runs foreign code.
///
/// # Safety
/// 1. The count is the caller's.
#[inline]
pub(in crate::engine) unsafe fn release_strong(frame: *const Frame) {
    // SAFETY: #1.
    if release(unsafe { &(*frame).strong }) {
        let ending = ReleaseList::new();
        // SAFETY: it was the last one.
        unsafe { ending.end_chain(frame, false) };
        ending.finish();
    }
}

/// Releases a `weak` count.
///
/// # Safety
/// 1. The count is the caller's.
pub(in crate::engine) unsafe fn release_weak(frame: *const Frame) {
    // SAFETY: #1; with the last one nobody knows the frame, and its value has ended before (I6).
    unsafe {
        if release(&(*frame).weak) {
            free(frame);
        }
    }
}

/// Frees the memory of a frame: its block, or, if it is a member, its count of the block.
///
/// # Safety
/// 1. Nobody uses the frame any more.
#[inline]
unsafe fn free(frame: *const Frame) {
    // SAFETY: #1; frames in the block of another have a static name, and the block is there while
    // they count it (I6).
    unsafe {
        match Frame::head(frame) {
            None => general::free(frame),
            Some(head) => {
                ptr::drop_in_place(frame.cast_mut());
                if step(Site::InnerGivesBlock) {
                    release_weak(head);
                }
            }
        }
    }
}
