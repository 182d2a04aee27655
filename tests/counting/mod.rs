//! A global allocator that counts, for each thread on its own.
#![expect(unsafe_code, reason = "a global allocator is unsafe to write")]
#![allow(dead_code, reason = "each test uses a part of it")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// What a thread asked of the allocator.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Blocks that were allocated.
    pub(crate) blocks: u64,
    /// Bytes that were asked for.
    pub(crate) bytes: u64,
    /// Blocks that were freed.
    pub(crate) freed: u64,
    /// Bytes that are allocated and not freed.
    pub(crate) live: i64,
    /// The most that `live` ever was.
    pub(crate) peak: i64,
}

thread_local! {
    static COUNTS: Cell<Counts> = const { Cell::new(Counts { blocks: 0, bytes: 0, freed: 0, live: 0, peak: 0 }) };
}

struct Counting;

#[global_allocator]
static COUNTING: Counting = Counting;

fn change(f: impl FnOnce(&mut Counts)) {
    COUNTS.with(|cell| {
        let mut counts = cell.get();
        f(&mut counts);
        counts.peak = counts.peak.max(counts.live);
        cell.set(counts);
    });
}

fn taken(counts: &mut Counts, bytes: usize) {
    counts.blocks += 1;
    counts.bytes += bytes as u64;
    counts.live += bytes as i64;
}

fn given(counts: &mut Counts, bytes: usize) {
    counts.freed += 1;
    counts.live -= bytes as i64;
}

// SAFETY: passes everything on to the system's allocator; the counter neither allocates nor needs a destructor.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        change(|counts| taken(counts, layout.size()));
        // SAFETY: as the caller promised.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        change(|counts| given(counts, layout.size()));
        // SAFETY: as the caller promised.
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        change(|counts| {
            given(counts, layout.size());
            taken(counts, size);
        });
        // SAFETY: as the caller promised.
        unsafe { System.realloc(block, layout, size) }
    }
}

/// What this thread has asked for so far.
pub(crate) fn counts() -> Counts {
    COUNTS.get()
}

/// What `f` asks of the allocator; `peak` is above what was live when it began.
pub(crate) fn counted<R>(f: impl FnOnce() -> R) -> (R, Counts) {
    change(|counts| counts.peak = counts.live);
    let before = counts();
    let result = f();
    let after = counts();
    let spent = Counts {
        blocks: after.blocks - before.blocks,
        bytes: after.bytes - before.bytes,
        freed: after.freed - before.freed,
        live: after.live - before.live,
        peak: after.peak - before.live,
    };
    (result, spent)
}

/// How many blocks `f` allocates.
pub(crate) fn blocks<R>(f: impl FnOnce() -> R) -> (R, u64) {
    let (result, counts) = counted(f);
    (result, counts.blocks)
}
