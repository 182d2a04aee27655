//! A change that leaves the index one single node, as most are: no recursion is needed.

use super::edit::Edit;
use super::trie::slots_bytes;
use crate::engine::memory::slot::{Node, Slot, bit, get, put, rank};

/// A change that leaves the index a single node, as most do.
pub(in crate::engine) struct OneNode {
    bitmap: u32,
    /// How many slots stay, and the position at which one is written in the new node and left out
    /// of the old one.
    many: usize,
    at: usize,
    written: bool,
    left_out: bool,
}

/// How the index at `root` changes, if it stays one single node.
///
/// # Safety
/// 1. `root` is alive and leads to live frames alone.   2. An id to be removed leads somewhere.
#[inline]
pub(in crate::engine) unsafe fn plan(root: *const Node, id: usize, edit: Edit) -> Option<OneNode> {
    // SAFETY: #1.
    let Node { bitmap, entries } = unsafe { *root };
    let many = entries as usize;
    if edit == Edit::Keep {
        return Some(OneNode { bitmap, many, at: 0, written: false, left_out: false });
    }
    let bit = bit(id, 0);
    let at = rank(bitmap, bit);
    if bitmap & bit == 0 {
        return Some(OneNode { bitmap: bitmap | bit, many, at, written: true, left_out: false });
    }
    // SAFETY: the bit says that there is a slot, by #1 of a frame.
    if unsafe { (*get(root, at).as_frame()).id } != id {
        return None;
    }
    let (bitmap, written) = if edit == Edit::Put { (bitmap, true) } else { (bitmap & !bit, false) };
    Some(OneNode { bitmap, many: many - 1, at, written, left_out: true })
}

impl OneNode {
    #[inline]
    fn slots(&self) -> usize {
        self.many + usize::from(self.written)
    }

    #[inline]
    pub(in crate::engine) fn bytes(&self) -> usize {
        slots_bytes(self.slots())
    }

    /// Whether the id leads somewhere in the old index.
    #[inline]
    pub(in crate::engine) fn hides(&self) -> bool {
        self.left_out
    }

    /// Writes the new index below `new`; `slot` is where the id leads, `tag` is for all others.
    ///
    /// # Safety
    /// 1. `root` is alive and the one that this was made of.   2. Below `new` there is room for the slots, and
    ///    nobody else knows it yet.
    #[inline]
    pub(in crate::engine) unsafe fn write(
        self,
        root: *const Node,
        new: *mut Node,
        slot: Slot,
        tag: usize,
    ) {
        // SAFETY: #1 and #2; all positions are below the numbers of slots.
        unsafe {
            new.write(Node { bitmap: self.bitmap, entries: self.slots() as u32 });
            for i in 0..self.at {
                put(new, i, get(root, i).with(tag));
            }
            if self.written {
                put(new, self.at, slot);
            }
            let (from, to) =
                (self.at + usize::from(self.left_out), self.at + usize::from(self.written));
            for i in 0..self.many - self.at {
                put(new, to + i, get(root, from + i).with(tag));
            }
        }
    }
}
