//! An allocator that counts while it is asked to. A benchmark that wants it makes it its own.
#![expect(unsafe_code, reason = "an allocator is unsafe to write")]

use std::alloc::{GlobalAlloc, Layout, System as Std};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering::Relaxed};

/// Passes everything on. While nobody counts it costs a load and a branch, for everybody alike.
#[derive(Debug)]
pub struct Counting;

static ON: AtomicBool = AtomicBool::new(false);
static BYTES: AtomicI64 = AtomicI64::new(0);
static BLOCKS: AtomicI64 = AtomicI64::new(0);
static ASKED: AtomicI64 = AtomicI64::new(0);
static ASKED_BYTES: AtomicI64 = AtomicI64::new(0);

fn count(bytes: i64, blocks: i64) {
    if ON.load(Relaxed) {
        BYTES.fetch_add(bytes, Relaxed);
        BLOCKS.fetch_add(blocks, Relaxed);
    }
}

fn count_asked(bytes: usize) {
    if ON.load(Relaxed) {
        ASKED.fetch_add(1, Relaxed);
        ASKED_BYTES.fetch_add(bytes as i64, Relaxed);
    }
}

// SAFETY: all is passed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as i64, 1);
        count_asked(layout.size());
        // SAFETY: the caller promises what `alloc` asks.
        unsafe { Std.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        count(-(layout.size() as i64), -1);
        // SAFETY: the caller promises what `dealloc` asks.
        unsafe { Std.dealloc(memory, layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size as i64 - layout.size() as i64, 0);
        count_asked(size);
        // SAFETY: the caller promises what `realloc` asks.
        unsafe { Std.realloc(memory, layout, size) }
    }
}

/// What has been allocated since counting began.
#[derive(Clone, Copy, Debug, Default)]
pub struct Held {
    /// Allocated and not freed.
    pub bytes: i64,
    /// The same as a number of blocks.
    pub blocks: i64,
    /// How often the allocator was asked for a block, or for a larger one.
    pub asked: i64,
    /// For so many bytes in all.
    pub asked_bytes: i64,
}

/// Begins to count, from nothing.
pub fn begin() {
    ON.store(false, Relaxed);
    for count in [&BYTES, &BLOCKS, &ASKED, &ASKED_BYTES] {
        count.store(0, Relaxed);
    }
    ON.store(true, Relaxed);
}

/// What it is by now.
pub fn held() -> Held {
    Held {
        bytes: BYTES.load(Relaxed),
        blocks: BLOCKS.load(Relaxed),
        asked: ASKED.load(Relaxed),
        asked_bytes: ASKED_BYTES.load(Relaxed),
    }
}

/// Ends counting.
pub fn end() -> Held {
    ON.store(false, Relaxed);
    held()
}
