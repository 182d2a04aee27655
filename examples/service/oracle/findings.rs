//! What the checks found: how many there were at each hop, and which of them saw something wrong.

use super::hop::Hop;
use super::lines::SINKS;
use super::variables;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

/// How many wrong values are kept for the report; all are counted.
const KEPT: usize = variables::ALL + SINKS.len();

/// The findings of all requests of one service.
#[derive(Debug)]
pub(crate) struct Findings {
    looks: [AtomicU64; Hop::ALL.len()],
    lines: [AtomicU64; Hop::ALL.len()],
    wrong: [AtomicU64; Hop::ALL.len()],
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

impl Default for Findings {
    fn default() -> Self {
        let none = || Hop::ALL.map(|_| AtomicU64::new(0));
        Findings { looks: none(), lines: none(), wrong: none(), first: Mutex::default() }
    }
}

impl Findings {
    pub(crate) fn look(&self, hop: Hop) {
        self.looks[hop as usize].fetch_add(1, Relaxed);
    }

    /// One line was logged.
    pub(crate) fn line(&self, hop: Hop) {
        self.lines[hop as usize].fetch_add(1, Relaxed);
    }

    pub(crate) fn report(&self, wrong: Wrong) {
        self.wrong[wrong.hop as usize].fetch_add(1, Relaxed);
        let mut first = self.first.lock().unwrap_or_else(PoisonError::into_inner);
        if first.len() < KEPT {
            first.push(wrong);
        }
    }

    pub(crate) fn looks_at(&self, hop: Hop) -> u64 {
        self.looks[hop as usize].load(Relaxed)
    }

    pub(crate) fn lines_at(&self, hop: Hop) -> u64 {
        self.lines[hop as usize].load(Relaxed)
    }

    pub(crate) fn wrong_at(&self, hop: Hop) -> u64 {
        self.wrong[hop as usize].load(Relaxed)
    }

    pub(crate) fn looks(&self) -> u64 {
        Hop::ALL.map(|hop| self.looks_at(hop)).iter().sum()
    }

    pub(crate) fn wrong(&self) -> u64 {
        Hop::ALL.map(|hop| self.wrong_at(hop)).iter().sum()
    }

    /// The wrong values, one line each, if there were any.
    pub(crate) fn faults(&self) -> Vec<String> {
        let wrong = self.wrong();
        if wrong == 0 {
            return Vec::new();
        }
        let first = self.first.lock().unwrap_or_else(PoisonError::into_inner);
        let head = format!("{wrong} wrong values; the first of them:");
        std::iter::once(head).chain(first.iter().map(|line| format!("  {line}"))).collect()
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
