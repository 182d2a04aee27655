//! What makes a variable one variable: an id that no other one ever has, and the type that goes
//! with it.
//!
//! The engine reads a value as a `T` because the frame has the id of a `Key<T>`. That is sound
//! because an id is handed out once per process and key, so all frames that carry it were made
//! through that one key.

use super::flags::Traits;
use super::frame::{Kind, Name};
use crate::field::Project;
use crate::sys::{
    LastPlace, Ordering::Relaxed, Site, StaticAtomicUsize, ask_processor, ordering, step,
};
use core::fmt;
use core::marker::PhantomData;
use core::panic::Location;

/// How far the bindings of a variable go, if not everywhere.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Reach {
    Stack,
    Checkpoint,
}

pub(crate) struct Key<T> {
    raw: RawKey,
    of: PhantomData<T>,
}

/// A key whose type is known elsewhere.
pub(in crate::engine) struct RawKey {
    head: Head,
    last: LastPlace,
}

/// What of a key does not depend on its type.
pub(in crate::engine) struct Head {
    id: StaticAtomicUsize,
    pub(in crate::engine) name: Name,
    pub(in crate::engine) kind: &'static Kind,
    /// The bits of a frame that say how far it reaches.
    pub(in crate::engine) reach: Traits,
}

/// Handed out ids; the first one is 1, so that 0 means "never bound".
static LAST: StaticAtomicUsize = StaticAtomicUsize::new(0);

impl<T> Key<T> {
    pub(crate) const fn new(name: Name) -> Self {
        let head = Head {
            id: StaticAtomicUsize::new(0),
            name,
            kind: Kind::of::<T>(),
            reach: Traits::NONE,
        };
        Key { raw: RawKey { head, last: LastPlace::new() }, of: PhantomData }
    }

    /// Declares the reach. What was bound before was bound by another variable: the id is a fresh
    /// one.
    pub(crate) const fn set_reach(&mut self, reach: Reach) {
        self.raw.head.id = StaticAtomicUsize::new(0);
        self.raw.head.reach = match reach {
            Reach::Stack => Traits::STACK,
            Reach::Checkpoint => Traits::CHECKPOINT,
        };
    }

    /// Allows values to be shown. What was bound before was bound by another variable, as for the
    /// reach.
    pub(crate) const fn set_shown(&mut self)
    where
        T: fmt::Debug,
    {
        assert!(
            self.raw.head.kind.log.is_none(),
            "a variable that is shown and logged is declared by `.shown_and_logged_by`, or by \
             `.shown()` before `.logged()`"
        );
        self.raw.head.id = StaticAtomicUsize::new(0);
        self.raw.head.kind = Kind::shown::<T>();
    }

    /// Allows what `P` makes of values to be logged. What was bound before was bound by another
    /// variable, as for the reach.
    pub(crate) const fn set_logged<P: Project<T>>(&mut self) {
        assert!(
            !self.raw.head.kind.is_shown(),
            "a variable that is shown and logged is declared by `.shown_and_logged_by`"
        );
        self.raw.head.id = StaticAtomicUsize::new(0);
        self.raw.head.kind = Kind::logged::<T, P>();
    }

    /// As both of the above.
    pub(crate) const fn set_shown_and_logged<P: Project<T>>(&mut self)
    where
        T: fmt::Debug,
    {
        self.raw.head.id = StaticAtomicUsize::new(0);
        self.raw.head.kind = Kind::shown_and_logged::<T, P>();
    }

    pub(crate) const fn is_shown(&self) -> bool {
        self.raw.head.kind.is_shown()
    }

    pub(crate) fn name(&self) -> &Name {
        &self.raw.head.name
    }

    pub(in crate::engine) fn raw(&self) -> &RawKey {
        &self.raw
    }

    pub(in crate::engine) fn head(&self) -> &Head {
        &self.raw.head
    }

    /// Whether bindings of the variable are handed over.
    #[cfg(feature = "wire")]
    pub(crate) fn reaches_everywhere(&self) -> bool {
        self.raw.head.reach == Traits::NONE
    }

    /// Notes that a binding is made at that place, in debug builds.
    #[inline]
    pub(in crate::engine) fn bound_at(&self, place: &'static Location<'static>) {
        self.raw.bound_at(place);
    }

    /// Where the last binding was made, and whether by this thread; nothing in release builds.
    pub(crate) fn last_bound(&self) -> Option<(&'static Location<'static>, bool)> {
        self.raw.last.get()
    }

    /// Whether the variable was ever bound or masked.
    pub(crate) fn was_used(&self) -> bool {
        self.peek() != 0
    }

    /// The id, or 0 if the variable was never bound.
    #[inline]
    pub(in crate::engine) fn peek(&self) -> usize {
        self.raw.head.peek()
    }
}

impl RawKey {
    pub(in crate::engine) fn head(&self) -> &Head {
        &self.head
    }

    /// As [`Key::bound_at`].
    #[inline]
    pub(in crate::engine) fn bound_at(&self, place: &'static Location<'static>) {
        self.last.set(place);
    }
}

impl Head {
    #[inline]
    pub(in crate::engine) fn peek(&self) -> usize {
        // Relaxed: the number says everything; whoever sees a frame with it obtained the frame
        // through a happens-before edge.
        self.id.load(ordering(Site::PeekId, Relaxed))
    }

    /// The id, handed out on first use.
    #[inline]
    pub(in crate::engine) fn id(&self) -> usize {
        match self.peek() {
            0 => self.first_use(),
            id => id,
        }
    }

    #[cold]
    fn first_use(&self) -> usize {
        ask_processor();
        let next = LAST
            .fetch_update(ordering(Site::NextId, Relaxed), Relaxed, |last| last.checked_add(1))
            .unwrap_or_else(|_| panic!("every id that a variable can have was handed out"))
            + 1;
        // Relaxed on both sides: of two threads one wins, and both go on with the winner's number.
        match self.id.compare_exchange(0, next, ordering(Site::FirstUse, Relaxed), Relaxed) {
            Err(winner) if step(Site::FirstUseAgrees) => winner,
            _ => next,
        }
    }
}
