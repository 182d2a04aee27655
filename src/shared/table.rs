//! A table of all process-wide values, by the ids of their variables.
//!
//! An array sorted by id; a change copies it. Process-wide values are few and change seldom, and an
//! array keeps alive exactly what is set.

use crate::sys::Arc;
use alloc::vec::Vec;
use core::any::Any;

/// A value of any type.
pub(crate) type Value = Arc<dyn Any + Send + Sync>;

/// Invariant: G1 — the value of an id has the type of the one `GlobalSlot` with that id.
#[derive(Clone)]
pub(crate) struct Table(Vec<(usize, Value)>);

impl Table {
    pub(super) const fn new() -> Self {
        Table(Vec::new())
    }

    fn find(&self, number: usize) -> Result<usize, usize> {
        self.0.binary_search_by_key(&number, |(known, _)| *known)
    }

    pub(super) fn get(&self, number: usize) -> Option<&Value> {
        self.find(number).ok().map(|at| &self.0[at].1)
    }

    /// Sets the value of an id, or removes it; returns the old one.
    pub(super) fn put(&mut self, number: usize, value: Option<Value>) -> Option<Value> {
        match (self.find(number), value) {
            (Ok(at), Some(value)) => Some(core::mem::replace(&mut self.0[at].1, value)),
            (Ok(at), None) => Some(self.0.remove(at).1),
            (Err(at), Some(value)) => {
                self.0.insert(at, (number, value));
                None
            }
            (Err(_), None) => None,
        }
    }
}
