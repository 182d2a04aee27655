//! Frames are made and freed here, whatever they say.

use super::frame::*;
use super::pool;
use super::slot::{Node, SPECIAL, Slot};
use super::trie::{self, Edit, Extent, Writer};
use crate::sync::{MODELLED, Ordering::Relaxed, Site, StaticAtomicUsize, order};
use std::panic::Location;
use std::ptr;

/// What a new frame is to say.
pub(super) struct Draft<'a> {
    pub(super) role: Role,
    pub(super) bits: u8,
    pub(super) id: usize,
    pub(super) name: &'a Name,
    pub(super) kind: &'static Kind,
    pub(super) place: &'static Location<'static>,
    pub(super) parent: *const Frame,
    pub(super) origin: Origin,
    pub(super) run: u16,
    /// Where the index is taken from; null for an empty one.
    pub(super) from: *const Frame,
    /// A tag for all that is taken from there.
    pub(super) tag: usize,
    /// What changes of it, at `id`.
    pub(super) edit: Edit,
    /// Where `id` leads then; `None`: to the new frame.
    pub(super) to: Option<Slot>,
}

static NOTHING: Node = Node::EMPTY;

impl Draft<'_> {
    /// Where the index is taken from, and whether it is one node alone.
    fn root(&self) -> (*const Node, bool) {
        if self.from.is_null() {
            return (&raw const NOTHING, true);
        }
        // SAFETY: #1 of `build`.
        (self.from.cast(), unsafe { (*self.from).bits & FLAT != 0 })
    }

    /// Makes the frame; its value, if its kind has one, is still to be written with [`Frame::init`].
    ///
    /// # Safety
    /// 1. `from` is null or alive with everything its index leads to, and stays so as long as the new frame.
    /// 2. An id to be removed leads somewhere.
    pub(super) unsafe fn build(&self) -> *mut Frame {
        // SAFETY: #1 and #2.
        unsafe { self.build_with(pool::allocate) }
    }

    /// As [`build`](Self::build), in a block that `allocate` gives; the allocator that it asks is foreign code.
    ///
    /// # Safety
    /// As [`build`](Self::build), also while `allocate` runs.
    pub(super) unsafe fn build_with(&self, allocate: impl FnOnce(usize, &Kind) -> *mut u8) -> *mut Frame {
        let (root, is_flat) = self.root();
        let (segment, extent) = self.segment();
        // SAFETY: #1, and the empty node leads nowhere.
        let flat = if is_flat { unsafe { trie::flat(root, self.id, self.edit) } } else { None };
        let bytes = match &flat {
            Some(flat) => flat.bytes(),
            // SAFETY: as above.
            None => unsafe { trie::measure(root, self.id, self.edit, extent) },
        };
        let before = bytes.next_multiple_of(self.kind.align.max(align_of::<Frame>()));
        let block = allocate(before, self.kind);
        // SAFETY: the layout has the frame after that many bytes.
        let frame = unsafe { block.add(before) }.cast::<Frame>();
        let (name, owned) = self.name.into_raw();
        let cut = match (extent, self.role) {
            (Extent::Whole, _) => CUT | WHOLE,
            (Extent::Path, Role::Adopt) => CUT,
            (Extent::Path, _) => 0,
        };
        // SAFETY: the block is ours, aligned and large enough.
        unsafe {
            let before =
                u32::try_from(before).ok().filter(|before| *before < FAR).expect("an index of less than 512 MiB");
            frame.write(Frame {
                segment,
                run: self.run,
                role: self.role,
                bits: self.bits | owned | cut,
                ..Frame::new(self.id, self.parent, self.kind, name, self.place, self.origin, before)
            });
        }
        let special = if self.is_special() { SPECIAL } else { 0 };
        let slot = self.to.unwrap_or_else(|| Slot::frame(frame, special));
        // SAFETY: #1 and #2; the room was measured with the same arguments; nobody knows the frame yet.
        unsafe {
            if let Some(flat) = flat {
                flat.write(root, frame.cast(), slot, self.tag);
                (*frame).bits |= FLAT;
            } else {
                let mut writer = Writer { free: block, tag: self.tag, extent };
                trie::write(root, frame.cast(), self.id, self.edit, slot, &mut writer);
                debug_assert!(writer.free.addr() <= frame.addr());
                if (*frame).root.bitmap.count_ones() == (*frame).root.entries {
                    (*frame).bits |= FLAT;
                }
            }
        }
        // SAFETY: what the index leads to is alive by #1, the frame itself is whole.
        unsafe { trie::check(frame.cast(), 0, 0, (extent == Extent::Path).then_some(self.id)) };
        frame
    }

    fn is_special(&self) -> bool {
        self.role != Role::Binding || self.bits & (STACK | CHECKPOINT) != 0
    }

    /// How many frames lie since the last whole index, and whether it is time for another one.
    fn segment(&self) -> (u16, Extent) {
        if self.from.is_null() {
            return (1, Extent::Path);
        }
        // SAFETY: #1 of `build`.
        let from = unsafe { &*self.from };
        if self.role == Role::Digest || is_time(from) {
            (0, Extent::Whole)
        } else {
            (from.segment.saturating_add(1), Extent::Path)
        }
    }
}

/// Whether the frame above `from` is to have a whole index.
///
/// From a frame where the chain has outgrown its variables, many may be entered one after the other, each of which
/// could write the whole index in vain. So where that costs more than an ordinary frame, it is done by the way: by one
/// frame in so many that each pays for 16 slots in the mean, whatever the pattern.
fn is_time(from: &Frame) -> bool {
    static TURNS: StaticAtomicUsize = StaticAtomicUsize::new(0);
    let entries = from.root.entries as usize;
    // Relaxed: any number will do.
    outgrown(from.segment, from.root.entries)
        && (entries <= 32 || TURNS.fetch_add(1, order(Site::NextTurn, Relaxed)) % (entries / 16) == 0)
}

/// Whether so many frames are well beyond the variables they show, so that it is time to shorten the chain.
///
/// A new index of `entries` variables is written at most once for twice as many frames and 32 more: a constant
/// for each frame. The cap keeps the numbers in 16 bits; beyond it each frame pays `entries` / 32 768 words.
pub(super) fn outgrown(frames: u16, entries: u32) -> bool {
    u32::from(frames) >= (SLOPE * entries.min(u32::MAX / 4) + SLACK).min(1 << 15)
}

/// In a model the third binding of one variable already makes a whole index.
const SLOPE: u32 = if MODELLED { 1 } else { 2 };
const SLACK: u32 = if MODELLED { 1 } else { 32 };

/// Gives the block of a frame back; its value has ended before.
///
/// # Safety
/// 1. Nobody uses the frame any more, nor any other one in its block, which is its own.
#[inline]
pub(super) unsafe fn free(frame: *const Frame) {
    // SAFETY: #1.
    unsafe {
        if (*frame).is(OWNED_NAME) {
            drop(crate::sync::Arc::from_raw((*frame).name));
        }
        ptr::drop_in_place(frame.cast_mut());
        // The pool asks how many bytes lie before it, and nothing else.
        (*frame.cast_mut()).before &= !(CROWN | FAR);
        pool::free(frame.cast_mut());
    }
}
