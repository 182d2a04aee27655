//! A whole index written at once, from a list of what it is to lead to.
//!
//! As in `edit`, one recursion counts the bytes and then writes them.

use super::sink::{Counter, Extent, Sink, Writer};
use super::trie::slots_bytes;
use crate::engine::memory::slot::{BITS, Node, Slot, bit};
use core::cmp::Ordering;
use core::ptr;

/// What one id leads to.
pub(in crate::engine) type Entry = (usize, Slot);

/// Puts entries in the order in which an index leads to them: by the lowest bits of the ids, then by
/// the next ones.
pub(in crate::engine) fn sort(entries: &mut [Entry]) {
    entries.sort_unstable_by(|(a, _), (b, _)| match a ^ b {
        0 => Ordering::Equal,
        differ => {
            let shift = differ.trailing_zeros() / BITS * BITS;
            bit(*a, shift).cmp(&bit(*b, shift))
        }
    });
}

/// Bytes that [`write`] needs for slots and child nodes.
pub(in crate::engine) fn measure(entries: &[Entry]) -> usize {
    let mut counter = Counter { bytes: 0, extent: Extent::Whole, tag: 0 };
    // SAFETY: a counter writes nothing.
    unsafe { node(entries, ptr::null_mut(), 0, &mut counter) };
    slots_bytes(groups(entries, 0).count()) + counter.bytes
}

/// Writes an index that leads to `entries` and nothing else below `new`.
///
/// # Safety
/// 1. The entries are [sorted](sort), and their ids differ.
/// 2. Below `new` and from `writer.free` on there is as much room as [`measure`] said for them.
/// 3. Nobody else knows `new` yet.
pub(in crate::engine) unsafe fn write(entries: &[Entry], new: *mut Node, writer: &mut Writer) {
    // SAFETY: #1 to #3; a root is at level 0.
    unsafe { node(entries, new, 0, writer) };
}

/// The entries that share a slot of a node at that level, slot by slot.
fn groups(entries: &[Entry], shift: u32) -> impl Iterator<Item = &[Entry]> {
    entries.chunk_by(move |(a, _), (b, _)| bit(*a, shift) == bit(*b, shift))
}

/// # Safety
/// As [`write`]; a counter needs nothing.
unsafe fn node(entries: &[Entry], new: *mut Node, shift: u32, sink: &mut impl Sink) {
    let bitmap = groups(entries, shift).fold(0, |bitmap, group| bitmap | bit(group[0].0, shift));
    // SAFETY: as `write`; the groups are as many as the bits, and in their order (I1). A child has
    // two entries or more (I3).
    unsafe {
        sink.node(new, Node { bitmap, entries: entries.len() as u32 });
        for (at, group) in groups(entries, shift).enumerate() {
            let slot = if let [(_, slot)] = group {
                *slot
            } else {
                let child = sink.child(groups(group, shift + BITS).count());
                node(group, child, shift + BITS, sink);
                Slot::node(child)
            };
            sink.slot(new, at, slot);
        }
    }
}
