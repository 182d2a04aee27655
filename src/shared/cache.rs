//! The cache of a thread: the values that it read last.
//!
//! A table of fixed size in a thread-local that needs no destructor. An entry is the id of a cell,
//! a version, and a pointer to a `Versioned` with the value of that version. The id implies the
//! type, since no other cell ever has it. A set has four entries, so that a read inside a read of
//! the same cell finds one too.
//!
//! A read takes the entry out and puts it back when it ends, so it is the only owner meanwhile:
//! nothing that happens during the read (another read, a store, the end of the thread, a switch to
//! another machine stack) can find the entry or drop it.

use super::global_cache::{self, GlobalCache, Reading};
use crate::sys::{Site, at_thread_end, step, thread_slot};
use core::cell::Cell;
use core::ptr::{self, NonNull};

const SETS: usize = 8;
const WAYS: usize = 4;

/// A stamp of an entry that is empty; stamps of versions are even.
const EMPTY: usize = 1;

/// The same, while the thread has not registered to empty its cache when it ends.
const CLOSED: usize = 3;

/// How often a thread may register that, since destructors of thread-locals may read again after
/// the cache was emptied.
const ENDS: u32 = 4;

/// An entry that is not in the table.
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
    /// 1. `end` may be called with `pointer`, once, on any thread. The count that it releases
    ///    passes to this value.
    pub(super) unsafe fn new(
        number: usize,
        stamp: usize,
        pointer: *const (),
        end: unsafe fn(*const ()),
    ) -> Cached {
        Cached { number, stamp, pointer, end }
    }

    /// The pointer that [`new`](Self::new) took, with its count.
    pub(super) fn into_raw(self) -> *const () {
        let pointer = self.pointer;
        core::mem::forget(self);
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

    /// Takes the entry out, if it is occupied.
    fn take(&self) -> Option<Cached> {
        let stamp = self.is_occupied().then(|| self.stamp.replace(EMPTY))?;
        let (number, pointer, end) = (self.number.get(), self.pointer.get(), self.end.get());
        Some(Cached { number, stamp, pointer, end })
    }

    /// Fills an empty entry.
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

    /// Whether the thread may cache: it has registered, or registers now, to empty its cache when it
    /// ends.
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
    let end = |cached| if step(Site::CacheEnds) { drop(cached) } else { core::mem::forget(cached) };
    global_cache::evict_all(|take| take(&cache.globals), None, end);
    for entry in cache.entries() {
        let cached = entry.take();
        if cached.is_some() && !cache.is_armed.get() {
            entry.stamp.set(CLOSED);
        }
        // Runs the user's code, which may cache values again; then this is called once more.
        if step(Site::CacheEnds) {
            drop(cached);
        } else {
            core::mem::forget(cached);
        }
    }
}

/// Takes the first entry of the cell's set out, if it has that id and version.
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

/// The same for any entry of the set.
pub(super) fn take_beside(number: usize, stamp: usize) -> Option<*const ()> {
    let take = |cache: &Cache| {
        let entry = cache.set(number).iter().find(|entry| entry.is(number, stamp))?;
        entry.take().map(Cached::into_raw)
    };
    CACHE.try_with(take).unwrap_or(None)
}

/// Calls `f` with the pointer of the first entry of the cell's set, which stays there. `f` runs no
/// code of the user.
#[inline(always)]
pub(super) fn peek<R>(number: usize, stamp: usize, f: impl FnOnce(*const ()) -> R) -> Option<R> {
    let peek = |cache: &Cache| {
        let entry = &cache.set(number)[0];
        entry.is(number, stamp).then(|| f(entry.pointer.get()))
    };
    CACHE.try_with(peek).unwrap_or(None)
}

/// Puts back what [`take`] took out, with its count, if that entry is empty and nobody used it for
/// another cell. If it returns `false`, the count stays with the caller.
#[inline(always)]
pub(super) fn put_back(number: usize, stamp: usize, pointer: *const ()) -> bool {
    let put = |cache: &Cache| {
        let entry = &cache.set(number)[0];
        // `end` is there already, since the id is (C6).
        let is_free = entry.stamp.get() == EMPTY && entry.number.get() == number;
        if is_free {
            entry.pointer.set(pointer);
            entry.stamp.set(stamp);
        }
        is_free
    };
    CACHE.try_with(put).unwrap_or(false)
}

/// Caches an entry, or drops it if the thread may not cache.
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

/// The same if the first entry is not empty. May evict another entry.
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
    // Runs the user's code, after the table was changed.
    drop(rest);
}

/// Evicts the entries of that cell, except those of one version.
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

/// Empties the cache.
pub(super) fn flush() {
    evict_globals(None);
    for at in 0..SETS * WAYS {
        let take = |cache: &Cache| cache.sets[at / WAYS][at % WAYS].take();
        drop(CACHE.try_with(take).unwrap_or(None));
    }
}

/// Calls `f` if the thread may cache, unless `f` of an outer call is running, as when an allocator
/// reads.
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

/// Calls `f` with this thread's cache of process-wide values. `f` runs no code of the user.
pub(super) fn globals<R>(f: impl FnOnce(&GlobalCache) -> R) -> Option<R> {
    CACHE.try_with(|cache| f(&cache.globals)).ok()
}

/// Evicts the process-wide values that this thread caches, except those of one version.
pub(super) fn evict_globals(except: Option<usize>) {
    global_cache::evict_all(|take| globals(take).flatten(), except, drop);
}
