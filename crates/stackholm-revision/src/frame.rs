//! What is ambient: one variable that holds the revision, the actor and the reasons of here and
//! now.
//!
//! It is one, so that "has anything changed since the last write?" is one read and a comparison of
//! two pointers.

use crate::actor::Who;
use crate::key::RevisionKey;
use stackholm::Var;
use std::sync::Arc;

/// The frame of here and now. Of full reach: whoever carries the context carries it.
static FRAME: Var<Arc<Frame>> = Var::new("revision");

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) revision: RevisionKey,
    pub(crate) reverts: Option<RevisionKey>,
    pub(crate) description: Option<Arc<str>>,
    pub(crate) who: Who,
    pub(crate) because: Option<Arc<str>>,
    pub(crate) deletion: Option<Arc<str>>,
    /// Why nothing is tracked here; `None` where it is.
    pub(crate) untracked: Option<Arc<str>>,
}

impl Frame {
    /// A revision of its own, by nobody.
    pub(crate) fn begin() -> Self {
        Frame {
            revision: RevisionKey::new(),
            reverts: None,
            description: None,
            who: Who::Nobody,
            because: None,
            deletion: None,
            untracked: None,
        }
    }

    /// Whether both belong to the same part of one revision.
    #[cfg(feature = "sqlite")]
    pub(crate) fn same_part(&self, other: &Frame) -> bool {
        self.revision == other.revision
            && self.description == other.description
            && self.reverts == other.reverts
    }
}

pub(crate) fn variable() -> &'static Var<Arc<Frame>> {
    &FRAME
}

/// The frame of here and now; `None` outside of every block.
pub(crate) fn here() -> Option<Arc<Frame>> {
    FRAME.try_get().ok()
}

/// Whether this is the frame of here and now.
#[cfg(feature = "sqlite")]
#[inline]
pub(crate) fn is_here(frame: Option<&Arc<Frame>>) -> bool {
    match (FRAME.try_with(|here| frame.is_some_and(|frame| Arc::ptr_eq(here, frame))), frame) {
        (Ok(same), _) => same,
        (Err(_), frame) => frame.is_none(),
    }
}
