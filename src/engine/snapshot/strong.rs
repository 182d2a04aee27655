//! A snapshot: a counted pointer to a frame, which is what a `Context` is made of.
//!
//! Whatever a snapshot shows counts as inherited: bindings of short reach are not carried.
//! Everything that is reached through one is immutable but for the counts, so snapshots can be sent
//! to other threads and shared by them.

use super::binding::BindingRef;
use super::resolved::{Resolution, Resolved, resolve};
use crate::engine::build::general::*;
use crate::engine::index::diff;
use crate::engine::index::edit::Edit;
use crate::engine::index::staying;
use crate::engine::index::trie::{self};
use crate::engine::memory::flags::*;
use crate::engine::memory::frame::*;
use crate::engine::memory::key::Key;
use crate::engine::memory::slot::{INHERITED, Node, Slot};
use crate::engine::reclaim::base::FAR_OUT;
#[cfg(feature = "std")]
use crate::engine::reclaim::base::base;
use crate::engine::reclaim::ownership::share_derived;
use crate::engine::reclaim::refcount::retain;
use crate::engine::reclaim::release::release_strong;
use crate::engine::reclaim::seen;
use crate::sys::{Site, step};
use alloc::vec::Vec;
use core::marker::PhantomData;
use core::mem::ManuallyDrop;
use core::panic::Location;
use core::ptr::{self, NonNull};

/// Invariant: L1 — the frame is shared, and one of its `strong` counts is the snapshot's.
#[repr(transparent)]
pub(crate) struct Snapshot(pub(in crate::engine) NonNull<Frame>);

// SAFETY: what is reached through a snapshot is immutable or atomic, and values are `Send + Sync`.
unsafe impl Send for Snapshot {}
// SAFETY: as above.
unsafe impl Sync for Snapshot {}

impl Clone for Snapshot {
    #[inline]
    fn clone(&self) -> Self {
        if step(Site::CloneTakes) {
            retain(&self.frame().strong);
        }
        Snapshot(self.0)
    }
}

impl Drop for Snapshot {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: the count is ours (L1).
        unsafe { release_strong(self.as_raw()) }
    }
}

impl Snapshot {
    pub(in crate::engine) fn as_raw(&self) -> *const Frame {
        self.0.as_ptr()
    }

    pub(in crate::engine) fn into_raw(self) -> *const Frame {
        ManuallyDrop::new(self).as_raw()
    }

    /// # Safety
    /// 1. `frame` is null, or shared, and one of its `strong` counts is the caller's to give.
    pub(in crate::engine) unsafe fn from_raw(frame: *const Frame) -> Option<Self> {
        NonNull::new(frame.cast_mut()).map(Snapshot)
    }

    pub(in crate::engine) fn frame(&self) -> &Frame {
        // SAFETY: L1 keeps it alive.
        unsafe { self.0.as_ref() }
    }

    pub(in crate::engine) fn root(&self) -> *const Node {
        self.as_raw().cast()
    }

    pub(super) fn find(&self, id: usize) -> Option<Slot> {
        self.frame().body.reads();
        // SAFETY: L1 keeps the frame and what its index leads to.
        unsafe { trie::find(self.root(), id) }
    }

    pub(crate) fn ptr_eq(&self, other: &Snapshot) -> bool {
        self.0 == other.0
    }

    /// Whether it leads to a binding that stays on its stack. O(1) as long as there is none in the
    /// process, else it looks through all.
    pub(in crate::engine) fn may_have_staying(&self) -> bool {
        // SAFETY: L1 keeps the frame and what its index leads to.
        staying::is_staying_used() && unsafe { staying::leads_to_staying(self.as_raw()) }
    }

    /// What a variable is bound to in this context.
    pub(crate) fn see<T>(&self, key: &Key<T>) -> Resolution {
        // SAFETY: the snapshot keeps the frame (L1).
        self.lookup(key).map_or_else(|other| other, |resolved| unsafe { resolved.resolution() })
    }

    fn lookup<T>(&self, key: &Key<T>) -> Result<Resolved, Resolution> {
        self.find(key.peek()).map_or(Err(Resolution::Absent), shown)
    }

    /// The value that a variable is bound to in this context.
    pub(crate) fn get<T>(&self, key: &Key<T>) -> Option<&T> {
        // SAFETY: the frame has the id of a key of `T`; the snapshot keeps the value (L1).
        self.lookup(key).ok().map(|resolved| unsafe { &*resolved.value() })
    }

    /// The binding of a variable in this context.
    pub(crate) fn entry<T>(&self, key: &Key<T>) -> Option<BindingRef<'_>> {
        self.lookup(key).ok().map(|resolved| BindingRef { resolved, snapshot: PhantomData })
    }

    /// A snapshot that shows what `from` does, and a variable bound to `value`.
    pub(crate) fn with<T>(
        from: Option<Snapshot>,
        key: &Key<T>,
        value: T,
        place: &'static Location<'static>,
    ) -> Snapshot {
        key.bound_at(place);
        let spec = FrameSpec {
            role: Role::Binding,
            bits: key.head().reach,
            id: key.head().id(),
            kind: key.head().kind,
            edit: Edit::Put,
            ..spec(&from, key.name(), place)
        };
        // SAFETY: `from` is counted by the new frame, or what it shows is; the kind is that of `T`.
        unsafe {
            let frame = spec.build();
            Frame::init(frame, value);
            seen::derived(frame);
            Snapshot::publish(frame, from)
        }
    }

    /// A snapshot that shows what `from` does, but a variable as if never bound.
    pub(crate) fn without<T>(
        from: Option<Snapshot>,
        key: &Key<T>,
        place: &'static Location<'static>,
    ) -> Snapshot {
        Snapshot::masked(from, key.head().id(), key.name(), place)
    }

    /// The same, of a variable whose type does not matter.
    pub(super) fn masked(
        from: Option<Snapshot>,
        id: usize,
        name: &Name,
        place: &'static Location<'static>,
    ) -> Snapshot {
        let spec = FrameSpec {
            role: Role::Mask,
            id,
            edit: Edit::Put,
            lets_go: true,
            ..spec(&from, name, place)
        };
        // SAFETY: as in `with`; a mask has no value.
        unsafe { Snapshot::publish(spec.build(), from) }
    }

    /// A snapshot of one frame, which shows what this one does and keeps nothing else.
    pub(crate) fn trimmed(&self) -> Snapshot {
        if self.frame().is(Traits::FULL_INDEX) {
            return self.clone();
        }
        let from = Some(self.clone());
        let spec = FrameSpec {
            role: Role::Compacted,
            parent: ptr::null(),
            ..spec(&from, &NAMELESS, Location::caller())
        };
        // SAFETY: as in `with`; a compaction frame has no value.
        unsafe { Snapshot::publish(spec.build(), from) }
    }

    /// # Safety
    /// 1. `frame` was built from `from` and nobody else knows it.
    pub(in crate::engine) unsafe fn publish(frame: *mut Frame, from: Option<Snapshot>) -> Snapshot {
        // SAFETY: #1; all it shows was inherited.
        unsafe {
            // A mask is there to release what it hides, however far out that was bound.
            let most = if (*frame).role == Role::Mask { usize::MAX } else { FAR_OUT };
            let uses_up = share_derived(frame, most);
            let snapshot = Snapshot(NonNull::new_unchecked(frame));
            if uses_up {
                _ = from.map(Snapshot::into_raw);
            }
            snapshot
        }
    }

    /// All bindings that this context shows, in the order in which their variables were first used.
    pub(crate) fn entries(&self) -> Vec<BindingRef<'_>> {
        let mut found = Vec::with_capacity(self.frame().root.entries as usize);
        // SAFETY: L1 keeps the frame and what its index leads to.
        unsafe {
            trie::each(self.root(), INHERITED, &mut |slot| {
                if let Ok(resolved) = shown(slot) {
                    found.push(BindingRef { resolved, snapshot: PhantomData });
                }
            });
        }
        found.sort_unstable_by_key(|entry| entry.frame().id);
        found
    }

    pub(crate) fn len(&self) -> usize {
        let mut len = 0;
        // SAFETY: as in `entries`.
        unsafe {
            trie::each(self.root(), INHERITED, &mut |slot| {
                len += usize::from(shown(slot).is_ok());
            });
        }
        len
    }

    /// Calls `f` with the entries that differ, before and after, in time proportional to the nodes
    /// that do.
    pub(crate) fn differences<'a>(
        before: Option<&'a Snapshot>,
        after: Option<&'a Snapshot>,
        f: &mut dyn FnMut(Option<BindingRef<'a>>, Option<BindingRef<'a>>),
    ) {
        let entry = |slot: Slot| {
            shown(slot).ok().map(|resolved| BindingRef { resolved, snapshot: PhantomData })
        };
        let root = |of: Option<&Snapshot>| of.map_or(ptr::null(), |snapshot| snapshot.root());
        // SAFETY: both snapshots keep what their indices lead to (L1).
        unsafe {
            diff::differences(root(before), root(after), &mut |a, b| {
                f(a.and_then(entry), b.and_then(entry))
            });
        }
    }

    /// Whether both show the same bindings: whether there is no difference.
    pub(crate) fn same(a: Option<&Snapshot>, b: Option<&Snapshot>) -> bool {
        let mut same = true;
        Snapshot::differences(a, b, &mut |before, after| {
            same &= before.is_none() && after.is_none()
        });
        same
    }

    /// Whether this snapshot keeps `outer`, because that is further out on the same chain.
    #[cfg(feature = "std")]
    pub(crate) fn keeps(&self, outer: &Snapshot) -> bool {
        let mut frame = self.as_raw();
        while !frame.is_null() {
            // SAFETY: L1 keeps the frame, which keeps its base (I4).
            frame = unsafe { base(frame) }.as_frame();
            if frame == outer.as_raw() {
                return true;
            }
        }
        false
    }
}

/// What a slot of a context shows: everything there was inherited, so nothing of short reach.
pub(in crate::engine) fn shown(slot: Slot) -> Result<Resolved, Resolution> {
    // SAFETY: slots that were found lead to live frames.
    unsafe { resolve(slot, |_| false) }
}

/// The name of a frame that binds no variable.
pub(in crate::engine) static NAMELESS: Name = Name::Static("");

pub(in crate::engine) fn spec<'a>(
    from: &Option<Snapshot>,
    name: &'a Name,
    place: &'static Location<'static>,
) -> FrameSpec<'a> {
    let from = from.as_ref().map_or(ptr::null(), Snapshot::as_raw);
    FrameSpec {
        role: Role::Mask,
        bits: Traits::NONE,
        id: 0,
        name,
        kind: Kind::of::<()>(),
        place,
        parent: from,
        origin: Origin { marker: ptr::null() },
        run: 0,
        from,
        tag: 0,
        edit: Edit::Keep,
        to: None,
        lets_go: false,
    }
}
