//! The short way to a frame: one binding on top of an index that is one node and stays so.
//!
//! Makes what [`Draft::build`](super::build::Draft::build) makes, for the case that nearly all are: up to 32
//! variables that do not meet in one slot, a small value of ordinary alignment, a name that is static, and nothing
//! to be tagged as inherited.

use super::build;
use super::frame::*;
use super::key::Head;
use super::pool::{self, NO_FRAME, UNKNOWN};
use super::slot::{Node, SPECIAL, Slot, bit, get, put, rank};
use super::trie::slots_bytes;
use crate::sync::{Ordering::Relaxed, Site, order};
use std::panic::Location;
use std::ptr;

/// Makes a frame for a binding, if this is the case for it; its value is still to be written with [`Frame::init`].
/// `fresh` gives a new block of a class; the allocator that it asks is foreign code.
///
/// # Safety
/// 1. `from` is alive with everything its index leads to, or null, and stays so as long as the new frame, also while
///    `fresh` runs.
#[inline(always)]
pub(super) unsafe fn build(
    head: &Head,
    from: *const Frame,
    (bits, origin, run): (u8, Origin, u16),
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
        // With so few entries the cap of `outgrown` plays no part.
        if !from.is(FLAT) || u32::from(from.segment) >= 2 * from.root.entries + 32 {
            return None;
        }
        (from.root, from.segment)
    };
    let taken = below.bitmap & bit != 0;
    let slots = below.entries as usize + usize::from(!taken);
    let before = slots_bytes(slots);
    let class = pool::class(before, head.kind)?;
    let bits = bits | head.reach | FLAT;
    // SAFETY: the block has room for the slots, the frame and its value; nobody else knows it.
    unsafe {
        let kept = pool::take_for(id, class);
        let block = if kept.is_null() { fresh(class) } else { pool::start(kept) };
        let frame = block.add(before).cast::<Frame>();
        frame.write(Frame {
            root: Node { bitmap: below.bitmap | bit, entries: slots as u32 },
            segment: segment + 1,
            run,
            bits,
            ..Frame::new(id, from, head.kind, name, place, origin, before as u32)
        });
        let at = rank(below.bitmap, bit);
        // The bit says that there is a slot, flatness that it leads to a frame.
        if taken && (*get(from.cast(), at).as_frame()).id != id {
            pool::free(frame);
            return None;
        }
        copy(from, frame, 0, 0, at);
        copy(from, frame, at + usize::from(taken), at + 1, slots - at - 1);
        let special = if bits & (STACK | CHECKPOINT) != 0 { SPECIAL } else { 0 };
        put(frame.cast(), at, Slot::frame(frame, special));
        Some(frame)
    }
}

/// The bits that say of what make the index is; they stay with it.
const INDEX: u8 = FLAT | WHOLE | CUT;

/// The scope that ended last on this thread, entered once more, if it was one of the same variable on the same frame:
/// its index is as it must be. Its value is still to be written with [`Frame::init`].
///
/// # Safety
/// 1. `from` is alive or null, and stays so as long as the frame.
#[inline(always)]
pub(super) unsafe fn again(
    head: &Head,
    from: *const Frame,
    bits: u8,
    serial: u64,
    place: &'static Location<'static>,
) -> Option<*mut Frame> {
    let last = pool::last(head.peek());
    if last.is_null() {
        return None;
    }
    // SAFETY: what ended last is kept as it was, but for its origin; #1.
    unsafe {
        let number = number_below(from);
        let is_same = (*last).id == head.peek()
            && (*last).parent == from
            && (*last).bits & !INDEX == bits | head.reach
            && (*last).origin.get().serial == number
            && number != UNKNOWN;
        if !is_same {
            return None;
        }
        pool::forget_last(head.peek());
        (&raw mut (*last).place).write(place);
        (*last).state.set(0);
        (*last).origin.set(Origin { serial });
        // A frame whose counts were in use had given back all but one of each.
        // Relaxed: the frame is this thread's alone.
        (*last).strong.store(1, order(Site::AgainStrong, Relaxed));
        Some(last)
    }
}

/// What tells a frame from all that ever lay, or will lie, in its place.
///
/// # Safety
/// 1. `frame` is alive or null.
#[inline(always)]
pub(super) unsafe fn number_below(frame: *const Frame) -> u64 {
    if frame.is_null() {
        return NO_FRAME;
    }
    // SAFETY: #1; a frame that begins a checkpoint has a serial number.
    unsafe { if (*frame).is(MARKER) { (*frame).origin.get().serial } else { UNKNOWN } }
}

/// Frees a scope that has left its stack, so that it may be entered again; its value has ended, or needs no end.
///
/// # Safety
/// 1. Nobody uses `frame` any more; all its counts are one.   2. `below` is the number of its parent, or [`UNKNOWN`].
#[inline(always)]
pub(super) unsafe fn free(frame: *const Frame, below: u64) {
    // SAFETY: #1; a binding takes its index from its parent.
    unsafe {
        let this = &*frame;
        if this.role == Role::Binding && !this.is(OWNED_NAME) && pool::is_small(this) {
            pool::remember(frame.cast_mut(), below);
        } else {
            build::free(frame);
        }
    }
}

/// Copies `number` slots, from position `from` on, to those from `to` on.
///
/// # Safety
/// 1. They are slots of the old frame and of the new one.
#[inline]
unsafe fn copy(old: *const Frame, new: *mut Frame, from: usize, to: usize, number: usize) {
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
