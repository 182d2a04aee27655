//! The facade outside models: what the processor and the allocator have.

use super::Site;
use core::alloc::Layout;
pub(crate) use core::cell::Cell as WatchedCell;
pub(crate) use core::sync::atomic::AtomicPtr as StaticPointer;
#[cfg(target_has_atomic = "64")]
pub(crate) use core::sync::atomic::AtomicU64 as StaticCounter;
#[cfg(not(target_has_atomic = "64"))]
pub(crate) use core::sync::atomic::AtomicUsize as StaticCounter;
pub(crate) use core::sync::atomic::{AtomicU32, AtomicUsize as StaticAtomicUsize, Ordering};

/// The head of the list of a board.
#[cfg(all(feature = "inspect", target_has_atomic = "64"))]
pub(super) type BoardHead = std::sync::atomic::AtomicU64;
/// A number of a board.
#[cfg(feature = "inspect")]
pub(super) type BoardNumber = StaticAtomicUsize;
/// A word of a record on a board.
#[cfg(feature = "inspect")]
pub(super) type BoardWord = StaticPointer<()>;

/// The head of the list of a board where no atomic is 64 bits wide: under a lock, which is held for a
/// look or a change and allocates nothing. Whoever reads a board does not come here.
#[cfg(all(feature = "inspect", not(target_has_atomic = "64")))]
pub(super) struct BoardHead(std::sync::Mutex<u64>);

#[cfg(all(feature = "inspect", not(target_has_atomic = "64")))]
impl BoardHead {
    pub(super) const fn new(head: u64) -> Self {
        BoardHead(std::sync::Mutex::new(head))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, u64> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    pub(super) fn load(&self, _: Ordering) -> u64 {
        *self.lock()
    }

    pub(super) fn compare_exchange(
        &self,
        old: u64,
        new: u64,
        _: Ordering,
        _: Ordering,
    ) -> Result<u64, u64> {
        let mut head = self.lock();
        if *head == old { Ok(std::mem::replace(&mut *head, new)) } else { Err(*head) }
    }
}

/// The ordering of a site.
#[inline(always)]
pub(crate) const fn ordering(_: Site, ordering: Ordering) -> Ordering {
    ordering
}

/// Whether a step is kept. It is.
#[inline(always)]
pub(crate) const fn step(_: Site) -> bool {
    true
}

/// Whether freed blocks are kept for the next frames. Not under `--cfg stackholm_malloc`, so that
/// an address sanitizer or valgrind sees each block freed.
#[inline(always)]
pub(crate) const fn reuse() -> bool {
    !cfg!(stackholm_malloc)
}

/// Allocates, or ends the process as `Box` does.
///
/// # Safety
/// 1. `layout` is not of size zero.
#[inline]
pub(crate) unsafe fn allocate(layout: Layout) -> *mut u8 {
    // SAFETY: #1 is what `alloc` asks.
    let memory = unsafe { alloc::alloc::alloc(layout) };
    if memory.is_null() {
        alloc::alloc::handle_alloc_error(layout);
    }
    memory
}

/// # Safety
/// 1. `memory` came from [`allocate`] with the same `layout` and is not used again.
#[inline]
pub(crate) unsafe fn free(memory: *mut u8, layout: Layout) {
    // SAFETY: #1 is what `dealloc` asks.
    unsafe { alloc::alloc::dealloc(memory, layout) }
}

/// Marks one piece of plain memory, so that loom sees who reads and who writes it. Nothing outside
/// loom.
pub(crate) struct Watch;

impl Watch {
    #[inline]
    pub(crate) const fn new() -> Self {
        Watch
    }
    #[inline]
    pub(crate) fn reads(&self) {}
    #[inline]
    pub(crate) fn writes(&self) {}
}
