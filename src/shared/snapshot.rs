//! `Snapshot`: an owned handle to a value of a cell.

use crate::sys::Arc;
use core::fmt;
use core::ops::Deref;

/// A value with its version, as a thread caches it. Snapshots that one thread takes share the count
/// of this, not the count of the value, which all threads share.
pub(super) struct Versioned<T> {
    pub(super) version: usize,
    pub(super) value: Arc<T>,
}

/// An owned handle to a value of a [`Shared`](crate::Shared) cell. The value stays alive and
/// unchanged, whatever is stored in the cell.
///
/// It may be held for as long as you like, over awaits too; it blocks nobody. Cloning one adds to a
/// count that only the snapshots share which the same thread took of this version.
pub struct Snapshot<T>(Arc<Versioned<T>>);

impl<T> Snapshot<T> {
    pub(super) fn new(versioned: Arc<Versioned<T>>) -> Self {
        Snapshot(versioned)
    }

    pub(super) fn value(&self) -> &Arc<T> {
        &self.0.value
    }

    /// The version of the cell that had this value; see
    /// [`Shared::version`](crate::Shared::version).
    pub fn version(&self) -> u64 {
        self.0.version as u64
    }

    /// The value in an `Arc`, whose count all threads share.
    pub fn to_arc(&self) -> Arc<T> {
        Arc::clone(&self.0.value)
    }

    /// Whether both are the very same value of one cell, not merely equal ones.
    pub fn ptr_eq(&self, other: &Snapshot<T>) -> bool {
        Arc::ptr_eq(&self.0.value, &other.0.value)
    }
}

impl<T> Deref for Snapshot<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.0.value
    }
}

impl<T> AsRef<T> for Snapshot<T> {
    fn as_ref(&self) -> &T {
        self
    }
}

/// Shares the value.
impl<T> Clone for Snapshot<T> {
    fn clone(&self) -> Self {
        Snapshot(Arc::clone(&self.0))
    }
}

/// Shows the version, never the value.
impl<T> fmt::Debug for Snapshot<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshot").field("version", &self.version()).finish_non_exhaustive()
    }
}
