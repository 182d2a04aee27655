//! For tests of programs: a variable is seen wherever it is asked for, and nothing is left afterwards.
//!
//! ```
//! # static TENANT: stackholm::Var<String> = stackholm::Var::new("tenant");
//! # fn handle() { TENANT.with(|_| ()); stackholm::thread::spawn(|| TENANT.with(|_| ())).join().unwrap() }
//! use stackholm::testing::{assert_nothing_left, assert_seen};
//!
//! # if !cfg!(debug_assertions) { return }
//! assert_nothing_left(|| {
//!     assert_seen(&TENANT, || TENANT.sync_scope("acme".into(), handle));
//! });
//! ```

use crate::checkpoint::Scope;
use crate::context::Context;
use crate::error::Missing;
use crate::sync::Arc;
use crate::var::{Asked, Var};

/// Runs a piece of the program; fails unless the variable was asked for, and was bound each time.
///
/// Readings on all threads and in all tasks of the process count, until `piece` returns: what it starts must have
/// ended by then, and no other test may read the same variable meanwhile. A process-wide value and a default are no
/// binding. [`Var::is_bound`], [`Var::source`] and contexts look without asking.
///
/// # Panics
/// If the variable was not bound where it was asked for, was never asked for, or is watched already. In builds without
/// debug assertions nobody counts, and it always panics.
#[track_caller]
pub fn assert_seen<T: Send + Sync + 'static, R>(var: &Var<T>, piece: impl FnOnce() -> R) -> R {
    if !cfg!(debug_assertions) {
        panic!("only builds with debug assertions count who asks for `{}`", var.name());
    }
    assert!(!var.watch().is_on(), "the variable `{}` is watched already", var.name());
    var.watch().replace(Some(Asked::default()));
    let watched = Watched(var);
    let result = piece();
    let asked = watched.end();
    assert!(asked.found + asked.lost > 0, "nobody asked for the variable `{}`", var.name());
    if let Some(first) = asked.first {
        let missing = Missing::new(String::from(var.name()).into(), first);
        panic!("{} of {} did not see it, at first since {missing}", asked.lost, asked.found + asked.lost);
    }
    result
}

/// Ends the watch on every path.
struct Watched<'v, T: Send + Sync + 'static>(&'v Var<T>);

impl<T: Send + Sync + 'static> Watched<'_, T> {
    fn end(self) -> Asked {
        self.0.watch().replace(None).unwrap_or_default()
    }
}

impl<T: Send + Sync + 'static> Drop for Watched<'_, T> {
    fn drop(&mut self) {
        self.0.watch().replace(None);
    }
}

static WITNESS: Var<Arc<()>> = Var::new("witness of stackholm::testing");

/// Runs a piece of the program; fails if a context that was captured in it is alive when it has returned, by whomever
/// it is held, or if it left the stack of this thread other than it was.
///
/// What it starts must have ended by then. Contexts that were made from nothing are not counted.
///
/// # Panics
/// If something is left.
#[track_caller]
pub fn assert_nothing_left<R>(piece: impl FnOnce() -> R) -> R {
    let witness = Arc::new(());
    let before = Context::current();
    let result = Scope::new().set(&WITNESS, Arc::clone(&witness)).run(|| {
        let inside = Context::current();
        let result = piece();
        assert!(inside == Context::current(), "the stack is not as it was: something was entered and not left");
        result
    });
    assert!(before == Context::current(), "the stack is not as it was: something was left that was not entered");
    let left = Arc::strong_count(&witness) - 1;
    assert!(left == 0, "a context that was captured here is alive, and its values with it");
    result
}
