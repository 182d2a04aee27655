//! What a shared frame keeps: its base, and each value that it shows and its base does not.
//!
//! The base of most frames is their parent, so that nothing else is to count. A frame that hides a
//! value which needs a drop has another: the nearest frame further out that does not show that
//! value. So no context keeps what it hides.
//!
//! ```text
//! A = 1  <-  B = 2  <-  A = 3       base of the innermost: what lies below `A = 1`; it counts `B = 2`
//! ```
//! The base is found when the frame is shared for the first time, since most frames never are. It
//! then stays.

use super::refcount::{retain, retain_value};
use crate::engine::index::trie;
use crate::engine::memory::flags::*;
use crate::engine::memory::frame::*;
use crate::engine::memory::slot::{INHERITED, SPECIAL, Slot, get, put};
use crate::sys::{Site, Way, reached, step};
use core::ptr;

/// How many frames further out a base is looked for as a rule. What is hidden beyond may be kept.
pub(in crate::engine) const FAR_OUT: usize = 64;

/// The base of a shared frame.
#[derive(Clone, Copy)]
pub(in crate::engine) enum Base {
    /// The frame's parent, which may be null.
    Parent(*const Frame),
    /// Another frame further out, or null; the tag of inheritance says whether the stack that
    /// shared the frame had it from a context.
    Apart(Slot),
}

impl Base {
    #[inline]
    pub(in crate::engine) fn as_frame(self) -> *const Frame {
        match self {
            Base::Parent(parent) => parent,
            Base::Apart(slot) => slot.as_frame(),
        }
    }
}

/// # Safety
/// 1. `frame` is alive and shared.
#[inline]
pub(in crate::engine) unsafe fn base(frame: *const Frame) -> Base {
    // SAFETY: #1; the head of a member is there as long as the member.
    unsafe {
        let this = &*frame;
        if !this.before.has_any(Position::MEMBER | Position::HIDES) && !this.is(Traits::DETACHED) {
            return Base::Parent(this.parent);
        }
        unusual(frame)
    }
}

/// The base of a frame that hides something, is a member of a batch, or counts no frame.
///
/// # Safety
/// As [`base`].
unsafe fn unusual(frame: *const Frame) -> Base {
    // SAFETY: as in `base`.
    unsafe {
        let this = &*frame;
        if this.is(Traits::DETACHED) {
            return Base::Apart(Slot::frame(ptr::null(), 0));
        }
        // Of a batch, the frame that begins it counts what is below; the slot for that is the
        // head's.
        let hider = match Frame::head(frame) {
            Some(head) if this.is(Traits::BOUNDARY) => head,
            Some(_) => return Base::Parent(this.parent),
            None => frame,
        };
        if !(*hider).hides() || hider == frame && this.before.is_head() {
            return Base::Parent(this.parent);
        }
        noted(hider, this.parent)
    }
}

/// Whether a shared frame counts its parent.
///
/// # Safety
/// 1. `frame` is alive and shared.
#[inline]
pub(in crate::engine) unsafe fn counts_parent(frame: *const Frame) -> bool {
    // SAFETY: #1.
    matches!(unsafe { base(frame) }, Base::Parent(parent) if !parent.is_null())
}

/// The base that was noted as `hider` was shared; `parent` is that of the outermost frame in its
/// block.
///
/// # Safety
/// 1. `hider` is alive, shared and hides something.
unsafe fn noted(hider: *const Frame, parent: *const Frame) -> Base {
    // SAFETY: #1; there is one slot more than the index has.
    let slot = unsafe {
        (*hider).body.reads();
        get(hider.cast(), (*hider).root.bitmap.count_ones() as usize)
    };
    if slot.is_special() { Base::Apart(slot.without(SPECIAL)) } else { Base::Parent(parent) }
}

/// The outermost frame of the batch that this one is the head of, or the frame itself.
///
/// # Safety
/// 1. `frame` is alive, and no member of a batch.
unsafe fn outermost(mut frame: *const Frame) -> *const Frame {
    // SAFETY: #1; the frames of a batch lie side by side, down to the one that begins its
    // checkpoint.
    unsafe {
        if (*frame).before.is_head() {
            while !(*frame).is(Traits::BOUNDARY) {
                frame = (*frame).parent;
            }
        }
        frame
    }
}

/// Finds and notes the base of a frame that hides something and is being shared, and counts the
/// values that it shows and its base does not. The count of the base is the caller's to take. It is
/// looked for over at most `most` frames.
///
/// # Safety
/// 1. `frame` is alive, hides something, and nobody else knows it.
/// 2. Frames above `floor` are of a stack of this thread; `floor` and what is below were inherited.
///    `inherited` says that all the frame shows was.
pub(in crate::engine) unsafe fn settle(
    frame: *const Frame,
    floor: *const Frame,
    inherited: usize,
    most: usize,
) {
    // SAFETY: #1 and #2; the frame has a slot for its base.
    unsafe {
        let parent = (*outermost(frame)).parent;
        let nearest = Slot::frame(parent, if parent == floor { INHERITED } else { 0 });
        let base = look_for(frame, nearest, floor, most);
        let is_apart = base.as_frame() != parent;
        reached(match base.as_frame().is_null() {
            _ if !is_apart => Way::HidesNothingKept,
            true => Way::NoBase,
            false if base.is_inherited() => Way::BaseInherited,
            false => Way::BaseOnTheStack,
        });
        (*frame).body.writes();
        let noted = base.with(if is_apart { SPECIAL } else { 0 });
        put(frame.cast_mut().cast(), (*frame).root.bitmap.count_ones() as usize, noted);
        if is_apart && step(Site::HiderHolds) {
            besides(frame, base.as_frame(), inherited, &mut |slot| retain_value(slot));
        }
    }
}

/// # Safety
/// As [`settle`]; `nearest` is the frame below.
unsafe fn look_for(frame: *const Frame, nearest: Slot, floor: *const Frame, most: usize) -> Slot {
    let (mut best, mut at) = (nearest, nearest);
    for _ in 0..most {
        if at.as_frame().is_null() {
            return at;
        }
        // SAFETY: #1 and #2 of `settle`: what is below the frame is alive.
        let Some(is_there) = (unsafe { hides(frame, at.as_frame()) }) else { return at };
        // SAFETY: as above.
        at = unsafe { further_out(at, floor) };
        if is_there {
            best = at;
        }
    }
    best
}

/// `None` if `frame` shows each value that `below` shows and that needs a drop. If not, whether one of
/// those that it does not show is bound by `below` itself, or by its batch.
///
/// # Safety
/// 1. Both are alive, `below` further out.
unsafe fn hides(frame: *const Frame, below: *const Frame) -> Option<bool> {
    // SAFETY: #1; frames of a batch lie side by side, down to the one that begins its checkpoint.
    unsafe {
        let (mut each, mut found) = (frame, None);
        loop {
            let id = (*each).id;
            if let Some(slot) = trie::find(below.cast(), id) {
                let there = slot.as_frame();
                let here = trie::find(frame.cast(), id).map(Slot::as_frame);
                if here != Some(there) && !(*there).kind.is_plain() {
                    found = Some(there == below || Frame::head(there) == Some(below));
                }
            }
            let is_last = !(*frame).before.is_head() || (*each).is(Traits::BOUNDARY);
            if is_last || found == Some(true) {
                return found;
            }
            each = (*each).parent;
        }
    }
}

/// The frame that `at` counts, or would count if it were shared.
///
/// # Safety
/// 1. `at` leads to a live frame, one with an index.   2. As #2 of [`settle`].
unsafe fn further_out(at: Slot, floor: *const Frame) -> Slot {
    // SAFETY: #1; the state of a frame that was inherited is not ours to look at, but it is shared.
    unsafe {
        let frame = at.as_frame();
        if (*frame).role == Role::Adopt {
            // Its value is a snapshot, or nothing.
            (*frame).watch.reads();
            return Slot::frame(*Frame::value::<*const Frame>(frame), INHERITED);
        }
        let outer = outermost(frame);
        let is_own = !at.is_inherited();
        if is_own && !(*frame).in_state(Lifecycle::SHARED) {
            let parent = (*outer).parent;
            return Slot::frame(parent, if parent == floor { INHERITED } else { 0 });
        }
        match base(outer) {
            Base::Parent(parent) if is_own && parent != floor => Slot::frame(parent, 0),
            Base::Apart(slot) if is_own => slot,
            other => Slot::frame(other.as_frame(), INHERITED),
        }
    }
}

/// Calls `f` with each slot of a frame that its base does not have, except those that lead to the
/// frame itself and to its own batch.
///
/// # Safety
/// 1. `frame` is alive with everything its index leads to.
/// 2. `base` is null, or alive with everything its index leads to.
unsafe fn besides(
    frame: *const Frame,
    base: *const Frame,
    inherited: usize,
    f: &mut dyn FnMut(Slot),
) {
    // SAFETY: #1 and #2.
    unsafe {
        trie::each(frame.cast(), inherited, &mut |slot| {
            let shown = slot.as_frame();
            let is_own = shown == frame || Frame::head(shown) == Some(frame);
            let in_base = || {
                trie::find(base.cast(), (*shown).id).is_some_and(|slot| slot.as_frame() == shown)
            };
            if !is_own && (base.is_null() || !in_base()) {
                f(slot);
            }
        });
    }
}

/// Calls `f` with each frame whose value `frame`, which is ending, counts besides its base.
///
/// # Safety
/// 1. `frame` is alive and shared, hides something, and has its counts still.
pub(in crate::engine) unsafe fn counted_besides(
    frame: *const Frame,
    f: &mut dyn FnMut(*const Frame),
) {
    // SAFETY: #1; the base is alive while it is counted.
    unsafe {
        if let Base::Apart(base) = noted(frame, ptr::null()) {
            besides(frame, base.as_frame(), 0, &mut |slot| f(slot.as_frame()));
        }
    }
}

/// Counts the base of a frame that was shared just now, if it is not the parent and shared already.
///
/// # Safety
/// 1. `base` is null or alive and shared.
pub(in crate::engine) unsafe fn retain_base(base: *const Frame) {
    if !base.is_null() && step(Site::HiderCounts) {
        // SAFETY: #1.
        retain(unsafe { &(*base).strong });
    }
}
