//! What a thread knows of itself, for the list of stacks, with the feature `inspect`.

use super::records::board;
use crate::sys::{
    Ordering::Relaxed, Site, StaticAtomicUsize, at_thread_end, ordering, thread_slot,
};
use core::cell::Cell;

static NEXT: StaticAtomicUsize = StaticAtomicUsize::new(0);

/// A number that nobody had.
pub(super) fn next() -> usize {
    // Relaxed: no number twice.
    NEXT.fetch_add(1, ordering(Site::ListedNext, Relaxed)) + 1
}

/// What a thread knows of itself.
pub(super) struct Here {
    /// Its number; 0 until it is asked for.
    number: Cell<usize>,
    /// The record of its own stack, and one; 0 if there is none.
    pub(super) record: Cell<usize>,
    /// The number of its own stack.
    pub(super) own: Cell<usize>,
    /// The number of the stack whose turn it is; 0 if that is its own, or is not listed.
    pub(super) turn: Cell<usize>,
}

thread_slot! {
    pub(super) static HERE: Here = Here {
        number: Cell::new(0),
        record: Cell::new(0),
        own: Cell::new(0),
        turn: Cell::new(0),
    };
}

at_thread_end! { fn arm(HERE) => end_of_thread }

/// The record of this thread comes off with its end.
pub(super) fn until_the_end() {
    arm();
}

fn end_of_thread(here: &Here) {
    if let Some(record) = here.record.replace(0).checked_sub(1) {
        board().take_off(record);
    }
}

/// The number of this thread.
pub(crate) fn thread_number() -> usize {
    let number = |here: &Here| {
        if here.number.get() == 0 {
            here.number.set(next());
        }
        here.number.get()
    };
    HERE.try_with(number).unwrap_or(0)
}

/// The number of the stack that is current here: 0 if it is not listed.
pub(crate) fn current() -> usize {
    let number = |here: &Here| match here.turn.get() {
        0 => here.own.get(),
        turn => turn,
    };
    HERE.try_with(number).unwrap_or(0)
}

/// The state of a stack that runs here.
pub(super) fn running() -> usize {
    thread_number() << 2 | 1
}
