//! A board: records of a few words that one owner writes and anybody reads, without a lock on
//! either side.
//!
//! ```text
//! chunk 0: [ slot slot … ]    chunk 1: [ slot slot slot slot … ]    chunk 2: …      allocated once
//! slot: version (odd while the record is published) | next free slot | words …
//! ```
//! A slot is somebody's from [`claim`](Board::claim) to [`take_off`](Board::take_off), and is used
//! again after that. Slots are never freed and never move, so that a reader can be late and finds
//! memory all the same: nothing waits for it, and nothing has to be reclaimed behind it. The price
//! is that a board keeps the room of the most records that it ever had.
//!
//! The rule of reading: the version before and after the words is one and the same odd number.
//! Words are stored with release and loaded with acquire; so whoever reads a word of a later record
//! has seen that the version went on before it was written.
//!
//! Free slots are a list. Its head is 64 bits on every target: the index of a slot, and a number that
//! tells two heads of one index apart. Neither `claim` nor `take_off` allocates: they may be called in
//! the middle of a change. [`grow`](Board::grow) does.

use super::primitives::{BoardHead, BoardNumber, BoardWord};
use super::{Ordering, Site, ordering, step};
use std::ptr;
use std::sync::OnceLock;

/// Slots of the first chunk; each further one has twice as many.
const FIRST: usize = if super::MODELLED { 1 } else { 64 };

/// So many chunks have room for more records than a program can hold.
const CHUNKS: usize = 20;

/// The bits of a head that are the index of a slot, and one. Those above it tell heads apart: a thread
/// that is stopped between two steps of `claim` takes a slot that has an owner if the others change the
/// list exactly 2^38 times meanwhile, or a multiple of that.
const INDEX: u32 = 26;

const INDEX_MASK: u64 = (1 << INDEX) - 1;

const _: () = assert!((FIRST * ((1 << CHUNKS) - 1)) as u64 <= INDEX_MASK, "the index fits");

/// Whether the versions of a slot can be used up.
const FEW_VERSIONS: bool = usize::BITS < 64;

/// A word of a record: a number, or an address of what is never freed.
pub(crate) type Word = *mut ();

/// Where a record stands. Its place never changes, so whoever uses it more than once keeps it.
pub(crate) struct Slot<const W: usize> {
    version: BoardNumber,
    /// The index of the next free slot, and one; 0 if there is none.
    next: BoardNumber,
    words: [BoardWord; W],
}

pub(crate) struct Board<const W: usize> {
    chunks: [OnceLock<Box<[Slot<W>]>>; CHUNKS],
    /// How many slots were ever used.
    used: BoardNumber,
    /// The first free slot among them.
    free: BoardHead,
}

/// The chunk of a slot, and its place there.
fn place(index: usize) -> (usize, usize) {
    let chunk = (index / FIRST + 1).ilog2();
    (chunk as usize, index - FIRST * ((1 << chunk) - 1))
}

impl<const W: usize> Board<W> {
    pub(crate) fn new() -> Self {
        Board {
            chunks: [const { OnceLock::new() }; CHUNKS],
            used: BoardNumber::new(0),
            free: BoardHead::new(0),
        }
    }

    /// A slot that was claimed once.
    pub(crate) fn slot(&self, index: usize) -> &Slot<W> {
        let (chunk, at) = place(index);
        &self.chunks[chunk].get().expect("a slot that is used was allocated")[at]
    }

    /// For how many records there is room.
    fn room(&self) -> usize {
        let chunks = self.chunks.iter().take_while(|chunk| chunk.get().is_some()).count();
        FIRST * ((1 << chunks) - 1)
    }

    /// Sees to it that there is room for `more` records. Allocates.
    pub(crate) fn grow(&self, more: usize) {
        // Relaxed: the number says everything.
        let used = self.used.load(ordering(Site::BoardUsed, Ordering::Relaxed));
        // Chunks are made in order: if the last one that is needed is there, all are.
        let last = self.chunks.get(place(used + more - 1).0);
        if last.is_some_and(|chunk| chunk.get().is_some()) {
            return;
        }
        while self.room() < used + more {
            let chunk = place(self.room()).0;
            let Some(cell) = self.chunks.get(chunk) else { return };
            let slot = |_| Slot {
                version: BoardNumber::new(0),
                next: BoardNumber::new(0),
                words: std::array::from_fn(|_| BoardWord::new(ptr::null_mut())),
            };
            // Made before the cell is set, since an allocator is foreign code. Of two the first
            // one's is taken.
            let _ = cell.set((0..FIRST << chunk).map(slot).collect());
        }
    }

    /// Takes a slot, if there is room. It is the caller's until it is taken off.
    pub(crate) fn claim(&self) -> Option<usize> {
        // Acquire: pairs with the Release in `release`; the chunk is there, and the version that the
        // last owner left is seen.
        let mut head = self.free.load(ordering(Site::BoardFree, Ordering::Acquire));
        while let Some(index) = first(head).checked_sub(1) {
            // Relaxed: if it is out of date, so is the head, and the exchange fails.
            let next = self.slot(index).next.load(ordering(Site::BoardNext, Ordering::Relaxed));
            match self.free.compare_exchange(
                head,
                another(head, next),
                // Relaxed: no two heads are alike, so this is the one that was acquired.
                ordering(Site::BoardClaim, Ordering::Relaxed),
                Ordering::Acquire,
            ) {
                Ok(_) => return Some(index),
                Err(now) => head = now,
            }
        }
        let room = self.room();
        // Relaxed: no index twice; the slots were there before.
        let fresh = self.used.fetch_update(
            ordering(Site::BoardFresh, Ordering::Relaxed),
            Ordering::Relaxed,
            |used| (used < room).then_some(used + 1),
        );
        fresh.ok()
    }

    /// Publishes what the record of a claimed slot says.
    pub(crate) fn publish(&self, index: usize, words: [Word; W]) {
        let slot = self.slot(index);
        for (at, word) in slot.words.iter().zip(words) {
            // Release: who reads this has seen that the version of the record before went on.
            at.store(word, ordering(Site::BoardWrite, Ordering::Release));
        }
        let version = slot.own_version();
        // Release: pairs with the Acquire in `read`; the words are there.
        slot.version.store(version + 1, ordering(Site::BoardPublish, Ordering::Release));
    }

    /// Takes the record off the board. The slot is anybody's then.
    pub(crate) fn take_off(&self, index: usize) {
        if self.unpublish(index) {
            self.release(index);
        }
    }

    /// Takes the record off the board, and keeps the slot claimed. `false` if it must not be used
    /// again: then it is nobody's.
    pub(crate) fn unpublish(&self, index: usize) -> bool {
        let slot = self.slot(index);
        let version = slot.own_version();
        // Relaxed: the words that the next owner writes with release come after it.
        let next = version.wrapping_add(1);
        slot.version.store(next, ordering(Site::BoardTakeOff, Ordering::Relaxed));
        // A reader may still stand in a record that had a version which would come again.
        !(FEW_VERSIONS && next == 0)
    }

    /// Puts a claimed slot, whose record is off the board, on the list of free slots.
    pub(crate) fn release(&self, index: usize) {
        let slot = self.slot(index);
        // Relaxed: the exchange looks.
        let mut head = self.free.load(ordering(Site::BoardFreeLook, Ordering::Relaxed));
        loop {
            // Relaxed: the exchange publishes it.
            slot.next.store(first(head), ordering(Site::BoardNextIs, Ordering::Relaxed));
            match self.free.compare_exchange(
                head,
                another(head, index + 1),
                // Release: pairs with the Acquire in `claim`.
                ordering(Site::BoardGiveBack, Ordering::Release),
                Ordering::Relaxed,
            ) {
                Ok(_) => return,
                Err(now) => head = now,
            }
        }
    }

    /// What the record at `index` says, if one is published there.
    fn read(&self, index: usize) -> Option<[Word; W]> {
        let (chunk, at) = place(index);
        let slot = self.chunks[chunk].get()?.get(at)?;
        // Acquire: pairs with the Release in `publish`.
        let before = slot.version.load(ordering(Site::BoardVersion, Ordering::Acquire));
        if before % 2 == 0 {
            return None;
        }
        // Acquire: pairs with the Release of a later owner; the look at the version comes after.
        let words = std::array::from_fn(|at| {
            slot.words[at].load(ordering(Site::BoardRead, Ordering::Acquire))
        });
        // Relaxed: by the loads above it is not older than the words.
        let after = slot.version.load(ordering(Site::BoardConfirm, Ordering::Relaxed));
        (before == after).then_some(words)
    }

    /// Calls `f` with each record that is published, and where it is. One that comes or goes
    /// meanwhile is seen or not; none is seen half.
    pub(crate) fn each(&self, mut f: impl FnMut(usize, [Word; W])) {
        // Relaxed: the slots are looked at one by one, and those that come now may be missed.
        let used = self.used.load(ordering(Site::BoardUsedLook, Ordering::Relaxed));
        for index in 0..used {
            if let Some(words) = self.read(index) {
                f(index, words);
            }
        }
    }
}

/// The index of the first free slot, and one; 0 if there is none.
fn first(head: u64) -> usize {
    (head & INDEX_MASK) as usize
}

/// The head of the free list after `head`: other than all that went before for long.
fn another(head: u64, index: usize) -> u64 {
    let told_apart = if step(Site::BoardTellsApart) { 1 << INDEX } else { 0 };
    (head & !INDEX_MASK).wrapping_add(told_apart) | index as u64
}

impl<const W: usize> Slot<W> {
    /// One word of a record that is the caller's.
    pub(crate) fn word(&self, at: usize) -> Word {
        // Relaxed: its owner wrote it, or whoever has a right to it has acquired it by another word.
        self.words[at].load(ordering(Site::BoardWord, Ordering::Relaxed))
    }

    /// Changes one word of a record that is published.
    pub(crate) fn set(&self, at: usize, word: Word) {
        // Release: pairs with the Acquire in `exchange`; what came before is seen by whoever takes
        // the word next.
        self.words[at].store(word, ordering(Site::BoardSet, Ordering::Release));
    }

    /// Changes one word if it is `old`; says whether it was. Anybody may, at any time.
    pub(crate) fn exchange(&self, at: usize, old: Word, new: Word) -> bool {
        let word = &self.words[at];
        // Acquire: pairs with the Release in `set`.
        word.compare_exchange(
            old,
            new,
            ordering(Site::BoardExchange, Ordering::Acquire),
            Ordering::Relaxed,
        )
        .is_ok()
    }

    /// The version, as its owner knows it: nobody else writes it.
    fn own_version(&self) -> usize {
        // Relaxed: whoever wrote it before came before, by the free list.
        self.version.load(ordering(Site::BoardOwn, Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(board: &Board<1>) -> u64 {
        board.free.load(ordering(Site::BoardFreeLook, Ordering::Relaxed))
    }

    #[test]
    fn head_of_the_free_list_does_not_come_again_after_a_few_thousand_changes() {
        let board = Board::<1>::new();
        board.grow(3);
        let slots = [(); 3].map(|()| board.claim().expect("there is room"));
        for slot in slots {
            board.take_off(slot);
        }
        // Who claims has looked at the head here, and is stopped.
        let before = head(&board);
        let [again, ..] = [(); 3].map(|()| board.claim().expect("they have come back"));
        board.take_off(again);
        for _ in 0..1 << 12 {
            assert_ne!(head(&board), before, "the next slot has an owner");
            let slot = board.claim().expect("it was given back");
            board.take_off(slot);
        }
    }

    #[test]
    #[cfg_attr(miri, ignore = "a million slots")]
    fn slot_beyond_a_million_comes_back_as_itself() {
        const SLOTS: usize = (1 << 20) + 2;
        let board = Board::<0>::new();
        board.grow(SLOTS);
        for slot in 0..SLOTS {
            assert_eq!(board.claim(), Some(slot));
        }
        for last in SLOTS - 3..SLOTS {
            board.take_off(last);
            assert_eq!(board.claim(), Some(last));
        }
    }

    #[test]
    #[cfg(target_pointer_width = "32")]
    fn slot_whose_versions_are_used_up_is_not_used_again() {
        let board = Board::<1>::new();
        board.grow(2);
        let slot = board.claim().expect("there is room");
        board
            .slot(slot)
            .version
            .store(usize::MAX - 1, ordering(Site::BoardPublish, Ordering::Release));
        board.publish(slot, [ptr::null_mut()]);
        board.take_off(slot);
        board.each(|at, _| panic!("{at} is published still"));
        assert_ne!(board.claim(), Some(slot), "a late reader takes a later record for this one");
    }
}
