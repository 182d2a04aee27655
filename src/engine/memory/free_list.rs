//! Frames that ended on this thread, kept for the next ones of their size.
//!
//! Most frames are entered and left on one thread, in a rhythm; their blocks go to and fro here
//! without asking the allocator. Each thread keeps a few of each size and gives them back when it
//! ends. Blocks may come from other threads: a block belongs to whoever frees it.
//!
//! The scopes that ended last are kept apart, and as they were: if one is entered again in the same
//! place, as in a loop, nearly all of it is as it must be (see `flat`).

use super::frame::{Frame, Kind};
use super::pool::*;
use super::size_class::*;
use crate::sync::{self};
use std::ptr;

/// A block of that class that ended on this thread; null if there is none.
#[inline]
fn take(class: usize) -> *mut u8 {
    POOL.try_with(|pool| pool.classes[class].pop()).unwrap_or(ptr::null_mut())
}

/// A block for a frame of that kind with so many bytes before it.
pub(in crate::engine) fn allocate(before: usize, kind: &Kind) -> *mut u8 {
    let Some(class) = class(before, kind).or_else(|| large_class(before, kind)) else {
        // SAFETY: a frame is not of size zero.
        return unsafe { sync::allocate(layout(before, kind)) };
    };
    let kept = take(class);
    if kept.is_null() { allocate_class(class) } else { kept }
}

/// Where the block of a frame starts.
///
/// # Safety
/// 1. `frame` is one, or was and nothing was written there since.
#[inline]
unsafe fn start(frame: *mut Frame) -> *mut u8 {
    // SAFETY: #1.
    unsafe { frame.cast::<u8>().sub((*frame).before.bytes()) }
}

/// Takes the block of a frame back.
///
/// # Safety
/// 1. Nobody uses `frame` any more.
#[inline(never)]
pub(in crate::engine) unsafe fn free(frame: *mut Frame) {
    // SAFETY: #1.
    unsafe {
        let (before, kind) = ((*frame).before.bytes(), (*frame).kind);
        let Some(class) = class(before, kind).or_else(|| large_class(before, kind)) else {
            return sync::free(start(frame), layout(before, kind));
        };
        give(start(frame), class);
    }
}

/// Takes a block back.
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
