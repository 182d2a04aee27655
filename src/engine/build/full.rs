//! A frame that binds nothing itself and shows what a list says.

use crate::engine::index::bulk::{self, Entry};
use crate::engine::index::sink::{Extent, Writer};
use crate::engine::index::trie;
use crate::engine::memory::flags::*;
use crate::engine::memory::frame::*;
use crate::engine::memory::free_list;
use core::panic::Location;
use core::ptr;

/// Makes a compaction frame of no stack that leads to `entries`, and counts none of them yet.
///
/// # Safety
/// 1. The ids of the entries differ.
/// 2. What they lead to is alive, also while the allocator runs, which is foreign code, and stays so
///    as long as the new frame.
pub(in crate::engine) unsafe fn build(entries: &mut [Entry]) -> *mut Frame {
    bulk::sort(entries);
    let before = bulk::measure(entries).next_multiple_of(align_of::<Frame>());
    let kind = Kind::of::<()>();
    let block = free_list::allocate(before, kind);
    // SAFETY: the layout has the frame after that many bytes; #1 and #2; nobody else knows it yet.
    unsafe {
        let frame = block.add(before).cast::<Frame>();
        let origin = Origin { marker: ptr::null() };
        let place = Location::caller();
        frame.write(Frame {
            segment: 0,
            role: Role::Compacted,
            bits: Traits::DETACHED | Traits::FULL_INDEX,
            ..Frame::new(0, ptr::null(), kind, "", place, origin, Position::of(before))
        });
        let mut writer = Writer { free: block, tag: 0, extent: Extent::Whole };
        bulk::write(entries, frame.cast(), &mut writer);
        debug_assert!(writer.free.addr() <= frame.addr());
        if (*frame).root.bitmap.count_ones() == (*frame).root.entries {
            (*frame).bits |= Traits::SINGLE_NODE;
        }
        trie::check(frame.cast(), 0, 0, None);
        frame
    }
}
