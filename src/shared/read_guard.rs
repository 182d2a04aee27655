//! A value for the length of one borrowed read.

use super::cache::{self, Cached};
use super::node::NodeGuard;
use super::slot::Slot;
use super::snapshot::Versioned;
use crate::sys::{Arc, Site, step};
use core::mem::ManuallyDrop;

/// A value for the length of one borrowed read.
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

/// An entry that the read took out of the thread's cache, and puts back when it ends. A type of its
/// own, so that a hit has it in registers.
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
    /// Puts the entry back where the fast way could not, or drops it. Called once, at the end.
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

/// The typed form of a pointer in the cache. It releases no count unless the caller drops it.
///
/// # Safety
/// 1. `versioned` is the raw form of an `Arc` of a `Versioned` of `T`, and a count of it lives on.
#[inline(always)]
pub(super) unsafe fn from_raw<T>(versioned: *const ()) -> ManuallyDrop<Arc<Versioned<T>>> {
    // SAFETY: #1.
    ManuallyDrop::new(unsafe { Arc::from_raw(versioned.cast()) })
}

/// # Safety
/// 1. As [`from_raw`], and this releases that count.
unsafe fn drop_raw<T>(versioned: *const ()) {
    // SAFETY: #1.
    drop(ManuallyDrop::into_inner(unsafe { from_raw::<T>(versioned) }));
}
