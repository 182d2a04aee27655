//! Contexts with many bindings, made at once.

use crate::context::Context;
use crate::engine::{Placed, Snapshot};
use crate::var::Var;
use alloc::vec::Vec;
use core::fmt;
use core::panic::Location;

/// A context that is being made of any number of bindings; see [`Context::build`] and
/// [`Context::extend`].
#[must_use = "the context is made by `done`"]
#[derive(Clone)]
pub struct ContextBuilder {
    from: Context,
    changes: Vec<Placed>,
}

impl Context {
    /// Builds a context of any number of bindings at once, such as a base of flags and limits that
    /// is read from a file.
    ///
    /// One allocation for each binding, and one for the index of all. A binding takes 88 bytes beside
    /// its value (96 with the feature `inspect`, on 64 bits), and about 10 in the index.
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

    /// Builds a context from this one and any number of changes.
    ///
    /// A few changes, at most one for each eight visible variables, cost what [`with`](Self::with)
    /// costs and one allocation more, each. More changes cost one new index for all of them, which
    /// is O(n) in the visible variables; the new context then keeps nothing of this one but the
    /// values that it shows.
    pub fn extend(&self) -> ContextBuilder {
        ContextBuilder { from: self.clone(), changes: Vec::new() }
    }

    /// This context with those changes.
    #[track_caller]
    pub(crate) fn changed(&self, changes: Vec<Placed>) -> Context {
        Context::captured(Snapshot::changed(self.link(), changes))
    }
}

impl ContextBuilder {
    /// Adds a binding. Of several changes of one variable the last one counts.
    ///
    /// The value of a variable of short reach is stored but cannot be read through the context, as
    /// with [`Context::with`].
    #[track_caller]
    pub fn set<T: Send + Sync + 'static>(mut self, var: &Var<T>, value: T) -> Self {
        self.changes.push(Placed::bind(var.key(), value, Location::caller()));
        self
    }

    /// Adds a mask: in the context the variable reads as if never bound.
    #[track_caller]
    pub fn unset<T: Send + Sync + 'static>(mut self, var: &Var<T>) -> Self {
        self.changes.push(Placed::mask(var.key(), Location::caller()));
        self
    }

    /// Makes the context. [`Context::extend`] says what that costs.
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
