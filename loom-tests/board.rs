//! The board on which records are for a view from outside: who claims, publishes and takes off, and
//! one who reads.

use crate::support::models;
use loom::cell::UnsafeCell;
use loom::thread::{spawn, yield_now};
use stackholm::proof::NumberBoard;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

models! {
    record_read_while_another_takes_its_place {
        control_record_published_without_release: BoardPublish => "assertion",
        control_record_found_without_acquire: BoardVersion => "assertion",
        control_word_written_without_release: BoardWrite => "assertion",
        control_word_read_without_acquire: BoardRead => "assertion",
    }
    record_read_while_its_owner_publishes_the_next_there {
        control_next_record_published_without_release: BoardPublish => "assertion",
        control_next_record_found_without_acquire: BoardVersion => "assertion",
        control_next_word_written_without_release: BoardWrite => "assertion",
        control_next_word_read_without_acquire: BoardRead => "assertion",
    }
    stack_read_late_in_the_record_of_the_next {
        control_next_put_back_without_release: BoardSet => "race",
        control_next_taken_without_acquire: BoardExchange => "race",
    }
    idle_stack_read_while_its_owner_goes_on {
        control_record_put_back_without_release: BoardSet => "race",
        control_record_taken_without_acquire: BoardExchange => "race",
    }
    slot_goes_from_one_owner_to_the_next {
        control_slot_found_without_acquire: BoardFree => "race",
        control_slot_given_back_without_release: BoardGiveBack => "race",
    }
    slots_claimed_while_others_come_back {
        control_heads_are_told_apart: BoardTellsApart => "assertion",
    }
}

/// Whoever reads sees one record or the other, and none half.
pub(crate) fn record_read_while_another_takes_its_place() {
    let board = Arc::new(NumberBoard::new(1));
    let slot = board.claim().expect("there is room");
    board.publish(slot, [1, 1]);
    let theirs = board.clone();
    let owner = spawn(move || {
        theirs.take_off(slot);
        let slot = theirs.claim().expect("it has come back");
        theirs.publish(slot, [2, 2]);
    });
    let seen = board.clone();
    // A thread that has nothing to do with the first record but by the board.
    let reader = spawn(move || {
        seen.each(|[a, b]| assert!(a == b && (a == 1 || a == 2), "{a} {b}"));
    });
    reader.join().unwrap();
    owner.join().unwrap();
    let mut last = None;
    board.each(|record| last = Some(record));
    assert_eq!(last, Some([2, 2]));
}

/// A thread keeps the slot of a stack that has ended for its next one: no free list is between them.
pub(crate) fn record_read_while_its_owner_publishes_the_next_there() {
    let board = Arc::new(NumberBoard::new(1));
    let slot = board.claim().expect("there is room");
    board.publish(slot, [1, 1]);
    let seen = board.clone();
    let reader = spawn(move || {
        let mut found = 0;
        seen.each(|[a, b]| {
            assert!(a == b && (a == 1 || a == 2), "{a} {b}");
            found += 1;
        });
        assert!(found <= 1, "one slot is one record");
    });
    assert!(board.unpublish(slot), "its versions are not used up");
    board.publish(slot, [2, 2]);
    reader.join().unwrap();
    assert!(board.unpublish(slot), "its versions are not used up");
    board.each(|_| panic!("a slot that is kept is not read"));
    board.release(slot);
    assert_eq!(board.claim(), Some(slot), "it comes back once it is released");
}

/// What only the owner of a slot may touch.
struct Owned(UnsafeCell<()>);

// SAFETY: loom says if two touch it at once.
#[expect(unsafe_code, reason = "there is nothing in it")]
unsafe impl Sync for Owned {}

fn owned(number: usize) -> Arc<Vec<Owned>> {
    Arc::new((0..number).map(|_| Owned(UnsafeCell::new(()))).collect())
}

/// Two threads have one slot between them: each is its owner alone.
pub(crate) fn slot_goes_from_one_owner_to_the_next() {
    let (board, owned) = (Arc::new(NumberBoard::new(1)), owned(1));
    let turn = {
        let (board, owned) = (board.clone(), owned.clone());
        move || {
            if let Some(slot) = board.claim() {
                owned[slot].0.with_mut(|_| ());
                board.publish(slot, [7, 7]);
                board.take_off(slot);
            }
        }
    };
    let other = spawn(turn.clone());
    turn();
    other.join().unwrap();
    board.each(|_| panic!("all were taken off"));
}

/// One claims while another claims two and gives the first one back: the list is what it was, and
/// leads elsewhere.
pub(crate) fn slots_claimed_while_others_come_back() {
    let board = Arc::new(NumberBoard::new(2));
    let slots = [board.claim(), board.claim()].map(|slot| slot.expect("there is room"));
    let spare = board.claim().expect("chunks have one slot and two");
    for slot in slots {
        board.publish(slot, [0, 0]);
        board.take_off(slot);
    }
    let taken: Arc<[AtomicBool; 3]> = Arc::default();
    let (theirs, is_taken) = (board.clone(), taken.clone());
    let claim = move |board: &NumberBoard, taken: &[AtomicBool; 3]| {
        let slot = board.claim()?;
        assert!(slot != spare && !taken[slot].swap(true, Relaxed), "a slot with two owners");
        Some(slot)
    };
    let other = spawn(move || {
        let first = claim(&theirs, &is_taken);
        let _second = claim(&theirs, &is_taken);
        if let Some(slot) = first {
            theirs.publish(slot, [1, 1]);
            is_taken[slot].store(false, Relaxed);
            theirs.take_off(slot);
        }
    });
    let _mine = [claim(&board, &taken), claim(&board, &taken)];
    other.join().unwrap();
}

/// Where the state of a stack stands in its record, and the states.
const STATE: usize = 1;
const IDLE: usize = 0;
const RUNNING: usize = 1;
const READING: usize = 2;

/// A stack that is idle is read, or it goes on: its frames are of one at a time. It may have ended,
/// and another one be in its place.
pub(crate) fn idle_stack_read_while_its_owner_goes_on() {
    let (board, frames) = (Arc::new(NumberBoard::new(1)), owned(2));
    let open = |board: &NumberBoard, stack: usize| {
        let record = board.claim().expect("there is room");
        board.publish(record, [stack, RUNNING]);
        record
    };
    let record = open(&board, 0);
    frames[0].0.with_mut(|_| ());
    board.set(record, STATE, IDLE);
    let (theirs, read) = (board.clone(), frames.clone());
    let reader = spawn(move || {
        if theirs.exchange(record, STATE, IDLE, READING) {
            read[theirs.word(record, 0)].0.with(|_| ());
            theirs.set(record, STATE, IDLE);
        }
    });
    while !board.exchange(record, STATE, IDLE, RUNNING) {
        yield_now();
    }
    frames[0].0.with_mut(|_| ());
    board.take_off(record);
    let record = open(&board, 1);
    frames[1].0.with_mut(|_| ());
    board.set(record, STATE, IDLE);
    reader.join().unwrap();
}

/// Somebody looks for an idle stack and comes late: its record is that of the thread's next stack.
pub(crate) fn stack_read_late_in_the_record_of_the_next() {
    let (board, frames) = (Arc::new(NumberBoard::new(1)), owned(2));
    let record = board.claim().expect("there is room");
    board.publish(record, [0, RUNNING]);
    let (theirs, read) = (board.clone(), frames.clone());
    let reader = spawn(move || {
        if theirs.exchange(record, STATE, IDLE, READING) {
            read[theirs.word(record, 0)].0.with(|_| ());
            theirs.set(record, STATE, IDLE);
        }
    });
    for stack in 0..2 {
        if stack > 0 {
            board.publish(record, [stack, RUNNING]);
        }
        frames[stack].0.with_mut(|_| ());
        board.set(record, STATE, IDLE);
        while !board.exchange(record, STATE, IDLE, RUNNING) {
            yield_now();
        }
        // The stack ends.
        frames[stack].0.with_mut(|_| ());
        assert!(board.unpublish(record), "its versions are not used up");
    }
    board.release(record);
    reader.join().unwrap();
}
