//! The ways of carrying that are compared, each with its name and its route.

use super::by_hand::{Arguments, ByHand, Record};
use super::carrier::Carrier;
use super::contexts::Contexts;
use super::nothing::Nothing;

/// A way of carrying values. Each has a service of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Way {
    Contexts,
    Arguments,
    Record,
    /// The same once more: what it differs by is chance.
    Again,
    Nothing,
    /// And an eleventh value, which each hop binds anew.
    ContextsStaged,
    ArgumentsStaged,
}

impl Way {
    pub(crate) const ALL: [Way; 7] = [
        Way::Contexts,
        Way::Arguments,
        Way::Record,
        Way::Again,
        Way::Nothing,
        Way::ContextsStaged,
        Way::ArgumentsStaged,
    ];

    /// The name of the way in reports.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Way::Contexts => Contexts::<false>::NAME,
            Way::Arguments => ByHand::<Arguments, false>::NAME,
            Way::Record => ByHand::<Record, false>::NAME,
            Way::Again => "one record, again",
            Way::Nothing => Nothing::NAME,
            Way::ContextsStaged => Contexts::<true>::NAME,
            Way::ArgumentsStaged => ByHand::<Arguments, true>::NAME,
        }
    }

    /// The path of its service.
    pub(crate) fn path(self) -> &'static str {
        match self {
            Way::Contexts => Contexts::<false>::PATH,
            Way::Arguments => ByHand::<Arguments, false>::PATH,
            Way::Record | Way::Again => ByHand::<Record, false>::PATH,
            Way::Nothing => Nothing::PATH,
            Way::ContextsStaged => Contexts::<true>::PATH,
            Way::ArgumentsStaged => ByHand::<Arguments, true>::PATH,
        }
    }
}
