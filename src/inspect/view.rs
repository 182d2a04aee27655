//! A view: plain data that was copied at one moment.

use super::options::Look;
use super::stacks::{self, StackView};
use crate::engine::{seen, unclosed, watches};
use crate::error::Place;
use crate::misuse::{self, Misuse};
use std::borrow::Cow;
use std::time::Duration;

/// What there was at one moment. Plain data: it keeps nothing alive.
#[derive(Clone, Debug, Default)]
pub struct View {
    stacks: Vec<StackView>,
    more: usize,
    outlived: Vec<Outlived>,
    derived: Vec<Derived>,
    missed: usize,
    unclosed: Vec<Unclosed>,
    misuses: Vec<(Misuse, usize)>,
}

impl View {
    pub(super) fn now(look: &Look) -> View {
        if !watches::is_watching() {
            return View::default();
        }
        let (stacks, more) = stacks::all(look);
        let now = watches::now();
        let (kept, missed) = seen::outlived();
        let (left, made): (Vec<_>, Vec<_>) = kept.into_iter().partition(|kept| kept.was_left);
        let mut outlived: Vec<_> = left.into_iter().map(|kept| Outlived::new(kept, now)).collect();
        outlived.sort_by_key(|outlived| std::cmp::Reverse(outlived.left));
        let mut derived: Vec<_> = made.into_iter().map(|kept| Derived::new(kept, now)).collect();
        derived.sort_by_key(|derived| std::cmp::Reverse(derived.age));
        let unclosed = unclosed().into_iter();
        View {
            stacks,
            more,
            outlived,
            derived,
            missed,
            unclosed: unclosed.map(|(place, times)| Unclosed { place, times }).collect(),
            misuses: misuse::counts(),
        }
    }

    /// The stacks that there are, oldest first.
    pub fn stacks(&self) -> &[StackView] {
        &self.stacks
    }

    /// How many more stacks there are, beyond the limit of the look.
    pub fn truncated(&self) -> Option<usize> {
        (self.more > 0).then_some(self.more)
    }

    /// The bindings that contexts keep although their stack has left them, those first that were
    /// left first.
    ///
    /// A binding comes on the list as its stack leaves it, or binds the variable anew, and goes as
    /// its value ends. Contexts that keep it may be in envelopes, queues, timers, futures and other
    /// stacks. Work that is still going on keeps what it was handed; what stands here for long was
    /// forgotten. What no stack had is not here but [derived](Self::derived).
    pub fn outlived(&self) -> &[Outlived] {
        &self.outlived
    }

    /// The bindings that were made by [`Context::with`](crate::Context::with) and have not ended,
    /// those first that were made first. No stack has them, so none can leave them: what stands here
    /// for longer than its request was forgotten.
    pub fn derived(&self) -> &[Derived] {
        &self.derived
    }

    /// How many bindings could not be noted, because a thread left more at once than there was
    /// room for; since the process began.
    pub fn missed(&self) -> usize {
        self.missed
    }

    /// Where checkpoints were entered that were not left by their own guards: an outer one has left
    /// them, or the end of their thread. Counted while somebody watches.
    pub fn unclosed(&self) -> &[Unclosed] {
        &self.unclosed
    }

    /// How often what was misused; since the process began.
    pub fn misuses(&self) -> impl Iterator<Item = (Misuse, usize)> + '_ {
        self.misuses.iter().copied()
    }
}

/// A binding that a context keeps although its stack has left it.
#[derive(Clone, Debug)]
pub struct Outlived {
    name: Cow<'static, str>,
    bound_at: Place,
    captured_at: Option<Place>,
    left: Duration,
}

impl Outlived {
    fn new(kept: seen::Kept, now: usize) -> Self {
        let seen::Kept { name, bound_at, captured_at, left, .. } = kept;
        let left = Duration::from_millis(now.saturating_sub(left) as u64);
        // Of a function that is passed as a value the place is within the standard library.
        let captured_at = captured_at.filter(|at| !at.file().ends_with("ops/function.rs"));
        Outlived { name, bound_at, captured_at, left }
    }

    /// The name of the variable. One that was made at run time is cut after 40 bytes.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where it was bound.
    pub fn bound_at(&self) -> Place {
        self.bound_at
    }

    /// Where it was captured for the first time. `None` if its value alone is kept, as by
    /// [`Var::keep`](crate::Var::keep), or by a context that was captured further in and hides
    /// something; and if what captures was passed as a value, as in `map(Context::current)`.
    pub fn captured_at(&self) -> Option<Place> {
        self.captured_at
    }

    /// How long ago its stack left it.
    pub fn left(&self) -> Duration {
        self.left
    }
}

/// A binding that was made by [`Context::with`](crate::Context::with).
#[derive(Clone, Debug)]
pub struct Derived {
    name: Cow<'static, str>,
    bound_at: Place,
    age: Duration,
}

impl Derived {
    fn new(kept: seen::Kept, now: usize) -> Self {
        let age = Duration::from_millis(now.saturating_sub(kept.left) as u64);
        Derived { name: kept.name, bound_at: kept.bound_at, age }
    }

    /// The name of the variable. One that was made at run time is cut after 40 bytes.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where the context was made.
    pub fn bound_at(&self) -> Place {
        self.bound_at
    }

    /// How long ago.
    pub fn age(&self) -> Duration {
        self.age
    }
}

/// A place where checkpoints were entered that were not left by their own guards.
#[derive(Clone, Debug)]
pub struct Unclosed {
    place: Option<Place>,
    times: usize,
}

impl Unclosed {
    /// The place; `None` stands for all those beyond the first 63.
    pub fn entered_at(&self) -> Option<Place> {
        self.place
    }

    /// How often.
    pub fn times(&self) -> usize {
        self.times
    }
}

/// A binding that a context keeps and does not show; see [`pinned`](crate::inspect::pinned).
#[derive(Clone, Debug)]
pub struct Pinned {
    name: Cow<'static, str>,
    bound_at: Place,
}

impl Pinned {
    pub(super) fn new(name: Cow<'static, str>, bound_at: Place) -> Self {
        Pinned { name, bound_at }
    }

    /// The name of the variable.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where it was bound.
    pub fn bound_at(&self) -> Place {
        self.bound_at
    }
}
