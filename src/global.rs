//! Values that the whole process sees where nothing is bound.

use crate::sys::Arc;
use crate::var::Var;

impl<T: Send + Sync + 'static> Var<T> {
    /// Sets the value that the whole process sees where nothing is bound; gives back the one
    /// before.
    ///
    /// Threads that are reading go on with the value that they have. Meant to be rare: readers of
    /// the variable wait for the length of the exchange, and each read of such a value counts it.
    /// Without the feature `arc-swap` they wait for a lock, so a child of `fork` must not read such
    /// a value if another thread of its parent may have been in here.
    pub fn set_global(&self, value: T) -> Option<Arc<T>> {
        self.global.swap(Some(Arc::new(value)))
    }

    /// Takes the process-wide value away; gives it back.
    pub fn clear_global(&self) -> Option<Arc<T>> {
        self.global.swap(None)
    }

    /// The process-wide value, if one is set.
    pub fn global(&self) -> Option<Arc<T>> {
        self.global.load()
    }
}
