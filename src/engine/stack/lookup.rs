//! Look-ups on a stack: the fast path, and the slow one that has an answer for every case.
//!
//! `lookup_plain` is inlined for the root of the index, and goes on through further nodes by a call;
//! `lookup` resolves the slot: a binding, a mask, or one that is not carried. The rule: a slot
//! without a tag, or with `INHERITED` alone, leads to a frame whose value may be read at once.

use super::raw::RawStack;
use crate::engine::index::trie;
use crate::engine::memory::flags::*;
use crate::engine::memory::frame::*;
use crate::engine::memory::slot::{BITS, INHERITED, Node, Slot, bit, get, quick_rank};
use crate::engine::snapshot::resolved::{Resolution, Resolved, resolve};

/// Why a fast path does not give a value.
pub(crate) enum Miss {
    /// Nothing is bound.
    Absent,
    /// The slow path must look.
    Unclear,
}

/// The slot of a node that `id` belongs to at that level, if there is one.
///
/// # Safety
/// 1. `node` is alive.
#[inline]
unsafe fn slot_at(node: *const Node, id: usize, shift: u32) -> Option<Slot> {
    let bit = bit(id, shift);
    // SAFETY: #1; the bit says that there is a slot.
    unsafe {
        let bitmap = (*node).bitmap;
        if bitmap & bit == 0 { None } else { Some(get(node, quick_rank(bitmap, bit))) }
    }
}

/// What a slot says of `id`; `below` goes on where it leads to a further node.
///
/// # Safety
/// 1. What `slot` leads to is alive.
#[inline(always)]
unsafe fn look(
    slot: Option<Slot>,
    id: usize,
    below: impl FnOnce(*const Node) -> Result<Resolved, Miss>,
) -> Result<Resolved, Miss> {
    let Some(slot) = slot else { return Err(Miss::Absent) };
    match slot.as_plain_frame() {
        // SAFETY: #1.
        Some(frame) if unsafe { (*frame).id } == id => Ok(Resolved(frame)),
        Some(_) => Err(Miss::Absent),
        None if slot.is_node() => below(slot.as_node()),
        None => Err(Miss::Unclear),
    }
}

/// What the index below the root says of `id`.
///
/// # Safety
/// 1. `node` is alive, with everything it leads to.
#[inline(never)]
unsafe fn lookup_below(node: *const Node, id: usize, shift: u32) -> Result<Resolved, Miss> {
    // SAFETY: #1.
    unsafe { look(slot_at(node, id, shift), id, |node| lookup_below(node, id, shift + BITS)) }
}

impl RawStack {
    #[inline]
    fn root(frame: *const Frame) -> Option<*const Node> {
        (!frame.is_null()).then_some(frame.cast())
    }

    /// Where `id` leads, seen from `frame` of this stack.
    pub(in crate::engine) unsafe fn find_at(&self, frame: *const Frame, id: usize) -> Option<Slot> {
        let tag = if frame == self.floor() { INHERITED } else { 0 };
        // SAFETY: the caller names a live frame of this stack.
        unsafe { trie::find(Self::root(frame)?, id) }.map(|slot| slot.with(tag))
    }

    /// What `id` is plainly bound by, which has the value itself and reaches here.
    #[inline]
    pub(in crate::engine) fn lookup_plain(&self, id: usize) -> Result<Resolved, Miss> {
        let top = self.top.get();
        if top.is_null() {
            return Err(Miss::Absent);
        }
        // SAFETY: the top is alive, with everything its index leads to (S1).
        unsafe {
            (*top).body.reads();
            look(slot_at(top.cast(), id, 0), id, |node| lookup_below(node, id, BITS))
        }
    }

    /// What `id` is bound to here.
    pub(crate) fn see(&self, id: usize) -> Resolution {
        // SAFETY: what is seen is on this stack.
        self.lookup(id).map_or_else(|other| other, |resolved| unsafe { resolved.resolution() })
    }

    /// The frame that `id` is bound by here, or what there is instead.
    #[inline(never)]
    pub(in crate::engine) fn lookup(&self, id: usize) -> Result<Resolved, Resolution> {
        // SAFETY: S1.
        match unsafe { self.find_at(self.top.get(), id) } {
            None => Err(Resolution::Absent),
            Some(slot) => self.resolve(slot),
        }
    }

    #[inline]
    pub(in crate::engine) fn resolve(&self, slot: Slot) -> Result<Resolved, Resolution> {
        // SAFETY: markers of frames on this stack are on it too.
        let here = |frame| unsafe { Frame::marker(frame) == self.marker() };
        let reaches = |frame: &Frame| {
            !slot.is_inherited() && (frame.is(Traits::STACK) || here(&raw const *frame))
        };
        // SAFETY: slots that were found lead to live frames.
        unsafe { resolve(slot, reaches) }
    }
}
