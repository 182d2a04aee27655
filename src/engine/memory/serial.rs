//! Serial numbers: what a guard, and the re-entry cache, know a checkpoint by.
//!
//! Memory rests on one invariant. N1 — while a number is remembered anywhere, no second checkpoint
//! gets it. A scope that is entered again is the same checkpoint once more and keeps its number. So
//! numbers are never handed out twice: when the last one has gone, the process ends.

use crate::sys::{MODELLED, Ordering::Relaxed, Site, StaticCounter, abort, ordering};
use core::cell::Cell;

/// The number of one checkpoint. Only [`Serials`] makes one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Serial(u64);

impl Serial {
    /// No checkpoint has this number.
    pub(in crate::engine) const UNKNOWN: Serial = Serial(0);
    /// No checkpoint has this number either; it stands for "nothing is entered".
    pub(in crate::engine) const NO_FRAME: Serial = Serial(u64::MAX);
}

/// Hands out the numbers of one thread: a block of them on first use, and the next block when it is
/// used up.
pub(crate) struct Serials(Cell<u64>);

/// A block is 2^20 numbers, so that there are 2^44 blocks. A thread that enters one scope uses up
/// one of them: at ten million threads a second they last for twenty days. In a model a block ends
/// after a few numbers.
const BITS: u32 = if MODELLED { 3 } else { 20 };

/// The last blocks are not handed out: their numbers have a meaning of their own.
const BLOCKS: u64 = (1 << (u64::BITS - BITS)) - 2;

static TAKEN: StaticCounter = StaticCounter::new(0);

impl Serials {
    pub(crate) const fn new() -> Self {
        Serials(Cell::new(0))
    }

    #[inline]
    pub(crate) fn next(&self) -> Serial {
        let next = self.0.get();
        let next = if next % (1 << BITS) == 0 { first_of_next_block() } else { next };
        self.0.set(next + 1);
        Serial(next)
    }
}

#[cold]
#[allow(
    clippy::useless_conversion,
    reason = "in models, and where no atomic has 64 bits, the counter is a `usize`"
)]
fn first_of_next_block() -> u64 {
    // Relaxed: the number says everything.
    let taken = TAKEN
        .fetch_update(ordering(Site::NextBlock, Relaxed), Relaxed, |taken| taken.checked_add(1));
    // A number that came again would lead a guard, or a scope that is entered again, to a
    // checkpoint that is not its own.
    let Some(first) = taken.ok().and_then(|taken| first_of_block(u64::try_from(taken).ok()?))
    else {
        abort()
    };
    first
}

/// The first number of a block, if there are so many blocks. Zero within the block means that the
/// next one is due.
fn first_of_block(block: u64) -> Option<u64> {
    (block < BLOCKS).then(|| (block + 1) << BITS | 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_two_blocks_never_meet() {
        let block =
            |n: u64| (first_of_block(n).unwrap(), first_of_block(n).unwrap() + (1 << BITS) - 2);
        for n in [0, 1, 1 << 31, (1 << 32) - 1, 1 << 32, (1 << 32) + 1, BLOCKS - 2] {
            let ((first, last), (next, _)) = (block(n), block(n + 1));
            assert_eq!(last >> BITS, first >> BITS, "block {n} runs over its end");
            assert!(last < next, "blocks {n} and {} meet", n + 1);
        }
    }

    #[test]
    fn there_is_no_block_after_the_last() {
        let last = first_of_block(BLOCKS - 1).unwrap() + (1 << BITS) - 2;
        assert!(last < Serial::NO_FRAME.0);
        assert_eq!(first_of_block(BLOCKS), None);
        assert_eq!(first_of_block(u64::MAX), None);
    }

    #[test]
    fn a_block_that_is_used_up_is_followed_by_another() {
        let serials = Serials::new();
        let numbers: Vec<u64> = (0..(2 << BITS) + 10).map(|_| serials.next().0).collect();
        assert!(numbers.windows(2).all(|pair| pair[0] < pair[1]));
        assert!(numbers.iter().all(|number| number % (1 << BITS) != 0));
    }
}
