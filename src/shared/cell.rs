//! `Shared`: a value that many read and few replace.

use super::cache;
use super::lent::{Back, Lent, own};
use super::node::Held;
use super::slot::{Slot, next_version, stamp_of, version_of};
use super::snapshot::{Snapshot, Tap};
use super::wait::{self, Changed, Waiters};
use crate::sys::{Arc, Site, step};
use std::fmt;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;

/// A value that many read and few replace: flags, routes, limits, the configuration of a service.
///
/// | | |
/// |---|---|
/// | [`with`](Self::with) | a borrowed read. No lock, no count, no line that another thread writes: two loads, and a look at what this thread keeps |
/// | [`load`](Self::load) | a [`Snapshot`] to hold, for a request or over awaits. It counts on a line that this thread alone gives out |
/// | [`update`](Self::update), [`try_update`](Self::try_update) | the value changed. No change by another is lost |
/// | [`store`](Self::store), [`swap`](Self::swap) | the value replaced, whatever it was |
/// | [`compare_and_swap`](Self::compare_and_swap) | the value replaced if it is the one that you saw |
/// | [`version`](Self::version), [`changed_since`](Self::changed_since) | whether there is a newer one |
/// | [`changed`](Self::changed), [`wait`](Self::wait) | the next one as an event |
///
/// Readers and writers are lock-free: a thread that is stopped in the middle of either keeps no
/// other from going on. (Writers take a lock only to wake those who [wait](Self::changed).) What a
/// store costs does not depend on how many threads ever read.
///
/// # When an old value ends
///
/// It is dropped by whoever lets go of it last, on that thread: a writer, a reader, the holder of a
/// snapshot. There is no collector. A thread keeps the value that it read last, and lets it go
///
/// - when it stores itself, at its next read of the cell after a store, and at the end of a read
///   that a store came into;
/// - when it ends, or its place is taken by another cell: a thread keeps 32 values at most;
/// - at [`Shared::flush_thread`].
///
/// So a thread that reads a cell, and never again, and neither ends nor flushes, keeps one value of
/// it (and up to four counts of that, if reads were nested). So does such a thread of a cell that
/// was dropped. If that is too much, see [`uncached`](Self::uncached), or let the threads of a runtime
/// flush before they idle. For tokio that is one line:
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
    slot: Slot<T>,
    waiters: Waiters,
    first: Option<fn() -> T>,
    is_cached: bool,
    /// It is as thread-safe as an `Arc` of what it has.
    of: PhantomData<Arc<T>>,
}

impl<T: Send + Sync + 'static> Shared<T> {
    /// A cell whose first value `first` makes, when it is needed.
    ///
    /// `first` runs with nothing of the library held; if two threads need it at once it may run
    /// twice, and one of the values is dropped. It must not read the cell itself.
    pub const fn new(first: fn() -> T) -> Self {
        Self::made(Some(first), true)
    }

    /// A cell of whose values threads keep none: an old value ends with its last snapshot and the
    /// last read that is running.
    ///
    /// Each read is a miss: it counts twice on lines that all readers share, and still takes no
    /// lock.
    pub const fn uncached(first: fn() -> T) -> Self {
        Self::made(Some(first), false)
    }

    const fn made(first: Option<fn() -> T>, is_cached: bool) -> Self {
        Shared { slot: Slot::new(), waiters: Waiters::new(), first, is_cached, of: PhantomData }
    }

    /// Calls `f` with the newest value.
    ///
    /// `f` may do anything, reads and stores of the cell included; the reference stays valid, and a
    /// store makes no difference to it.
    #[inline]
    pub fn with<R>(&self, f: impl FnOnce(&T) -> R) -> R {
        let stamp = self.slot.stamp();
        if let Some(tap) = cache::take(self.slot.peek(), stamp) {
            // SAFETY: C6: it is of this cell, and its count is ours now.
            let back = Back::new(&self.slot, unsafe { own(tap) }, stamp);
            return f(back.value());
        }
        f(self.lend().value())
    }

    #[cold]
    #[inline(never)]
    fn lend(&self) -> Lent<'_, T> {
        if !self.is_cached {
            return Lent::Held(self.held());
        }
        let (number, stamp) = (self.slot.number(), self.slot.stamp());
        if let Some(tap) = cache::take_beside(number, stamp) {
            // SAFETY: C6: as in `with`.
            return Lent::Kept(Back::new(&self.slot, unsafe { own(tap) }, stamp));
        }
        let held = self.held();
        if step(Site::MissLetsGo) {
            cache::forget(number, Some(stamp_of(held.version())));
        }
        match cache::making(|| self.tap(&held)) {
            Some(tap) => {
                let stamp = stamp_of(tap.version);
                Lent::Kept(Back::new(&self.slot, ManuallyDrop::new(tap), stamp))
            }
            None => Lent::Held(held),
        }
    }

    pub(super) fn tap(&self, held: &Held<'_, T>) -> Arc<Tap<T>> {
        let version = match step(Site::StampOfNode) {
            true => held.version(),
            false => version_of(self.slot.stamp()) as usize,
        };
        Arc::new(Tap { version, value: Arc::clone(held.value()) })
    }

    /// The newest value, counted where it is.
    pub(super) fn held(&self) -> Held<'_, T> {
        loop {
            match self.made_already() {
                Some(held) => return held,
                None => self.make_first(),
            }
        }
    }

    /// The same, unless there never was a value.
    pub(super) fn made_already(&self) -> Option<Held<'_, T>> {
        let held = self.slot.held()?;
        // C5: before anybody hears of the value.
        if step(Site::ReaderRaises) {
            self.slot.raise_unless(held.version(), &self.waiters);
        }
        Some(held)
    }

    #[cold]
    fn make_first(&self) {
        let first = self.first.expect("a cell that was made with a value has one");
        let value = Arc::new(first());
        // If somebody was faster, ours goes.
        drop(self.slot.exchange(None, 0, value, &self.waiters));
    }

    /// The newest value, to be held.
    #[inline]
    pub fn load(&self) -> Snapshot<T> {
        let clone = |tap: *const ()| {
            // SAFETY: C6: it is of this cell, and stays where it is: what is made here is forgotten.
            let tap = unsafe { own::<T>(tap) };
            Arc::clone(&tap)
        };
        match cache::glance(self.slot.peek(), self.slot.stamp(), clone) {
            Some(tap) => Snapshot::new(tap),
            None => self.load_slowly(),
        }
    }

    #[cold]
    #[inline(never)]
    fn load_slowly(&self) -> Snapshot<T> {
        Snapshot::new(match &self.lend() {
            Lent::Kept(back) => Arc::clone(back.tap()),
            Lent::Held(held) => self.tap(held),
        })
    }

    /// Replaces the value, whatever it is.
    ///
    /// **A value that you made of one that you read does not belong here**: if another thread
    /// stored one in between, this would take its change back. [`update`](Self::update) cannot lose
    /// one.
    ///
    /// Readers that have the old value go on with it.
    pub fn store(&self, value: T) {
        let mut value = Arc::new(value);
        loop {
            let old = self.slot.held();
            let version = next_version(old.as_ref().map_or(0, Held::version));
            match self.exchange(old, version, value) {
                Ok(()) => return,
                Err(back) => value = back,
            }
        }
    }

    /// Puts `value` in the place of what `old` holds, unless another was faster: then gives it
    /// back.
    fn exchange(
        &self,
        old: Option<Held<'_, T>>,
        version: usize,
        value: Arc<T>,
    ) -> Result<(), Arc<T>> {
        self.slot.exchange(old, version, value, &self.waiters)?;
        // What this thread kept is old now.
        self.let_go(stamp_of(version));
        Ok(())
    }

    /// What this thread keeps of other versions goes.
    pub(super) fn let_go(&self, but: usize) {
        cache::forget(self.slot.peek(), Some(but));
    }

    /// Replaces the value, and gives the old one.
    ///
    /// As to values that were made of one that you read see [`store`](Self::store).
    pub fn swap(&self, value: T) -> Snapshot<T> {
        let mut value = Arc::new(value);
        loop {
            let old = self.held();
            let (tap, version) = (self.tap(&old), next_version(old.version()));
            match self.exchange(Some(old), version, value) {
                Ok(()) => return Snapshot::new(tap),
                Err(back) => value = back,
            }
        }
    }

    /// Replaces the value by what `f` makes of it, and gives the new one. No change by another is
    /// lost: if one came in between, `f` is called again, with what is there now.
    ///
    /// `f` runs with nothing of the library held. If it panics, the value stays as it is. An `f` that
    /// itself changes the cell each time is called for ever.
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
        match self.try_update(|value| Ok::<T, std::convert::Infallible>(f(value))) {
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
            let mut old = self.held();
            let new = Arc::new(f(old.value())?);
            if !step(Site::ExchangeLooks) {
                old = self.held();
            }
            let version = next_version(old.version());
            let tap = Arc::new(Tap { version, value: Arc::clone(&new) });
            if self.exchange(Some(old), version, new).is_ok() {
                return Ok(Snapshot::new(tap));
            }
        }
    }

    /// Replaces the value if it is still the very one that `old` is, not merely an equal one.
    ///
    /// # Errors
    /// Gives `new` back if there is another one.
    pub fn compare_and_swap(&self, old: &Snapshot<T>, new: T) -> Result<(), T> {
        let there = self.held();
        if !Arc::ptr_eq(there.value(), old.value()) {
            return Err(new);
        }
        let version = next_version(there.version());
        // A value comes into a cell once, so what is not there any more does not come back.
        self.exchange(Some(there), version, Arc::new(new))
            .map_err(|new| Arc::into_inner(new).expect("a value that was not taken has one owner"))
    }

    /// As [`compare_and_swap`](Self::compare_and_swap); gives the new value.
    pub(super) fn replace(&self, old: &Snapshot<T>, new: T) -> Option<Snapshot<T>> {
        let there = self.held();
        if !Arc::ptr_eq(there.value(), old.value()) && step(Site::ReplaceLooks) {
            return None;
        }
        let (version, value) = (next_version(there.version()), Arc::new(new));
        let tap = Arc::new(Tap { version, value: Arc::clone(&value) });
        self.exchange(Some(there), version, value).is_ok().then(|| Snapshot::new(tap))
    }

    /// How often the value was replaced. The first value has version 0, also if it is not made yet;
    /// each change adds one.
    ///
    /// Whoever is told of a version reads that value next, or a newer one.
    #[inline]
    pub fn version(&self) -> u64 {
        version_of(self.slot.stamp())
    }

    /// Whether there is a newer version than that one, which a [`Snapshot`] has or
    /// [`version`](Self::version) gave.
    #[inline]
    pub fn changed_since(&self, version: u64) -> bool {
        self.version() > version
    }

    /// Waits for a newer version than that one, and gives it.
    ///
    /// Several changes in a row may be seen as one: the newest is. On a thread, see
    /// [`wait`](Self::wait).
    ///
    /// # Examples
    /// ```
    /// use stackholm::Shared;
    ///
    /// static LIMIT: Shared<u32> = Shared::new(|| 10);
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let seen = LIMIT.load();
    /// let watcher = tokio::spawn(async move {
    ///     LIMIT.changed(seen.version()).await;
    ///     *LIMIT.load()
    /// });
    /// tokio::task::yield_now().await;
    /// LIMIT.store(20);
    /// assert_eq!(watcher.await.unwrap(), 20);
    /// # }
    /// ```
    pub fn changed(&self, since: u64) -> Changed<'_, T> {
        Changed::new(self, since)
    }

    /// Blocks this thread until there is a newer version than that one, and gives it.
    pub fn wait(&self, since: u64) -> u64 {
        wait::wait(self.changed(since))
    }

    /// The version of the newest value, as the word that stands for it.
    #[inline(always)]
    pub(super) fn stamp(&self) -> usize {
        self.slot.stamp()
    }

    /// Marks that somebody waits for a version after that one, unless there is one. Says so.
    pub(super) fn mark(&self, since: u64) -> bool {
        self.slot.mark(usize::try_from(since).unwrap_or(usize::MAX))
    }
}

impl<T> Shared<T> {
    pub(super) fn waiters(&self) -> &Waiters {
        &self.waiters
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
    /// Lets go of all values that this thread keeps, of all cells. For a thread that stays idle for
    /// long.
    ///
    /// A value that is being read stays until that read is over.
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

/// What this thread keeps of the cell is let go; other threads do as they do after a store.
impl<T> Drop for Shared<T> {
    fn drop(&mut self) {
        match self.slot.peek() {
            0 => {}
            number => cache::forget(number, None),
        }
    }
}

/// A cell that has a value.
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
