//! A shared pointer that can be swapped while others read it: behind a lock, or by `arc-swap`.
//!
//! The lock is held for a count or for an exchange of two pointers; no foreign code and no
//! allocation happens under it. With the feature `arc-swap` readers take no lock at all, and a
//! store costs time in the number of threads that ever read one; that crate brings a procedural
//! macro into the tree, so it is not for everybody.

use super::Arc;

#[cfg(not(feature = "arc-swap"))]
mod kind {
    use super::Arc;
    use std::sync::{PoisonError, RwLock};

    pub(crate) struct SwapCell<T>(RwLock<Option<Arc<T>>>);

    impl<T> SwapCell<T> {
        pub(crate) const fn empty() -> Self {
            SwapCell(RwLock::new(None))
        }
        pub(crate) fn load(&self) -> Option<Arc<T>> {
            self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
        }
        pub(crate) fn swap(&self, value: Option<Arc<T>>) -> Option<Arc<T>> {
            std::mem::replace(&mut *self.0.write().unwrap_or_else(PoisonError::into_inner), value)
        }
    }
}

#[cfg(feature = "arc-swap")]
mod kind {
    use super::Arc;
    use arc_swap::ArcSwapOption;

    pub(crate) struct SwapCell<T>(ArcSwapOption<T>);

    impl<T> SwapCell<T> {
        pub(crate) const fn empty() -> Self {
            SwapCell(ArcSwapOption::const_empty())
        }
        pub(crate) fn load(&self) -> Option<Arc<T>> {
            self.0.load_full()
        }
        pub(crate) fn swap(&self, value: Option<Arc<T>>) -> Option<Arc<T>> {
            self.0.swap(value)
        }
    }
}

pub(crate) use kind::SwapCell;
