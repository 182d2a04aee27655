//! Snapshots that differ from another one in any number of variables.
//!
//! The rule: what is placed has a count of its own ([`SharedValue`]) until the new snapshot has one.
//! A few changes are frames on top of the old snapshot, one for each; many are one frame with an
//! index of its own, which counts what it shows and keeps nothing of the old one.

use super::binding::BindingRef;
use super::resolved::{Resolution, Resolved};
use super::strong::{Snapshot, shown, spec};
use super::value::SharedValue;
use crate::engine::build::full;
use crate::engine::build::general::FrameSpec;
use crate::engine::index::bulk::Entry;
use crate::engine::index::diff;
use crate::engine::index::edit::Edit;
use crate::engine::index::trie;
use crate::engine::memory::flags::*;
use crate::engine::memory::frame::*;
use crate::engine::memory::key::Key;
use crate::engine::memory::slot::{INHERITED, SPECIAL, Slot};
use crate::engine::reclaim::seen;
use crate::sys::{MODELLED, Way, reached};
use alloc::vec::Vec;
use core::marker::PhantomData;
use core::panic::Location;
use core::ptr;

/// With so many variables for each change, the changes are frames on top; in a model with two.
const SPARSE: usize = if MODELLED { 2 } else { 8 };

/// One variable and what it is to show: a counted binding, or a mask.
///
/// Invariant: L3 — the frame is a binding, an alias or a mask, `SHARED` or `VALUE_SHARED`, and its
/// value is there: it has not ended with a stack that left it.
#[derive(Clone)]
pub(crate) struct Placed(SharedValue);

impl Placed {
    /// A binding that no stack made.
    pub(crate) fn bind<T: Send + Sync>(
        key: &Key<T>,
        value: T,
        place: &'static Location<'static>,
    ) -> Placed {
        key.bound_at(place);
        let head = key.head();
        let spec = FrameSpec {
            role: Role::Binding,
            bits: head.reach,
            id: head.id(),
            kind: head.kind,
            ..spec(&None, &head.name, place)
        };
        // SAFETY: the kind is that of `T`; nobody else knows the frame yet.
        unsafe {
            Placed::own(spec, |frame| {
                Frame::init(frame, value);
                seen::derived(frame);
            })
        }
    }

    /// A mask that no stack made.
    pub(crate) fn mask<T>(key: &Key<T>, place: &'static Location<'static>) -> Placed {
        Placed::mask_of(key.head().id(), &key.head().name, place)
    }

    fn mask_of(id: usize, name: &Name, place: &'static Location<'static>) -> Placed {
        let spec = FrameSpec { role: Role::Mask, id, ..spec(&None, name, place) };
        // SAFETY: a mask has no value.
        unsafe { Placed::own(spec, |_| {}) }
    }

    /// # Safety
    /// 1. `init` writes the value of a frame of that kind.
    unsafe fn own(spec: FrameSpec<'_>, init: impl FnOnce(*mut Frame)) -> Placed {
        // SAFETY: #1; it is built on nothing, and its one count is the handle's.
        unsafe {
            let frame = spec.build();
            init(frame);
            (*frame).set_state(Lifecycle::VALUE_SHARED);
            Placed(SharedValue(frame))
        }
    }

    /// What a slot of a snapshot shows; nothing if that does not reach into contexts.
    ///
    /// # Safety
    /// 1. The slot was found in a snapshot that is there.
    unsafe fn of(slot: Slot) -> Option<Placed> {
        if matches!(shown(slot), Err(Resolution::NotCarried(_))) {
            return None;
        }
        // SAFETY: #1; its counts are in use, as it was reached through a snapshot.
        Some(Placed(unsafe { SharedValue::counted_again(slot.as_frame()) }))
    }

    #[cfg(debug_assertions)]
    pub(in crate::engine) fn as_raw(&self) -> *const Frame {
        (self.0).0
    }

    fn frame(&self) -> &Frame {
        // SAFETY: the count keeps it.
        unsafe { &*(self.0).0 }
    }

    pub(crate) fn id(&self) -> usize {
        self.frame().id
    }

    pub(crate) fn name(&self) -> &str {
        self.frame().name()
    }

    pub(crate) fn place(&self) -> &'static Location<'static> {
        self.frame().place
    }

    pub(crate) fn is_of<T>(&self, key: &Key<T>) -> bool {
        self.frame().id == key.peek()
    }

    /// A mask of the same variable.
    pub(crate) fn masked(&self, place: &'static Location<'static>) -> Placed {
        Placed::mask_of(self.frame().id, &self.frame().counted_name(), place)
    }

    /// The binding, if it is no mask.
    pub(crate) fn binding(&self) -> Option<BindingRef<'_>> {
        let resolved = Resolved((self.0).0);
        (self.frame().role != Role::Mask).then_some(BindingRef { resolved, snapshot: PhantomData })
    }

    /// The value, if it is a binding of that variable.
    pub(crate) fn get<T>(&self, key: &Key<T>) -> Option<&T> {
        // SAFETY: a frame with the id of a key of `T`; the count keeps the value (L3).
        self.binding()
            .filter(|binding| binding.is_of(key))
            .map(|binding| unsafe { &*binding.resolved.value::<T>() })
    }

    fn is_same(&self, slot: Slot) -> bool {
        // SAFETY: the caller's snapshot keeps what the slot leads to, and the count our frame.
        unsafe { diff::same_leaf(self.slot(), slot) }
    }

    fn slot(&self) -> Slot {
        let frame = self.frame();
        let is_plain = frame.role == Role::Binding && !frame.is(Traits::SHORT_REACH);
        Slot::frame((self.0).0, if is_plain { 0 } else { SPECIAL })
    }
}

/// Two snapshots differ in one variable: what each shows of it, a mask included.
pub(crate) struct Difference {
    pub(crate) before: Option<Placed>,
    pub(crate) after: Option<Placed>,
}

impl Snapshot {
    /// The variables of which two snapshots do not show the same; masks are told from nothing.
    pub(crate) fn compared(before: Option<&Snapshot>, after: Option<&Snapshot>) -> Vec<Difference> {
        let root = |of: Option<&Snapshot>| of.map_or(ptr::null(), |snapshot| snapshot.root());
        let mut found = Vec::new();
        // SAFETY: both snapshots keep what their indices lead to (L1).
        unsafe {
            diff::differences(root(before), root(after), &mut |a, b| {
                let of = |slot: Option<Slot>| slot.and_then(|slot| Placed::of(slot));
                found.push(Difference { before: of(a), after: of(b) });
            });
        }
        found.retain(|found| found.before.is_some() || found.after.is_some());
        found.sort_unstable_by_key(|found| {
            found.before.as_ref().or(found.after.as_ref()).map_or(0, Placed::id)
        });
        found
    }

    /// A snapshot that shows what `from` does, but for the variables of `changes`; of several
    /// changes of one variable the last counts.
    pub(crate) fn changed(from: Option<&Snapshot>, mut changes: Vec<Placed>) -> Option<Snapshot> {
        // Stable, so the last one of a variable stays the last.
        changes.sort_by_key(Placed::id);
        changes.reverse();
        changes.dedup_by_key(|change| change.id());
        let visible = from.map_or(0, |from| from.frame().root.entries as usize);
        if visible >= changes.len() * SPARSE {
            reached(Way::ChangesOnTop);
            let on_top = |on: Option<Snapshot>, change: &Placed| Some(Snapshot::on_top(on, change));
            return changes.iter().rev().fold(from.cloned(), on_top);
        }
        reached(Way::ChangesAtOnce);
        let is_changed = |id: usize| changes.binary_search_by(|c| id.cmp(&c.id())).is_ok();
        let mut entries: Vec<Entry> = Vec::with_capacity(visible + changes.len());
        if let Some(from) = from {
            from.each_entry(&mut |entry| {
                if !is_changed(entry.0) {
                    entries.push(entry);
                }
            });
        }
        entries.extend(changes.iter().map(|change| (change.id(), change.slot())));
        // SAFETY: `from` and the changes keep what the entries lead to; each id is there once.
        unsafe { Snapshot::of_entries(entries) }
    }

    /// Whether it shows that very binding, or a mask where it is one.
    pub(crate) fn shows(&self, placed: &Placed) -> bool {
        self.find(placed.id()).is_some_and(|slot| placed.is_same(slot))
    }

    /// What all of them show: the very same bindings and masks.
    pub(crate) fn common(&self, others: &[Option<&Snapshot>]) -> Option<Snapshot> {
        let mut other: Vec<usize> = Vec::new();
        for snapshot in others {
            let root = snapshot.map_or(ptr::null(), |snapshot| snapshot.root());
            // SAFETY: both snapshots keep what their indices lead to (L1).
            unsafe {
                diff::differences(self.root(), root, &mut |a, _| {
                    other.extend(a.map(|slot| (*slot.as_frame()).id));
                });
            }
        }
        if other.is_empty() {
            return Some(self.clone());
        }
        other.sort_unstable();
        let mut entries: Vec<Entry> = Vec::new();
        self.each_entry(&mut |(id, slot)| {
            if other.binary_search(&id).is_err() {
                entries.push((id, slot));
            }
        });
        // SAFETY: `self` keeps what the entries lead to; each id is there once.
        unsafe { Snapshot::of_entries(entries) }
    }

    fn each_entry(&self, f: &mut dyn FnMut(Entry)) {
        // SAFETY: L1 keeps the frame and what its index leads to.
        unsafe {
            trie::each(self.root(), INHERITED, &mut |slot| f(((*slot.as_frame()).id, slot)));
        }
    }

    /// A snapshot of one frame that shows these entries, if there are any.
    ///
    /// # Safety
    /// 1. What the entries lead to is kept by the caller.   2. Each id is there once.
    unsafe fn of_entries(mut entries: Vec<Entry>) -> Option<Snapshot> {
        // SAFETY: #1 and #2; as it is shared, the frame counts what it shows.
        (!entries.is_empty()).then(|| unsafe { Snapshot::publish(full::build(&mut entries), None) })
    }

    /// A snapshot that shows what `from` does, and `change`: the index leads to the very frame.
    fn on_top(from: Option<Snapshot>, change: &Placed) -> Snapshot {
        let frame = change.frame();
        let name = frame.counted_name();
        if frame.role == Role::Mask {
            return Snapshot::masked(from, frame.id, &name, frame.place);
        }
        let spec = FrameSpec {
            role: Role::Reveal,
            id: frame.id,
            kind: Kind::of::<SharedValue>(),
            edit: Edit::Put,
            to: Some(change.slot()),
            ..spec(&from, &name, frame.place)
        };
        // SAFETY: as in `with`; the value behind the frame is the count of what it leads to.
        unsafe {
            let revealed = spec.build();
            Frame::init(revealed, change.0.clone());
            Snapshot::publish(revealed, from)
        }
    }

    /// A snapshot that shows what `from` does, and what `entry` shows: the same value, bound at the
    /// same place.
    pub(crate) fn and(from: Option<Snapshot>, entry: &BindingRef<'_>) -> Snapshot {
        let frame = entry.frame();
        let name = frame.counted_name();
        let spec = FrameSpec {
            role: Role::Alias,
            id: frame.id,
            kind: Kind::of::<SharedValue>(),
            edit: Edit::Put,
            ..spec(&from, &name, frame.place)
        };
        // SAFETY: as in `with`; the value behind an alias is a `SharedValue`, and whoever has
        // `entry` keeps the value.
        unsafe {
            let again = spec.build();
            Frame::init(again, SharedValue::once_more(entry.as_raw()));
            Snapshot::publish(again, from)
        }
    }
}
