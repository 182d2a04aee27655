//! What a snapshot keeps and does not show: bindings further out on its chain that a later one
//! hides. *What a context keeps* on the page of the crate says when there are any.

use super::strong::Snapshot;
use crate::engine::index::trie;
use crate::engine::memory::flags::Traits;
use crate::engine::memory::frame::{Frame, Role};
use crate::engine::memory::slot::INHERITED;
use crate::engine::reclaim::base::{Base, base};
use core::panic::Location;
use core::ptr;
use std::collections::HashSet;

impl Snapshot {
    /// Calls `f` with the name and the place of each binding that this snapshot keeps and does not
    /// show. In time proportional to the length of the chain and to what its frames count by value.
    pub(crate) fn pinned(&self, f: &mut dyn FnMut(&str, &'static Location<'static>)) {
        let mut met = HashSet::new();
        let mut frame = self.as_raw();
        // SAFETY: L1 keeps the frame, which keeps its base (I4) and the values that it counts (I5).
        unsafe {
            let mut look = |kept: *const Frame| {
                if self.is_hidden(kept) && met.insert(kept) {
                    f((*kept).name(), (*kept).place);
                }
            };
            while !frame.is_null() {
                let this = &*frame;
                look(frame);
                let counts_values =
                    this.is(Traits::FULL_INDEX) || matches!(base(frame), Base::Apart(_));
                if counts_values && this.role != Role::Adopt {
                    // Of a batch, the head has the index.
                    let holder = Frame::head(frame).unwrap_or(frame);
                    trie::each(holder.cast(), INHERITED, &mut |slot| look(slot.as_frame()));
                }
                frame = further_out(frame);
            }
        }
    }

    /// # Safety
    /// 1. This snapshot keeps the value of `kept`.
    unsafe fn is_hidden(&self, kept: *const Frame) -> bool {
        // SAFETY: #1, and L1.
        unsafe {
            let this = &*kept;
            // Those of short reach end with their stack.
            matches!(this.role, Role::Binding | Role::Alias)
                && !this.is(Traits::SHORT_REACH)
                && trie::find(self.root(), this.id).is_none_or(|slot| slot.as_frame() != kept)
        }
    }
}

/// What a frame of a chain keeps: its base, or the context that was entered.
///
/// # Safety
/// 1. `frame` is alive and shared.
unsafe fn further_out(frame: *const Frame) -> *const Frame {
    // SAFETY: #1; the value of a frame that adopts a context is that.
    unsafe {
        if (*frame).role == Role::Adopt {
            (*frame).watch.reads();
            let entered = &*Frame::value::<Option<Snapshot>>(frame);
            return entered.as_ref().map_or(ptr::null(), Snapshot::as_raw);
        }
        base(frame).as_frame()
    }
}
