//! Values that are counted for as long as they live.
//!
//! Each counted value holds a mark; how many marks there are says how many values are alive, on
//! whichever stack, in whichever context. The program ends well only if that number is zero.

use std::ops::Deref;
use std::sync::Arc;

/// Counts the values that it hands out.
#[derive(Debug, Default)]
pub(crate) struct LiveCount(Arc<()>);

/// A value that is counted until it is dropped; a clone is counted as well.
#[derive(Clone, Debug)]
pub(crate) struct Counted<T> {
    value: T,
    _mark: Arc<()>,
}

impl LiveCount {
    /// Makes a value that is counted.
    pub(crate) fn count<T>(&self, value: T) -> Counted<T> {
        Counted { value, _mark: Arc::clone(&self.0) }
    }

    /// How many values are alive.
    pub(crate) fn alive(&self) -> usize {
        Arc::strong_count(&self.0) - 1
    }
}

impl<T> Deref for Counted<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}
