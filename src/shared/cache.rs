//! What a thread keeps of the cells that it reads.
//!
//! A table of fixed size in a slot of the thread that needs no destructor: an entry is the number
//! of a cell, the version that the value had, and a pointer to a `Versioned` with the value. The number
//! says the type, for no other cell ever has it. There are four entries for each set of cells, so
//! that a read inside a read of the same cell finds an entry too.
//!
//! To use an entry is to take it out, and to put it back after: whoever uses one is its only owner.
//! So whatever happens meanwhile, a read, a store, the end of the thread, a change to another
//! machine stack, can neither end it nor find it.

use super::global_cache::{self, GlobalCache, Reading};
use crate::sys::{Site, at_thread_end, step, thread_slot};
use std::cell::Cell;
use std::ptr::{self, NonNull};

const SETS: usize = 8;
const WAYS: usize = 4;

/// In the place of a version, which is even: nothing is kept here.
const EMPTY: usize = 1;

/// The same, and the thread has not promised to let go at its end.
const CLOSED: usize = 3;

/// How often a thread can be told to let go at its end: as often as its destructors bring values
/// anew.
const ENDS: u32 = 4;

/// What is cached.
///
/// Invariant: C6.
pub(super) struct Cached {
    number: usize,
    stamp: usize,
    pointer: *const (),
    end: unsafe fn(*const ()),
}

impl Cached {
    /// # Safety
    /// 1. `end` may be called with `pointer`, once, on any thread; the count that it gives passes to
    ///    this.
    pub(super) unsafe fn new(
        number: usize,
        stamp: usize,
        pointer: *const (),
        end: unsafe fn(*const ()),
    ) -> Cached {
        Cached { number, stamp, pointer, end }
    }

    /// What was given to [`new`](Self::new), with the count.
    pub(super) fn into_raw(self) -> *const () {
        let pointer = self.pointer;
        std::mem::forget(self);
        pointer
    }
}

impl Drop for Cached {
    fn drop(&mut self) {
        // SAFETY: #1 of `new`.
        unsafe { (self.end)(self.pointer) }
    }
}

struct Entry {
    number: Cell<usize>,
    stamp: Cell<usize>,
    pointer: Cell<*const ()>,
    end: Cell<unsafe fn(*const ())>,
}

unsafe fn nothing(_: *const ()) {}

impl Entry {
    const fn new() -> Self {
        Entry {
            number: Cell::new(0),
            stamp: Cell::new(CLOSED),
            pointer: Cell::new(ptr::null()),
            end: Cell::new(nothing),
        }
    }

    #[inline(always)]
    fn is(&self, number: usize, stamp: usize) -> bool {
        self.number.get() == number && self.stamp.get() == stamp
    }

    fn is_occupied(&self) -> bool {
        self.stamp.get() & 1 == 0
    }

    /// Takes it out, if there is one.
    fn take(&self) -> Option<Cached> {
        let stamp = self.is_occupied().then(|| self.stamp.replace(EMPTY))?;
        let (number, pointer, end) = (self.number.get(), self.pointer.get(), self.end.get());
        Some(Cached { number, stamp, pointer, end })
    }

    /// Puts one in, where none is.
    #[inline(always)]
    fn put(&self, cached: Cached) {
        debug_assert_eq!(self.stamp.get(), EMPTY);
        self.number.set(cached.number);
        self.stamp.set(cached.stamp);
        self.end.set(cached.end);
        self.pointer.set(cached.into_raw());
    }
}

#[repr(align(64))]
struct Cache {
    sets: [[Entry; WAYS]; SETS],
    is_armed: Cell<bool>,
    ends: Cell<u32>,
    is_busy: Cell<bool>,
    globals: GlobalCache,
}

thread_slot! {
    static CACHE: Cache = Cache {
        sets: [const { [const { Entry::new() }; WAYS] }; SETS],
        is_armed: Cell::new(false),
        ends: Cell::new(0),
        is_busy: Cell::new(false),
        globals: GlobalCache::new(),
    };
}

at_thread_end! { fn arm(CACHE) => end_of_thread }

impl Cache {
    #[inline(always)]
    fn set(&self, number: usize) -> &[Entry; WAYS] {
        &self.sets[number % SETS]
    }

    fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.sets.iter().flatten()
    }

    /// Whether something may be cached: the thread lets go of it at its end.
    fn can_cache(&self) -> bool {
        if !self.is_armed.get() && self.ends.get() < ENDS {
            self.ends.set(self.ends.get() + 1);
            self.is_armed.set(true);
            let closed = self.entries().filter(|entry| entry.stamp.get() == CLOSED);
            closed.for_each(|entry| entry.stamp.set(EMPTY));
            arm();
        }
        self.is_armed.get()
    }
}

fn end_of_thread(cache: &Cache) {
    cache.is_armed.set(false);
    cache.entries().filter(|entry| !entry.is_occupied()).for_each(|entry| entry.stamp.set(CLOSED));
    let end = |cached| if step(Site::CacheEnds) { drop(cached) } else { std::mem::forget(cached) };
    global_cache::evict_all(|take| take(&cache.globals), None, end);
    for entry in cache.entries() {
        let cached = entry.take();
        if cached.is_some() && !cache.is_armed.get() {
            entry.stamp.set(CLOSED);
        }
        // Foreign code; it may bring values anew, and have this called once more.
        if step(Site::CacheEnds) {
            drop(cached);
        } else {
            std::mem::forget(cached);
        }
    }
}

/// Takes out what the thread keeps of that cell, if it has that version.
#[inline(always)]
pub(super) fn take(number: usize, stamp: usize) -> Option<*const ()> {
    CACHE
        .try_with(|cache| {
            let entry = &cache.set(number)[0];
            entry.is(number, stamp).then(|| {
                entry.stamp.set(EMPTY);
                entry.pointer.get()
            })
        })
        .unwrap_or(None)
}

/// The same, where it is not in its first place.
pub(super) fn take_beside(number: usize, stamp: usize) -> Option<*const ()> {
    let take = |cache: &Cache| {
        let entry = cache.set(number).iter().find(|entry| entry.is(number, stamp))?;
        entry.take().map(Cached::into_raw)
    };
    CACHE.try_with(take).unwrap_or(None)
}

/// Calls `f` with what the thread keeps of that cell, which stays there. Nothing foreign happens in
/// `f`.
#[inline(always)]
pub(super) fn peek<R>(number: usize, stamp: usize, f: impl FnOnce(*const ()) -> R) -> Option<R> {
    let peek = |cache: &Cache| {
        let entry = &cache.set(number)[0];
        entry.is(number, stamp).then(|| f(entry.pointer.get()))
    };
    CACHE.try_with(peek).unwrap_or(None)
}

/// Puts back what [`take`] gave, with its count, if its place is free and the cell's still. Says so;
/// else the count is the caller's still.
#[inline(always)]
pub(super) fn put_back(number: usize, stamp: usize, pointer: *const ()) -> bool {
    let put = |cache: &Cache| {
        let entry = &cache.set(number)[0];
        // How it ends is there already, as the number is (C6).
        let is_free = entry.stamp.get() == EMPTY && entry.number.get() == number;
        if is_free {
            entry.pointer.set(pointer);
            entry.stamp.set(stamp);
        }
        is_free
    };
    CACHE.try_with(put).unwrap_or(false)
}

/// Keeps that; drops it if that cannot be.
#[inline(never)]
pub(super) fn put(cached: Cached) {
    let rest = CACHE.try_with(|cache| {
        let entry = &cache.set(cached.number)[0];
        if entry.stamp.get() != EMPTY {
            return Err(cached);
        }
        entry.put(cached);
        Ok(())
    });
    if let Ok(Err(cached)) = rest {
        put_beside(cached);
    }
}

/// The same, where the first place is taken.
#[cold]
#[inline(never)]
fn put_beside(cached: Cached) {
    let rest = CACHE.try_with(|cache| {
        if !cache.can_cache() {
            return Some(cached);
        }
        let set = cache.set(cached.number);
        let old = |entry: &&Entry| {
            entry.number.get() == cached.number && entry.stamp.get() != cached.stamp
        };
        let entry = set.iter().find(|entry| entry.stamp.get() == EMPTY);
        let entry = entry.or_else(|| set.iter().find(old));
        let entry = entry.unwrap_or(&set[(cached.number / SETS) % WAYS]);
        let before = entry.take();
        entry.put(cached);
        before
    });
    // Foreign code, now that all is in its place.
    drop(rest);
}

/// Lets go of what the thread keeps of that cell, but for one version of it.
pub(super) fn evict(number: usize, except: Option<usize>) {
    let next = || {
        let take = |cache: &Cache| {
            let is_old = |entry: &&Entry| {
                entry.is_occupied()
                    && entry.number.get() == number
                    && Some(entry.stamp.get()) != except
            };
            cache.set(number).iter().find(is_old).and_then(Entry::take)
        };
        CACHE.try_with(take).unwrap_or(None)
    };
    while let Some(cached) = next() {
        drop(cached);
    }
}

/// Lets go of all that the thread keeps.
pub(super) fn flush() {
    evict_globals(None);
    for at in 0..SETS * WAYS {
        let take = |cache: &Cache| cache.sets[at / WAYS][at % WAYS].take();
        drop(CACHE.try_with(take).unwrap_or(None));
    }
}

/// Calls `f` if something may be kept here and now; not inside of `f`, as an allocator may be.
pub(super) fn without_reentry<R>(f: impl FnOnce() -> R) -> Option<R> {
    struct Done;
    impl Drop for Done {
        fn drop(&mut self) {
            let _ = CACHE.try_with(|cache| cache.is_busy.set(false));
        }
    }
    let may = CACHE.try_with(|cache| {
        let may = !cache.is_busy.get() && cache.can_cache();
        may.then(|| {
            cache.is_busy.set(true);
            Done
        })
    });
    let _done = may.unwrap_or(None)?;
    Some(f())
}

/// As [`GlobalCache::read`], of this thread.
#[inline(always)]
pub(super) fn read(number: usize, stamp: usize) -> Option<(NonNull<()>, Reading)> {
    CACHE.try_with(|cache| cache.globals.read(number, stamp)).unwrap_or(None)
}

/// Calls `f` with what this thread keeps of the process-wide values. Nothing foreign happens in
/// `f`.
pub(super) fn globals<R>(f: impl FnOnce(&GlobalCache) -> R) -> Option<R> {
    CACHE.try_with(|cache| f(&cache.globals)).ok()
}

/// Lets go of the process-wide values that this thread keeps, but for those of one version.
pub(super) fn evict_globals(except: Option<usize>) {
    global_cache::evict_all(|take| globals(take).flatten(), except, drop);
}
