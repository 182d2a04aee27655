//! A weak snapshot: leads to a frame, and keeps nothing but its memory.
//!
//! The rule (L2): it has one `weak` count. It becomes a snapshot again only while the frame's
//! `strong` count is above zero: that look and the new count are one atomic step, so it cannot race
//! with the thread that releases the last one.

use super::strong::Snapshot;
use crate::engine::memory::frame::*;
use crate::engine::reclaim::refcount::{retain, retain_if_alive};
use crate::engine::reclaim::release::release_weak;
use crate::sys::{Site, Way, reached, step};
use core::ptr::NonNull;

/// Invariant: L2 — one of the frame's `weak` counts is this handle's.
pub(crate) struct WeakSnapshot(NonNull<Frame>);

impl Snapshot {
    pub(crate) fn downgrade(&self) -> WeakSnapshot {
        if step(Site::DowngradeTakes) {
            retain(&self.frame().weak);
        }
        WeakSnapshot(self.0)
    }
}

// SAFETY: as `Snapshot`; a weak one reaches nothing but the counts.
unsafe impl Send for WeakSnapshot {}

// SAFETY: as above.
unsafe impl Sync for WeakSnapshot {}

impl WeakSnapshot {
    pub(in crate::engine) fn as_raw(&self) -> *const Frame {
        self.0.as_ptr()
    }

    pub(crate) fn upgrade(&self) -> Option<Snapshot> {
        // SAFETY: L2 keeps the memory.
        let rises = retain_if_alive(unsafe { &self.0.as_ref().strong });
        reached(if rises { Way::Rises } else { Way::StaysDown });
        rises.then(|| Snapshot(self.0))
    }
}

impl Clone for WeakSnapshot {
    fn clone(&self) -> Self {
        // SAFETY: L2 keeps the memory.
        retain(unsafe { &self.0.as_ref().weak });
        WeakSnapshot(self.0)
    }
}

impl Drop for WeakSnapshot {
    fn drop(&mut self) {
        // SAFETY: the count is ours (L2).
        unsafe { release_weak(self.0.as_ptr()) }
    }
}
