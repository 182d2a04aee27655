//! What a thread keeps of the cells that it reads.
//!
//! A table of fixed size in a slot of the thread that needs no destructor: an entry is the number
//! of a cell, the version that the value had, and a pointer to a `Tap` with the value. The number
//! says the type, for no other cell ever has it. There are four entries for each set of cells, so
//! that a read inside a read of the same cell finds an entry too.
//!
//! To use an entry is to take it out, and to put it back after: whoever uses one is its only owner.
//! So whatever happens meanwhile, a read, a store, the end of the thread, a change to another
//! machine stack, can neither end it nor find it.

use super::local::{self, Local, Reading};
use crate::sys::{Site, at_thread_end, step, thread_slot};
use core::cell::Cell;
use core::ptr::{self, NonNull};

const SETS: usize = 8;
const WAYS: usize = 4;

/// In the place of a version, which is even: nothing is kept here.
const EMPTY: usize = 1;

/// The same, and the thread has not promised to let go at its end.
const CLOSED: usize = 3;

/// How often a thread can be told to let go at its end: as often as its destructors bring values
/// anew.
const ENDS: u32 = 4;

/// What is kept.
///
/// Invariant: C6.
pub(super) struct Kept {
    number: usize,
    stamp: usize,
    tap: *const (),
    end: unsafe fn(*const ()),
}

impl Kept {
    /// # Safety
    /// 1. `end` may be called with `tap`, once, on any thread; the count that it gives passes to
    ///    this.
    pub(super) unsafe fn new(
        number: usize,
        stamp: usize,
        tap: *const (),
        end: unsafe fn(*const ()),
    ) -> Kept {
        Kept { number, stamp, tap, end }
    }

    /// What was given to [`new`](Self::new), with the count.
    pub(super) fn into_tap(self) -> *const () {
        let tap = self.tap;
        core::mem::forget(self);
        tap
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        // SAFETY: #1 of `new`.
        unsafe { (self.end)(self.tap) }
    }
}

struct Entry {
    number: Cell<usize>,
    stamp: Cell<usize>,
    tap: Cell<*const ()>,
    end: Cell<unsafe fn(*const ())>,
}

unsafe fn nothing(_: *const ()) {}

impl Entry {
    const fn new() -> Self {
        Entry {
            number: Cell::new(0),
            stamp: Cell::new(CLOSED),
            tap: Cell::new(ptr::null()),
            end: Cell::new(nothing),
        }
    }

    #[inline(always)]
    fn is(&self, number: usize, stamp: usize) -> bool {
        self.number.get() == number && self.stamp.get() == stamp
    }

    fn is_kept(&self) -> bool {
        self.stamp.get() & 1 == 0
    }

    /// Takes it out, if there is one.
    fn take(&self) -> Option<Kept> {
        let stamp = self.is_kept().then(|| self.stamp.replace(EMPTY))?;
        let (number, tap, end) = (self.number.get(), self.tap.get(), self.end.get());
        Some(Kept { number, stamp, tap, end })
    }

    /// Puts one in, where none is.
    #[inline(always)]
    fn put(&self, kept: Kept) {
        debug_assert_eq!(self.stamp.get(), EMPTY);
        self.number.set(kept.number);
        self.stamp.set(kept.stamp);
        self.end.set(kept.end);
        self.tap.set(kept.into_tap());
    }
}

#[repr(align(64))]
struct Cache {
    sets: [[Entry; WAYS]; SETS],
    is_armed: Cell<bool>,
    ends: Cell<u32>,
    is_busy: Cell<bool>,
    local: Local,
}

thread_slot! {
    static CACHE: Cache = Cache {
        sets: [const { [const { Entry::new() }; WAYS] }; SETS],
        is_armed: Cell::new(false),
        ends: Cell::new(0),
        is_busy: Cell::new(false),
        local: Local::new(),
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

    /// Whether something may be kept: the thread lets go of it at its end.
    fn may_keep(&self) -> bool {
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
    cache.entries().filter(|entry| !entry.is_kept()).for_each(|entry| entry.stamp.set(CLOSED));
    let end = |kept| if step(Site::CacheEnds) { drop(kept) } else { core::mem::forget(kept) };
    local::let_go(|take| take(&cache.local), None, end);
    for entry in cache.entries() {
        let kept = entry.take();
        if kept.is_some() && !cache.is_armed.get() {
            entry.stamp.set(CLOSED);
        }
        // Foreign code; it may bring values anew, and have this called once more.
        if step(Site::CacheEnds) {
            drop(kept);
        } else {
            core::mem::forget(kept);
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
                entry.tap.get()
            })
        })
        .unwrap_or(None)
}

/// The same, where it is not in its first place.
pub(super) fn take_beside(number: usize, stamp: usize) -> Option<*const ()> {
    let take = |cache: &Cache| {
        let entry = cache.set(number).iter().find(|entry| entry.is(number, stamp))?;
        entry.take().map(Kept::into_tap)
    };
    CACHE.try_with(take).unwrap_or(None)
}

/// Calls `f` with what the thread keeps of that cell, which stays there. Nothing foreign happens in
/// `f`.
#[inline(always)]
pub(super) fn glance<R>(number: usize, stamp: usize, f: impl FnOnce(*const ()) -> R) -> Option<R> {
    let glance = |cache: &Cache| {
        let entry = &cache.set(number)[0];
        entry.is(number, stamp).then(|| f(entry.tap.get()))
    };
    CACHE.try_with(glance).unwrap_or(None)
}

/// Puts back what [`take`] gave, with its count, if its place is free and the cell's still. Says so;
/// else the count is the caller's still.
#[inline(always)]
pub(super) fn put_back(number: usize, stamp: usize, tap: *const ()) -> bool {
    let put = |cache: &Cache| {
        let entry = &cache.set(number)[0];
        // How it ends is there already, as the number is (C6).
        let is_free = entry.stamp.get() == EMPTY && entry.number.get() == number;
        if is_free {
            entry.tap.set(tap);
            entry.stamp.set(stamp);
        }
        is_free
    };
    CACHE.try_with(put).unwrap_or(false)
}

/// Keeps that; drops it if that cannot be.
#[inline(never)]
pub(super) fn put(kept: Kept) {
    let rest = CACHE.try_with(|cache| {
        let entry = &cache.set(kept.number)[0];
        if entry.stamp.get() != EMPTY {
            return Err(kept);
        }
        entry.put(kept);
        Ok(())
    });
    if let Ok(Err(kept)) = rest {
        put_beside(kept);
    }
}

/// The same, where the first place is taken.
#[cold]
#[inline(never)]
fn put_beside(kept: Kept) {
    let rest = CACHE.try_with(|cache| {
        if !cache.may_keep() {
            return Some(kept);
        }
        let set = cache.set(kept.number);
        let old =
            |entry: &&Entry| entry.number.get() == kept.number && entry.stamp.get() != kept.stamp;
        let entry = set.iter().find(|entry| entry.stamp.get() == EMPTY);
        let entry = entry.or_else(|| set.iter().find(old));
        let entry = entry.unwrap_or(&set[(kept.number / SETS) % WAYS]);
        let before = entry.take();
        entry.put(kept);
        before
    });
    // Foreign code, now that all is in its place.
    drop(rest);
}

/// Lets go of what the thread keeps of that cell, but for one version of it.
pub(super) fn forget(number: usize, but: Option<usize>) {
    let next = || {
        let take = |cache: &Cache| {
            let is_old = |entry: &&Entry| {
                entry.is_kept() && entry.number.get() == number && Some(entry.stamp.get()) != but
            };
            cache.set(number).iter().find(is_old).and_then(Entry::take)
        };
        CACHE.try_with(take).unwrap_or(None)
    };
    while let Some(kept) = next() {
        drop(kept);
    }
}

/// Lets go of all that the thread keeps.
pub(super) fn flush() {
    let_go(None);
    for at in 0..SETS * WAYS {
        let take = |cache: &Cache| cache.sets[at / WAYS][at % WAYS].take();
        drop(CACHE.try_with(take).unwrap_or(None));
    }
}

/// Calls `f` if something may be kept here and now; not inside of `f`, as an allocator may be.
pub(super) fn making<R>(f: impl FnOnce() -> R) -> Option<R> {
    struct Done;
    impl Drop for Done {
        fn drop(&mut self) {
            let _ = CACHE.try_with(|cache| cache.is_busy.set(false));
        }
    }
    let may = CACHE.try_with(|cache| {
        let may = !cache.is_busy.get() && cache.may_keep();
        may.then(|| {
            cache.is_busy.set(true);
            Done
        })
    });
    let _done = may.unwrap_or(None)?;
    Some(f())
}

/// As [`Local::read`], of this thread.
#[inline(always)]
pub(super) fn read(number: usize, stamp: usize) -> Option<(NonNull<()>, Reading)> {
    CACHE.try_with(|cache| cache.local.read(number, stamp)).unwrap_or(None)
}

/// Calls `f` with what this thread keeps of the process-wide values. Nothing foreign happens in
/// `f`.
pub(super) fn local<R>(f: impl FnOnce(&Local) -> R) -> Option<R> {
    CACHE.try_with(|cache| f(&cache.local)).ok()
}

/// Lets go of the process-wide values that this thread keeps, but for those of one version.
pub(super) fn let_go(but: Option<usize>) {
    local::let_go(|take| local(take).flatten(), but, drop);
}
