//! What is set once and then only read, where there is no standard library: a pointer to a box.
//!
//! Nobody waits for anybody, so it may be set and read in an interrupt handler too. Of two who set
//! it at once one comes first, and the other has its value back.
#![cfg_attr(not(stackholm_loom), expect(unreachable_pub, reason = "models reach it"))]

use super::{Ordering, Site, StaticPointer, ordering};
use alloc::boxed::Box;
use core::marker::PhantomData;
use core::ptr;

/// As `OnceLock`: whoever finds a value sees all that came before it was set.
///
/// Invariant: the pointer is null, or leads to a box that is this one's and stays until its end.
pub struct OnceBox<T> {
    to: StaticPointer<T>,
    of: PhantomData<*mut T>,
}

// SAFETY: it has a box of `T`, and moves with it.
unsafe impl<T: Send> Send for OnceBox<T> {}
// SAFETY: it gives `&T`; and a value that one thread has set may end on another.
unsafe impl<T: Send + Sync> Sync for OnceBox<T> {}

impl<T> OnceBox<T> {
    /// Nothing is set.
    pub const fn new() -> Self {
        OnceBox { to: StaticPointer::new(ptr::null_mut()), of: PhantomData }
    }

    #[inline]
    fn there(&self) -> *mut T {
        // Acquire: pairs with the Release in `set`: the value is whole.
        self.to.load(ordering(Site::OnceIsSeen, Ordering::Acquire))
    }

    /// What is set.
    #[inline]
    pub fn get(&self) -> Option<&T> {
        // SAFETY: the invariant.
        unsafe { self.there().as_ref() }
    }

    /// Sets it, unless it is set; then the value comes back.
    pub fn set(&self, value: T) -> Result<(), T> {
        let new = Box::into_raw(Box::new(value));
        // Release: pairs with the Acquire in `there`. Who comes too late looks at nothing.
        let set = self.to.compare_exchange(
            ptr::null_mut(),
            new,
            ordering(Site::OnceIsSet, Ordering::Release),
            Ordering::Relaxed,
        );
        // SAFETY: it came from a box, and nobody else has seen it.
        set.map(drop).map_err(|_| *unsafe { Box::from_raw(new) })
    }

    /// What is set, else what `value` makes. That may be in vain, if another is faster.
    pub fn get_or_init(&self, value: impl FnOnce() -> T) -> &T {
        if self.get().is_none() {
            // Whoever was first has set it.
            let _ = self.set(value());
        }
        self.get().expect("it is set")
    }
}

impl<T> Drop for OnceBox<T> {
    fn drop(&mut self) {
        let there = self.there();
        if !there.is_null() {
            // SAFETY: the invariant; nobody else looks any more.
            drop(unsafe { Box::from_raw(there) });
        }
    }
}
