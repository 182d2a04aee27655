//! What debug builds note beside a variable, and release builds do not: where it was last bound in the process, and,
//! while a test watches, what its readers got.
//!
//! No model looks at it: it decides nothing but words, and is the standard library's even under loom. What binds takes
//! no lock for it. Nothing is allocated, dropped or called while the lock of a watch is held.

use std::panic::Location;

#[cfg(debug_assertions)]
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering::Relaxed};

/// Where something happened last, and on which thread. Two plain stores: written by two threads at once, the place of
/// one may stand beside the number of the other, and then a word of an error is wrong.
#[cfg(debug_assertions)]
pub(crate) struct LastPlace {
    place: AtomicPtr<Location<'static>>,
    thread: AtomicUsize,
}

#[cfg(debug_assertions)]
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

/// A number that no two threads have at once. Needs no destructor and no allocation, so it is there at any time.
#[cfg(debug_assertions)]
fn here() -> usize {
    std::thread_local! { static HERE: u8 = const { 0 }; }
    HERE.with(|here| std::ptr::from_ref(here).addr())
}

/// What is noted while somebody watches. It needs no destructor, so that nothing of it runs under the lock.
#[cfg(debug_assertions)]
pub(crate) struct Notes<T: Copy> {
    on: std::sync::atomic::AtomicBool,
    noted: std::sync::Mutex<Option<T>>,
}

#[cfg(debug_assertions)]
impl<T: Copy> Notes<T> {
    pub(crate) const fn new() -> Self {
        Notes { on: std::sync::atomic::AtomicBool::new(false), noted: std::sync::Mutex::new(None) }
    }

    /// Whether somebody watches.
    #[inline]
    pub(crate) fn is_on(&self) -> bool {
        // Acquire: pairs with the Release in `replace`. Whoever was started after that sees it anyway, by its start.
        self.on.load(std::sync::atomic::Ordering::Acquire)
    }

    /// Begins with `Some` or ends with `None`; gives back what was noted before.
    pub(crate) fn replace(&self, note: Option<T>) -> Option<T> {
        let before = std::mem::replace(&mut *self.lock(), note);
        // Release: pairs with the Acquire in `is_on`.
        self.on.store(note.is_some(), std::sync::atomic::Ordering::Release);
        before
    }

    pub(crate) fn change(&self, f: impl FnOnce(T) -> T) {
        let mut noted = self.lock();
        *noted = noted.take().map(f);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<T>> {
        self.noted.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[cfg(not(debug_assertions))]
pub(crate) struct Notes<T>(std::marker::PhantomData<fn() -> T>);

#[cfg(not(debug_assertions))]
impl<T> Notes<T> {
    pub(crate) const fn new() -> Self {
        Notes(std::marker::PhantomData)
    }

    #[inline(always)]
    pub(crate) fn is_on(&self) -> bool {
        false
    }

    pub(crate) fn replace(&self, _: Option<T>) -> Option<T> {
        None
    }

    pub(crate) fn change(&self, _: impl FnOnce(T) -> T) {}
}

#[cfg(not(debug_assertions))]
pub(crate) struct LastPlace;

#[cfg(not(debug_assertions))]
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
