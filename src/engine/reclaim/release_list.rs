//! Frames that wait for their end: a list without an allocation.

use crate::engine::memory::frame::{Frame, Origin};
use core::cell::Cell;
use core::ptr;

/// Frames that end, first in first out, linked through their `origin`.
pub(crate) struct ReleaseList {
    first: Cell<*const Frame>,
    last: Cell<*const Frame>,
}

impl ReleaseList {
    #[inline]
    pub(in crate::engine) const fn new() -> Self {
        ReleaseList { first: Cell::new(ptr::null()), last: Cell::new(ptr::null()) }
    }

    #[inline]
    pub(in crate::engine) fn is_empty(&self) -> bool {
        self.first.get().is_null()
    }

    /// # Safety
    /// 1. `frame` is alive, on no list, and its `origin` is not needed any more.
    #[inline]
    pub(in crate::engine) unsafe fn push(&self, frame: *const Frame) {
        // SAFETY: #1; the last one of a list is alive.
        unsafe {
            link(frame, ptr::null());
            match self.last.replace(frame) {
                last if last.is_null() => self.first.set(frame),
                last => link(last, frame),
            }
        }
    }

    #[inline]
    pub(in crate::engine) fn pop(&self) -> Option<*const Frame> {
        let first = self.first.get();
        if first.is_null() {
            return None;
        }
        // SAFETY: frames on a list are alive, and their origin leads to the next.
        self.first.set(unsafe { (*first).origin.get().next });
        if self.first.get().is_null() {
            self.last.set(ptr::null());
        }
        Some(first)
    }

    pub(in crate::engine) fn append(&self, other: &ReleaseList) {
        if let Some(all) = other.take() {
            // SAFETY: it was a list.
            unsafe { self.append_all(all) };
        }
    }

    /// Takes them all: the first and the last one.
    pub(super) fn take(&self) -> Option<(*const Frame, *const Frame)> {
        let first = self.first.replace(ptr::null());
        let last = self.last.replace(ptr::null());
        (!first.is_null()).then_some((first, last))
    }

    /// # Safety
    /// 1. The frames are alive and on no list, and their origins lead from the first to the last.
    unsafe fn append_all(&self, (first, last): (*const Frame, *const Frame)) {
        match self.last.replace(last) {
            end if end.is_null() => self.first.set(first),
            // SAFETY: frames on a list are alive.
            end => unsafe { link(end, first) },
        }
    }

    /// Appends what begins with that frame. O(the frames).
    ///
    /// # Safety
    /// 1. The frames are alive and on no list, and their origins lead from `first` to one whose
    ///    origin is null.
    pub(super) unsafe fn append_chain(&self, first: *const Frame) {
        let mut last = first;
        // SAFETY: #1.
        unsafe {
            loop {
                match (*last).origin.get().next {
                    next if next.is_null() => break,
                    next => last = next,
                }
            }
            self.append_all((first, last));
        }
    }

    /// # Safety
    /// As [`ReleaseList::push`].
    pub(in crate::engine) unsafe fn push_front(&self, frame: *const Frame) {
        // SAFETY: #1 of `push`.
        unsafe { link(frame, self.first.get()) };
        self.first.set(frame);
        if self.last.get().is_null() {
            self.last.set(frame);
        }
    }
}

/// Lets one frame of a list lead to another, or to none.
///
/// # Safety
/// 1. `frame` is alive, and is on a list of the caller or about to be.
#[inline]
pub(super) unsafe fn link(frame: *const Frame, next: *const Frame) {
    // SAFETY: #1.
    unsafe { (*frame).origin.set(Origin { next }) };
}
