//! What a record of a stack has, with the feature `inspect`; see `listed`.

use crate::engine::memory::watches::generation;
use crate::sys::{Board, BoardSlot, OnceLock};
use core::panic::Location;

/// What has a stack.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    Thread,
    Task,
    Stream,
    Job,
    Owned,
}

const KINDS: [Kind; 5] = [Kind::Thread, Kind::Task, Kind::Stream, Kind::Job, Kind::Owned];

/// The words of a record.
pub(super) const KIND: usize = 0;
pub(super) const PLACE: usize = 1;
pub(super) const PARENT: usize = 2;
pub(super) const ID: usize = 3;
pub(super) const BORN: usize = 4;
pub(super) const OF: usize = 5;
pub(super) const STATE: usize = 6;
pub(super) const SINCE: usize = 7;
pub(super) const TURNS: usize = 8;
pub(super) const TOP: usize = 9;
pub(super) const FLOOR: usize = 10;
pub(super) const WORDS: usize = 11;

/// States; that of a stack that is running is the number of its thread, twice, and one more.
pub(super) const IDLE: usize = 0;
pub(super) const READING: usize = 2;

/// A record, as its owner knows it.
pub(super) type Record = BoardSlot<WORDS>;

pub(super) fn board() -> &'static Board<WORDS> {
    static BOARD: OnceLock<Board<WORDS>> = OnceLock::new();
    BOARD.get_or_init(Board::new)
}

/// What a record says of its stack.
#[derive(Clone)]
pub(crate) struct Listed {
    pub(crate) kind: Kind,
    pub(crate) place: Option<&'static Location<'static>>,
    pub(crate) parent: usize,
    pub(crate) id: usize,
    pub(crate) born: usize,
    pub(crate) since: usize,
    pub(crate) turns: usize,
    /// The thread on which it runs.
    pub(crate) thread: Option<usize>,
    /// Where the record is.
    pub(crate) record: usize,
}

/// Calls `f` with each stack that is listed. Runs nothing else, and takes nothing.
pub(crate) fn each(f: &mut dyn FnMut(Listed)) {
    let of = generation();
    board().each(|record, words| {
        let word = |at: usize| words[at].addr();
        if word(OF) != of {
            return;
        }
        // SAFETY: null, or made of a static reference to what is never written.
        let place = unsafe { words[PLACE].cast_const().cast::<Location<'static>>().as_ref() };
        let state = word(STATE);
        f(Listed {
            kind: KINDS[word(KIND) % KINDS.len()],
            place,
            parent: word(PARENT),
            id: word(ID),
            born: word(BORN),
            since: word(SINCE),
            turns: word(TURNS),
            thread: (state & 1 != 0).then_some(state >> 2),
            record,
        });
    });
}
