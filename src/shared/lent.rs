//! A value for the length of one read.

use super::cache::{self, Kept};
use super::node::Held;
use super::slot::Slot;
use super::snapshot::Tap;
use crate::sys::{Arc, Site, step};
use core::mem::ManuallyDrop;

/// A value for the length of one read.
pub(super) enum Lent<'a, T> {
    Kept(Back<'a, T>),
    Held(Held<'a, T>),
}

impl<T> Lent<'_, T> {
    pub(super) fn value(&self) -> &T {
        match self {
            Lent::Kept(back) => back.value(),
            Lent::Held(held) => held.value(),
        }
    }
}

/// Out of what the thread keeps, where it goes back to after the read. A type of its own, so that
/// the read which finds one has it in registers.
pub(super) struct Back<'a, T> {
    slot: &'a Slot<T>,
    tap: ManuallyDrop<Arc<Tap<T>>>,
    /// The version of `tap`.
    stamp: usize,
}

impl<'a, T> Back<'a, T> {
    #[inline(always)]
    pub(super) fn new(slot: &'a Slot<T>, tap: ManuallyDrop<Arc<Tap<T>>>, stamp: usize) -> Self {
        Back { slot, tap, stamp }
    }

    #[inline(always)]
    pub(super) fn value(&self) -> &T {
        &self.tap.value
    }

    pub(super) fn tap(&self) -> &Arc<Tap<T>> {
        &self.tap
    }
}

impl<T> Drop for Back<'_, T> {
    #[inline(always)]
    fn drop(&mut self) {
        let is_newest = self.stamp == self.slot.stamp() || !step(Site::PutBackLooks);
        let tap = Arc::as_ptr(&self.tap).cast();
        if !(is_newest && cache::put_back(self.slot.peek(), self.stamp, tap)) {
            self.put(is_newest);
        }
    }
}

impl<T> Back<'_, T> {
    /// Once, at the end.
    #[cold]
    #[inline(never)]
    fn put(&mut self, is_newest: bool) {
        // SAFETY: it is not used again.
        let tap = Arc::into_raw(unsafe { ManuallyDrop::take(&mut self.tap) });
        // SAFETY: it is the raw form of an `Arc` of that type, and its count passes.
        let kept = unsafe { Kept::new(self.slot.peek(), self.stamp, tap.cast(), end::<T>) };
        if is_newest {
            cache::put(kept);
        }
    }
}

/// What the thread keeps, as what it is. The count stays where it was unless the caller drops it.
///
/// # Safety
/// 1. `tap` is the raw form of an `Arc` of a `Tap` of `T`, and a count of it lives on.
#[inline(always)]
pub(super) unsafe fn own<T>(tap: *const ()) -> ManuallyDrop<Arc<Tap<T>>> {
    // SAFETY: #1.
    ManuallyDrop::new(unsafe { Arc::from_raw(tap.cast()) })
}

/// # Safety
/// 1. As [`own`], and that count is given here.
unsafe fn end<T>(tap: *const ()) {
    // SAFETY: #1.
    drop(ManuallyDrop::into_inner(unsafe { own::<T>(tap) }));
}
