//! Where the value of a variable comes from.

use crate::engine::{Resolution, current};
use crate::error::{Place, Reason};
use crate::picture;
use crate::var::{Var, reason};
use alloc::vec::Vec;

/// Where the value comes from that a variable has here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Source {
    /// It is bound; the binding was made at that place.
    Bound(Place),
    /// Nothing that reaches here is bound, but there is a process-wide value.
    Global,
    /// Neither, but there is a default.
    Default,
    /// There is no value.
    Missing(Reason),
}

impl<T: Send + Sync + 'static> Var<T> {
    /// Where the value comes from that the variable has here, or why it has none.
    pub fn source(&self) -> Source {
        match current::see(self.key()) {
            Resolution::Bound(place) => Source::Bound(place),
            seen => self.source_unbound(seen),
        }
    }

    pub(crate) fn source_unbound(&self, seen: Resolution) -> Source {
        if picture::is_set(&self.place) {
            Source::Global
        } else if self.has_default() {
            Source::Default
        } else {
            Source::Missing(reason(seen))
        }
    }

    /// The bindings and masks that this stack made, from the nearest one outwards, and the one it
    /// inherited.
    ///
    /// What lies beneath an inherited binding is not part of a context.
    pub fn history(&self) -> Vec<Source> {
        let source = |seen| match seen {
            Resolution::Bound(place) => Source::Bound(place),
            other => Source::Missing(reason(other)),
        };
        current::history(self.key()).into_iter().map(source).collect()
    }
}
