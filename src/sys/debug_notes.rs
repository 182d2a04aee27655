//! What debug builds with the standard library note beside a variable: where it was last bound in
//! the process, and, while tests watch, what its readers got and whether somebody looks out for
//! captures.
//!
//! No model looks at it: it decides nothing but words, and is the standard library's even under
//! loom. What binds takes no lock for it. Nothing is allocated, dropped or called while the lock of
//! a watch is held.

use core::panic::Location;

#[cfg(all(debug_assertions, feature = "std"))]
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering::Relaxed};

/// Where something happened last, and on which thread. Two plain stores: written by two threads at
/// once, the place of one may stand beside the number of the other, and then a word of an error is
/// wrong.
#[cfg(all(debug_assertions, feature = "std"))]
pub(crate) struct LastPlace {
    place: AtomicPtr<Location<'static>>,
    thread: AtomicUsize,
}

#[cfg(all(debug_assertions, feature = "std"))]
impl LastPlace {
    pub(crate) const fn new() -> Self {
        LastPlace { place: AtomicPtr::new(std::ptr::null_mut()), thread: AtomicUsize::new(0) }
    }

    pub(crate) fn set(&self, place: &'static Location<'static>) {
        self.thread.store(here(), Relaxed);
        self.place.store(std::ptr::from_ref(place).cast_mut(), Relaxed);
    }

    /// The place, and whether this thread was there.
    pub(crate) fn get(&self) -> Option<(&'static Location<'static>, bool)> {
        // SAFETY: null, or made of a static reference to what is never written.
        let place = unsafe { self.place.load(Relaxed).as_ref() };
        place.map(|place| (place, self.thread.load(Relaxed) == here()))
    }
}

/// A number that no two threads have at once. Needs no destructor and no allocation, so it is there
/// at any time.
#[cfg(all(debug_assertions, feature = "std"))]
fn here() -> usize {
    std::thread_local! { static HERE: u8 = const { 0 }; }
    HERE.with(|here| std::ptr::from_ref(here).addr())
}

/// What is noted while somebody watches. It needs no destructor, so that nothing of it runs under
/// the lock.
#[cfg(all(debug_assertions, feature = "std"))]
pub(crate) struct Notes<T: Copy> {
    on: std::sync::atomic::AtomicBool,
    noted: std::sync::Mutex<Option<T>>,
}

#[cfg(all(debug_assertions, feature = "std"))]
impl<T: Copy> Notes<T> {
    pub(crate) const fn new() -> Self {
        Notes { on: std::sync::atomic::AtomicBool::new(false), noted: std::sync::Mutex::new(None) }
    }

    /// Whether somebody watches.
    #[inline]
    pub(crate) fn is_on(&self) -> bool {
        // Acquire: pairs with the Release in `replace`. Whoever was started after that sees it
        // anyway, by its start.
        self.on.load(std::sync::atomic::Ordering::Acquire)
    }

    /// Begins, goes on or ends: notes what `f` makes of what was noted before, and gives that.
    pub(crate) fn turn(&self, f: impl FnOnce(Option<T>) -> Option<T>) -> Option<T> {
        let mut noted = self.lock();
        let before = noted.take();
        *noted = f(before);
        // Release: pairs with the Acquire in `is_on`. Under the lock, so that of two the later
        // one's word stands.
        self.on.store(noted.is_some(), std::sync::atomic::Ordering::Release);
        before
    }

    /// What is noted.
    pub(crate) fn now(&self) -> Option<T> {
        *self.lock()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<T>> {
        self.noted.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[cfg(not(all(debug_assertions, feature = "std")))]
pub(crate) struct Notes<T>(core::marker::PhantomData<fn() -> T>);

#[cfg(not(all(debug_assertions, feature = "std")))]
impl<T> Notes<T> {
    pub(crate) const fn new() -> Self {
        Notes(core::marker::PhantomData)
    }

    #[inline(always)]
    pub(crate) fn is_on(&self) -> bool {
        false
    }

    #[cfg(feature = "std")]
    pub(crate) fn turn(&self, _: impl FnOnce(Option<T>) -> Option<T>) -> Option<T> {
        None
    }

    #[cfg(feature = "std")]
    pub(crate) fn now(&self) -> Option<T> {
        None
    }
}

#[cfg(not(all(debug_assertions, feature = "std")))]
pub(crate) struct LastPlace;

#[cfg(not(all(debug_assertions, feature = "std")))]
impl LastPlace {
    pub(crate) const fn new() -> Self {
        LastPlace
    }

    #[inline(always)]
    pub(crate) fn set(&self, _: &'static Location<'static>) {}

    pub(crate) fn get(&self) -> Option<(&'static Location<'static>, bool)> {
        None
    }
}

/// How many look out for something; nobody ever does in release builds.
#[cfg(feature = "std")]
pub(crate) struct Tally {
    #[cfg(all(debug_assertions, feature = "std"))]
    number: AtomicUsize,
}

#[cfg(feature = "std")]
impl Tally {
    pub(crate) const fn new() -> Self {
        Tally {
            #[cfg(all(debug_assertions, feature = "std"))]
            number: AtomicUsize::new(0),
        }
    }

    #[inline]
    pub(crate) fn is_on(&self) -> bool {
        #[cfg(all(debug_assertions, feature = "std"))]
        // Relaxed: who looks out has bound a witness, and is seen by that; this says only "worth a
        // look".
        return self.number.load(Relaxed) != 0;
        #[cfg(not(all(debug_assertions, feature = "std")))]
        false
    }

    pub(crate) fn more(&self) {
        #[cfg(all(debug_assertions, feature = "std"))]
        self.number.fetch_add(1, Relaxed);
    }

    pub(crate) fn less(&self) {
        #[cfg(all(debug_assertions, feature = "std"))]
        self.number.fetch_sub(1, Relaxed);
    }
}
