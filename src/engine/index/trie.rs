//! The index: a persistent hash-array-mapped trie from the ids of variables to the frames visible
//! from here.
//!
//! A new frame writes its own root and the nodes on the path of its one change; every other slot is
//! copied as a plain word and still leads to what frames further out own. Nothing here is counted:
//! whoever keeps a frame keeps all that its index leads to (see `refcount`). All nodes of one frame
//! lie in the frame's own block, so a change of any depth is one allocation. Ids are unique, so
//! there is no hasher and there are no collisions.

use crate::engine::memory::slot::{BITS, Node, Slot, bit, get, rank};

pub(in crate::engine) const HEAD: usize = size_of::<Node>();

/// Bytes of `count` slots, such that the node above them is aligned.
#[inline]
pub(in crate::engine) fn slots_bytes(count: usize) -> usize {
    (count * size_of::<Slot>()).next_multiple_of(HEAD)
}

/// # Safety
/// 1. `node` is alive.
#[inline]
pub(in crate::engine) unsafe fn count(node: *const Node) -> usize {
    // SAFETY: #1.
    unsafe { (*node).bitmap.count_ones() as usize }
}

/// Where `id` leads from `root`, if it leads anywhere; the tag of inheritance is gathered on the
/// way.
///
/// # Safety
/// 1. `root` is alive, with everything its index leads to.
#[inline]
pub(in crate::engine) unsafe fn find(root: *const Node, id: usize) -> Option<Slot> {
    let (mut node, mut shift, mut inherited) = (root, 0, 0);
    loop {
        let bit = bit(id, shift);
        // SAFETY: the root is alive by #1, further nodes because the index of a live frame leads to
        // them.
        let bitmap = unsafe { (*node).bitmap };
        if bitmap & bit == 0 {
            return None;
        }
        // SAFETY: the bit is set, so by I1 there is a slot of this rank.
        let slot = unsafe { get(node, rank(bitmap, bit)) };
        inherited |= slot.inheritance();
        if !slot.is_node() {
            // SAFETY: slots lead to live frames by #1.
            let found = unsafe { (*slot.as_frame()).id };
            return (found == id).then(|| slot.with(inherited));
        }
        node = slot.as_node();
        shift += BITS;
    }
}

/// Calls `f` with every slot that leads to a frame.
///
/// # Safety
/// 1. `node` is alive, with everything its index leads to, as long as this runs.
pub(in crate::engine) unsafe fn each(node: *const Node, inherited: usize, f: &mut dyn FnMut(Slot)) {
    // SAFETY: #1.
    for i in 0..unsafe { count(node) } {
        // SAFETY: `i` is less than the count.
        let slot = unsafe { get(node, i) };
        if slot.is_node() {
            // SAFETY: #1 holds for what the slots lead to.
            unsafe { each(slot.as_node(), inherited | slot.inheritance(), f) };
        } else {
            f(slot.with(inherited));
        }
    }
}

/// Walks the invariants of an index, in debug builds: all of it, or the nodes on the way to one id
/// if the others were checked when they were made. A binding must not cost more than the depth even
/// there.
///
/// # Safety
/// 1. `node` is alive, with everything its index leads to.
#[inline]
pub(in crate::engine) unsafe fn check(
    node: *const Node,
    prefix: usize,
    shift: u32,
    way_to: Option<usize>,
) {
    // SAFETY: #1 and I1.
    unsafe {
        if !cfg!(debug_assertions) {
            return;
        }
        let mut entries = 0;
        let mut bits = (*node).bitmap;
        for i in 0..count(node) {
            let way = bits.trailing_zeros() as usize;
            bits &= bits - 1;
            let slot = get(node, i);
            let prefix = prefix | way << shift;
            if slot.is_node() {
                if way_to.is_none_or(|id| bit(id, shift) == 1 << way) {
                    check(slot.as_node(), prefix, shift + BITS, way_to);
                }
                entries += (*slot.as_node()).entries;
            } else {
                let id = (*slot.as_frame()).id;
                let seen = if shift + BITS >= usize::BITS {
                    usize::MAX
                } else {
                    (1 << (shift + BITS)) - 1
                };
                assert_eq!(id & seen, prefix, "I1");
                entries += 1;
            }
        }
        assert_eq!(entries, (*node).entries, "I2");
        assert!(shift == 0 || entries >= 2, "I3");
    }
}
