//! What becomes of the nodes of a new index: they are counted, or written.

use super::trie::{HEAD, slots_bytes};
use crate::engine::memory::slot::{Node, Slot, put};

/// How much of the old index a new one writes again.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) enum Extent {
    /// The nodes on the path of the change; the others are shared.
    Path,
    /// All nodes, so that the new index leads to no foreign node at all.
    Whole,
}

/// What becomes of the nodes and slots of a new index.
pub(in crate::engine) trait Sink {
    /// Room for a child node of `count` slots.
    ///
    /// # Safety
    /// 1. There is room for it, as `measure` said, if it is to be written.
    unsafe fn child(&mut self, count: usize) -> *mut Node;

    /// # Safety
    /// 1. `new` is the root or what `child` gave, if it is to be written.
    unsafe fn node(&mut self, new: *mut Node, node: Node);

    /// # Safety
    /// 1. As for `node`; the node has a slot at that position.
    unsafe fn slot(&mut self, new: *mut Node, at: usize, slot: Slot);

    fn extent(&self) -> Extent;

    /// Whether slots that are copied as they are matter.
    fn is_told_of_copies(&self) -> bool;

    /// A tag for every copied slot.
    fn tag(&mut self) -> &mut usize;
}

/// Counts the bytes of all children.
pub(in crate::engine) struct Counter {
    pub(in crate::engine) bytes: usize,
    pub(in crate::engine) extent: Extent,
    pub(in crate::engine) tag: usize,
}

impl Sink for Counter {
    unsafe fn child(&mut self, count: usize) -> *mut Node {
        self.bytes += slots_bytes(count) + HEAD;
        core::ptr::null_mut()
    }

    unsafe fn node(&mut self, _: *mut Node, _: Node) {}

    unsafe fn slot(&mut self, _: *mut Node, _: usize, _: Slot) {}

    fn extent(&self) -> Extent {
        self.extent
    }

    fn is_told_of_copies(&self) -> bool {
        self.extent == Extent::Whole
    }

    fn tag(&mut self) -> &mut usize {
        &mut self.tag
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

impl Sink for Writer {
    unsafe fn child(&mut self, count: usize) -> *mut Node {
        // SAFETY: #1 keeps both inside the block.
        unsafe {
            let node = self.free.add(slots_bytes(count)).cast::<Node>();
            self.free = node.cast::<u8>().add(HEAD);
            node
        }
    }

    unsafe fn node(&mut self, new: *mut Node, node: Node) {
        // SAFETY: #1.
        unsafe { new.write(node) };
    }

    unsafe fn slot(&mut self, new: *mut Node, at: usize, slot: Slot) {
        // SAFETY: #1.
        unsafe { put(new, at, slot) };
    }

    fn extent(&self) -> Extent {
        self.extent
    }

    fn is_told_of_copies(&self) -> bool {
        true
    }

    fn tag(&mut self) -> &mut usize {
        &mut self.tag
    }
}
