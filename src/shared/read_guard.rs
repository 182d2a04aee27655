//! A value for the length of one read.

use super::cache::{self, Cached};
use super::node::NodeGuard;
use super::slot::Slot;
use super::snapshot::Versioned;
use crate::sys::{Arc, Site, step};
use std::mem::ManuallyDrop;

/// A value for the length of one read.
pub(super) enum ReadGuard<'a, T> {
    Cached(CachedGuard<'a, T>),
    Counted(NodeGuard<'a, T>),
}

impl<T> ReadGuard<'_, T> {
    pub(super) fn value(&self) -> &T {
        match self {
            ReadGuard::Cached(guard) => guard.value(),
            ReadGuard::Counted(guard) => guard.value(),
        }
    }
}

/// Out of what the thread keeps, where it goes guard to after the read. A type of its own, so that
/// the read which finds one has it in registers.
pub(super) struct CachedGuard<'a, T> {
    slot: &'a Slot<T>,
    versioned: ManuallyDrop<Arc<Versioned<T>>>,
    /// The version of `versioned`.
    stamp: usize,
}

impl<'a, T> CachedGuard<'a, T> {
    #[inline(always)]
    pub(super) fn new(
        slot: &'a Slot<T>,
        versioned: ManuallyDrop<Arc<Versioned<T>>>,
        stamp: usize,
    ) -> Self {
        CachedGuard { slot, versioned, stamp }
    }

    #[inline(always)]
    pub(super) fn value(&self) -> &T {
        &self.versioned.value
    }

    pub(super) fn versioned(&self) -> &Arc<Versioned<T>> {
        &self.versioned
    }
}

impl<T> Drop for CachedGuard<'_, T> {
    #[inline(always)]
    fn drop(&mut self) {
        let is_newest = self.stamp == self.slot.stamp() || !step(Site::PutBackLooks);
        let versioned = Arc::as_ptr(&self.versioned).cast();
        if !(is_newest && cache::put_back(self.slot.peek(), self.stamp, versioned)) {
            self.put(is_newest);
        }
    }
}

impl<T> CachedGuard<'_, T> {
    /// Once, at the end.
    #[cold]
    #[inline(never)]
    fn put(&mut self, is_newest: bool) {
        // SAFETY: it is not used again.
        let versioned = Arc::into_raw(unsafe { ManuallyDrop::take(&mut self.versioned) });
        // SAFETY: it is the raw form of an `Arc` of that type, and its count passes.
        let cached =
            unsafe { Cached::new(self.slot.peek(), self.stamp, versioned.cast(), drop_raw::<T>) };
        if is_newest {
            cache::put(cached);
        }
    }
}

/// What the thread keeps, as what it is. The count stays where it was unless the caller drops it.
///
/// # Safety
/// 1. `versioned` is the raw form of an `Arc` of a `Versioned` of `T`, and a count of it lives on.
#[inline(always)]
pub(super) unsafe fn from_raw<T>(versioned: *const ()) -> ManuallyDrop<Arc<Versioned<T>>> {
    // SAFETY: #1.
    ManuallyDrop::new(unsafe { Arc::from_raw(versioned.cast()) })
}

/// # Safety
/// 1. As [`from_raw`], and that count is given here.
unsafe fn drop_raw<T>(versioned: *const ()) {
    // SAFETY: #1.
    drop(ManuallyDrop::into_inner(unsafe { from_raw::<T>(versioned) }));
}
