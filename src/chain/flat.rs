//! The short way to a frame: one binding on top of an index that is one node and stays so.
//!
//! Makes what [`Draft::build`](super::frame::Draft::build) makes, for the case that nearly all are: up to 32
//! variables that do not meet in one slot, a small value of ordinary alignment, a name that is static, and nothing
//! to be tagged as inherited.

use super::frame::*;
use super::key::Head;
use super::pool;
use super::slot::{Node, SPECIAL, Slot, bit, get, put, rank};
use super::trie::slots_bytes;
use std::panic::Location;
use std::ptr;

/// Makes a frame for a binding, if this is the case for it; its value is still to be written with [`Frame::init`].
///
/// # Safety
/// 1. `from` is alive with everything its index leads to, or null, and stays so as long as the new frame.
#[inline(always)]
pub(super) unsafe fn build(
    head: &Head,
    from: *const Frame,
    (bits, origin, run): (u8, Origin, u16),
    place: &'static Location<'static>,
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
    // SAFETY: the block has room for the slots, the frame and its value; nobody else knows it.
    unsafe {
        let block = pool::allocate_small(before + head.kind.extent())?;
        let frame = block.add(before).cast::<Frame>();
        frame.write(Frame {
            root: Node { bitmap: below.bitmap | bit, entries: slots as u32 },
            segment: segment + 1,
            run,
            bits: bits | head.reach | FLAT,
            ..Frame::new(id, from, head.kind, name, place, origin, before as u32)
        });
        let at = rank(below.bitmap, bit);
        // The bit says that there is a slot, flatness that it leads to a frame.
        if taken && (*get(from.cast(), at).as_frame()).id != id {
            Frame::free(frame);
            return None;
        }
        copy(from, frame, 0, 0, at);
        copy(from, frame, at + usize::from(taken), at + 1, slots - at - 1);
        let special = if bits_are_short(bits | head.reach) { SPECIAL } else { 0 };
        put(frame.cast(), at, Slot::frame(frame, special));
        Some(frame)
    }
}

fn bits_are_short(bits: u8) -> bool {
    bits & (STACK | CHECKPOINT) != 0
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
