//! What is noted of bindings for a view from outside, with the feature `inspect`.
//!
//! A frame has one word for it: where it was first captured, and later its record, if contexts keep
//! the binding although its stack has left it. A record goes on the board as the stack leaves the
//! frame, before the stack gives back its count, and comes off with the end of the value. So it is
//! written by whoever has a count that keeps the value, and taken by whoever releases the last one.
//!
//! Without the feature `unseen` takes the place of this file: nothing is noted, and nothing kept.

use crate::engine::memory::flags::{Lifecycle, Traits};
use crate::engine::memory::frame::{Frame, Role};
use crate::engine::memory::name_words::{NAME, name_in_words, name_of, number};
use crate::engine::memory::note::At;
use crate::engine::memory::watches::{generation, is_watching, now};
use crate::sys::{
    AtomicU32, Board, OnceLock, Ordering::*, Site, StaticAtomicUsize, Word, ordering,
};
use alloc::borrow::Cow;
use alloc::vec::Vec;
use core::panic::Location;
use core::ptr;

/// Records for which there was no room.
static MISSED: StaticAtomicUsize = StaticAtomicUsize::new(0);

/// Words of a record: a name, where it was bound, where it was captured, when it was left, or made if
/// no stack had it, whether one had, and for which time of watching.
const WORDS: usize = NAME + 5;

/// For so many more bindings there is room as somebody begins to watch, or captures.
const ROOM: usize = 64;

fn board() -> &'static Board<WORDS> {
    static BOARD: OnceLock<Board<WORDS>> = OnceLock::new();
    // Nothing is allocated.
    BOARD.get_or_init(Board::new)
}

/// Makes room for what is captured now to be noted when it is left. Allocates.
#[inline]
pub(crate) fn make_room() {
    if is_watching() {
        board().grow(ROOM);
    }
}

/// Whether a count is not that of one alone.
fn is_many(count: &AtomicU32) -> bool {
    // Relaxed: a record of what nobody else keeps any more comes off as that ends.
    count.load(ordering(Site::SeenCounts, Relaxed)) > 1
}

/// Whether others than its stack keep the value of a frame.
fn is_kept(this: &Frame) -> bool {
    let state = this.state.get();
    if !state.has_any(Lifecycle::SHARED) {
        return state.has_any(Lifecycle::VALUE_SHARED) && is_many(&this.values);
    }
    // A weak context may become one at any time. Frames of a batch count each other's memory.
    let is_alone = !this.before.is_member() && !this.before.is_head();
    !state.has_any(Lifecycle::STRONG_GONE) && is_many(&this.strong)
        || is_many(&this.values)
        || is_alone && is_many(&this.weak)
}

/// Notes that a stack leaves a frame, if others keep its value.
///
/// # Safety
/// 1. `frame` leaves a stack of this thread, whose count keeps it still.
#[inline]
pub(in crate::engine) unsafe fn left(frame: *const Frame) {
    if is_watching() {
        // SAFETY: #1.
        unsafe { note_if(frame, is_kept) };
    }
}

/// As [`left`], for a frame that is kept with another one, or is about to end and then its record
/// with it.
///
/// # Safety
/// As [`left`].
pub(in crate::engine) unsafe fn left_with_others(frame: *const Frame) {
    if is_watching() {
        // SAFETY: #1 of `left`.
        unsafe { note_if(frame, |_| true) };
    }
}

/// As [`left`], for the frames from `top` down to `end`, which is not left. Each counts the next
/// one.
///
/// # Safety
/// As [`left`], for each of them.
pub(in crate::engine) unsafe fn all_left(top: *const Frame, end: *const Frame) {
    if !is_watching() {
        return;
    }
    // SAFETY: #1 of `left`.
    unsafe {
        let with_top = is_many(&(*top).strong);
        let mut frame = top;
        while frame != end {
            note_if(frame, |this| with_top || is_kept(this));
            frame = (*frame).parent;
        }
    }
}

/// As [`left`], for a frame that `compaction`, which leaves the stack, shows.
///
/// # Safety
/// As [`left`]; `compaction` counts the value of the frame.
pub(in crate::engine) unsafe fn left_with(compaction: *const Frame, frame: *const Frame) {
    if is_watching() {
        // SAFETY: #1 of `left`.
        unsafe { note_if(frame, |this| is_kept(&*compaction) || is_many(&this.values)) };
    }
}

/// # Safety
/// As [`left`].
#[cold]
#[inline(never)]
unsafe fn note_if(frame: *const Frame, is_kept: impl FnOnce(&Frame) -> bool) {
    // SAFETY: #1 of `left`.
    let this = unsafe { &*frame };
    let ends_here = this.is(Traits::SHORT_REACH) || this.gone.get();
    if !matches!(this.role, Role::Binding | Role::Alias)
        || ends_here
        || this.seen.record().is_some()
        || !is_kept(this)
    {
        return;
    }
    let is_shared = this.in_state(Lifecycle::SHARED);
    // A frame that was never shared may have been entered again, and the place is that of before.
    let captured = if is_shared { this.seen.place() } else { ptr::null_mut() };
    note(this, captured, true);
}

/// Notes that a context was made with a binding that no stack has. Allocates.
///
/// # Safety
/// 1. `frame` has its value, and nobody else knows it.
#[inline]
pub(in crate::engine) unsafe fn derived(frame: *const Frame) {
    if is_watching() {
        board().grow(ROOM);
        // SAFETY: #1.
        let this = unsafe { &*frame };
        if !this.is(Traits::SHORT_REACH) {
            note(this, ptr::null_mut(), false);
        }
    }
}

#[cold]
fn note(this: &Frame, captured: Word, was_left: bool) {
    let Some(record) = board().claim() else {
        // Relaxed: a count.
        MISSED.fetch_add(1, ordering(Site::SeenMissed, Relaxed));
        return;
    };
    let mut words = [ptr::null_mut(); WORDS];
    let name = name_in_words(this.name(), this.is(Traits::OWNED_NAME));
    words[..NAME].copy_from_slice(&name);
    words[NAME..].copy_from_slice(&[
        At::of(this.place).0,
        captured,
        number(now()),
        number(was_left.into()),
        number(generation()),
    ]);
    board().publish(record, words);
    this.seen.is_in(record);
}

/// The value of a frame ends: its record comes off.
///
/// # Safety
/// 1. `frame` is alive, and nobody has a `strong` or `values` count of it.
#[inline]
pub(in crate::engine) unsafe fn ended(frame: *const Frame) {
    // SAFETY: #1.
    let seen = unsafe { &(*frame).seen };
    if let Some(record) = seen.record() {
        seen.captured(At::NOWHERE);
        board().take_off(record);
    }
}

/// A binding that contexts keep although its stack has left it.
pub(crate) struct Kept {
    pub(crate) name: Cow<'static, str>,
    pub(crate) bound_at: &'static Location<'static>,
    pub(crate) captured_at: Option<&'static Location<'static>>,
    /// See [`now`].
    pub(crate) left: usize,
    /// If not, no stack had it.
    pub(crate) was_left: bool,
}

/// All of them, and how many there was no room for.
pub(crate) fn outlived() -> (Vec<Kept>, usize) {
    let (mut all, generation) = (Vec::new(), generation());
    board().each(|_, words| {
        let [bound, captured, left, was_left, of] = *words.last_chunk().expect("there are more");
        if of.addr() != generation {
            return;
        }
        // SAFETY: a record was made of a name and of places, which are static.
        unsafe {
            all.push(Kept {
                name: name_of(&words),
                bound_at: &*bound.cast_const().cast::<Location<'static>>(),
                captured_at: captured.cast_const().cast::<Location<'static>>().as_ref(),
                left: left.addr(),
                was_left: was_left.addr() != 0,
            });
        }
    });
    // Relaxed: a count.
    (all, MISSED.load(ordering(Site::SeenMissedLook, Relaxed)))
}
