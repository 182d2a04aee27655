//! A number that is handed out at its first use, and never again to anybody.
//!
//! Cells and process-wide variables have one each. By it a thread knows what it kept, and of what
//! type that is, without a map and without a cast that is looked at.

use crate::sys::{Ordering::Relaxed, Site, StaticAtomicUsize, ordering};

/// Not moved while it is shared; the number moves along with it.
pub(super) struct Number(StaticAtomicUsize);

/// The last number that was given.
static LAST: StaticAtomicUsize = StaticAtomicUsize::new(0);

impl Number {
    pub(super) const fn new() -> Self {
        Number(StaticAtomicUsize::new(0))
    }

    /// The number, or 0 if there is none yet.
    #[inline]
    pub(super) fn peek(&self) -> usize {
        // Relaxed: the number says everything.
        self.0.load(ordering(Site::CellPeek, Relaxed))
    }

    /// The number, handed out at the first use.
    #[inline]
    pub(super) fn get(&self) -> usize {
        match self.peek() {
            0 => self.first_use(),
            number => number,
        }
    }

    #[cold]
    fn first_use(&self) -> usize {
        let next = LAST
            .fetch_update(ordering(Site::CellNext, Relaxed), Relaxed, |last| last.checked_add(1))
            .unwrap_or_else(|_| panic!("every number that a cell can have was handed out"))
            + 1;
        // Relaxed on both sides: of two threads one wins, and both go on with the winner's number.
        let first = self.0.compare_exchange(0, next, ordering(Site::CellFirst, Relaxed), Relaxed);
        first.map_or_else(|winner| winner, |_| next)
    }
}
