//! Values that are counted for as long as they live.
//!
//! Each counted value holds a mark, and the number of marks is the number of values alive, on any
//! stack and in any context. The program fails if that number is not zero at the end.

use std::ops::Deref;
use std::sync::Arc;

/// Counts the values that it hands out, those of each kind apart.
#[derive(Debug, Default)]
pub(crate) struct LiveCount([Arc<()>; KINDS]);

/// How many kinds of values there can be.
pub(crate) const KINDS: usize = 11;

/// A value that is counted until it is dropped; a clone is counted as well.
#[derive(Clone, Debug)]
pub(crate) struct Counted<T> {
    value: T,
    _mark: Arc<()>,
}

impl LiveCount {
    /// Makes a value that is counted.
    pub(crate) fn count<T>(&self, kind: usize, value: T) -> Counted<T> {
        Counted { value, _mark: Arc::clone(&self.0[kind]) }
    }

    /// How many values are alive.
    pub(crate) fn alive(&self) -> usize {
        (0..KINDS).map(|kind| self.alive_of(kind)).sum()
    }

    /// How many of one kind.
    pub(crate) fn alive_of(&self, kind: usize) -> usize {
        Arc::strong_count(&self.0[kind]) - 1
    }
}

impl<T> Deref for Counted<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}
