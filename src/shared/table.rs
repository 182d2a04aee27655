//! A picture of all process-wide values, by the numbers of their variables.
//!
//! An array in the order of the numbers: a change copies it. Process-wide values are few and change
//! seldom, and an array shows and keeps exactly what is set.

use crate::sys::Arc;
use alloc::vec::Vec;
use core::any::Any;

/// A value, whatever it is.
pub(crate) type Value = Arc<dyn Any + Send + Sync>;

/// Invariant: G1 — what stands by a number is of the type of the one `Place` that has the number.
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

    /// Puts a value there, or takes away what is there; gives what was.
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
