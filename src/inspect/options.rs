//! What a look asks for.

use super::view::View;
use std::time::Duration;

/// What a look asks for; by default names and places of the oldest 10 000 stacks.
///
/// # Examples
/// ```
/// use stackholm::inspect::Look;
/// use std::time::Duration;
///
/// let _watching = stackholm::inspect::watch();
/// let view = Look::new().older_than(Duration::from_secs(60)).limit(100).look();
/// assert!(view.stacks().is_empty());
/// ```
#[derive(Clone, Debug)]
#[must_use = "it asks for nothing before `look`"]
pub struct Look {
    values: bool,
    limit: usize,
    older_than: Option<Duration>,
}

impl Default for Look {
    fn default() -> Self {
        Look { values: false, limit: 10_000, older_than: None }
    }
}

impl Look {
    /// As by default.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether values are wanted too: of variables that were declared [`shown`](crate::Var::shown),
    /// of futures and closures that are idle.
    ///
    /// Their `Debug` runs on a thread of its own, and nothing is locked meanwhile. A value whose
    /// `Debug` panics reads `<panicked>`. One whose `Debug` does not return within a second reads
    /// `<no answer>`, and the other values of its stack are left out; its thread ends once it
    /// returns, and no values are asked for while four such threads wait. Meanwhile the look is an
    /// owner of the values, so that one may end on that thread.
    pub fn values(mut self, values: bool) -> Self {
        self.values = values;
        self
    }

    /// Of how many stacks, the oldest first.
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = limit;
        self
    }

    /// Those alone that are so old.
    pub fn older_than(mut self, age: Duration) -> Self {
        self.older_than = Some(age);
        self
    }

    /// What there is now. Empty if nobody watches.
    pub fn look(&self) -> View {
        View::now(self)
    }

    pub(super) fn has_values(&self) -> bool {
        self.values
    }

    pub(super) fn most(&self) -> usize {
        self.limit
    }

    pub(super) fn least_age(&self) -> Option<Duration> {
        self.older_than
    }
}
