//! A global allocator that counts, for each thread on its own.
#![expect(unsafe_code, reason = "a global allocator is unsafe to write")]
#![allow(dead_code, reason = "each test uses a part of it")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::{Cell, OnceCell};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering::SeqCst};
use std::thread;

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

// SAFETY: passes everything on to the system's allocator; the counter neither allocates nor needs a
// destructor.
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

/// Runs `f` on a thread of its own, with so large a stack, which frees to the last byte what it
/// asked for until its end: what it keeps for the next frames it gives back by then.
pub(crate) fn on_a_thread_that_frees_all(stack_size: usize, f: impl FnOnce() + Send) {
    if cfg!(target_family = "wasm") {
        // There are no threads, and each test has an instance of its own, which frees all.
        return f();
    }
    let mut f = Some(f);
    let nothing = live_at_the_end(stack_size, &mut || ());
    let left = live_at_the_end(stack_size, &mut || f.take().expect("is called once")());
    assert_eq!(left - nothing, 0, "bytes that the thread has not freed");
}

/// How many bytes more are alive when a thread has ended than when it called `f`; the standard
/// library frees some.
fn live_at_the_end(stack_size: usize, f: &mut (dyn FnMut() + Send)) -> i64 {
    struct AtEnd(i64, Arc<AtomicI64>);
    impl Drop for AtEnd {
        fn drop(&mut self) {
            self.1.store(counts().live - self.0, SeqCst);
        }
    }
    // Destructors of a thread run in reverse: the first one made is the last to look.
    thread_local! { static AT_END: OnceCell<AtEnd> = const { OnceCell::new() } }
    const NOT_TOLD: i64 = i64::MIN;
    let left = Arc::new(AtomicI64::new(NOT_TOLD));
    let at_end = left.clone();
    thread::scope(|scope| {
        let job = || {
            AT_END.with(|local| {
                local.set(AtEnd(counts().live, at_end)).ok().expect("the thread is new")
            });
            f();
        };
        let joined = thread::Builder::new()
            .stack_size(stack_size)
            .spawn_scoped(scope, job)
            .expect("a thread")
            .join();
        joined.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    });
    let left = left.load(SeqCst);
    assert_ne!(left, NOT_TOLD);
    left
}
