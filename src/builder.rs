//! Contexts with many bindings, made at once.

use crate::context::Context;
use crate::engine::{Placed, Snapshot};
use crate::var::Var;
use std::fmt;
use std::panic::Location;

/// A context that is being made of any number of bindings; see [`Context::build`] and
/// [`Context::extend`].
#[must_use = "the context is made by `done`"]
#[derive(Clone)]
pub struct ContextBuilder {
    from: Context,
    changes: Vec<Placed>,
}

impl Context {
    /// A context of any number of bindings, made at once: for a base of flags and limits that is
    /// read from a file.
    ///
    /// One allocation for each binding, and one for the index of all. Beside its value a binding
    /// takes 88 bytes, and about 10 in the index.
    ///
    /// # Examples
    /// ```
    /// use stackholm::{Context, Var};
    ///
    /// static LIMIT: Var<u32> = Var::new("limit");
    /// static REGION: Var<&str> = Var::new("region");
    ///
    /// let base = Context::build().set(&LIMIT, 100).set(&REGION, "eu").done();
    /// let raised = base.extend().set(&LIMIT, 200).done();
    /// assert_eq!((base.get(&LIMIT), raised.get(&LIMIT)), (Some(&100), Some(&200)));
    /// assert_eq!(raised.get(&REGION), Some(&"eu"));
    /// ```
    pub fn build() -> ContextBuilder {
        Context::empty().extend()
    }

    /// This context and any number of bindings, made at once.
    ///
    /// Of few changes, up to an eighth of the variables that are visible, each costs what
    /// [`with`](Self::with) costs and one allocation more. Of more, all cost one index: O(n) in the
    /// variables visible, and the new context keeps nothing of this one but values that it shows.
    pub fn extend(&self) -> ContextBuilder {
        ContextBuilder { from: self.clone(), changes: Vec::new() }
    }

    /// This context, and each of those changes.
    #[track_caller]
    pub(crate) fn changed(&self, changes: Vec<Placed>) -> Context {
        Context::captured(Snapshot::changed(self.link(), changes))
    }
}

impl ContextBuilder {
    /// One more binding; of several of one variable the last counts.
    ///
    /// A variable of short reach is not carried: the value is kept out of sight, as with
    /// [`Context::with`].
    #[track_caller]
    pub fn set<T: Send + Sync + 'static>(mut self, var: &Var<T>, value: T) -> Self {
        self.changes.push(Placed::bind(var.key(), value, Location::caller()));
        self
    }

    /// One more mask: in the context the variable reads as if never bound.
    #[track_caller]
    pub fn unset<T: Send + Sync + 'static>(mut self, var: &Var<T>) -> Self {
        self.changes.push(Placed::mask(var.key(), Location::caller()));
        self
    }

    /// The context.
    #[track_caller]
    pub fn done(self) -> Context {
        self.from.changed(self.changes)
    }
}

/// Shows names and places, never a value.
impl fmt::Debug for ContextBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ContextBuilder")
            .field("from", &self.from)
            .field("changes", &self.changes.len())
            .finish()
    }
}
