//! One word of the index: a tagged pointer to a frame or to a further node.
//!
//! A plain slot (no tag) leads to a frame whose value may be read at once. The tags say what else
//! it may be: a node of the next level; a frame that needs a second look (a mask, an alias, a
//! binding of short reach); or something that this stack did not bind itself but received with a
//! context. The last one holds for a whole subtree when a node carries it.

use super::frame::Frame;
use crate::sys::{MODELLED, popcount};

/// The frame behind the slot needs a second look before its value is read.
pub(in crate::engine) const SPECIAL: usize = 2;
/// What the slot leads to came with a context, it was not bound on this stack.
pub(in crate::engine) const INHERITED: usize = 4;

const NODE: usize = 1;
const TAGS: usize = NODE | SPECIAL | INHERITED;

/// The bits of an id that one level of the index looks at: 32 ways, so that the bitmap is one
/// `u32`.
///
/// Under loom two ways, so that three variables already make several levels.
pub(in crate::engine) const BITS: u32 = if MODELLED { 1 } else { 5 };

/// How many slots of the index one node may have.
pub(in crate::engine) const WAYS: usize = 1 << BITS;

/// The head of a node; its slots lie *below* it, the first one nearest.
///
/// Invariants: I1 — a node has `bitmap.count_ones()` slots, one for each bit, in the order of the
/// bits.
/// I2 — `entries` is the number of frames that the slots lead to, through further nodes too.
/// I3 — a node that is not a root leads to two frames or more, so that the shape depends on the
/// content alone.
#[repr(C, align(8))]
#[derive(Clone, Copy)]
pub(in crate::engine) struct Node {
    pub(in crate::engine) bitmap: u32,
    pub(in crate::engine) entries: u32,
}

impl Node {
    pub(in crate::engine) const EMPTY: Node = Node { bitmap: 0, entries: 0 };
}

#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(transparent)]
pub(in crate::engine) struct Slot(*const u8);

impl Slot {
    #[inline]
    pub(in crate::engine) fn frame(frame: *const Frame, tag: usize) -> Slot {
        debug_assert_eq!(tag & NODE, 0);
        Slot(frame.cast::<u8>().map_addr(|at| at | tag))
    }

    pub(in crate::engine) fn node(node: *const Node) -> Slot {
        Slot(node.cast::<u8>().map_addr(|at| at | NODE))
    }

    #[inline]
    pub(in crate::engine) fn with(self, tag: usize) -> Slot {
        Slot(self.0.map_addr(|at| at | tag))
    }

    #[inline]
    pub(in crate::engine) fn without(self, tag: usize) -> Slot {
        Slot(self.0.map_addr(|at| at & !tag))
    }

    #[inline]
    pub(in crate::engine) fn is_node(self) -> bool {
        self.0.addr() & NODE != 0
    }

    #[inline]
    pub(in crate::engine) fn is_inherited(self) -> bool {
        self.0.addr() & INHERITED != 0
    }

    #[inline]
    pub(in crate::engine) fn is_special(self) -> bool {
        self.0.addr() & SPECIAL != 0
    }

    /// [`INHERITED`] or nothing.
    #[inline]
    pub(in crate::engine) fn inheritance(self) -> usize {
        self.0.addr() & INHERITED
    }

    #[inline]
    pub(in crate::engine) fn as_frame(self) -> *const Frame {
        debug_assert!(!self.is_node());
        self.0.map_addr(|at| at & !TAGS).cast()
    }

    #[inline]
    pub(in crate::engine) fn as_node(self) -> *const Node {
        debug_assert!(self.is_node());
        self.0.map_addr(|at| at & !TAGS).cast()
    }

    /// The frame that a plain slot leads to. One that came with a context is told apart by a
    /// branch, so that the pointer is used as it lies there and not put together for each use.
    #[inline]
    pub(in crate::engine) fn as_plain_frame(self) -> Option<*const Frame> {
        match self.0.addr() & TAGS {
            0 => Some(self.0.cast()),
            INHERITED => Some(self.0.wrapping_sub(INHERITED).cast()),
            _ => None,
        }
    }

    /// Whether both lead to the same place, whatever their tags.
    pub(in crate::engine) fn same_place(self, other: Slot) -> bool {
        self.without(TAGS) == other.without(TAGS)
    }
}

/// The position of `id` among the slots of a node whose level looks at the bits from `shift` on:
/// its bit.
#[inline]
pub(in crate::engine) fn bit(id: usize, shift: u32) -> u32 {
    1 << ((id >> shift) & (WAYS - 1))
}

/// How many slots lie before the one for `bit`.
#[inline]
pub(in crate::engine) fn rank(bitmap: u32, bit: u32) -> usize {
    (bitmap & (bit - 1)).count_ones() as usize
}

/// As [`rank`], where that is most of the work.
#[inline(always)]
pub(in crate::engine) fn quick_rank(bitmap: u32, bit: u32) -> usize {
    popcount(bitmap & (bit - 1)) as usize
}

/// The `i`th slot of a node.
///
/// # Safety
/// 1. `node` is alive and its pointer may reach the slots below it.
/// 2. It has more than `i` slots.
#[inline]
pub(in crate::engine) unsafe fn get(node: *const Node, i: usize) -> Slot {
    // SAFETY: by #1 and #2 that word is in the same block and was written when the node was made.
    unsafe { *node.cast::<Slot>().sub(1 + i) }
}

/// Writes the `i`th slot of a node that is being made.
///
/// # Safety
/// 1. `node` has room for more than `i` slots below it.   2. Nobody else knows the node yet.
#[inline]
pub(in crate::engine) unsafe fn put(node: *mut Node, i: usize, slot: Slot) {
    // SAFETY: by #1 the word is in the block, by #2 nobody reads it meanwhile.
    unsafe { node.cast::<Slot>().sub(1 + i).write(slot) }
}
