//! Records of a board that a thread keeps for its next ones, with the feature `inspect`.
//!
//! All threads change the head of the board's list of free records. A thread that gives a record back
//! and takes the next one need not.

use crate::sys::Board;
use core::cell::Cell;

/// A thread keeps so many of each board.
const SPARE: usize = 32;

pub(in crate::engine) struct SpareRecords {
    /// Whether they go back when the thread ends. If not, none is kept.
    is_armed: Cell<bool>,
    records: [Cell<usize>; SPARE],
    number: Cell<usize>,
}

impl SpareRecords {
    pub(in crate::engine) const fn new() -> SpareRecords {
        SpareRecords {
            is_armed: Cell::new(false),
            records: [const { Cell::new(0) }; SPARE],
            number: Cell::new(0),
        }
    }

    /// Has `arm` see to it that [`end`](Self::end) is called as the thread ends; says whether it will.
    /// `arm` is called once if it can.
    pub(in crate::engine) fn until_the_end(&self, arm: impl FnOnce() -> bool) -> bool {
        if !self.is_armed.replace(true) {
            self.is_armed.set(arm());
        }
        self.is_armed.get()
    }

    /// A record that nobody has.
    pub(in crate::engine) fn take(&self) -> Option<usize> {
        let number = self.number.get().checked_sub(1)?;
        self.number.set(number);
        Some(self.records[number].get())
    }

    /// Keeps a record that is off its board, if there is room; says whether it does.
    pub(in crate::engine) fn keep(&self, record: usize) -> bool {
        let number = self.number.get();
        let keeps = self.is_armed.get() && number < SPARE;
        if keeps {
            self.records[number].set(record);
            self.number.set(number + 1);
        }
        keeps
    }

    /// The thread ends: gives all back to their board, and keeps none from now on.
    pub(in crate::engine) fn end<const W: usize>(&self, board: &Board<W>) {
        self.is_armed.set(false);
        for record in &self.records[..self.number.replace(0)] {
            board.release(record.get());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claimed(board: &Board<1>, number: usize) -> Vec<usize> {
        board.grow(number);
        (0..number).map(|_| board.claim().expect("there is room")).collect()
    }

    #[test]
    fn so_many_are_kept_and_they_go_back_at_the_end() {
        let (board, spare) = (Board::<1>::new(), SpareRecords::new());
        let records = claimed(&board, SPARE + 1);
        assert!(spare.until_the_end(|| true));
        assert!(spare.until_the_end(|| panic!("once")));
        for record in &records[..SPARE] {
            assert!(spare.keep(*record));
        }
        assert!(!spare.keep(records[SPARE]), "it is full");
        assert_eq!(spare.take(), Some(records[SPARE - 1]));
        spare.end(&board);
        assert_eq!(spare.take(), None);
        let mut back = claimed(&board, SPARE - 1);
        back.sort_unstable();
        assert_eq!(back, records[..SPARE - 1]);
    }

    #[test]
    fn none_is_kept_where_nobody_would_give_it_back() {
        let (board, spare) = (Board::<1>::new(), SpareRecords::new());
        let records = claimed(&board, 1);
        assert!(!spare.keep(records[0]), "nobody was asked");
        assert!(!spare.until_the_end(|| false) && !spare.keep(records[0]), "it cannot be");
        assert!(spare.until_the_end(|| true) && spare.keep(records[0]));
        spare.end(&board);
        assert!(!spare.keep(records[0]), "it has ended");
    }
}
