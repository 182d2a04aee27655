//! The pointer to the node with the newest value, and the version of the cell.

use super::node::{Node, NodeGuard, Nodes};
use super::number::Number;
use super::wait::Waiters;
use crate::sys::{
    Arc,
    Ordering::{Acquire, Relaxed, Release},
    Site, StaticAtomicUsize, StaticPointer, ordering, step,
};
use core::ptr;

/// The word of a version: the version times two, and in the lowest bit whether somebody waits for
/// the next one.
const ONE: usize = 2;
const WAITED_FOR: usize = 1;

/// Aligned to its own cache lines, so that no word that is written often shares a line with these.
///
/// Invariants: C4, C5; see `docs/engine.md`.
#[repr(align(128))]
pub(super) struct Slot<T> {
    version: StaticAtomicUsize,
    number: Number,
    newest: StaticPointer<Node<T>>,
    nodes: Nodes<T>,
}

impl<T> Slot<T> {
    pub(super) const fn new() -> Self {
        Slot {
            version: StaticAtomicUsize::new(0),
            number: Number::new(),
            newest: StaticPointer::new(ptr::null_mut()),
            nodes: Nodes::new(),
        }
    }

    /// The id of the cell in the caches of threads, or 0 if it has none yet.
    #[inline]
    pub(super) fn peek(&self) -> usize {
        self.number.peek()
    }

    /// The id of the cell. It is assigned at the first use, and no other cell ever gets it.
    #[inline]
    pub(super) fn number(&self) -> usize {
        self.number.get()
    }

    /// The version of the newest value, as an even word.
    #[inline]
    pub(super) fn stamp(&self) -> usize {
        // Acquire: pairs with the Release in `raise`: whoever sees a version finds that value, or a
        // newer one.
        self.version.load(ordering(Site::VersionLoad, Acquire)) & !WAITED_FOR
    }

    /// Counts the node of the newest value; `None` if there never was a value. The caller must call
    /// [`raise_unless`](Self::raise_unless) before it shows the value to anybody.
    pub(super) fn acquire(&self) -> Option<NodeGuard<'_, T>> {
        loop {
            // Acquire: pairs with the Release in `exchange`: the node is there.
            let there = self.newest.load(ordering(Site::SharedSlot, Acquire));
            // SAFETY: C1: null, or a node that is there as long as the cell is.
            let node = unsafe { there.as_ref() }?;
            node.acquire();
            // SAFETY: the count is ours; the load below checks that the slot still points there.
            let held = unsafe { NodeGuard::new(node) };
            // Acquire: pairs with the Release in `exchange`: what the node has is seen.
            let again = self.newest.load(ordering(Site::SharedConfirm, Acquire));
            if again != there && step(Site::ConfirmLooks) {
                continue;
            }
            return Some(held);
        }
    }

    /// Replaces the value of `old`, or of an empty slot, by `value`; returns `value` if the slot
    /// points to another node.
    pub(super) fn exchange(
        &self,
        old: Option<NodeGuard<'_, T>>,
        version: usize,
        value: Arc<T>,
        waiters: &Waiters,
    ) -> Result<(), Arc<T>> {
        let offer = self.nodes.offer(old.as_ref());
        offer.fill(version, value);
        let there = old.as_ref().map_or(ptr::null_mut(), |old| old.node().at());
        let new = offer.node().at();
        // Release: pairs with the Acquires in `acquire`. The caller counts the old node, so the
        // node was not reused meanwhile: if the slot still points there, it never pointed
        // elsewhere.
        let exchanged = self.newest.compare_exchange(
            there,
            new,
            ordering(Site::SharedPublish, Release),
            Relaxed,
        );
        if exchanged.is_err() {
            return Err(offer.take_back());
        }
        offer.publish();
        // Released after the version was raised, even if a waker panics.
        let _old = old.map(NodeGuard::replaced);
        self.raise(version, waiters);
        Ok(())
    }

    /// Raises the version to `version`, unless it is that high already.
    pub(super) fn raise_unless(&self, version: usize, waiters: &Waiters) {
        // Relaxed: if the version is high enough, whoever learns of the value from this thread sees
        // that version too, by coherence.
        if self.version.load(ordering(Site::VersionLook, Relaxed)) < version * ONE {
            self.raise(version, waiters);
        }
    }

    /// Raises the version to `version` if it is lower, and then wakes those who wait for it.
    fn raise(&self, version: usize, waiters: &Waiters) {
        let least = version * ONE;
        // Release: pairs with the Acquire in `stamp`.
        let before = self.version.fetch_max(least, ordering(Site::VersionRaise, Release));
        if before < least && before & WAITED_FOR != 0 && step(Site::RaiserWakes) {
            waiters.wake();
        }
    }

    /// Marks that somebody waits for a version after `since`; `false` if there is one already.
    #[cfg(feature = "std")]
    pub(super) fn mark(&self, since: usize) -> bool {
        let mark = |now: usize| (now / ONE <= since).then_some(now | WAITED_FOR);
        // Acquire on failure: as in `stamp`. The check and the mark are one step, so whoever raises
        // the version later sees the mark.
        self.version.fetch_update(ordering(Site::VersionMark, Relaxed), Acquire, mark).is_ok()
    }
}

crate::sys::in_models! {
    impl<T> Slot<T> {
        /// # Safety
        /// 1. The cell is not used any more, nor dropped.
        pub(super) unsafe fn end(&self) {
            // SAFETY: #1.
            unsafe { self.nodes.end() }
        }
    }
}

pub(super) fn next_version(version: usize) -> usize {
    let next = version + 1;
    assert!(next <= usize::MAX / ONE / 2, "a cell has used up all its versions");
    next
}

/// The version of a stamp.
pub(super) fn version_of(stamp: usize) -> u64 {
    (stamp / ONE) as u64
}

/// The stamp of a version: an even word.
pub(super) fn stamp_of(version: usize) -> usize {
    version * ONE
}
