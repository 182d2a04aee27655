//! Stacks on the list that a view from outside reads, with the feature `inspect`.
//!
//! A record has what the owner says of its stack, and, while the stack is idle, its two words. Who
//! may follow these is the record's `state`: the owner takes it from idle to running before it
//! touches the stack, and puts it back after; a reader takes it from idle to reading, looks at what
//! is immutable of the frames, copies that, and puts it back. So each waits for the other at most as
//! long as a copy takes, and a stack that is running is not looked at. Nothing of the user runs
//! while a record is taken, and nothing is allocated.
//!
//! Without the feature `unlisted` takes the place of this file.

use super::here::{self, HERE, Here, next, running, until_the_end};
use super::owned::OwnedStack;
use super::raw::RawStack;
use super::records::*;
use crate::engine::memory::name_words::number;
use crate::engine::memory::watches::{generation, is_watching, now};
use core::panic::Location;
use core::ptr;

pub(crate) use super::here::{current, thread_number};
pub(crate) use super::records::{Kind, Listed, each};

/// Lists the stack of this thread. Allocates.
#[cold]
fn list_thread(here: &Here) {
    if !until_the_end() {
        return;
    }
    let record = Listing { kind: Kind::Thread, ..Listing::NOTHING };
    let id = next();
    if let Some(record) = record.claim(id, 0, running()) {
        // The allocator may have called this crate, which listed the thread meanwhile.
        if here.record.get() != 0 {
            return here::take_off(record);
        }
        here.own.set(id);
        here.record.set(record + 1);
    }
}

/// The stack of this thread has something for the first time, or again. Allocates.
#[inline]
pub(in crate::engine) fn armed() {
    if is_watching() {
        let _ = HERE.try_with(|here| {
            if here.record.get() == 0 {
                list_thread(here);
            }
        });
    }
}

/// Where work was handed over, and by which stack.
#[derive(Clone, Copy)]
pub(crate) struct Origin {
    place: Option<&'static Location<'static>>,
    parent: usize,
}

impl Origin {
    /// Nowhere.
    pub(crate) const NONE: Origin = Origin { place: None, parent: 0 };

    /// Here, by the stack that is current. Allocates.
    #[inline]
    #[track_caller]
    pub(crate) fn here() -> Origin {
        Origin { place: Some(Location::caller()), parent: if is_watching() { parent() } else { 0 } }
    }

    /// Here, by nobody.
    #[track_caller]
    pub(crate) fn detached() -> Origin {
        Origin { place: Some(Location::caller()), parent: 0 }
    }
}

#[cold]
fn parent() -> usize {
    let list = |here: &Here| {
        if here.turn.get() == 0 && here.record.get() == 0 {
            list_thread(here);
        }
    };
    let _ = HERE.try_with(list);
    current()
}

/// So often in a row others may be given the room that was made for a record. Then the stack is not
/// listed before its next turn.
const OTHERS: usize = 64;

/// What a stack knows of its record.
pub(crate) struct Listing {
    kind: Kind,
    place: Option<&'static Location<'static>>,
    parent: usize,
    /// The record, and one; 0 if there is none.
    record: usize,
}

impl Listing {
    /// Of a stack that is not to be listed before it runs.
    pub(crate) const NOTHING: Listing =
        Listing { kind: Kind::Job, place: None, parent: 0, record: 0 };

    /// Of a stack that is to be listed.
    #[inline]
    pub(crate) fn new(kind: Kind, origin: Origin) -> Listing {
        Listing { kind, place: origin.place, parent: origin.parent, record: 0 }
    }

    /// The stack is there: it is listed if somebody watches. Allocates.
    #[inline]
    pub(crate) fn opened(&mut self, own: &mut OwnedStack) {
        if self.place.is_some() && is_watching() {
            self.list();
            if let Some(record) = self.record.checked_sub(1) {
                give_back(board().slot(record), own.raw());
            }
        }
    }

    /// It is of another kind.
    #[inline]
    pub(crate) fn is(&mut self, kind: Kind) {
        self.kind = kind;
        if let Some(record) = self.record.checked_sub(1) {
            board().slot(record).set(KIND, number(kind as usize));
        }
    }

    /// Lists it as running, if there is room.
    #[cold]
    fn list(&mut self) {
        until_the_end();
        if let Some(record) = self.claim(next(), self.parent, running()) {
            self.record = record + 1;
        }
    }

    fn claim(&self, id: usize, parent: usize, state: usize) -> Option<usize> {
        let record = (0..OTHERS).find_map(|_| here::claim())?;
        let mut words = [ptr::null_mut(); WORDS];
        words[KIND] = number(self.kind as usize);
        words[PLACE] = self.place.map_or(ptr::null_mut(), |at| ptr::from_ref(at).cast_mut().cast());
        words[PARENT] = number(parent);
        words[ID] = number(id);
        words[BORN] = number(now());
        words[OF] = number(generation());
        words[SINCE] = words[BORN];
        // A reader that is late must not follow what is written here one by one.
        words[STATE] = number(state);
        board().publish(record, words);
        Some(record)
    }

    /// Calls `f` with the stack, which nobody reads meanwhile.
    #[inline]
    pub(crate) fn turn<R>(
        &mut self,
        own: &mut OwnedStack,
        f: impl FnOnce(&mut OwnedStack) -> R,
    ) -> R {
        if self.record == 0 && !is_watching() {
            return f(own);
        }
        self.turn_slowly(own, f)
    }

    #[cold]
    fn turn_slowly<R>(&mut self, own: &mut OwnedStack, f: impl FnOnce(&mut OwnedStack) -> R) -> R {
        struct Back<'a> {
            own: &'a mut OwnedStack,
            slot: &'static Record,
            before: usize,
        }
        impl Drop for Back<'_> {
            fn drop(&mut self) {
                let _ = HERE.try_with(|here| here.turn.set(self.before));
                give_back(self.slot, self.own.raw());
            }
        }
        let was_listed = self.record != 0;
        if !was_listed {
            self.list();
        }
        let Some(record) = self.record.checked_sub(1) else { return f(own) };
        let slot = board().slot(record);
        if was_listed {
            take(slot);
        } else {
            // It was made while nobody watched, or while others took the room: its first turn.
            slot.set(TURNS, number(1));
        }
        let id = slot.word(ID).addr();
        let before = HERE.try_with(|here| here.turn.replace(id)).unwrap_or(0);
        let back = Back { own, slot, before };
        f(&mut *back.own)
    }

    /// As [`turn`](Self::turn), for a change from outside: the stack is not current.
    #[inline]
    pub(crate) fn work<R>(
        &mut self,
        own: &mut OwnedStack,
        f: impl FnOnce(&mut OwnedStack) -> R,
    ) -> R {
        let Some(record) = self.record.checked_sub(1) else { return f(own) };
        struct Back<'a>(&'a mut OwnedStack, &'static Record);
        impl Drop for Back<'_> {
            fn drop(&mut self) {
                give_back(self.1, self.0.raw());
            }
        }
        let slot = board().slot(record);
        take(slot);
        let back = Back(own, slot);
        f(&mut *back.0)
    }

    /// The stack ends. Its record comes off first.
    #[inline]
    pub(crate) fn end(&mut self) {
        if let Some(record) = self.record.checked_sub(1) {
            self.record = 0;
            own(board().slot(record));
            here::take_off(record);
        }
    }
}

/// Takes the record of an idle stack for its owner. Waits while it is read: for as long as a copy
/// takes.
fn take(slot: &Record) {
    own(slot);
    slot.set(SINCE, number(now()));
    // It may be listed from another time.
    slot.set(OF, number(generation()));
    let turns = slot.word(TURNS).addr();
    slot.set(TURNS, number(turns.wrapping_add(1)));
}

/// Takes the record of an idle stack, and says no more of it.
fn own(slot: &Record) {
    let mine = number(running());
    while !slot.exchange(STATE, number(IDLE), mine) {
        std::thread::yield_now();
    }
}

/// The owner's turn is over. The clock is read once for each turn, as it begins.
fn give_back(slot: &Record, raw: &RawStack) {
    let (top, floor) = raw.ends();
    slot.set(TOP, top.cast_mut().cast());
    slot.set(FLOOR, floor.cast_mut().cast());
    slot.set(STATE, number(IDLE));
}
