//! `Hop`: a context, and what the companions take along with it; without the feature `companions`
//! nothing but the context.

use crate::companion::Load;
use crate::context::Context;
use crate::engine::Origin;
use crate::engine::listed::Kind;
use crate::stack::Stack;
use core::fmt;

/// What is handed over from one point: its context, and what the
/// [companions](crate::companion::Companion) have there.
///
/// A [`Context`] has the variables alone. `in_current_context`, `in_context`, envelopes, spawns and
/// `Context::wrap` also take along the companions of the place where they are called. Use a hop
/// where you capture at one point and run at another by hand.
///
/// An empty context that is given by hand, as to `in_context`, detaches: no companion is carried.
/// A hop that was captured where no variable is bound does carry its companions.
#[derive(Clone)]
pub struct Hop {
    context: Context,
    load: Load,
    /// For a view from outside; without the feature `inspect`, nothing.
    origin: Origin,
}

const _: () = assert!(
    cfg!(any(feature = "inspect", feature = "companions"))
        || size_of::<Hop>() == size_of::<*const ()>() && size_of::<Stack>() == 2 * size_of::<Hop>(),
    "what is handed over is one pointer, and a stack two words; a view from outside adds nothing to \
     them unless its feature is on"
);

impl Hop {
    /// What is current here.
    #[inline]
    #[track_caller]
    pub fn current() -> Hop {
        Hop { context: Context::current(), load: Load::here(), origin: Origin::here() }
    }

    /// Nothing, wherever it goes.
    #[track_caller]
    pub fn empty() -> Hop {
        Hop { context: Context::empty(), load: Load::nothing(), origin: Origin::detached() }
    }

    /// An empty context, with the companions left as they are.
    pub(crate) const fn untouched() -> Hop {
        Hop { context: Context::empty(), load: Load::UNTOUCHED, origin: Origin::NONE }
    }

    /// `context` and the companions of here; nothing if it is empty.
    #[track_caller]
    pub(crate) fn with(context: Context) -> Hop {
        // Whether nothing is in it, not whether nothing is seen: one with a mask was captured.
        if context.is_nothing() {
            return Hop { context, load: Load::nothing(), origin: Origin::detached() };
        }
        Hop { context, load: Load::here(), origin: Origin::here() }
    }

    /// The context.
    pub fn context(&self) -> &Context {
        &self.context
    }

    pub(crate) fn into_context(self) -> Context {
        self.context
    }

    /// A stack that begins with it.
    #[inline]
    pub(crate) fn into_stack(self) -> Stack {
        Stack::begin(self.context, Kind::Job, self.origin).laden(self.load)
    }

    /// Calls `f` in the context and inside the companions, on a stack of its own.
    pub fn run<R>(&self, f: impl FnOnce() -> R) -> R {
        self.clone().into_stack().run(f)
    }

    /// As [`Context::wrap`], with what was captured with the hop.
    pub fn wrap<R>(self, f: impl FnOnce() -> R) -> impl FnOnce() -> R {
        move || self.into_stack().run(f)
    }
}

impl fmt::Debug for Hop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hop").field("context", &self.context).finish_non_exhaustive()
    }
}
