//! The index: a persistent hash-array-mapped trie from the ids of variables to the frames visible
//! from here.
//!
//! A new frame writes its own root and the nodes on the path of its one change; every other slot is
//! copied as a plain word and still leads to what frames further out own. Nothing here is counted:
//! whoever keeps a frame keeps all that its index leads to (see `refcount`). All nodes of one frame
//! lie in the frame's own block, so a change of any depth is one allocation. Ids are unique, so
//! there is no hasher and there are no collisions.

use crate::engine::memory::slot::{BITS, Node, Slot, bit, get, put, rank};
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

/// How much of the old index a new one writes again.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) enum Extent {
    /// The nodes on the path of the change; the others are shared.
    Path,
    /// All nodes, so that the new index leads to no node of another frame.
    Whole,
}

const HEAD: usize = size_of::<Node>();

/// Bytes of `count` slots, such that the node above them is aligned.
#[inline]
pub(in crate::engine) fn slots_bytes(count: usize) -> usize {
    (count * size_of::<Slot>()).next_multiple_of(HEAD)
}

/// # Safety
/// 1. `node` is alive.
#[inline]
unsafe fn count(node: *const Node) -> usize {
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

/// A place for the nodes of a frame that is being made, and how the old slots are to be copied.
pub(in crate::engine) struct Writer {
    /// Where the next child node goes.
    pub(in crate::engine) free: *mut u8,
    /// A tag for every copied slot.
    pub(in crate::engine) tag: usize,
    pub(in crate::engine) extent: Extent,
}

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
    /// 1. `root` is alive and the one that this was made of.
    /// 2. Below `new` there is room for the slots, and nobody else knows it yet.
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

/// Bytes that [`write`] needs for slots and child nodes.
///
/// # Safety
/// 1. `root` is alive, with everything its index leads to.
pub(in crate::engine) unsafe fn measure(
    root: *const Node,
    id: usize,
    edit: Edit,
    extent: Extent,
) -> usize {
    // SAFETY: #1 is passed on.
    unsafe {
        match edit {
            Edit::Keep => slots_bytes(count(root)) + others(root, None, extent),
            Edit::Put => measure_put(root, id, 0, extent),
            Edit::Remove => match measure_remove(root, id, 0, extent) {
                Left::Node(bytes) => bytes,
                Left::Leaf(_) => unreachable!("a root does not collapse"),
            },
        }
    }
}

/// Writes the index at `root`, changed by `edit`, below `new`.
///
/// # Safety
/// 1. `root` is alive, with everything its index leads to.
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
    // SAFETY: #1 to #3 are passed on; a root is written at level 0.
    unsafe {
        match edit {
            Edit::Keep => write_same(root, new, writer),
            Edit::Put => {
                let added = u32::from(find(root, id).is_none());
                write_put(root, new, (id, 0, added), slot, writer)
            }
            Edit::Remove => write_remove(root, new, id, 0, writer),
        }
    }
}

/// Bytes of whole copies of all child nodes but the one at `except`.
///
/// # Safety
/// 1. `node` is alive, with everything its index leads to.
unsafe fn others(node: *const Node, except: Option<usize>, extent: Extent) -> usize {
    // SAFETY: #1, which holds for what the slots lead to; `i` stays below the count.
    unsafe {
        if extent == Extent::Path {
            return 0;
        }
        (0..count(node))
            .filter(|i| Some(*i) != except)
            .map(|i| get(node, i))
            .filter(|slot| slot.is_node())
            .map(|slot| {
                let child = slot.as_node();
                HEAD + slots_bytes(count(child)) + others(child, None, extent)
            })
            .sum()
    }
}

/// # Safety
/// As [`measure`].
unsafe fn measure_put(node: *const Node, id: usize, shift: u32, extent: Extent) -> usize {
    // SAFETY: #1 of `measure`; the bit says that there is a slot, and what it leads to is alive.
    unsafe {
        let bit = bit(id, shift);
        let bitmap = (*node).bitmap;
        let (at, many) = (rank(bitmap, bit), bitmap.count_ones() as usize);
        if bitmap & bit == 0 {
            return slots_bytes(many + 1) + others(node, None, extent);
        }
        let old = get(node, at);
        let below = if old.is_node() {
            HEAD + measure_put(old.as_node(), id, shift + BITS, extent)
        } else {
            match (*old.as_frame()).id {
                found if found == id => 0,
                found => split_bytes(found, id, shift + BITS),
            }
        };
        slots_bytes(many) + below + others(node, Some(at), extent)
    }
}

fn split_bytes(a: usize, b: usize, shift: u32) -> usize {
    if bit(a, shift) == bit(b, shift) {
        HEAD + slots_bytes(1) + split_bytes(a, b, shift + BITS)
    } else {
        HEAD + slots_bytes(2)
    }
}

/// What is left of a subtree when one frame is taken from it.
enum Left {
    /// One frame: the node is not needed any more.
    Leaf(Slot),
    /// A node, whose slots and written children take so many bytes.
    Node(usize),
}

/// # Safety
/// As [`measure`]; 2. `id` leads to a frame.
unsafe fn measure_remove(node: *const Node, id: usize, shift: u32, extent: Extent) -> Left {
    // SAFETY: #1 of `measure`; ranks and indices are below the count by I1.
    unsafe {
        let (bitmap, many) = ((*node).bitmap, count(node));
        let at = rank(bitmap, bit(id, shift));
        let old = get(node, at);
        let rest = others(node, Some(at), extent);
        if !old.is_node() {
            if shift > 0 && many == 2 {
                let other = get(node, 1 - at);
                if !other.is_node() {
                    return Left::Leaf(other);
                }
            }
            return Left::Node(slots_bytes(many - 1) + rest);
        }
        match measure_remove(old.as_node(), id, shift + BITS, extent) {
            Left::Leaf(leaf) if shift > 0 && many == 1 => Left::Leaf(leaf.with(old.inheritance())),
            Left::Leaf(_) => Left::Node(slots_bytes(many) + rest),
            Left::Node(below) => Left::Node(slots_bytes(many) + HEAD + below + rest),
        }
    }
}

impl Writer {
    /// Room for a child node of `count` slots.
    ///
    /// # Safety
    /// 1. There is room for it, as [`measure`] said.
    unsafe fn child(&mut self, count: usize) -> *mut Node {
        // SAFETY: #1 keeps both inside the block.
        unsafe {
            let node = self.free.add(slots_bytes(count)).cast::<Node>();
            self.free = node.cast::<u8>().add(HEAD);
            node
        }
    }

    /// Copies slots of `node` from position `from` up to `to`, moved by `by`.
    ///
    /// # Safety
    /// As [`write`]; 4. the positions are those of slots in `node` and, moved, in `new`.
    #[inline]
    unsafe fn copy(
        &mut self,
        node: *const Node,
        new: *mut Node,
        from: usize,
        to: usize,
        by: isize,
    ) {
        for i in from..to {
            // SAFETY: #4.
            let slot = unsafe { get(node, i) }.with(self.tag);
            let slot = if self.extent == Extent::Whole && slot.is_node() {
                // SAFETY: #1 and #2 of `write`.
                unsafe { self.copy_child(slot) }
            } else {
                slot
            };
            // SAFETY: #4.
            unsafe { put(new, i.wrapping_add_signed(by), slot) };
        }
    }

    /// # Safety
    /// As [`write`].
    unsafe fn copy_child(&mut self, slot: Slot) -> Slot {
        let old = slot.as_node();
        // SAFETY: #1 and #2 of `write`.
        unsafe {
            let new = self.child(count(old));
            write_same(old, new, self);
            Slot::node(new).with(slot.inheritance())
        }
    }
}

/// # Safety
/// As [`write`].
unsafe fn write_same(node: *const Node, new: *mut Node, writer: &mut Writer) {
    // SAFETY: as `write`; all positions of `node` are copied to the same ones.
    unsafe {
        new.write(*node);
        writer.copy(node, new, 0, count(node), 0);
    }
}

/// # Safety
/// As [`write`].
unsafe fn write_put(
    node: *const Node,
    new: *mut Node,
    (id, shift, added): (usize, u32, u32),
    slot: Slot,
    writer: &mut Writer,
) {
    // SAFETY: as `write`; positions are ranks in `node` (I1) or, where a slot is added, one more.
    unsafe {
        let bit = bit(id, shift);
        let Node { bitmap, entries } = *node;
        let (at, many) = (rank(bitmap, bit), bitmap.count_ones() as usize);
        new.write(Node { bitmap: bitmap | bit, entries: entries + added });
        if bitmap & bit == 0 {
            writer.copy(node, new, 0, at, 0);
            put(new, at, slot);
            writer.copy(node, new, at, many, 1);
            return;
        }
        writer.copy(node, new, 0, at, 0);
        writer.copy(node, new, at + 1, many, 0);
        let old = get(node, at).with(writer.tag);
        let here = if old.is_node() {
            let child = old.as_node();
            let grown = (*child).bitmap | self::bit(id, shift + BITS);
            let place = writer.child(grown.count_ones() as usize);
            let tag = writer.tag;
            writer.tag |= old.inheritance();
            write_put(child, place, (id, shift + BITS, added), slot, writer);
            writer.tag = tag;
            Slot::node(place)
        } else {
            match (*old.as_frame()).id {
                found if found == id => slot,
                found => write_split((found, old), (id, slot), shift + BITS, writer),
            }
        };
        put(new, at, here);
    }
}

/// # Safety
/// As [`write`].
unsafe fn write_split(a: (usize, Slot), b: (usize, Slot), shift: u32, writer: &mut Writer) -> Slot {
    // SAFETY: as `write`; one or two slots are written into room for as many.
    unsafe {
        let (bit_a, bit_b) = (bit(a.0, shift), bit(b.0, shift));
        let root = Node { bitmap: bit_a | bit_b, entries: 2 };
        let node = writer.child(root.bitmap.count_ones() as usize);
        node.write(root);
        if bit_a == bit_b {
            let below = write_split(a, b, shift + BITS, writer);
            put(node, 0, below);
        } else {
            put(node, usize::from(bit_a > bit_b), a.1);
            put(node, usize::from(bit_b > bit_a), b.1);
        }
        Slot::node(node)
    }
}

/// # Safety
/// As [`write`]; 4. `id` leads to a frame, and this node does not collapse.
unsafe fn write_remove(
    node: *const Node,
    new: *mut Node,
    id: usize,
    shift: u32,
    writer: &mut Writer,
) {
    // SAFETY: as `write`; positions are ranks in `node` (I1).
    unsafe {
        let bit = bit(id, shift);
        let Node { bitmap, entries } = *node;
        let (at, many) = (rank(bitmap, bit), bitmap.count_ones() as usize);
        let old = get(node, at).with(writer.tag);
        writer.copy(node, new, 0, at, 0);
        if !old.is_node() {
            new.write(Node { bitmap: bitmap & !bit, entries: entries - 1 });
            writer.copy(node, new, at + 1, many, -1);
            return;
        }
        reached(Way::RemovedBelow);
        new.write(Node { bitmap, entries: entries - 1 });
        writer.copy(node, new, at + 1, many, 0);
        let child = old.as_node();
        let tag = writer.tag;
        writer.tag |= old.inheritance();
        let here = match measure_remove(child, id, shift + BITS, writer.extent) {
            Left::Leaf(leaf) => leaf.with(writer.tag),
            Left::Node(_) => {
                let place = writer.child(kept_slots(child, id, shift + BITS));
                write_remove(child, place, id, shift + BITS, writer);
                Slot::node(place)
            }
        };
        writer.tag = tag;
        put(new, at, here);
    }
}

/// How many slots `node` keeps when `id` is taken from it.
///
/// # Safety
/// As [`measure_remove`].
unsafe fn kept_slots(node: *const Node, id: usize, shift: u32) -> usize {
    // SAFETY: as `measure_remove`; `id` is there, so its rank is one of a slot.
    unsafe {
        let (bitmap, many) = ((*node).bitmap, count(node));
        let slot = get(node, rank(bitmap, bit(id, shift)));
        many - usize::from(!slot.is_node())
    }
}

/// Walks the invariants of an index, in debug builds: all of it, or the nodes on the way to one id
/// if the others were checked when they were made. A binding must not cost more than the depth even
/// there.
///
/// # Safety
/// 1. `node` is alive, with everything its index leads to.
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
