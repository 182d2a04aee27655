//! Changes of the innermost checkpoint, which is open: set, unset, pop, reset.

use super::enter::Boundary;
use super::raw::RawStack;
use crate::engine::build::general::*;
use crate::engine::build::policy::outgrown;
use crate::engine::index::edit::Edit;
use crate::engine::index::staying::note_staying;
use crate::engine::index::trie::{self};
use crate::engine::memory::flags::*;
use crate::engine::memory::frame::*;
use crate::engine::memory::free_list;
use crate::engine::memory::key::Key;
use crate::engine::memory::slot::Slot;
use crate::engine::reclaim::departures::Departures;
use crate::engine::reclaim::ownership::does_count_below;
use crate::engine::reclaim::refcount::{retain, retain_all, retain_value};
use crate::engine::reclaim::release_list::ReleaseList;
use crate::engine::reclaim::retire::end_unless_seen;
use crate::engine::snapshot::resolved::{Resolution, Resolved};
use crate::engine::snapshot::strong::NAMELESS;
use crate::engine::snapshot::value::SharedValue;
use crate::sys::{Site, Way, reached, step};
use alloc::vec::Vec;
use core::panic::Location;
use core::ptr;

impl RawStack {
    /// Makes room for a change of `id` in the innermost checkpoint, which is open. What this change
    /// replaces ends, or is left to the snapshots that show it. A compaction frame takes the place
    /// of the frames of a checkpoint that has changed too often.
    pub(in crate::engine) fn clear_way(&self, id: usize, kind: &Kind, departures: &Departures<'_>) {
        if self.is_bare() {
            return;
        }
        // SAFETY: S1.
        let top = unsafe { &*self.top.get() };
        if top.id == id && !top.is(Traits::BOUNDARY) {
            return self.pop(departures);
        }
        let replaced = if kind.is_plain() { None } else { self.replaced(id) };
        // SAFETY: it was found on this stack.
        let is_private = |frame: *const Frame| unsafe { (*frame).state.get() == Lifecycle::NONE };
        let is_due = match replaced {
            Some(frame) if departures.can_end_value() && is_private(frame) => {
                // SAFETY: nobody else knows the frame, no read is out, and the stack will not show
                // it any more.
                unsafe { departures.end_value(frame) };
                reached(Way::EndsWhenSetAnew);
                false
            }
            // Contexts may show it, and the stack has a count of it with which it keeps the frame:
            // a compaction frame has none.
            Some(_) => u32::from(top.run) > 1 + top.root.entries / 8,
            None => false,
        };
        if (is_due || outgrown(top.run, top.root.entries)) && departures.is_unwatched() {
            if is_due {
                reached(Way::CompactionWhenSetAnew);
            }
            self.compact(replaced.map(|_| id), departures.ending());
        }
    }

    /// The binding of the innermost checkpoint that a change of `id` replaces, if its value needs a
    /// drop. Once it is replaced the stack does not show it again: what comes to light later was
    /// bound further out.
    fn replaced(&self, id: usize) -> Option<*const Frame> {
        // SAFETY: S1; what was not inherited is on this stack, or was until a compaction frame took
        // its place.
        unsafe {
            let slot = self.find_at(self.top.get(), id).filter(|slot| !slot.is_inherited())?;
            let frame = slot.as_frame();
            let is_here = Frame::marker(frame) == self.marker() && !(*frame).is(Traits::BOUNDARY);
            (is_here && !(*frame).kind.is_plain() && !(*frame).gone.get()).then_some(frame)
        }
    }

    /// Binds a variable in the innermost checkpoint, which is open.
    pub(crate) fn set<T>(
        &self,
        key: &Key<T>,
        value: T,
        place: &'static Location<'static>,
        departures: &Departures<'_>,
    ) {
        self.clear_way(key.head().id(), key.head().kind, departures);
        self.bind(key, value, Boundary::Nothing, place);
    }

    /// Masks a variable in the innermost checkpoint, which is open.
    pub(crate) fn unset<T>(
        &self,
        key: &Key<T>,
        place: &'static Location<'static>,
        departures: &Departures<'_>,
    ) {
        self.clear_way(key.head().id(), key.head().kind, departures);
        self.mask(key, Boundary::Nothing, place);
    }

    /// Where `id` leads just outside the checkpoint that `marker` begins.
    ///
    /// # Safety
    /// 1. `marker` begins a checkpoint of this stack, or is null for the one that the stack itself
    ///    is.
    unsafe fn find_outside(&self, marker: *const Frame, id: usize) -> Option<Slot> {
        // SAFETY: #1; the parent of a marker is on this stack or its floor.
        unsafe {
            let outside = if marker.is_null() {
                self.floor()
            } else if (*marker).role == Role::Adopt {
                let own = trie::find(marker.cast(), id);
                return own;
            } else {
                (*marker).parent
            };
            self.find_at(outside, id)
        }
    }

    /// Where the binding further out than the one at `slot` is.
    fn next_out(&self, slot: Slot, id: usize) -> Option<Slot> {
        if slot.is_inherited() {
            return None;
        }
        // SAFETY: what was not inherited is on this stack, and so is the frame that begins its
        // checkpoint.
        unsafe { self.find_outside(Frame::marker(slot.as_frame()), id) }
    }

    /// Lets a variable show what is bound further out than its nearest binding; says whether there
    /// was one.
    pub(crate) fn reveal_next<T>(
        &self,
        key: &Key<T>,
        place: &'static Location<'static>,
        departures: &Departures<'_>,
    ) -> bool {
        let id = key.peek();
        // SAFETY: S1.
        let Some(nearest) = (unsafe { self.find_at(self.top.get(), id) }) else { return false };
        let next = self.next_out(nearest, id);
        self.clear_way(id, key.head().kind, departures);
        self.reveal(key, next, place);
        true
    }

    /// Lets a variable show what it did when the innermost checkpoint began.
    pub(crate) fn reveal_outside<T>(
        &self,
        key: &Key<T>,
        place: &'static Location<'static>,
        departures: &Departures<'_>,
    ) {
        let id = key.peek();
        if id == 0 {
            // Never used, so nowhere bound; frames of no variable have this id too.
            return;
        }
        self.clear_way(id, key.head().kind, departures);
        // SAFETY: S1; the marker is that of this stack's innermost checkpoint.
        let outside = unsafe { self.find_outside(self.marker(), id) };
        self.reveal(key, outside, place);
    }

    /// Lets a variable lead to a place further out, or nowhere, unless it does already.
    ///
    /// The new frame counts the value there: a chain that was shortened in between counts only what
    /// it shows.
    fn reveal<T>(&self, key: &Key<T>, to: Option<Slot>, place: &'static Location<'static>) {
        // SAFETY: S1.
        let now = unsafe { self.find_at(self.top.get(), key.peek()) };
        if now.map(Slot::as_frame) == to.map(Slot::as_frame) {
            return;
        }
        let spec = FrameSpec {
            role: Role::Reveal,
            id: key.head().id(),
            kind: if to.is_some() { Kind::of::<SharedValue>() } else { Kind::of::<()>() },
            edit: if to.is_some() { Edit::Put } else { Edit::Remove },
            to,
            ..self.spec(Boundary::Nothing, key.name(), place)
        };
        // SAFETY: as in `bind`; what is revealed is further out, and what is removed was found by
        // the caller. What is not inherited is on this stack; the value behind the frame is a
        // `SharedValue` if there is a place.
        unsafe {
            let frame =
                spec.build_with(|before, kind| self.aside(|| free_list::allocate(before, kind)));
            if let Some(slot) = to {
                retain_value(slot);
                Frame::init(frame, SharedValue(slot.as_frame()));
            }
            self.top.set(frame);
        }
    }

    /// The bindings and masks of `id` from the nearest one outwards, as far as this stack made
    /// them, and the first one that it inherited. Allocates, and the allocator is foreign code:
    /// what is visible here must be kept meanwhile, as during a read.
    pub(crate) fn history(&self, id: usize) -> Vec<Resolution> {
        // SAFETY: S1.
        let nearest = unsafe { self.find_at(self.top.get(), id) };
        // SAFETY: what is seen is on this stack.
        let bound = |resolved: Resolved| unsafe { resolved.resolution() };
        core::iter::successors(nearest, |slot| self.next_out(*slot, id))
            .map(|slot| self.resolve(slot).map_or_else(|other| other, bound))
            .collect()
    }

    /// Puts one frame in the place of all others of the innermost checkpoint. It does not show the
    /// variable that is about to be bound anew, if there is one.
    fn compact(&self, without: Option<usize>, ending: &ReleaseList) {
        let (top, marker) = (self.top.get(), self.marker());
        let below = if marker.is_null() { self.floor() } else { marker };
        let spec = FrameSpec {
            role: Role::Compacted,
            parent: below,
            run: 1,
            id: without.unwrap_or(0),
            edit: if without.is_some() { Edit::Remove } else { Edit::Keep },
            ..self.spec(Boundary::Nothing, &NAMELESS, Location::caller())
        };
        // SAFETY: the index is taken from the top; what it shows is counted before anything is let
        // go. A count that keeps frames is given back when all of them have been passed: from then
        // on another thread may end them.
        unsafe {
            let compaction =
                spec.build_with(|before, kind| self.aside(|| free_list::allocate(before, kind)));
            // It binds no variable.
            (*compaction).id = 0;
            if step(Site::CompactionHolds) {
                retain_all(compaction, 0);
            }
            (*compaction).set_state(Lifecycle::SHARED);
            note_staying(compaction);
            self.top.set(compaction);
            let (mut frame, mut counted, mut passed) = (top, false, ptr::null::<Frame>());
            while frame != below {
                let shared = (*frame).in_state(Lifecycle::SHARED);
                // A shared frame that the one above it counts is not the stack's to give back (I4).
                if !(shared && counted) {
                    if !passed.is_null() {
                        ending.release_from_stack(passed);
                    }
                    passed = frame;
                }
                counted = does_count_below(frame);
                end_unless_seen(frame, compaction, ending);
                frame = (*frame).parent;
            }
            if counted && !below.is_null() && step(Site::CompactionTakesBelow) {
                // The lowest of them counts it; from now on the stack does.
                retain(&(*below).strong);
            }
            ending.release_from_stack(passed);
        }
    }
}
