//! Which node has the newest value, and its version.

use super::node::{Held, Node, Nodes};
use super::number::Number;
use super::wait::Waiters;
use crate::sys::{
    Arc,
    Ordering::{Acquire, Relaxed, Release},
    Site, StaticAtomicUsize, StaticPointer, ordering, step,
};
use core::ptr;

/// A version as the cell has it: the number, and in the lowest bit whether somebody waits for the
/// next one.
const ONE: usize = 2;
const WAITED_FOR: usize = 1;

/// On lines of their own, so that nothing that is written often lies beside what all read.
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

    /// The number by which threads know the cell, or 0 if it has none yet.
    #[inline]
    pub(super) fn peek(&self) -> usize {
        self.number.peek()
    }

    /// The number, handed out at the first use and never again.
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

    /// The newest value, or nothing if there never was one. Nobody may hear of it before
    /// [`raise_unless`](Self::raise_unless).
    pub(super) fn held(&self) -> Option<Held<'_, T>> {
        loop {
            // Acquire: pairs with the Release in `exchange`: the node is there.
            let there = self.newest.load(ordering(Site::SharedSlot, Acquire));
            // SAFETY: C1: null, or a node that is there as long as the cell is.
            let node = unsafe { there.as_ref() }?;
            node.take();
            // SAFETY: the count is ours; whether the slot leads there is seen before it is used.
            let held = unsafe { Held::new(node) };
            // Acquire: pairs with the Release in `exchange`: what the node has is seen.
            let again = self.newest.load(ordering(Site::SharedConfirm, Acquire));
            if again != there && step(Site::ConfirmLooks) {
                continue;
            }
            return Some(held);
        }
    }

    /// Puts `value` in the place of what `old` holds, or of nothing; gives it back if something
    /// else is there.
    pub(super) fn exchange(
        &self,
        old: Option<Held<'_, T>>,
        version: usize,
        value: Arc<T>,
        waiters: &Waiters,
    ) -> Result<(), Arc<T>> {
        let offer = self.nodes.offer(old.as_ref());
        offer.fill(version, value);
        let there = old.as_ref().map_or(ptr::null_mut(), |old| old.node().at());
        let new = offer.node().at();
        // Release: pairs with the Acquires in `held`. The old node cannot have been used again
        // meanwhile, for the caller has a count of it: that the slot leads there means that it
        // never led anywhere else since.
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
        // Given when the version has risen, whatever those do who are woken.
        let _old = old.map(Held::replaced);
        self.raise(version, waiters);
        Ok(())
    }

    /// Sees to it that the version is this one at least.
    pub(super) fn raise_unless(&self, version: usize, waiters: &Waiters) {
        // Relaxed: if there is nothing to do, whoever hears of the value from us sees this version
        // too, by coherence.
        if self.version.load(ordering(Site::VersionLook, Relaxed)) < version * ONE {
            self.raise(version, waiters);
        }
    }

    /// Sees to it that the version is this one at least, and that whoever waited for that wakes.
    fn raise(&self, version: usize, waiters: &Waiters) {
        let least = version * ONE;
        // Release: pairs with the Acquire in `stamp`.
        let before = self.version.fetch_max(least, ordering(Site::VersionRaise, Release));
        if before < least && before & WAITED_FOR != 0 && step(Site::RaiserWakes) {
            waiters.wake();
        }
    }

    /// Marks that somebody waits for a version after this one, unless there is one. Says so.
    #[cfg(feature = "std")]
    pub(super) fn mark(&self, since: usize) -> bool {
        let mark = |now: usize| (now / ONE <= since).then_some(now | WAITED_FOR);
        // Acquire if there is one: as in `stamp`. The mark is one step with the look, so whoever
        // raises the version after it finds it.
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
    assert!(next <= usize::MAX / ONE / 2, "every version that a cell can have was there");
    next
}

/// The number of a version, of the word that stands for it.
pub(super) fn version_of(stamp: usize) -> u64 {
    (stamp / ONE) as u64
}

/// The word that stands for a version.
pub(super) fn stamp_of(version: usize) -> usize {
    version * ONE
}
