//! Entering: frames that are put on a stack.
//!
//! The rule: a frame is complete, value included, before it becomes the top. Nobody else knows it,
//! so no count changes.

use super::raw::RawStack;
use crate::engine::build::general::*;
use crate::engine::build::single;
use crate::engine::index::edit::Edit;
use crate::engine::memory::flags::*;
use crate::engine::memory::frame::*;
use crate::engine::memory::free_list;
use crate::engine::memory::key::{Head, Key};
use crate::engine::memory::serial::Serial;
use crate::engine::memory::size_class;
use crate::engine::memory::slot::INHERITED;
use crate::engine::snapshot::strong::{NAMELESS, Snapshot};
use crate::engine::snapshot::value::{PreparedBinding, SharedValue};
use core::panic::Location;
use core::ptr;

/// What begins with a frame.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Boundary {
    /// A checkpoint that may be changed from inside.
    Open(Serial),
    /// A checkpoint that may not.
    Sealed(Serial),
    /// Nothing: the frame belongs to the checkpoint that is there.
    Nothing,
}

impl RawStack {
    /// What a new frame on top notes of the checkpoint that it begins or belongs to.
    #[inline]
    pub(in crate::engine) fn place_in(&self, begins: Boundary) -> (Traits, Origin, u16) {
        match begins {
            Boundary::Open(serial) => (Traits::BOUNDARY, Origin { serial }, 0),
            Boundary::Sealed(serial) => (Traits::BOUNDARY | Traits::SEALED, Origin { serial }, 0),
            Boundary::Nothing if self.is_bare() => {
                (Traits::NONE, Origin { marker: ptr::null() }, 1)
            }
            Boundary::Nothing => {
                // SAFETY: S1.
                let top = unsafe { &*self.top.get() };
                (
                    top.bits.among(Traits::SEALED),
                    Origin { marker: self.marker() },
                    top.run.saturating_add(1),
                )
            }
        }
    }

    /// A specification of a new frame on top.
    pub(in crate::engine) fn spec<'a>(
        &self,
        begins: Boundary,
        name: &'a Name,
        place: &'static Location<'static>,
    ) -> FrameSpec<'a> {
        let (bits, origin, run) = self.place_in(begins);
        FrameSpec {
            role: Role::Mark,
            bits,
            id: 0,
            name,
            kind: Kind::of::<()>(),
            place,
            parent: self.top.get(),
            origin,
            run,
            from: self.top.get(),
            tag: self.crossing(),
            edit: Edit::Keep,
            to: None,
            lets_go: false,
        }
    }

    /// Binds a variable with a frame on top.
    #[inline]
    pub(crate) fn bind<T>(
        &self,
        key: &Key<T>,
        value: T,
        begins: Boundary,
        place: &'static Location<'static>,
    ) {
        key.bound_at(place);
        // SAFETY: the frame is made with the kind of `T`, of our top, which stays below.
        unsafe {
            let frame = self.frame_for(key.head(), begins, place);
            Frame::init(frame, value);
            self.top.set(frame);
        }
    }

    /// Begins a sealed checkpoint with one binding. Returns its serial number: that of `serial`,
    /// unless an earlier scope is entered again.
    #[inline]
    pub(crate) fn scope<T>(
        &self,
        key: &Key<T>,
        value: T,
        serial: impl FnOnce() -> Serial,
        place: &'static Location<'static>,
    ) -> Serial {
        key.bound_at(place);
        // SAFETY: as in `bind`.
        unsafe {
            let again = self.scope_again(key.head(), place);
            let (frame, serial) = again.unwrap_or_else(|| {
                let serial = serial();
                (self.frame_for(key.head(), Boundary::Sealed(serial), place), serial)
            });
            Frame::init(frame, value);
            self.top.set(frame);
            serial
        }
    }

    /// The frame of a scope that ended here and is entered again, if there is one, without its
    /// value.
    #[inline]
    fn scope_again(
        &self,
        head: &Head,
        place: &'static Location<'static>,
    ) -> Option<(*mut Frame, Serial)> {
        let top = self.top.get();
        // Slots that are copied from a floor are tagged as inherited. A scope that ended on the
        // same frame, where it was no floor, has none of these tags.
        if self.is_bare() && !top.is_null() {
            return None;
        }
        // SAFETY: the top is alive (S1) and stays below the frame.
        unsafe { single::again(head, top, place) }
    }

    /// A frame for a binding on top, without its value: it is to get that, and to go on top, before
    /// anything else happens to this stack.
    #[inline(never)]
    fn frame_for(
        &self,
        head: &Head,
        begins: Boundary,
        place: &'static Location<'static>,
    ) -> *mut Frame {
        let from = (self.top.get(), self.crossing());
        // SAFETY: the top is alive (S1) and stays below the new frame.
        let frame = unsafe {
            single::build(head, from, self.place_in(begins), place, |class| {
                self.aside(|| size_class::allocate_class(class))
            })
        };
        if let Some(frame) = frame {
            return frame;
        }
        self.frame_for_any(head, begins, place)
    }

    #[cold]
    #[inline(never)]
    fn frame_for_any(
        &self,
        head: &Head,
        begins: Boundary,
        place: &'static Location<'static>,
    ) -> *mut Frame {
        let spec = self.spec(begins, &head.name, place);
        let bits = spec.bits | head.reach;
        let spec = FrameSpec {
            role: Role::Binding,
            bits,
            id: head.id(),
            kind: head.kind,
            edit: Edit::Put,
            ..spec
        };
        // SAFETY: as in `frame_for`.
        unsafe { spec.build_with(|before, kind| self.aside(|| free_list::allocate(before, kind))) }
    }

    /// Binds a variable to a value that is counted elsewhere.
    pub(crate) fn bind_prepared(&self, binding: &PreparedBinding<'_>) {
        let PreparedBinding { key, value, place } = binding;
        key.bound_at(place);
        let head = key.head();
        let spec = FrameSpec {
            role: Role::Alias,
            id: head.id(),
            kind: Kind::of::<SharedValue>(),
            edit: Edit::Put,
            ..self.spec(Boundary::Nothing, &head.name, place)
        };
        let spec = FrameSpec { bits: spec.bits | head.reach, ..spec };
        // SAFETY: as in `bind`; the value behind an alias is a `SharedValue`, here of the type of
        // the variable, as a `PreparedBinding` says.
        unsafe {
            let frame =
                spec.build_with(|before, kind| self.aside(|| free_list::allocate(before, kind)));
            Frame::init(frame, value.clone());
            self.top.set(frame);
        }
    }

    /// Masks a variable.
    pub(crate) fn mask<T>(
        &self,
        key: &Key<T>,
        begins: Boundary,
        place: &'static Location<'static>,
    ) {
        let spec = FrameSpec {
            role: Role::Mask,
            id: key.head().id(),
            edit: Edit::Put,
            ..self.spec(begins, key.name(), place)
        };
        // SAFETY: as in `bind`; a mask has no value.
        self.top.set(unsafe {
            spec.build_with(|before, kind| self.aside(|| free_list::allocate(before, kind)))
        });
    }

    /// Begins a checkpoint that binds nothing.
    pub(crate) fn mark(&self, begins: Boundary, place: &'static Location<'static>) {
        // SAFETY: as in `bind`; a mark has no value.
        self.top.set(unsafe {
            self.spec(begins, &NAMELESS, place)
                .build_with(|before, kind| self.aside(|| free_list::allocate(before, kind)))
        });
    }

    /// Begins an open checkpoint in which `context` takes the place of all that was visible.
    pub(crate) fn adopt(
        &self,
        context: Option<Snapshot>,
        serial: Serial,
        place: &'static Location<'static>,
    ) {
        let from = context.as_ref().map_or(ptr::null(), Snapshot::as_raw);
        let spec = FrameSpec {
            role: Role::Adopt,
            kind: Kind::of::<Option<Snapshot>>(),
            from,
            tag: INHERITED,
            ..self.spec(Boundary::Open(serial), &NAMELESS, place)
        };
        // SAFETY: the snapshot, which is the value of the frame, keeps what the index is taken
        // from.
        unsafe {
            let frame =
                spec.build_with(|before, kind| self.aside(|| free_list::allocate(before, kind)));
            Frame::init(frame, context);
            self.top.set(frame);
        }
    }
}
