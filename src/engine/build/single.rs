//! The fast path to a frame: one binding, on an index that is a single node and stays one.
//!
//! It builds exactly what [`FrameSpec::build`](super::general::FrameSpec::build) builds, for nearly
//! all cases: up to 32 variables that do not meet in one slot, a small value of ordinary alignment,
//! and a static name. In every other case it says so, and the general way is taken.

use super::policy::outgrown;
use crate::engine::build::general;
use crate::engine::index::trie::slots_bytes;
use crate::engine::memory::flags::*;
use crate::engine::memory::frame::*;
use crate::engine::memory::key::Head;
use crate::engine::memory::reentry;
use crate::engine::memory::serial::Serial;
use crate::engine::memory::size_class;
use crate::engine::memory::slot::{Node, SPECIAL, Slot, bit, get, put, rank};
use core::panic::Location;
use core::ptr;

/// Makes a frame for a binding, if this is the case for it; its value is still to be written with
/// [`Frame::init`]. All that is taken from `from` gets the tag. `fresh` gives a new block of a
/// class; the allocator that it asks is foreign code.
///
/// # Safety
/// 1. `from` is alive with everything its index leads to, or null, and stays so as long as the new
///    frame, also while `fresh` runs.
#[inline(always)]
pub(in crate::engine) unsafe fn build(
    head: &Head,
    (from, tag): (*const Frame, usize),
    (bits, origin, run): (Traits, Origin, u16),
    place: &'static Location<'static>,
    fresh: impl FnOnce(usize) -> *mut u8,
) -> Option<*mut Frame> {
    let Name::Static(name) = head.name else { return None };
    let id = head.id();
    let bit = bit(id, 0);
    let (below, segment) = if from.is_null() {
        (Node::EMPTY, 0)
    } else {
        // SAFETY: #1.
        let from = unsafe { &*from };
        if !from.is(Traits::SINGLE_NODE) || outgrown(from.segment, from.root.entries) {
            return None;
        }
        (from.root, from.segment)
    };
    let taken = below.bitmap & bit != 0;
    let slots = below.entries as usize + usize::from(!taken);
    let before = slots_bytes(slots + usize::from(taken));
    let class = size_class::class(before, head.kind)?;
    let bits = bits | head.reach | Traits::SINGLE_NODE;
    let hides = if taken { Position::HIDES } else { Position::NONE };
    // SAFETY: the block has room for the slots, the frame and its value; nobody else knows it.
    unsafe {
        let kept = reentry::take_for(id, from, class);
        let block = if kept.is_null() { fresh(class) } else { kept };
        let frame = block.add(before).cast::<Frame>();
        frame.write(Frame {
            root: Node { bitmap: below.bitmap | bit, entries: slots as u32 },
            segment: segment + 1,
            run,
            bits,
            ..Frame::new(id, from, head.kind, name, place, origin, Position::of_few(before) | hides)
        });
        let at = rank(below.bitmap, bit);
        // The bit says that there is a slot, and a single node leads to frames alone.
        if taken && (*get(from.cast(), at).as_frame()).id != id {
            general::free(frame);
            return None;
        }
        copy(from, frame, 0, 0, at);
        copy(from, frame, at + usize::from(taken), at + 1, slots - at - 1);
        if tag != 0 {
            mark(frame, 0, at, tag);
            mark(frame, at + 1, slots - at - 1, tag);
        }
        let special = if bits.has_any(Traits::SHORT_REACH) { SPECIAL } else { 0 };
        put(frame.cast(), at, Slot::frame(frame, special));
        Some(frame)
    }
}

/// Enters a scope again that ended on this thread, if it was of the same variable and on the same
/// frame: then its index is right. Its serial number is reused too: only its guard knew it, and
/// that is gone. Its value is still to be written with [`Frame::init`].
///
/// # Safety
/// 1. `from` is alive or null, and stays so as long as the frame.
#[inline(always)]
pub(in crate::engine) unsafe fn again(
    head: &Head,
    from: *const Frame,
    place: &'static Location<'static>,
) -> Option<(*mut Frame, Serial)> {
    // SAFETY: #1; a scope in the re-entry cache is as it was.
    unsafe {
        let (frame, serial) = reentry::take_kept(head.peek(), from, number_below(from))?;
        debug_assert_eq!(
            (*frame).bits.among(Traits::SHORT_REACH),
            head.reach,
            "one id has one reach"
        );
        (*frame).body.writes();
        (&raw mut (*frame).place).write(place);
        Some((frame, serial))
    }
}

/// What tells a frame from all that ever lay, or will lie, in its place.
///
/// # Safety
/// 1. `frame` is alive or null.
#[inline(always)]
pub(in crate::engine) unsafe fn number_below(frame: *const Frame) -> Serial {
    if frame.is_null() {
        return Serial::NO_FRAME;
    }
    // SAFETY: #1; a frame that begins a checkpoint has a serial number.
    unsafe {
        if (*frame).is(Traits::BOUNDARY) { (*frame).origin.get().serial } else { Serial::UNKNOWN }
    }
}

/// Keeps a scope that has left its stack, so that it can be entered again, or frees it. Its value
/// has been dropped, or needs no drop.
///
/// # Safety
/// 1. Nobody uses `frame` any more, its guard included; it has that serial number, and its state
///    and counts are as if new. 2. `below` is the number of its parent, or [`Serial::UNKNOWN`].
#[inline]
pub(in crate::engine) unsafe fn free(frame: *const Frame, serial: Serial, below: Serial) {
    // SAFETY: #1; a binding takes its index from its parent.
    unsafe {
        let this = &*frame;
        let is_scope = this.role == Role::Binding
            && this.bits.among(Traits::SEALED | Traits::OWNED_NAME) == Traits::SEALED;
        let class = if is_scope && below != Serial::UNKNOWN {
            size_class::class(this.before.bytes(), this.kind)
        } else {
            None
        };
        match class {
            Some(class) => reentry::remember(frame.cast_mut(), class, serial, below),
            None => general::free(frame),
        }
    }
}

/// Gives `number` slots of a frame a tag, from position `from` on.
///
/// # Safety
/// 1. They are slots of the frame, have been written, and nobody else knows it.
pub(in crate::engine) unsafe fn mark(frame: *mut Frame, from: usize, number: usize, tag: usize) {
    // SAFETY: #1; slots of one node lie side by side, the first one last.
    unsafe {
        let slots = frame.cast::<Slot>().sub(from + number);
        for i in 0..number {
            let slot = slots.add(i);
            slot.write(slot.read().with(tag));
        }
    }
}

/// Copies `number` slots, from position `from` on, to those from `to` on.
///
/// # Safety
/// 1. They are slots of the old frame and of the new one.
#[inline]
pub(in crate::engine) unsafe fn copy(
    old: *const Frame,
    new: *mut Frame,
    from: usize,
    to: usize,
    number: usize,
) {
    /// From here on a call pays.
    const FEW: usize = 12;
    // SAFETY: #1; slots of one node lie side by side, the first one last.
    unsafe {
        let source = old.cast::<Slot>().wrapping_sub(from + number);
        let target = new.cast::<Slot>().wrapping_sub(to + number);
        if number > FEW {
            ptr::copy_nonoverlapping(source, target, number);
        } else {
            for i in 0..number {
                target.add(i).write(source.add(i).read());
            }
        }
    }
}
