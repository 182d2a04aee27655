//! `Shared`: a value that many threads read and few replace.

use super::cache;
use super::node::NodeGuard;
use super::read_guard::{CachedGuard, ReadGuard, from_raw};
use super::slot::{Slot, next_version, stamp_of, version_of};
use super::snapshot::{Snapshot, Versioned};
use super::wait::Waiters;
use crate::sys::{Arc, Site, step};
use core::fmt;
use core::marker::PhantomData;
use core::mem::ManuallyDrop;

/// A value that many read and few replace: flags, routes, limits, the configuration of a service.
///
/// | | |
/// |---|---|
/// | [`with`](Self::with) | a borrowed read. No lock, no count, no cache line that another thread writes: two loads, and a lookup in this thread's cache |
/// | [`load`](Self::load) | a [`Snapshot`] to hold, for a request or over awaits. Its count is on a cache line of this thread |
/// | [`update`](Self::update), [`try_update`](Self::try_update) | the value changed. No change by another is lost |
/// | [`store`](Self::store), [`swap`](Self::swap) | the value replaced, whatever it was |
/// | [`compare_and_swap`](Self::compare_and_swap) | the value replaced if it is the one that you saw |
/// | [`version`](Self::version), [`changed_since`](Self::changed_since) | whether there is a newer one |
/// | [`changed`](Self::changed), [`wait`](Self::wait) | the next one as an event |
///
/// Readers and writers are lock-free: a thread that is stopped in the middle of a read or a store
/// blocks no other. (Writers take a lock only to wake those who [wait](Self::changed).) The cost of
/// a store does not depend on how many threads have ever read.
///
/// # When an old value ends
///
/// The last owner drops it, on its own thread: a writer, a reader, or the holder of a snapshot.
/// There is no collector. A thread caches the value that it read last, and releases it
///
/// - when it stores a value itself, at its next read of the cell after a store, and at the end of a
///   read during which a value was stored;
/// - when it ends, or when another cell needs the entry: a thread caches 32 values at most;
/// - at [`Shared::flush_thread`].
///
/// So a thread that never reads the cell again, and neither ends nor flushes, keeps one old value
/// alive (and up to four counts of it, if reads were nested), even if the cell is dropped. If that
/// is too much, see [`uncached`](Self::uncached), or let the threads of a runtime flush before they
/// idle. For tokio that is one line:
///
/// ```
/// use stackholm::Shared;
///
/// let runtime = tokio::runtime::Builder::new_multi_thread()
///     .on_thread_park(Shared::flush_thread)
///     .build()?;
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Panics
/// A cell can be changed 2^62 times, and 2^30 times where a word has 32 bits. Each change beyond that
/// panics and leaves the value as it is.
///
/// # Examples
/// ```
/// use stackholm::Shared;
/// use std::collections::HashMap;
///
/// static ROUTES: Shared<HashMap<String, u16>> = Shared::new(HashMap::new);
///
/// ROUTES.update(|routes| {
///     let mut routes = routes.clone();
///     routes.insert("/health".into(), 200);
///     routes
/// });
/// assert_eq!(ROUTES.with(|routes| routes.get("/health").copied()), Some(200));
///
/// let snapshot = ROUTES.load();
/// ROUTES.store(HashMap::new());
/// assert_eq!((snapshot.len(), ROUTES.with(HashMap::len)), (1, 0));
/// ```
pub struct Shared<T: 'static> {
    pub(super) slot: Slot<T>,
    pub(super) waiters: Waiters,
    first: Option<fn() -> T>,
    is_cached: bool,
    /// It is as thread-safe as an `Arc` of its value.
    of: PhantomData<Arc<T>>,
}

impl<T: Send + Sync + 'static> Shared<T> {
    /// A cell whose first value `first` makes, when it is needed.
    ///
    /// The library holds no lock while `first` runs. If two threads need the value at once, `first`
    /// may run twice, and one of the values is dropped. It must not read the cell itself.
    pub const fn new(first: fn() -> T) -> Self {
        Self::made(Some(first), true)
    }

    /// A cell whose values no thread caches: an old value is dropped with its last snapshot and the
    /// last read that is running.
    ///
    /// Each read is a miss: it changes two counts on cache lines that all readers share. It takes
    /// no lock either.
    pub const fn uncached(first: fn() -> T) -> Self {
        Self::made(Some(first), false)
    }

    const fn made(first: Option<fn() -> T>, is_cached: bool) -> Self {
        Shared { slot: Slot::new(), waiters: Waiters::new(), first, is_cached, of: PhantomData }
    }

    /// Calls `f` with the newest value.
    ///
    /// `f` may do anything, reads and stores of the cell included. The reference stays valid, and
    /// stays the same value.
    #[inline]
    pub fn with<R>(&self, f: impl FnOnce(&T) -> R) -> R {
        let stamp = self.slot.stamp();
        if let Some(versioned) = cache::take(self.slot.peek(), stamp) {
            // SAFETY: C6: it is of this cell, and its count is ours now.
            let back = CachedGuard::new(&self.slot, unsafe { from_raw(versioned) }, stamp);
            return f(back.value());
        }
        f(self.read_slowly().value())
    }

    #[cold]
    #[inline(never)]
    fn read_slowly(&self) -> ReadGuard<'_, T> {
        if !self.is_cached {
            return ReadGuard::Counted(self.acquire());
        }
        let (number, stamp) = (self.slot.number(), self.slot.stamp());
        if let Some(versioned) = cache::take_beside(number, stamp) {
            // SAFETY: C6: as in `with`.
            return ReadGuard::Cached(CachedGuard::new(
                &self.slot,
                unsafe { from_raw(versioned) },
                stamp,
            ));
        }
        let held = self.acquire();
        if step(Site::MissLetsGo) {
            cache::evict(number, Some(stamp_of(held.version())));
        }
        match cache::without_reentry(|| self.versioned(&held)) {
            Some(versioned) => {
                let stamp = stamp_of(versioned.version);
                ReadGuard::Cached(CachedGuard::new(&self.slot, ManuallyDrop::new(versioned), stamp))
            }
            None => ReadGuard::Counted(held),
        }
    }

    pub(super) fn versioned(&self, held: &NodeGuard<'_, T>) -> Arc<Versioned<T>> {
        let version = match step(Site::StampOfNode) {
            true => held.version(),
            false => version_of(self.slot.stamp()) as usize,
        };
        Arc::new(Versioned { version, value: Arc::clone(held.value()) })
    }

    /// Counts the node of the newest value; makes the first value if there is none.
    pub(super) fn acquire(&self) -> NodeGuard<'_, T> {
        loop {
            match self.acquire_if_any() {
                Some(held) => return held,
                None => self.make_first(),
            }
        }
    }

    /// The same; `None` if there never was a value.
    pub(super) fn acquire_if_any(&self) -> Option<NodeGuard<'_, T>> {
        let held = self.slot.acquire()?;
        // C5: before anybody sees the value.
        if step(Site::ReaderRaises) {
            self.slot.raise_unless(held.version(), &self.waiters);
        }
        Some(held)
    }

    #[cold]
    fn make_first(&self) {
        let first = self.first.expect("a cell that was made with a value has one");
        let value = Arc::new(first());
        // If another thread was faster, this value is dropped.
        drop(self.slot.exchange(None, 0, value, &self.waiters));
    }

    /// The newest value, owned.
    #[inline]
    pub fn load(&self) -> Snapshot<T> {
        let clone = |versioned: *const ()| {
            // SAFETY: C6: it is of this cell, and its count stays in the cache, which nothing drops
            // here.
            let versioned = unsafe { from_raw::<T>(versioned) };
            Arc::clone(&versioned)
        };
        match cache::peek(self.slot.peek(), self.slot.stamp(), clone) {
            Some(versioned) => Snapshot::new(versioned),
            None => self.load_slowly(),
        }
    }

    #[cold]
    #[inline(never)]
    fn load_slowly(&self) -> Snapshot<T> {
        Snapshot::new(match &self.read_slowly() {
            ReadGuard::Cached(back) => Arc::clone(back.versioned()),
            ReadGuard::Counted(held) => self.versioned(held),
        })
    }

    /// Replaces the value, whatever it is.
    ///
    /// **Do not store a value that you made from one that you read**: if another thread stored one
    /// in between, its change would be lost. [`update`](Self::update) loses none.
    ///
    /// Readers that have the old value go on with it.
    pub fn store(&self, value: T) {
        let mut value = Arc::new(value);
        loop {
            let old = self.slot.acquire();
            let version = next_version(old.as_ref().map_or(0, NodeGuard::version));
            match self.exchange(old, version, value) {
                Ok(()) => return,
                Err(back) => value = back,
            }
        }
    }

    /// Replaces the value of `old` by `value`; returns `value` if another thread was faster.
    fn exchange(
        &self,
        old: Option<NodeGuard<'_, T>>,
        version: usize,
        value: Arc<T>,
    ) -> Result<(), Arc<T>> {
        self.slot.exchange(old, version, value, &self.waiters)?;
        // What this thread cached is old now.
        self.evict_old(stamp_of(version));
        Ok(())
    }

    /// Evicts what this thread caches of other versions.
    pub(super) fn evict_old(&self, except: usize) {
        cache::evict(self.slot.peek(), Some(except));
    }

    /// Replaces the value, and returns the old one.
    ///
    /// For a value that is made from the old one see [`update`](Self::update).
    pub fn swap(&self, value: T) -> Snapshot<T> {
        let mut value = Arc::new(value);
        loop {
            let old = self.acquire();
            let (versioned, version) = (self.versioned(&old), next_version(old.version()));
            match self.exchange(Some(old), version, value) {
                Ok(()) => return Snapshot::new(versioned),
                Err(back) => value = back,
            }
        }
    }

    /// Replaces the value by what `f` returns for it, and returns the new one. No change of another
    /// thread is lost: if there was one meanwhile, `f` is called again with the newest value.
    ///
    /// The library holds no lock while `f` runs. If `f` panics, the value stays as it is. If `f` itself
    /// changes the cell at each call, the update never ends.
    ///
    /// # Examples
    /// ```
    /// use stackholm::Shared;
    ///
    /// static HITS: Shared<u32> = Shared::new(|| 0);
    ///
    /// std::thread::scope(|scope| {
    ///     for _ in 0..4 {
    ///         scope.spawn(|| (0..100).for_each(|_| drop(HITS.update(|hits| hits + 1))));
    ///     }
    /// });
    /// assert_eq!((*HITS.load(), HITS.version()), (400, 400));
    /// ```
    pub fn update(&self, mut f: impl FnMut(&T) -> T) -> Snapshot<T> {
        match self.try_update(|value| Ok::<T, core::convert::Infallible>(f(value))) {
            Ok(new) => new,
            Err(never) => match never {},
        }
    }

    /// As [`update`](Self::update), where `f` may fail.
    ///
    /// # Errors
    /// That of `f`; the value stays as it is.
    pub fn try_update<E>(&self, mut f: impl FnMut(&T) -> Result<T, E>) -> Result<Snapshot<T>, E> {
        loop {
            let mut old = self.acquire();
            let new = Arc::new(f(old.value())?);
            if !step(Site::ExchangeLooks) {
                old = self.acquire();
            }
            let version = next_version(old.version());
            let versioned = Arc::new(Versioned { version, value: Arc::clone(&new) });
            if self.exchange(Some(old), version, new).is_ok() {
                return Ok(Snapshot::new(versioned));
            }
        }
    }

    /// Replaces the value if it is still the very value of `old`, not merely an equal one.
    ///
    /// # Errors
    /// Returns `new` if the cell has another value.
    pub fn compare_and_swap(&self, old: &Snapshot<T>, new: T) -> Result<(), T> {
        let there = self.acquire();
        if !Arc::ptr_eq(there.value(), old.value()) {
            return Err(new);
        }
        let version = next_version(there.version());
        // A value is stored in a cell once only, so a value that was replaced never comes back.
        self.exchange(Some(there), version, Arc::new(new))
            .map_err(|new| Arc::into_inner(new).expect("a value that was not taken has one owner"))
    }

    /// As [`compare_and_swap`](Self::compare_and_swap); returns the new value.
    pub(super) fn replace(&self, old: &Snapshot<T>, new: T) -> Option<Snapshot<T>> {
        let there = self.acquire();
        if !Arc::ptr_eq(there.value(), old.value()) && step(Site::ReplaceLooks) {
            return None;
        }
        let (version, value) = (next_version(there.version()), Arc::new(new));
        let versioned = Arc::new(Versioned { version, value: Arc::clone(&value) });
        self.exchange(Some(there), version, value).is_ok().then(|| Snapshot::new(versioned))
    }

    /// How often the value was replaced. The first value has version 0, even before it is made;
    /// each change adds one.
    ///
    /// Whoever learns of a version reads the value of that version next, or a newer one.
    #[inline]
    pub fn version(&self) -> u64 {
        version_of(self.slot.stamp())
    }

    /// Whether there is a newer version than `version`, which came from a [`Snapshot`] or from
    /// [`version`](Self::version).
    #[inline]
    pub fn changed_since(&self, version: u64) -> bool {
        self.version() > version
    }

    /// The stamp of the newest version.
    #[inline(always)]
    pub(super) fn stamp(&self) -> usize {
        self.slot.stamp()
    }
}

crate::sys::in_models! {
    impl<T> Shared<T> {
        /// # Safety
        /// 1. The cell is not used any more, nor dropped.
        pub(super) unsafe fn end(&self) {
            // SAFETY: #1.
            unsafe { self.slot.end() }
        }
    }
}

impl Shared<()> {
    /// Drops all values that this thread caches, of all cells. For a thread that will be idle for
    /// long.
    ///
    /// A value that is being read stays until that read ends.
    ///
    /// # Examples
    /// ```
    /// use stackholm::Shared;
    ///
    /// Shared::flush_thread();
    /// ```
    pub fn flush_thread() {
        cache::flush();
    }
}

/// Evicts what this thread caches of the cell; other threads do as they do after a store.
impl<T> Drop for Shared<T> {
    fn drop(&mut self) {
        match self.slot.peek() {
            0 => {}
            number => cache::evict(number, None),
        }
    }
}

/// A cell with its first value.
impl<T: Send + Sync + 'static> From<T> for Shared<T> {
    fn from(value: T) -> Self {
        let cell = Self::made(None, true);
        let put = cell.slot.exchange(None, 0, Arc::new(value), &cell.waiters);
        debug_assert!(put.is_ok(), "nobody else has it yet");
        drop(put);
        cell
    }
}

impl<T: Default + Send + Sync + 'static> Default for Shared<T> {
    fn default() -> Self {
        Self::new(T::default)
    }
}

/// Shows the version, never the value.
impl<T: Send + Sync + 'static> fmt::Debug for Shared<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("version", &self.version()).finish_non_exhaustive()
    }
}
