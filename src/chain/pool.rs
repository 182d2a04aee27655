//! Blocks that were freed on this thread, kept for the next frames of their size.
//!
//! Most frames are entered and left on one thread, in a rhythm; their blocks go to and fro here without asking the
//! allocator. Each thread keeps a few blocks of each size and gives them back when it ends. Blocks may come from
//! other threads: a block belongs to whoever frees it.

use crate::sync::{self, REUSE, at_thread_end, thread_slot};
use std::alloc::Layout;
use std::cell::Cell;
use std::ptr;

/// The alignment of all blocks that are kept: that of a frame.
const ALIGN: usize = 8;

/// Blocks that are kept differ in size by so many bytes.
const STEP: usize = 16;

/// Sizes up to `STEP * CLASSES` are kept: a binding of a few words among 32 others fits.
const CLASSES: usize = 32;

/// How many blocks of one size are kept: enough for a usual depth of nesting, 64 KiB of a thread at the most.
const KEPT: u8 = 8;

struct Pool {
    classes: [Class; CLASSES],
    /// Whether the thread will end the pool; not before the first block is kept, and not after its end.
    armed: Cell<Option<bool>>,
}

/// A list of free blocks, linked through their first word.
struct Class {
    first: Cell<*mut u8>,
    number: Cell<u8>,
}

thread_slot! {
    static POOL: Pool = Pool {
        classes: [const { Class { first: Cell::new(ptr::null_mut()), number: Cell::new(0) } }; CLASSES],
        armed: Cell::new(None),
    };
}

at_thread_end! { fn arm() => end }

/// Which class a size belongs to, if it is one that is kept.
#[inline]
fn class(size: usize) -> Option<usize> {
    let class = (size - 1) / STEP;
    (REUSE && class < CLASSES).then_some(class)
}

fn class_of(layout: Layout) -> Option<usize> {
    if layout.align() <= ALIGN { class(layout.size()) } else { None }
}

#[inline]
fn rounded(class: usize) -> Layout {
    const { assert!(STEP.is_power_of_two() && STEP >= ALIGN) };
    // SAFETY: the step is a power of two, and the sizes are small.
    unsafe { Layout::from_size_align_unchecked((class + 1) * STEP, ALIGN) }
}

/// A block of `size` bytes, aligned for a frame, if that is a size that is kept. The size is not zero.
#[inline]
pub(super) fn allocate_small(size: usize) -> Option<*mut u8> {
    let class = class(size)?;
    let kept = POOL.try_with(|pool| pool.classes[class].pop()).unwrap_or(ptr::null_mut());
    Some(if kept.is_null() { allocate_class(class) } else { kept })
}

#[cold]
#[inline(never)]
fn allocate_class(class: usize) -> *mut u8 {
    // SAFETY: the size of a class is not zero.
    unsafe { sync::allocate(rounded(class)) }
}

/// Gives a block of `size` bytes back, if that is a size that is kept.
///
/// # Safety
/// 1. `block` came from [`allocate_small`] or [`allocate`] with this size and is not used again.
#[inline]
#[must_use]
pub(super) unsafe fn free_small(block: *mut u8, size: usize) -> bool {
    let Some(class) = class(size) else { return false };
    // SAFETY: by #1 the block is ours, and it is larger than a pointer.
    if POOL.try_with(|pool| unsafe { pool.keep(class, block) }) != Ok(true) {
        // SAFETY: #1; blocks of a class are allocated with its layout.
        unsafe { free_class(block, class) };
    }
    true
}

/// # Safety
/// 1. `block` was allocated for that class and is not used again.
#[cold]
#[inline(never)]
unsafe fn free_class(block: *mut u8, class: usize) {
    // SAFETY: #1.
    unsafe { sync::free(block, rounded(class)) }
}

/// A block for `layout`.
///
/// # Safety
/// 1. `layout` is not of size zero.
pub(super) unsafe fn allocate(layout: Layout) -> *mut u8 {
    match class_of(layout) {
        Some(_) => allocate_small(layout.size()).expect("a size that is kept"),
        // SAFETY: #1.
        None => unsafe { sync::allocate(layout) },
    }
}

/// Gives a block back that [`free_small`] does not take.
///
/// # Safety
/// 1. `block` came from [`allocate`] with this `layout` and is not used again.
#[cold]
pub(super) unsafe fn free(block: *mut u8, layout: Layout) {
    debug_assert!(class_of(layout).is_none());
    // SAFETY: #1.
    unsafe { sync::free(block, layout) }
}

impl Class {
    #[inline]
    fn pop(&self) -> *mut u8 {
        let first = self.first.get();
        if !first.is_null() {
            // SAFETY: free blocks are ours, and their first word leads to the next one.
            self.first.set(unsafe { *first.cast::<*mut u8>() });
            self.number.set(self.number.get() - 1);
        }
        first
    }
}

impl Pool {
    /// # Safety
    /// 1. `block` is a block of that class that nobody uses.
    #[inline]
    unsafe fn keep(&self, class: usize, block: *mut u8) -> bool {
        let class = &self.classes[class];
        if class.number.get() == KEPT || !self.is_armed() {
            return false;
        }
        // SAFETY: #1; blocks are aligned for a pointer and larger than one.
        unsafe { block.cast::<*mut u8>().write(class.first.get()) };
        class.first.set(block);
        class.number.set(class.number.get() + 1);
        true
    }

    #[inline]
    fn is_armed(&self) -> bool {
        self.armed.get().unwrap_or_else(|| {
            self.armed.set(Some(true));
            arm();
            true
        })
    }
}

/// Gives all blocks back; from now on this thread keeps none.
fn end() {
    let _ = POOL.try_with(|pool| {
        pool.armed.set(Some(false));
        for (class, list) in pool.classes.iter().enumerate() {
            loop {
                let block = list.pop();
                if block.is_null() {
                    break;
                }
                // SAFETY: blocks of a class were allocated with its layout, and nobody uses them.
                unsafe { sync::free(block, rounded(class)) };
            }
        }
    });
}
