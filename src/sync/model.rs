//! The door under loom: allocation, watched memory, counts and thread-locals.

use super::Site;
use std::alloc::Layout;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;

use loom::sync::atomic::AtomicU32 as Inner;
pub(crate) use loom::sync::atomic::Ordering;

std::thread_local! {
    static WEAK: Cell<Option<Site>> = const { Cell::new(None) };
    static PLAIN: Cell<bool> = const { Cell::new(false) };
    static FAILED: Cell<bool> = const { Cell::new(false) };
    static FREED: RefCell<VecDeque<(*mut u8, Layout)>> = const { RefCell::new(VecDeque::new()) };
}

/// Runs a model with one site weakened: its ordering relaxed, its step left out.
pub fn weakened<R>(site: Site, model: impl FnOnce() -> R) -> R {
    WEAK.set(Some(site));
    let result = model();
    WEAK.set(None);
    result
}

/// To be called by a panic hook: the model of this thread has failed, so nothing is checked while it unwinds.
pub fn model_failed() {
    FAILED.set(true);
}

/// Whether the model is unwinding after it failed. Loom must not be touched then, it would panic once more.
pub(super) fn over() -> bool {
    FAILED.get() && std::thread::panicking()
}

fn is_weak(site: Site) -> bool {
    WEAK.get() == Some(site)
}

/// The ordering of a site: as the source says, or one step weaker if a control says so. Below relaxed comes an
/// access that is not atomic at all.
pub(crate) fn order(site: Site, ordering: Ordering) -> Ordering {
    PLAIN.set(is_weak(site) && ordering == Ordering::Relaxed);
    if is_weak(site) { Ordering::Relaxed } else { ordering }
}

/// Whether the operation that was ordered just now is not to be atomic.
pub(super) fn is_plain() -> bool {
    PLAIN.take()
}

/// A read and a write that are not one step.
pub(super) fn torn<T: Copy>(old: T, write: impl FnOnce(T)) -> T {
    write(old);
    old
}

/// Whether a step is kept: yes, unless a control says no.
pub(crate) fn kept(site: Site) -> bool {
    !is_weak(site)
}

/// Freed blocks that are still kept, so that a use after the end is seen and not suffered. More than any one
/// execution frees.
const KEPT: usize = 4096;

/// Freed blocks are not kept: loom is to see each allocation and each end of one.
pub(crate) const REUSE: bool = false;

/// # Safety
/// 1. `layout` is not of size zero.
pub(crate) unsafe fn allocate(layout: Layout) -> *mut u8 {
    // SAFETY: #1 is what `alloc` asks.
    unsafe { std::alloc::alloc(layout) }
}

/// # Safety
/// 1. `memory` came from [`allocate`] with the same `layout` and is not used again.
pub(crate) unsafe fn free(memory: *mut u8, layout: Layout) {
    let oldest = FREED.with_borrow_mut(|freed| {
        freed.push_back((memory, layout));
        if freed.len() > KEPT { freed.pop_front() } else { None }
    });
    if let Some((memory, layout)) = oldest {
        // SAFETY: #1, of an earlier call.
        unsafe { std::alloc::dealloc(memory, layout) }
    }
}

/// Marks one piece of plain memory: loom sees who reads and who writes it, and that it ends, once.
pub(crate) struct Watch {
    cell: loom::cell::UnsafeCell<()>,
    leak: Cell<Option<loom::alloc::Track<()>>>,
}

impl Watch {
    #[track_caller]
    pub(crate) fn new() -> Self {
        Watch { cell: loom::cell::UnsafeCell::new(()), leak: Cell::new(Some(loom::alloc::Track::new(()))) }
    }

    #[track_caller]
    fn is_there(&self) {
        let leak = self.leak.take();
        assert!(leak.is_some(), "used after its end");
        self.leak.set(leak);
    }

    #[track_caller]
    pub(crate) fn reads(&self) {
        if !over() {
            self.is_there();
            self.cell.with(|_| ());
        }
    }

    #[track_caller]
    pub(crate) fn writes(&self) {
        if !over() {
            self.is_there();
            self.cell.with_mut(|_| ());
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if over() {
            std::mem::forget(self.leak.take());
        } else {
            self.writes();
            self.leak.set(None);
        }
    }
}

/// A cell whose reads and writes loom sees.
pub(crate) struct WatchedCell<T: Copy> {
    value: Cell<T>,
    watch: Watch,
}

impl<T: Copy> WatchedCell<T> {
    #[track_caller]
    pub(crate) fn new(value: T) -> Self {
        WatchedCell { value: Cell::new(value), watch: Watch::new() }
    }
    #[track_caller]
    pub(crate) fn get(&self) -> T {
        self.watch.reads();
        self.value.get()
    }
    #[track_caller]
    pub(crate) fn set(&self, value: T) {
        self.watch.writes();
        self.value.set(value);
    }
}

/// A count; using it after its end fails the model, and so does an end that some use does not happen before.
pub(crate) struct AtomicU32 {
    inner: Inner,
    watch: Watch,
}

impl AtomicU32 {
    #[track_caller]
    pub(crate) fn new(value: u32) -> Self {
        AtomicU32 { inner: Inner::new(value), watch: Watch::new() }
    }

    #[track_caller]
    fn used<R>(&self, or: R, f: impl FnOnce(&Inner) -> R) -> R {
        if over() {
            return or;
        }
        self.watch.reads();
        let result = f(&self.inner);
        // Other threads may have run since.
        self.watch.is_there();
        result
    }

    #[track_caller]
    pub(crate) fn load(&self, order: Ordering) -> u32 {
        // SAFETY: loom fails the model if it was not sound.
        self.used(2, |inner| if is_plain() { unsafe { inner.unsync_load() } } else { inner.load(order) })
    }
    #[track_caller]
    pub(crate) fn store(&self, value: u32, order: Ordering) {
        if is_plain() && !over() {
            self.watch.writes();
        }
        self.used((), |inner| inner.store(value, order));
    }
    #[track_caller]
    pub(crate) fn fetch_add(&self, n: u32, order: Ordering) -> u32 {
        self.used(2, |inner| match is_plain() {
            true => torn(inner.load(order), |old| inner.store(old + n, order)),
            false => inner.fetch_add(n, order),
        })
    }
    #[track_caller]
    pub(crate) fn fetch_sub(&self, n: u32, order: Ordering) -> u32 {
        let before = self.used(2, |inner| inner.fetch_sub(n, order));
        assert!(before >= n, "a count was given back that nobody had");
        before
    }
    #[track_caller]
    pub(crate) fn compare_exchange(&self, old: u32, new: u32, yes: Ordering, no: Ordering) -> Result<u32, u32> {
        self.used(Err(2), |inner| inner.compare_exchange(old, new, yes, no))
    }
    #[track_caller]
    pub(crate) fn fetch_update(
        &self,
        set: Ordering,
        look: Ordering,
        mut f: impl FnMut(u32) -> Option<u32>,
    ) -> Result<u32, u32> {
        self.used(Err(2), |inner| {
            if !is_plain() {
                return inner.fetch_update(set, look, f);
            }
            let old = inner.load(look);
            f(old).map(|new| torn(old, |_| inner.store(new, set))).ok_or(old)
        })
    }
}

/// A thread-local; gone when loom ends the thread. What it has for its end is done then.
macro_rules! thread_slot {
    ($(#[$meta:meta])* $vis:vis static $name:ident: $type:ty = $init:expr;) => {
        $(#[$meta])* $vis static $name: $crate::sync::SlotKey<$type> = {
            ::loom::thread_local! { static INNER: $crate::sync::Slot<$type> = $crate::sync::Slot::new($init); }
            $crate::sync::SlotKey(&INNER)
        };
    };
}
pub(crate) use thread_slot;

/// Arms the slot itself: loom ends the locals of a thread in any order, so there must be but one that acts. What
/// has no slot keeps blocks for reuse, and that is off.
macro_rules! at_thread_end {
    (fn $arm:ident($slot:ident) => $end:ident) => {
        fn $arm() {
            $slot.arm($end);
        }
    };
    (fn $arm:ident() => $end:expr) => {
        fn $arm() {
            unreachable!("{:p}", $end as fn());
        }
    };
}
pub(crate) use at_thread_end;

pub(crate) struct SlotKey<T: 'static>(pub(crate) &'static loom::thread::LocalKey<Slot<T>>);

/// The slot of a thread that loom has ended.
#[derive(PartialEq, Eq, Debug)]
pub(crate) struct Gone;

impl<T> SlotKey<T> {
    pub(crate) fn try_with<R>(&self, f: impl FnOnce(&T) -> R) -> Result<R, Gone> {
        self.0.try_with(|slot| f(&slot.value)).map_err(|_| Gone)
    }
    pub(crate) fn arm(&self, end: fn(&T)) {
        let _ = self.0.try_with(|slot| slot.end.set(Some(end)));
    }
}

pub(crate) struct Slot<T> {
    value: T,
    end: Cell<Option<fn(&T)>>,
}

impl<T> Slot<T> {
    pub(crate) fn new(value: T) -> Self {
        Slot { value, end: Cell::new(None) }
    }
}

impl<T> Drop for Slot<T> {
    fn drop(&mut self) {
        match self.end.take() {
            Some(end) if !over() => end(&self.value),
            _ => {}
        }
    }
}
