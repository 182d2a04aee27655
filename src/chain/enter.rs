//! Frames that come onto a stack.

use super::counts::{Held, hold_all};
use super::frame::*;
use super::key::Key;
use super::link::Link;
use super::slot::INHERITED;
use super::spine::Spine;
use super::trie::Edit;
use std::panic::Location;
use std::ptr;

/// What begins with a frame.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Begins {
    /// A checkpoint that may be changed from inside.
    Open(u64),
    /// A checkpoint that may not.
    Sealed(u64),
    /// Nothing: the frame belongs to the checkpoint that is there.
    Nothing,
}

pub(super) static NAMELESS: Name = Name::Static("");

impl Spine {
    /// The numbers of a new frame on top.
    pub(super) fn draft<'a>(&self, begins: Begins, name: &'a Name, place: &'static Location<'static>) -> Draft<'a> {
        let top = self.top.get();
        let (bits, origin, run) = match begins {
            Begins::Open(serial) => (MARKER, Origin { serial }, 0),
            Begins::Sealed(serial) => (MARKER | SEALED, Origin { serial }, 0),
            Begins::Nothing => {
                let (sealed, run) = if self.is_bare() {
                    (0, 1)
                } else {
                    // SAFETY: S1.
                    unsafe { ((*top).bits & SEALED, (*top).run.saturating_add(1)) }
                };
                (sealed, Origin { marker: self.marker() }, run)
            }
        };
        Draft {
            role: Role::Mark,
            bits,
            id: 0,
            name,
            kind: Kind::of::<()>(),
            place,
            parent: top,
            origin,
            run,
            from: top,
            tag: self.crossing(),
            edit: Edit::Keep,
            to: None,
        }
    }

    /// Binds a variable with a frame on top.
    pub(crate) fn bind<T>(&self, key: &Key<T>, value: T, begins: Begins, place: &'static Location<'static>) {
        let draft = Draft {
            role: Role::Binding,
            id: key.id(),
            kind: key.kind(),
            edit: Edit::Put,
            ..self.draft(begins, key.name(), place)
        };
        let draft = Draft { bits: draft.bits | key.reach_bits(), ..draft };
        // SAFETY: the draft is taken from our top, which stays below; the kind is that of `T`.
        unsafe {
            let frame = draft.build();
            Frame::init(frame, value);
            self.top.set(frame);
        }
    }

    /// Binds a variable to a value that is counted elsewhere.
    pub(crate) fn bind_held<T>(&self, key: &Key<T>, value: &Held, place: &'static Location<'static>) {
        let draft = Draft {
            role: Role::Alias,
            id: key.id(),
            kind: Kind::of::<Held>(),
            edit: Edit::Put,
            ..self.draft(Begins::Nothing, key.name(), place)
        };
        let draft = Draft { bits: draft.bits | key.reach_bits(), ..draft };
        // SAFETY: as in `bind`; the value behind an alias is a `Held`.
        unsafe {
            let frame = draft.build();
            Frame::init(frame, value.clone());
            self.top.set(frame);
        }
    }

    /// Masks a variable.
    pub(crate) fn mask<T>(&self, key: &Key<T>, begins: Begins, place: &'static Location<'static>) {
        let draft = Draft { role: Role::Mask, id: key.id(), edit: Edit::Put, ..self.draft(begins, key.name(), place) };
        // SAFETY: as in `bind`; a mask has no value.
        self.top.set(unsafe { draft.build() });
    }

    /// Begins a checkpoint that binds nothing.
    pub(crate) fn mark(&self, begins: Begins, place: &'static Location<'static>) {
        // SAFETY: as in `bind`; a mark has no value.
        self.top.set(unsafe { self.draft(begins, &NAMELESS, place).build() });
    }

    /// Begins an open checkpoint in which `context` takes the place of all that was visible.
    pub(crate) fn adopt(&self, context: Option<Link>, serial: u64, place: &'static Location<'static>) {
        let from = context.as_ref().map_or(ptr::null(), Link::as_raw);
        let draft = Draft {
            role: Role::Adopt,
            kind: Kind::of::<Option<Link>>(),
            from,
            tag: INHERITED,
            ..self.draft(Begins::Open(serial), &NAMELESS, place)
        };
        // SAFETY: the link keeps what the index is taken from, in the frame or until its values are counted.
        unsafe {
            let frame = draft.build();
            if (*frame).is(WHOLE) {
                hold_all(frame, INHERITED);
                // What counts values is ended by its `strong` count.
                (*frame).set_state(SHARED);
                Frame::init::<Option<Link>>(frame, None);
            } else {
                Frame::init(frame, context);
            }
            self.top.set(frame);
        }
    }
}
