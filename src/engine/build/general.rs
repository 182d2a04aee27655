//! How any frame is built: laid out, written with its index, and freed.
//!
//! A [`FrameSpec`] says what the frame is to be. The rule: the room for the index is measured with
//! the same arguments with which the index is written. Nobody else knows the frame until it is
//! returned.

use super::policy::is_time;
use crate::engine::index::edit;
use crate::engine::index::edit::Edit;
use crate::engine::index::single_node;
use crate::engine::index::sink::{Extent, Writer};
use crate::engine::index::trie::{self};
use crate::engine::memory::flags::*;
use crate::engine::memory::frame::*;
use crate::engine::memory::free_list;
use crate::engine::memory::slot::{Node, SPECIAL, Slot};
use core::panic::Location;
use core::ptr;

/// What a new frame is to say.
pub(in crate::engine) struct FrameSpec<'a> {
    pub(in crate::engine) role: Role,
    pub(in crate::engine) bits: Traits,
    pub(in crate::engine) id: usize,
    pub(in crate::engine) name: &'a Name,
    pub(in crate::engine) kind: &'static Kind,
    pub(in crate::engine) place: &'static Location<'static>,
    pub(in crate::engine) parent: *const Frame,
    pub(in crate::engine) origin: Origin,
    pub(in crate::engine) run: u16,
    /// Where the index is taken from; null for an empty one.
    pub(in crate::engine) from: *const Frame,
    /// A tag for all that is taken from there.
    pub(in crate::engine) tag: usize,
    /// What changes of it, at `id`.
    pub(in crate::engine) edit: Edit,
    /// Where `id` leads then; `None`: to the new frame.
    pub(in crate::engine) to: Option<Slot>,
    /// What is hidden is released, whatever the size of the index.
    pub(in crate::engine) lets_go: bool,
}

static NOTHING: Node = Node::EMPTY;

/// Up to so many entries, a mask of a context counts all that it shows, so that it can release what
/// it hides.
const MANY: u32 = 1024;

/// Up to so many entries are copied as soon as one of them is hidden.
const FEW: u32 = 64;

impl FrameSpec<'_> {
    /// Where the index is taken from, and whether it is one node alone.
    fn root(&self) -> (*const Node, bool) {
        if self.from.is_null() {
            return (&raw const NOTHING, true);
        }
        // SAFETY: #1 of `build`.
        (self.from.cast(), unsafe { (*self.from).bits.has_any(Traits::SINGLE_NODE) })
    }

    /// Makes the frame; its value, if its kind has one, is still to be written with
    /// [`Frame::init`].
    ///
    /// # Safety
    /// 1. `from` is null or alive with everything its index leads to, and stays so as long as the
    ///    new frame.
    /// 2. An id to be removed leads somewhere.
    pub(in crate::engine) unsafe fn build(&self) -> *mut Frame {
        // SAFETY: #1 and #2.
        unsafe { self.build_with(free_list::allocate) }
    }

    /// As [`build`](Self::build), in a block that `allocate` gives; the allocator that it asks is
    /// foreign code.
    ///
    /// # Safety
    /// As [`build`](Self::build), also while `allocate` runs.
    pub(in crate::engine) unsafe fn build_with(
        &self,
        allocate: impl FnOnce(usize, &Kind) -> *mut u8,
    ) -> *mut Frame {
        let (root, is_single) = self.root();
        let (segment, is_time) = self.segment();
        // SAFETY: #1, and the empty node leads nowhere.
        let (single, hides, entries) = unsafe {
            let single = if is_single { single_node::plan(root, self.id, self.edit) } else { None };
            let hides =
                single.as_ref().map_or_else(|| self.hides(root), single_node::OneNode::hides);
            (single, hides, (*root).entries)
        };
        let is_time = is_time || hides && single.is_none() && self.lets_go && entries <= MANY;
        // An index that leads to a node of a frame further out keeps that frame, and so cannot
        // release what it hides.
        let hides = hides && !is_time && (single.is_some() || entries <= FEW);
        let extent = if is_time || hides { Extent::Whole } else { Extent::Path };
        let bytes = match &single {
            Some(single) => single.bytes(),
            // SAFETY: as above.
            None => unsafe { edit::measure(root, self.id, self.edit, extent) },
        };
        let bytes = if hides { bytes + size_of::<Slot>() } else { bytes };
        let before = bytes.next_multiple_of(self.kind.align.max(align_of::<Frame>()));
        let block = allocate(before, self.kind);
        // SAFETY: the layout has the frame after that many bytes.
        let frame = unsafe { block.add(before) }.cast::<Frame>();
        let (name, owned) = self.name.into_raw();
        let cut = match (is_time, self.role) {
            (true, _) => Traits::DETACHED | Traits::FULL_INDEX,
            (false, Role::Adopt) => Traits::DETACHED,
            (false, _) => Traits::NONE,
        };
        // SAFETY: the block is ours, aligned and large enough.
        unsafe {
            let before =
                Position::of(before) | if hides { Position::HIDES } else { Position::NONE };
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
        // SAFETY: #1 and #2; the room was measured with the same arguments; nobody knows the frame
        // yet.
        unsafe {
            if let Some(single) = single {
                single.write(root, frame.cast(), slot, self.tag);
                (*frame).bits |= Traits::SINGLE_NODE;
            } else {
                let mut writer = Writer { free: block, tag: self.tag, extent };
                edit::write(root, frame.cast(), self.id, self.edit, slot, &mut writer);
                debug_assert!(writer.free.addr() <= frame.addr());
                if (*frame).root.bitmap.count_ones() == (*frame).root.entries {
                    (*frame).bits |= Traits::SINGLE_NODE;
                }
            }
        }
        // SAFETY: what the index leads to is alive by #1, the frame itself is whole.
        unsafe { trie::check(frame.cast(), 0, 0, (extent == Extent::Path).then_some(self.id)) };
        frame
    }

    fn is_special(&self) -> bool {
        self.role != Role::Binding || self.bits.has_any(Traits::SHORT_REACH)
    }

    /// How many frames there are since the chain was shortened, and whether it is time to shorten
    /// it again. A frame that enters a context never shortens; what is captured above it may.
    fn segment(&self) -> (u16, bool) {
        if self.from.is_null() {
            return (1, false);
        }
        // SAFETY: #1 of `build`.
        let from = unsafe { &*self.from };
        match self.role {
            Role::Compacted => (0, true),
            Role::Adopt => (from.segment.saturating_add(1), false),
            _ if is_time(from) => (0, true),
            _ => (from.segment.saturating_add(1), false),
        }
    }

    /// Whether the new index hides a frame that `id` leads to in the old one.
    ///
    /// # Safety
    /// 1. `root` is alive, with everything its index leads to.
    unsafe fn hides(&self, root: *const Node) -> bool {
        // SAFETY: #1.
        self.edit != Edit::Keep && unsafe { trie::find(root, self.id) }.is_some()
    }
}

/// Frees the block of a frame whose value has ended.
///
/// # Safety
/// 1. Nobody uses the frame any more, nor any other one in its block, which is its own.
#[inline]
pub(in crate::engine) unsafe fn free(frame: *const Frame) {
    // SAFETY: #1.
    unsafe {
        if (*frame).is(Traits::OWNED_NAME) {
            drop(crate::sys::Arc::from_raw((*frame).name));
        }
        ptr::drop_in_place(frame.cast_mut());
        // The free list asks how many bytes lie before it, and nothing else.
        (*frame.cast_mut()).before = Position::of((*frame).before.bytes());
        free_list::free(frame.cast_mut());
    }
}
