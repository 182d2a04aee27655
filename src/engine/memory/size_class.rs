//! Size classes of blocks: which blocks are kept for the next frames, and how they are laid out.
//!
//! The rule: a block of a class is allocated and freed with the layout of its class, so that any
//! frame of that class can use it.

use super::frame::{Frame, Kind};
use crate::sys::{self, reuse};
use core::alloc::Layout;

/// The classes of small blocks differ by so many bytes, those of large ones by more.
const STEP: usize = 16;
const LARGE_STEP: usize = 128;

/// A binding of a few words among 32 others is small.
const SMALL: usize = 512;

/// Larger blocks are not kept. A scope of about twenty bindings fits.
const LARGE: usize = 2560;

const SMALL_CLASSES: usize = SMALL / STEP;

pub(in crate::engine) const CLASSES: usize = SMALL_CLASSES + (LARGE - SMALL) / LARGE_STEP;

/// Which class a small block belongs to: frames with so many bytes before them.
#[inline]
pub(in crate::engine) fn class(before: usize, kind: &Kind) -> Option<usize> {
    let class = (before + kind.extent - 1) / STEP;
    (reuse() && class < SMALL_CLASSES).then_some(class)
}

/// Which class a block belongs to that is not small, if it is of one that is kept.
#[cold]
#[inline(never)]
pub(in crate::engine) fn large_class(before: usize, kind: &Kind) -> Option<usize> {
    let beyond = (before + kind.extent - 1).checked_sub(SMALL)?;
    let class = SMALL_CLASSES + beyond / LARGE_STEP;
    (reuse() && class < CLASSES).then_some(class)
}

#[inline]
pub(in crate::engine) fn rounded(class: usize) -> Layout {
    let size = match class.checked_sub(SMALL_CLASSES) {
        None => (class + 1) * STEP,
        Some(large) => SMALL + (large + 1) * LARGE_STEP,
    };
    // SAFETY: the alignment is a power of two, and the sizes are small.
    unsafe { Layout::from_size_align_unchecked(size, align_of::<Frame>()) }
}

#[inline]
pub(in crate::engine) fn layout(before: usize, kind: &Kind) -> Layout {
    let size = before + kind.offset + kind.size;
    let align = kind.align.max(align_of::<Frame>());
    Layout::from_size_align(size, align).expect("a frame of a size that can be allocated")
}

/// A new block of that class.
#[cold]
#[inline(never)]
pub(in crate::engine) fn allocate_class(class: usize) -> *mut u8 {
    // SAFETY: the size of a class is not zero.
    unsafe { sys::allocate(rounded(class)) }
}

/// # Safety
/// 1. It is of that class, and nobody uses it any more.
#[cold]
#[inline(never)]
pub(in crate::engine) unsafe fn free_class(block: *mut u8, class: usize) {
    // SAFETY: blocks of a class are allocated with its layout.
    unsafe { sys::free(block, rounded(class)) }
}
