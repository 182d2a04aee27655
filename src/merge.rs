//! Contexts made of others: one laid over another, two merged, what several have in common.

use crate::context::{Binding, Context};
use crate::engine::{Difference, Placed, Snapshot};
use crate::error::Place;
use crate::var::Var;
use alloc::vec::Vec;
use core::fmt;

/// Which of two bindings a merged context shows; see [`Context::merge`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// That of the context that `merge` was called on.
    Ours,
    /// That of the other one.
    Theirs,
    /// None: the variable is masked.
    Neither,
}

/// One variable that two contexts bind or mask differently; given to the policy of
/// [`Context::merge`].
pub struct Clash<'a> {
    ours: &'a Placed,
    theirs: &'a Placed,
}

impl<'a> Clash<'a> {
    /// The name of the variable.
    pub fn name(&self) -> &'a str {
        self.ours.name()
    }

    /// Whether it is this variable.
    pub fn is_of<T: Send + Sync + 'static>(&self, var: &Var<T>) -> bool {
        self.ours.is_of(var.key())
    }

    /// Our binding; nothing if the variable is masked there.
    pub fn ours(&self) -> Option<Binding<'a>> {
        self.ours.binding().map(Binding::new)
    }

    /// Their binding; nothing if the variable is masked there.
    pub fn theirs(&self) -> Option<Binding<'a>> {
        self.theirs.binding().map(Binding::new)
    }

    /// Both values, ours first, if it is this variable and neither of them is a mask.
    pub fn values<T: Send + Sync + 'static>(&self, var: &Var<T>) -> Option<(&'a T, &'a T)> {
        Some((self.ours.get(var.key())?, self.theirs.get(var.key())?))
    }

    /// Where both were made, ours first: bindings or masks.
    pub fn places(&self) -> (Place, Place) {
        (self.ours.place(), self.theirs.place())
    }
}

/// Shows name and places, never a value.
impl fmt::Debug for Clash<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (ours, theirs) = self.places();
        f.debug_struct("Clash")
            .field("name", &self.name())
            .field("ours", &format_args!("{ours}"))
            .field("theirs", &format_args!("{theirs}"))
            .finish()
    }
}

impl Context {
    /// Lays `top` over this context: what `top` binds or masks wins, and the rest is that of this
    /// one.
    ///
    /// What both share is skipped, so the cost follows the differences. If there is none, or one of
    /// the two is empty, the result is one of the two, without an allocation. Bindings of short
    /// reach are not carried, so they are not laid over either.
    ///
    /// # Examples
    /// ```
    /// use stackholm::{Context, Var};
    ///
    /// static PLAN: Var<&str> = Var::new("plan");
    /// static USER: Var<&str> = Var::new("user");
    ///
    /// let base = Context::build().set(&PLAN, "free").set(&USER, "nobody").done();
    /// let request = Context::empty().with(&USER, "ada");
    /// let both = base.overlay(&request);
    /// assert_eq!((both.get(&PLAN), both.get(&USER)), (Some(&"free"), Some(&"ada")));
    /// ```
    #[track_caller]
    pub fn overlay(&self, top: &Context) -> Context {
        self.merge(top, |_| Keep::Theirs)
    }

    /// The bindings and masks of both contexts. `policy` decides for each variable that both bind
    /// or mask, but differently. Two bindings that were made separately differ, even if their
    /// values are equal; so do a binding and a mask.
    ///
    /// What both share is skipped, so the cost follows the differences. `policy` may do anything;
    /// if it panics, both contexts are as they were.
    ///
    /// # Examples
    /// ```
    /// use stackholm::{Context, Keep, Var};
    ///
    /// static DEADLINE: Var<u64> = Var::new("deadline");
    ///
    /// let (ours, theirs) =
    ///     (Context::empty().with(&DEADLINE, 7), Context::empty().with(&DEADLINE, 5));
    /// let sooner = ours.merge(&theirs, |clash| match clash.values(&DEADLINE) {
    ///     Some((ours, theirs)) if theirs < ours => Keep::Theirs,
    ///     _ => Keep::Ours,
    /// });
    /// assert_eq!(sooner.get(&DEADLINE), Some(&5));
    /// ```
    #[track_caller]
    pub fn merge(&self, other: &Context, mut policy: impl FnMut(Clash<'_>) -> Keep) -> Context {
        if self.is_nothing() {
            return other.clone();
        }
        if other.is_nothing() {
            return self.clone();
        }
        let mut changes = Vec::new();
        // Whether the other one shows all that the result shows.
        let mut is_theirs = true;
        for Difference { before, after } in Snapshot::compared(self.link(), other.link()) {
            let Some(theirs) = after else {
                is_theirs = false;
                continue;
            };
            let Some(ours) = before else {
                changes.push(theirs);
                continue;
            };
            match policy(Clash { ours: &ours, theirs: &theirs }) {
                Keep::Theirs => changes.push(theirs),
                Keep::Ours => is_theirs = false,
                Keep::Neither => {
                    is_theirs = false;
                    changes.push(ours.masked(core::panic::Location::caller()));
                }
            }
        }
        match changes.is_empty() {
            true => self.clone(),
            false if is_theirs => other.clone(),
            false => self.changed(changes),
        }
    }

    /// What all of the contexts have in common: the bindings and masks that are the very same in
    /// each. Of no context that is the empty one, of a single one it is that one.
    ///
    /// For work that several requests share, such as a batch: it runs in what holds for all of
    /// them. O(n) in the variables of the first one, and the differences of each of the others from
    /// it. None of the values that are left out is kept.
    ///
    /// # Examples
    /// ```
    /// use stackholm::{Context, Var};
    ///
    /// static TENANT: Var<&str> = Var::new("tenant");
    /// static USER: Var<&str> = Var::new("user");
    ///
    /// let tenant = Context::empty().with(&TENANT, "acme");
    /// let (ada, grace) = (tenant.with(&USER, "ada"), tenant.with(&USER, "grace"));
    /// let both = Context::common(&[&ada, &grace]);
    /// assert_eq!((both.get(&TENANT), both.get(&USER)), (Some(&"acme"), None));
    /// ```
    #[track_caller]
    pub fn common(contexts: &[&Context]) -> Context {
        let Some((first, others)) = contexts.split_first() else { return Context::empty() };
        let others: Vec<_> = others.iter().map(|other| other.link()).collect();
        Context::captured(first.link().and_then(|first| first.common(&others)))
    }
}
