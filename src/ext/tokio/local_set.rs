//! Tasks that stay on their thread.

use crate::future::{ContextExt, InContext};
use crate::hop::Hop;
use crate::stack::Stack;
use ::tokio::runtime::Runtime;
use ::tokio::task::{self, JoinHandle, LocalSet};

/// As [`tokio::task::spawn_local`](::tokio::task::spawn_local), in the context of the caller.
///
/// # Panics
/// If called from outside of a [`LocalSet`].
///
/// # Examples
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// # static USER: stackholm::Var<&str> = stackholm::Var::new("user");
/// # tokio::task::LocalSet::new().run_until(async {
/// let task = USER.sync_scope("ada", || stackholm::tokio::spawn_local(async { USER.get() }));
/// assert_eq!(task.await.unwrap(), "ada");
/// # }).await;
/// # }
/// ```
#[track_caller]
pub fn spawn_local<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + 'static,
    F::Output: 'static,
{
    task::spawn_local(future.in_current_context())
}

/// As [`tokio::task::spawn_local`](::tokio::task::spawn_local), in the empty context, on whatever
/// stack the set is driven.
///
/// # Panics
/// If called from outside of a [`LocalSet`].
#[track_caller]
pub fn spawn_local_detached<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + 'static,
    F::Output: 'static,
{
    task::spawn_local(future.detached())
}

/// Spawns on a [`LocalSet`], and drives it, carrying or detached.
///
/// A set polls its tasks on the stack on which it is polled itself: tasks that were spawned bare
/// see what is visible there, those spawned with these methods do not.
///
/// # Examples
/// ```
/// use stackholm::tokio::LocalSetExt;
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// # static USER: stackholm::Var<&str> = stackholm::Var::new("user");
/// let local = tokio::task::LocalSet::new();
/// let task = USER.sync_scope("ada", || local.spawn_local_carrying(async { USER.get() }));
/// assert_eq!(local.run_until(task).await.unwrap(), "ada");
/// # }
/// ```
pub trait LocalSetExt {
    /// As [`LocalSet::spawn_local`], in the context of the caller.
    fn spawn_local_carrying<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static;

    /// As [`LocalSet::spawn_local`], in the empty context.
    fn spawn_local_detached<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static;

    /// As [`LocalSet::run_until`], in the context of the caller; the tasks of the set do not see
    /// it.
    fn run_until_carrying<F: Future>(&self, future: F) -> impl Future<Output = F::Output>;

    /// As [`LocalSet::run_until`], in the empty context.
    fn run_until_detached<F: Future>(&self, future: F) -> impl Future<Output = F::Output>;

    /// As [`LocalSet::block_on`], in the context of the caller; the tasks of the set do not see it.
    ///
    /// # Panics
    /// If the future panics, or if called from inside of a runtime.
    #[track_caller]
    fn block_on_carrying<F: Future>(&self, runtime: &Runtime, future: F) -> F::Output;

    /// As [`LocalSet::block_on`], in the empty context.
    ///
    /// # Panics
    /// If the future panics, or if called from inside of a runtime.
    #[track_caller]
    fn block_on_detached<F: Future>(&self, runtime: &Runtime, future: F) -> F::Output;
}

impl LocalSetExt for LocalSet {
    #[track_caller]
    fn spawn_local_carrying<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        self.spawn_local(future.in_current_context())
    }

    #[track_caller]
    fn spawn_local_detached<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        self.spawn_local(future.detached())
    }

    #[track_caller]
    fn run_until_carrying<F: Future>(&self, future: F) -> impl Future<Output = F::Output> {
        run_until(self, future, Hop::current())
    }

    fn run_until_detached<F: Future>(&self, future: F) -> impl Future<Output = F::Output> {
        run_until(self, future, Hop::empty())
    }

    #[track_caller]
    fn block_on_carrying<F: Future>(&self, runtime: &Runtime, future: F) -> F::Output {
        block_on(self, runtime, future, Hop::current())
    }

    #[track_caller]
    fn block_on_detached<F: Future>(&self, runtime: &Runtime, future: F) -> F::Output {
        block_on(self, runtime, future, Hop::empty())
    }
}

/// Polls the set on an empty stack, and the future with `hop`.
fn run_until<F: Future>(set: &LocalSet, future: F, hop: Hop) -> impl Future<Output = F::Output> {
    set.run_until(InContext::new(hop.into_stack(), future)).detached()
}

#[track_caller]
fn block_on<F: Future>(set: &LocalSet, runtime: &Runtime, future: F, hop: Hop) -> F::Output {
    let future = InContext::new(hop.into_stack(), future);
    Stack::new().run(|| set.block_on(runtime, future))
}
