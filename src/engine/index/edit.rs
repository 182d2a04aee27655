//! A new index made of an old one: one change, and the nodes on its path or all of them.
//!
//! ```text
//! old root [ a │ · │ c ]                     new root [ a │ · │ c ]
//!                └► [ x │ y ]                               └► [ x │ y │ z ]     the path of the change
//! ```
//! The same recursion counts the bytes that the new nodes need, and then writes them: what it meets
//! is given to a [`Sink`], of which there are two. So the two agree by construction.

use super::sink::{Counter, Extent, Sink, Writer};
use super::trie::{count, find, slots_bytes};
use crate::engine::memory::slot::{BITS, Node, Slot, bit, get, rank};
use crate::sys::{Way, reached};

/// What a new index changes of the old one, for one id.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) enum Edit {
    /// Nothing.
    Keep,
    /// The id leads to a new place.
    Put,
    /// The id leads nowhere any more.
    Remove,
}

/// Bytes that [`write`] needs for slots and child nodes.
///
/// # Safety
/// 1. `root` is alive, with everything its index leads to; an id to be removed leads to a frame.
pub(in crate::engine) unsafe fn measure(
    root: *const Node,
    id: usize,
    edit: Edit,
    extent: Extent,
) -> usize {
    let mut counter = Counter { bytes: 0, extent, tag: 0 };
    let nowhere = (core::ptr::null_mut(), Slot::frame(core::ptr::null(), 0));
    // SAFETY: #1; a counter writes nothing.
    unsafe {
        change(root, nowhere.0, (id, edit), nowhere.1, &mut counter);
        slots_bytes(slots_after(root, id, 0, edit)) + counter.bytes
    }
}

/// Writes the index at `root`, changed by `edit`, below `new`.
///
/// # Safety
/// 1. `root` is alive, with everything its index leads to; an id to be removed leads to a frame.
/// 2. Below `new` and from `writer.free` on there is as much room as [`measure`] said for the same
///    arguments.
/// 3. Nobody else knows `new` yet.
pub(in crate::engine) unsafe fn write(
    root: *const Node,
    new: *mut Node,
    id: usize,
    edit: Edit,
    slot: Slot,
    writer: &mut Writer,
) {
    // SAFETY: #1 to #3 are passed on.
    unsafe { change(root, new, (id, edit), slot, writer) };
}

/// # Safety
/// As [`write`]; for a counter #1 alone.
unsafe fn change(
    root: *const Node,
    new: *mut Node,
    (id, edit): (usize, Edit),
    slot: Slot,
    sink: &mut impl Sink,
) {
    // SAFETY: all is passed on; a root is at level 0.
    unsafe {
        match edit {
            Edit::Keep => same(root, new, sink),
            Edit::Put => {
                let added = u32::from(find(root, id).is_none());
                put(root, new, (id, 0, added), slot, sink);
            }
            Edit::Remove => remove(root, new, (id, 0), sink),
        }
    }
}

/// How many slots `node` has after the change; it does not collapse.
///
/// # Safety
/// 1. `node` is alive with everything it leads to; an id to be removed leads to a frame.
unsafe fn slots_after(node: *const Node, id: usize, shift: u32, edit: Edit) -> usize {
    // SAFETY: #1; a bit that is set has a slot of its rank (I1).
    unsafe {
        let (bitmap, bit) = ((*node).bitmap, bit(id, shift));
        match edit {
            Edit::Keep => count(node),
            Edit::Put => count(node) + usize::from(bitmap & bit == 0),
            Edit::Remove => count(node) - usize::from(!get(node, rank(bitmap, bit)).is_node()),
        }
    }
}

/// Copies slots of `node` from position `from` up to `to`, moved by `by`.
///
/// # Safety
/// As [`change`]; 4. the positions are those of slots in `node` and, moved, in `new`.
#[inline]
unsafe fn copy(
    node: *const Node,
    new: *mut Node,
    (from, to, by): (usize, usize, isize),
    sink: &mut impl Sink,
) {
    if !sink.is_told_of_copies() {
        return;
    }
    for i in from..to {
        // SAFETY: #4; #1 of `write` for a child that is copied.
        unsafe {
            let mut slot = get(node, i).with(*sink.tag());
            if sink.extent() == Extent::Whole && slot.is_node() {
                let old = slot.as_node();
                let copy = sink.child(count(old));
                same(old, copy, sink);
                slot = Slot::node(copy).with(slot.inheritance());
            }
            sink.slot(new, i.wrapping_add_signed(by), slot);
        }
    }
}

/// # Safety
/// As [`change`].
unsafe fn same(node: *const Node, new: *mut Node, sink: &mut impl Sink) {
    // SAFETY: as `change`; all positions of `node` are copied to the same ones.
    unsafe {
        sink.node(new, *node);
        copy(node, new, (0, count(node), 0), sink);
    }
}

/// # Safety
/// As [`change`].
unsafe fn put(
    node: *const Node,
    new: *mut Node,
    (id, shift, added): (usize, u32, u32),
    slot: Slot,
    sink: &mut impl Sink,
) {
    // SAFETY: as `change`; positions are ranks in `node` (I1) or, where a slot is added, one more.
    unsafe {
        let bit = bit(id, shift);
        let Node { bitmap, entries } = *node;
        let (at, many) = (rank(bitmap, bit), bitmap.count_ones() as usize);
        sink.node(new, Node { bitmap: bitmap | bit, entries: entries + added });
        copy(node, new, (0, at, 0), sink);
        if bitmap & bit == 0 {
            sink.slot(new, at, slot);
            return copy(node, new, (at, many, 1), sink);
        }
        copy(node, new, (at + 1, many, 0), sink);
        let tag = *sink.tag();
        let old = get(node, at).with(tag);
        let here = if old.is_node() {
            let child = old.as_node();
            let place = sink.child(slots_after(child, id, shift + BITS, Edit::Put));
            *sink.tag() |= old.inheritance();
            put(child, place, (id, shift + BITS, added), slot, sink);
            *sink.tag() = tag;
            Slot::node(place)
        } else {
            match (*old.as_frame()).id {
                found if found == id => slot,
                found => split((found, old), (id, slot), shift + BITS, sink),
            }
        };
        sink.slot(new, at, here);
    }
}

/// A node with two frames, and further nodes above it as long as their ids agree.
///
/// # Safety
/// As [`change`].
unsafe fn split(a: (usize, Slot), b: (usize, Slot), shift: u32, sink: &mut impl Sink) -> Slot {
    // SAFETY: as `change`; one or two slots are written into room for as many.
    unsafe {
        let (bit_a, bit_b) = (bit(a.0, shift), bit(b.0, shift));
        let root = Node { bitmap: bit_a | bit_b, entries: 2 };
        let node = sink.child(root.bitmap.count_ones() as usize);
        sink.node(node, root);
        if bit_a == bit_b {
            let below = split(a, b, shift + BITS, sink);
            sink.slot(node, 0, below);
        } else {
            sink.slot(node, usize::from(bit_a > bit_b), a.1);
            sink.slot(node, usize::from(bit_b > bit_a), b.1);
        }
        Slot::node(node)
    }
}

/// # Safety
/// As [`change`]; 4. `id` leads to a frame, and this node does not collapse.
unsafe fn remove(
    node: *const Node,
    new: *mut Node,
    (id, shift): (usize, u32),
    sink: &mut impl Sink,
) {
    // SAFETY: as `change`; positions are ranks in `node` (I1).
    unsafe {
        let bit = bit(id, shift);
        let Node { bitmap, entries } = *node;
        let (at, many) = (rank(bitmap, bit), bitmap.count_ones() as usize);
        let tag = *sink.tag();
        let old = get(node, at).with(tag);
        copy(node, new, (0, at, 0), sink);
        if !old.is_node() {
            sink.node(new, Node { bitmap: bitmap & !bit, entries: entries - 1 });
            return copy(node, new, (at + 1, many, -1), sink);
        }
        reached(Way::RemovedBelow);
        sink.node(new, Node { bitmap, entries: entries - 1 });
        copy(node, new, (at + 1, many, 0), sink);
        let (child, shift) = (old.as_node(), shift + BITS);
        *sink.tag() |= old.inheritance();
        let here = match only_leaf_left(child, id, shift) {
            Some(leaf) => leaf.with(*sink.tag()),
            None => {
                let place = sink.child(slots_after(child, id, shift, Edit::Remove));
                remove(child, place, (id, shift), sink);
                Slot::node(place)
            }
        };
        *sink.tag() = tag;
        sink.slot(new, at, here);
    }
}

/// The one frame that is left below `node` when `id` is taken from there, if there is only one:
/// then the node is not needed any more (I3).
///
/// # Safety
/// 1. `node` is alive with everything it leads to, and no root; `id` leads to a frame.
unsafe fn only_leaf_left(node: *const Node, id: usize, shift: u32) -> Option<Slot> {
    // SAFETY: #1; ranks and indices are below the count by I1.
    unsafe {
        let at = rank((*node).bitmap, bit(id, shift));
        let slot = get(node, at);
        match count(node) {
            1 if slot.is_node() => {
                let leaf = only_leaf_left(slot.as_node(), id, shift + BITS)?;
                Some(leaf.with(slot.inheritance()))
            }
            2 if !slot.is_node() => Some(get(node, 1 - at)).filter(|other| !other.is_node()),
            _ => None,
        }
    }
}
