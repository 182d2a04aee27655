//! Several variables at once, whatever they hold: contexts that show them alone, or all but them.

use crate::context::{Binding, Context};
use crate::engine::Snapshot;
use crate::var::Var;

/// A variable, whatever it holds. Every [`Var`] is one, and nothing else.
pub trait AnyVar: Sync + sealed::Named {}

impl<T: Send + Sync + 'static> AnyVar for Var<T> {}

mod sealed {
    use super::{Binding, Context, Var};

    pub trait Named {
        #[doc(hidden)]
        fn binding_in<'c>(&self, context: &'c Context) -> Option<Binding<'c>>;
        #[doc(hidden)]
        fn is_bound_by(&self, binding: &Binding<'_>) -> bool;
    }

    impl<T: Send + Sync + 'static> Named for Var<T> {
        fn binding_in<'c>(&self, context: &'c Context) -> Option<Binding<'c>> {
            context.binding(self)
        }

        fn is_bound_by(&self, binding: &Binding<'_>) -> bool {
            binding.is_of(self)
        }
    }
}

impl Context {
    /// A context that shows only the named variables of this one, and keeps no other value alive.
    /// One allocation for each of them that is bound.
    ///
    /// For work that outlives the request, such as jobs in a queue. A job is handed who asked, but
    /// not the deadline and the cancellation of the request, nor its large values.
    ///
    /// # Examples
    /// ```
    /// use stackholm::{AnyVar, Context, Envelope, Var};
    ///
    /// static USER: Var<&str> = Var::new("user");
    /// static TRACE: Var<u64> = Var::new("trace");
    /// static DEADLINE: Var<std::time::Instant> = Var::new("deadline");
    ///
    /// /// What a job takes along.
    /// static OF_A_JOB: &[&dyn AnyVar] = &[&USER, &TRACE];
    ///
    /// let job = USER.sync_scope("ada", || {
    ///     DEADLINE.sync_scope(std::time::Instant::now(), || {
    ///         Envelope::with_context("mail", Context::current().only(OF_A_JOB))
    ///     })
    /// });
    /// job.open(|_| assert!(USER.is_bound() && !DEADLINE.is_bound()));
    /// ```
    pub fn only(&self, vars: &[&dyn AnyVar]) -> Context {
        Self::of(vars.iter().filter_map(|var| var.binding_in(self)))
    }

    /// A context that shows all variables of this one but the named ones, and keeps no value alive
    /// that it does not show. One allocation for each variable that is left; each is compared with
    /// each name.
    ///
    /// [`without`](Self::without) hides one variable and costs one allocation, but what it hides
    /// may stay alive.
    pub fn except(&self, vars: &[&dyn AnyVar]) -> Context {
        Self::of(self.iter().filter(|binding| !vars.iter().any(|var| var.is_bound_by(binding))))
    }

    fn of<'c>(bindings: impl Iterator<Item = Binding<'c>>) -> Context {
        Context::from_snapshot(
            bindings.fold(None, |link, binding| Some(Snapshot::and(link, &binding.entry()))),
        )
    }
}
