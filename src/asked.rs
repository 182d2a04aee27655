//! What the readers of a variable got, while tests watch.

use crate::error::Reason;

/// What the readers of a variable got.
#[derive(Clone, Copy, Default)]
pub(crate) struct Asked {
    pub(crate) found: usize,
    pub(crate) lost: usize,
    /// Why the last reader that found no binding found none.
    pub(crate) latest: Option<Reason>,
    /// How many tests watch the variable.
    pub(crate) watchers: usize,
}

impl Asked {
    /// Counts one more reader. `lost` says why it found no binding; `None` if it found one.
    pub(crate) fn and(self, lost: Option<Reason>) -> Asked {
        Asked {
            found: self.found + usize::from(lost.is_none()),
            lost: self.lost + usize::from(lost.is_some()),
            latest: lost.or(self.latest),
            watchers: self.watchers,
        }
    }
}
