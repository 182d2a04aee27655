//! What stands for `listed` without the feature `inspect`: no stack is listed, and nothing kept.

use super::owned::OwnedStack;

#[derive(Clone, Copy)]
pub(crate) enum Kind {
    Task,
    Stream,
    Job,
    Owned,
}

#[inline(always)]
pub(in crate::engine) fn armed() {}

#[derive(Clone, Copy)]
pub(crate) struct Origin;

impl Origin {
    pub(crate) const NONE: Origin = Origin;

    #[inline(always)]
    pub(crate) fn here() -> Origin {
        Origin
    }

    #[inline(always)]
    pub(crate) fn detached() -> Origin {
        Origin
    }
}

pub(crate) struct Listing;

impl Listing {
    pub(crate) const NOTHING: Listing = Listing;

    #[inline(always)]
    pub(crate) fn new(_: Kind, _: Origin) -> Listing {
        Listing
    }

    #[inline(always)]
    pub(crate) fn opened(&mut self, _: &mut OwnedStack) {}

    #[inline(always)]
    pub(crate) fn is(&mut self, _: Kind) {}

    #[inline(always)]
    pub(crate) fn turn<R>(
        &mut self,
        own: &mut OwnedStack,
        f: impl FnOnce(&mut OwnedStack) -> R,
    ) -> R {
        f(own)
    }

    #[inline(always)]
    pub(crate) fn work<R>(
        &mut self,
        own: &mut OwnedStack,
        f: impl FnOnce(&mut OwnedStack) -> R,
    ) -> R {
        f(own)
    }

    #[inline(always)]
    pub(crate) fn end(&mut self) {}
}
