//! Where a variable was last bound in the process: for the reader of an error, in debug builds only.
//!
//! No model looks at it: it decides nothing but words, and is the standard library's even under loom.

use std::panic::Location;

/// A place in the source, and a number for the thread that was there.
type Last = (&'static Location<'static>, usize);

#[cfg(debug_assertions)]
pub(crate) struct LastPlace(std::sync::Mutex<Option<Last>>);

#[cfg(debug_assertions)]
impl LastPlace {
    pub(crate) const fn new() -> Self {
        LastPlace(std::sync::Mutex::new(None))
    }

    pub(crate) fn set(&self, place: &'static Location<'static>) {
        *self.lock() = Some((place, here()));
    }

    /// The place, and whether this thread was there.
    pub(crate) fn get(&self) -> Option<(&'static Location<'static>, bool)> {
        self.lock().map(|(place, thread)| (place, thread == here()))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Last>> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// A number that no two threads have at once. Needs no destructor and no allocation, so it is there at any time.
#[cfg(debug_assertions)]
fn here() -> usize {
    std::thread_local! { static HERE: u8 = const { 0 }; }
    HERE.with(|here| std::ptr::from_ref(here).addr())
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
        None::<Last>.map(|(place, _)| (place, false))
    }
}
