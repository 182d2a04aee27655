//! What the checks found: how many there were, and which of them saw something wrong.

use super::hop::Hop;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

/// How many wrong values are kept for the report; all are counted.
const KEPT: usize = 10;

/// The findings of all requests of one way of carrying.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    hops: AtomicU64,
    wrong: AtomicU64,
    first: Mutex<Vec<Wrong>>,
}

/// A hop that did not see what it should.
#[derive(Clone, Debug)]
pub(crate) struct Wrong {
    pub(crate) request: String,
    pub(crate) hop: Hop,
    pub(crate) variable: String,
    /// `None`: it should not have been bound.
    pub(crate) expected: Option<String>,
    /// `None`: it was not bound.
    pub(crate) seen: Option<String>,
}

impl Ledger {
    pub(crate) fn add_hops(&self, hops: u32) {
        self.hops.fetch_add(u64::from(hops), Relaxed);
    }

    pub(crate) fn report(&self, wrong: Wrong) {
        self.wrong.fetch_add(1, Relaxed);
        let mut first = self.first.lock().unwrap_or_else(PoisonError::into_inner);
        if first.len() < KEPT {
            first.push(wrong);
        }
    }

    pub(crate) fn hops(&self) -> u64 {
        self.hops.load(Relaxed)
    }

    pub(crate) fn wrong(&self) -> u64 {
        self.wrong.load(Relaxed)
    }

    /// The first wrong values, as lines for people.
    pub(crate) fn first(&self) -> Vec<String> {
        self.first.lock().unwrap_or_else(PoisonError::into_inner).iter().map(Wrong::to_string).collect()
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Wrong { request, hop, variable, expected, seen } = self;
        write!(f, "request {request:?} at hop `{hop}`: the variable `{variable}` ")?;
        match seen {
            Some(seen) => write!(f, "was {seen:?}")?,
            None => f.write_str("was not bound")?,
        }
        match expected {
            Some(expected) => write!(f, ", should be {expected:?}"),
            None => f.write_str(", should not be bound"),
        }
    }
}
