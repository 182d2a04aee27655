//! The free list: blocks of frames that ended on this thread, reused for the next frames of their
//! size.
//!
//! Most frames are entered and left on one thread, so their blocks are reused without asking the
//! allocator. A block is put on the list of the thread that frees it, which need not be the one
//! that allocated it; no other thread sees it there. The lists themselves are in `pool`, the sizes
//! in `size_class`.

use super::frame::{Frame, Kind};
use super::pool::*;
use super::size_class::*;
use crate::sys;
use core::ptr;

/// A block of that class that this thread has freed; null if there is none.
#[inline]
fn take(class: usize) -> *mut u8 {
    POOL.try_with(|pool| pool.classes[class].pop()).unwrap_or(ptr::null_mut())
}

/// A block for a frame of that kind with so many bytes before it.
pub(in crate::engine) fn allocate(before: usize, kind: &Kind) -> *mut u8 {
    let Some(class) = class(before, kind).or_else(|| large_class(before, kind)) else {
        // SAFETY: a frame is not of size zero.
        return unsafe { sys::allocate(layout(before, kind)) };
    };
    let kept = take(class);
    if kept.is_null() { allocate_class(class) } else { kept }
}

/// Where the block of a frame begins.
///
/// # Safety
/// 1. `frame` is one, or was and nothing was written there since.
#[inline]
unsafe fn start(frame: *mut Frame) -> *mut u8 {
    // SAFETY: #1.
    unsafe { frame.cast::<u8>().sub((*frame).before.bytes()) }
}

/// Puts the block of a frame on the free list.
///
/// # Safety
/// 1. Nobody uses `frame` any more.
#[inline(never)]
pub(in crate::engine) unsafe fn free(frame: *mut Frame) {
    // SAFETY: #1.
    unsafe {
        let (before, kind) = ((*frame).before.bytes(), (*frame).kind);
        let Some(class) = class(before, kind).or_else(|| large_class(before, kind)) else {
            return sys::free(start(frame), layout(before, kind));
        };
        give(start(frame), class);
    }
}

/// Puts a block on the free list, or frees it if the list is full.
///
/// # Safety
/// 1. It is of that class, and nobody uses it any more.
#[inline]
pub(in crate::engine) unsafe fn give(block: *mut u8, class: usize) {
    if POOL.try_with(|pool| pool.keep(class, block)) != Ok(true) {
        // SAFETY: #1.
        unsafe { free_class(block, class) };
    }
}
