//! Serial numbers: what a guard knows its checkpoint by.

use crate::sync::{Ordering::Relaxed, Site, StaticAtomicUsize, order};
use std::cell::Cell;

/// Numbers that are never given twice: a block for each thread or stack, taken on first use.
pub(crate) struct Serials(Cell<u64>);

static BLOCKS: StaticAtomicUsize = StaticAtomicUsize::new(0);

impl Serials {
    pub(crate) const fn new() -> Self {
        Serials(Cell::new(0))
    }

    #[inline]
    pub(crate) fn next(&self) -> u64 {
        let serial = self.0.get();
        let serial = if serial & 0xFFFF_FFFF == 0 { Self::block() } else { serial };
        self.0.set(serial + 1);
        serial
    }

    #[cold]
    fn block() -> u64 {
        // Relaxed: the number says everything. After 2^32 blocks they come again; a guard would have to be
        // forgotten that long for its number to mean another frame, and then it leaves that one.
        ((BLOCKS.fetch_add(1, order(Site::NextBlock, Relaxed)) as u64 + 1) << 32) | 1
    }
}
