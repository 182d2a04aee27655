//! What both doors for models share: a site that is weakened, what is left undone once a model has
//! failed, blocks that are set aside instead of being given back, counts that know of their end.

use super::Site;
use super::primitives::{self, Inner, Watch};
use std::alloc::Layout;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::sync::atomic::Ordering;

std::thread_local! {
    static WEAK: Cell<Option<Site>> = const { Cell::new(None) };
    static PLAIN: Cell<bool> = const { Cell::new(false) };
    static FAILED: Cell<bool> = const { Cell::new(false) };
    static FREED: RefCell<VecDeque<(*mut u8, Layout)>> = const { RefCell::new(VecDeque::new()) };
    static BLOCKS: Cell<usize> = const { Cell::new(0) };
    static REUSES: Cell<bool> = const { Cell::new(false) };
    static REACHED: Cell<u128> = const { Cell::new(0) };
}

const _: () = assert!(Site::ALL.len() <= u128::BITS as usize);

/// Runs a model with one site weakened: its ordering relaxed, its step left out.
pub fn weakened<R>(site: Site, model: impl FnOnce() -> R) -> R {
    WEAK.set(Some(site));
    let result = model();
    WEAK.set(None);
    result
}

/// To be called as an execution begins: nothing has failed yet, and no block is counted.
pub fn model_begins() {
    FAILED.set(false);
    BLOCKS.set(0);
    REUSES.set(false);
}

/// To be called next by a model that is about blocks which are kept and used again, where they are
/// not as a rule.
pub fn model_reuses() {
    REUSES.set(true);
}

/// To be called by a panic hook: the model of this thread has failed, so nothing is checked while
/// it unwinds.
pub fn model_failed() {
    FAILED.set(true);
}

/// Whether a panic hook has said so since the execution began. Where panics of tasks are caught, as
/// runtimes do, nothing else tells.
pub fn has_failed() -> bool {
    FAILED.get()
}

/// The sites that models of this thread have reached so far.
pub fn sites_reached() -> impl Iterator<Item = Site> {
    let reached = REACHED.get();
    Site::ALL.iter().copied().filter(move |site| reached & bit(*site) != 0)
}

fn bit(site: Site) -> u128 {
    1 << site as u32
}

/// How many blocks of memory were allocated in this execution and not given back.
pub fn blocks() -> usize {
    BLOCKS.get()
}

/// Whether freed blocks are kept for the next frames.
pub(crate) fn reuse() -> bool {
    primitives::REUSE || REUSES.get()
}

/// Whether the model has failed and what still runs is to do nothing.
pub(crate) fn over() -> bool {
    FAILED.get() && primitives::ends_by_failure()
}

fn is_weak(site: Site) -> bool {
    REACHED.set(REACHED.get() | bit(site));
    WEAK.get() == Some(site)
}

/// The ordering of a site: as the source says, or one step weaker if a control says so. Below
/// relaxed comes an access that is not atomic at all.
pub(crate) fn ordering(site: Site, ordering: Ordering) -> Ordering {
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
pub(crate) fn step(site: Site) -> bool {
    !is_weak(site)
}

/// Freed blocks that are still kept, so that a use after the end is seen and not suffered. More
/// than any one execution frees.
const KEPT: usize = 4096;

/// # Safety
/// 1. `layout` is not of size zero.
pub(crate) unsafe fn allocate(layout: Layout) -> *mut u8 {
    BLOCKS.set(BLOCKS.get() + 1);
    // SAFETY: #1 is what `alloc` asks.
    unsafe { std::alloc::alloc(layout) }
}

/// # Safety
/// 1. `memory` came from [`allocate`] with the same `layout` and is not used again.
pub(crate) unsafe fn free(memory: *mut u8, layout: Layout) {
    BLOCKS.set(BLOCKS.get().wrapping_sub(1));
    let oldest = FREED.with_borrow_mut(|freed| {
        freed.push_back((memory, layout));
        if freed.len() > KEPT { freed.pop_front() } else { None }
    });
    if let Some((memory, layout)) = oldest {
        // SAFETY: #1, of an earlier call.
        unsafe { std::alloc::dealloc(memory, layout) }
    }
}

/// A count; using it after its end fails the model, and so does an end that some use does not
/// happen before.
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
        self.used(
            2,
            |inner| if is_plain() { unsafe { inner.unsync_load() } } else { inner.load(order) },
        )
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
        let before = self.used(n.saturating_add(1), |inner| match is_plain() {
            true => torn(inner.load(order), |old| inner.store(old.wrapping_sub(n), order)),
            false => inner.fetch_sub(n, order),
        });
        assert!(before >= n, "a count was given back that nobody had");
        before
    }
    #[track_caller]
    pub(crate) fn compare_exchange(
        &self,
        old: u32,
        new: u32,
        yes: Ordering,
        no: Ordering,
    ) -> Result<u32, u32> {
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
