//! What a thread knows of itself, for the list of stacks, with the feature `inspect`.

use super::records::board;
use crate::sys::{
    Ordering::Relaxed, Site, StaticAtomicUsize, at_thread_end, ordering, thread_slot,
};
use core::cell::Cell;

static NEXT: StaticAtomicUsize = StaticAtomicUsize::new(0);

/// A thread takes so many numbers at a time.
const NUMBERS: usize = 64;

/// A thread keeps so many records for the next stacks that are listed on it.
const SPARE: usize = 8;

/// A number that nobody had.
pub(super) fn next() -> usize {
    let take = || {
        // Relaxed: no number twice.
        NEXT.fetch_add(NUMBERS, ordering(Site::ListedNext, Relaxed)) + 1
    };
    let next = |here: &Here| {
        let left = here.left.get();
        if left == 0 {
            here.next.set(take());
        }
        here.left.set(if left == 0 { NUMBERS } else { left } - 1);
        here.next.replace(here.next.get() + 1)
    };
    HERE.try_with(next).unwrap_or_else(|_| take())
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
    /// The next number for a stack, and how many are left.
    next: Cell<usize>,
    left: Cell<usize>,
    /// Whether the spare records go back when the thread ends.
    is_armed: Cell<bool>,
    /// Records that are claimed and have no stack, and how many.
    spare: [Cell<usize>; SPARE],
    spares: Cell<usize>,
}

thread_slot! {
    pub(super) static HERE: Here = Here {
        number: Cell::new(0),
        record: Cell::new(0),
        own: Cell::new(0),
        turn: Cell::new(0),
        next: Cell::new(0),
        left: Cell::new(0),
        is_armed: Cell::new(false),
        spare: [const { Cell::new(0) }; SPARE],
        spares: Cell::new(0),
    };
}

at_thread_end! { fn arm(HERE) => end_of_thread }

/// The record of this thread comes off with its end, and its spare ones go back; `false` if the
/// thread has ended too far for that. Allocates.
pub(super) fn until_the_end() -> bool {
    let arm = |here: &Here| {
        if !here.is_armed.replace(true) {
            here.is_armed.set(arm());
        }
        here.is_armed.get()
    };
    HERE.try_with(arm).unwrap_or(false)
}

/// A record for a stack: a spare one of this thread, else one from the board. Allocates there, and
/// gives none if others took the room that was made.
pub(super) fn claim() -> Option<usize> {
    let spare = |here: &Here| {
        let spares = here.spares.get().checked_sub(1)?;
        here.spares.set(spares);
        Some(here.spare[spares].get())
    };
    HERE.try_with(spare).ok().flatten().or_else(|| {
        board().grow(1);
        board().claim()
    })
}

/// Takes a record off the board, and keeps it for the next stack here if there is room for it.
pub(super) fn take_off(record: usize) {
    if !board().unpublish(record) {
        return;
    }
    let keep = |here: &Here| {
        let spares = here.spares.get();
        let keeps = here.is_armed.get() && spares < SPARE;
        if keeps {
            here.spare[spares].set(record);
            here.spares.set(spares + 1);
        }
        keeps
    };
    if !HERE.try_with(keep).unwrap_or(false) {
        board().release(record);
    }
}

fn end_of_thread(here: &Here) {
    here.is_armed.set(false);
    for spare in &here.spare[..here.spares.replace(0)] {
        board().release(spare.get());
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::stack::records::WORDS;
    use std::collections::HashSet;
    use std::ptr;
    use std::thread;

    #[test]
    fn numbers_of_several_threads_are_all_different_and_none_is_zero() {
        let number = 3 * NUMBERS + 1;
        let take = move || (0..number).map(|_| next()).collect::<Vec<_>>();
        let threads: Vec<_> = (0..4).map(|_| thread::spawn(take)).collect();
        let all = threads.into_iter().flat_map(|thread| thread.join().unwrap());
        let all: HashSet<_> = all.collect();
        assert_eq!(all.len(), 4 * number);
        assert!(!all.contains(&0), "that says that there is none");
    }

    #[test]
    fn records_that_a_thread_keeps_are_used_again_there_and_go_back_when_it_ends() {
        let publish_and_take_off = || {
            board().grow(1);
            let record = claim().expect("there is room");
            board().publish(record, [ptr::null_mut(); WORDS]);
            take_off(record);
            record
        };
        let used = thread::spawn(move || {
            until_the_end();
            let first = publish_and_take_off();
            assert_eq!(publish_and_take_off(), first, "it is used again");
            first
        });
        let used = used.join().unwrap();
        // Its thread has ended, and so it is on the list of free records.
        let mut claimed = (0..1000).map_while(|_| board().claim());
        assert!(claimed.any(|record| record == used));
    }
}
