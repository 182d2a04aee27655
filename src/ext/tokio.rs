//! Tasks of [tokio](::tokio) that carry the context of where they are spawned, or detach from it.
//! Feature `tokio`.
//!
//! Tokio's own functions hand nothing over: what they spawn begins empty on a worker thread, and
//! sees by accident the stack of a thread that polls it inside a scope (`block_on`, a `LocalSet`).
//! The functions here capture at the call, not at the first poll, and the task works on a stack of
//! its own, which begins in an open checkpoint: what it sets never comes back. Those named
//! `…_detached` carry nothing, and shield the task from the stack it is polled on. Detach a task
//! that outlives the request that spawned it, or it keeps the request's values alive.
//!
//! | tokio's, which hands nothing over | carrying | detached |
//! |---|---|---|
//! | `tokio::spawn` | [`spawn`] | [`spawn_detached`] |
//! | `task::spawn_blocking` | [`spawn_blocking`] | [`spawn_blocking_detached`] |
//! | `task::spawn_local` | [`spawn_local`] | [`spawn_local_detached`] |
//! | `task::JoinSet` | [`JoinSet`] | its methods `…_detached` |
//! | `Handle::spawn`, `Runtime::spawn`, … | [`SpawnExt`] | [`SpawnExt`] |
//! | `Handle::block_on`, `Runtime::block_on` | [`BlockOnExt`] | [`BlockOnExt`] |
//! | `LocalSet::spawn_local`, … | [`LocalSetExt`] | [`LocalSetExt`] |
//! | `task::Builder`, and whatever else takes a future | [`future.in_current_context()`](crate::ContextExt) | [`future.detached()`](crate::ContextExt) |
//!
//! `task::block_in_place` needs no counterpart: its closure runs on the thread and on the stack of
//! its task. Nor do timers, `select!` and `join!`: they poll what they wait for on the stack of the
//! task that awaits them. A reader or writer that [`ContextExt`](crate::ContextExt) wraps is a
//! reader or writer too, and works in its own context.

mod block_on;
mod deadline;
mod io;
mod join_set;
mod local_set;

pub use self::block_on::BlockOnExt;
pub use self::deadline::{DeadlineExt, TokioTimer};
pub use self::join_set::JoinSet;
pub use self::local_set::{LocalSetExt, spawn_local, spawn_local_detached};

use crate::envelope::Envelope;
use crate::future::ContextExt;
use ::tokio::runtime::{Handle, Runtime};
use ::tokio::task::{self, JoinHandle};

/// As [`tokio::spawn`](::tokio::spawn), in the context of the caller.
///
/// # Panics
/// If called from outside of a runtime.
///
/// # Examples
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// # static USER: stackholm::Var<&str> = stackholm::Var::new("user");
/// let task = USER.sync_scope("ada", || stackholm::tokio::spawn(async { USER.get() }));
/// assert_eq!(task.await.unwrap(), "ada");
/// # }
/// ```
#[track_caller]
pub fn spawn<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    ::tokio::spawn(future.in_current_context())
}

/// As [`tokio::spawn`](::tokio::spawn), in the empty context, whichever thread polls it.
///
/// # Panics
/// If called from outside of a runtime.
#[track_caller]
pub fn spawn_detached<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    ::tokio::spawn(future.detached())
}

/// As [`tokio::task::spawn_blocking`](::tokio::task::spawn_blocking), in the context of the caller.
///
/// When the job is done, the thread of the pool keeps nothing of the context.
///
/// # Panics
/// If called from outside of a runtime.
///
/// # Examples
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// # static USER: stackholm::Var<&str> = stackholm::Var::new("user");
/// let job = USER.sync_scope("ada", || stackholm::tokio::spawn_blocking(|| USER.get()));
/// assert_eq!(job.await.unwrap(), "ada");
/// # }
/// ```
#[track_caller]
pub fn spawn_blocking<F, R>(f: F) -> JoinHandle<R>
where
    F: FnOnce() -> R + Send + 'static,
    R: Send + 'static,
{
    task::spawn_blocking(Envelope::new(f).into_job())
}

/// As [`tokio::task::spawn_blocking`](::tokio::task::spawn_blocking), in the empty context.
///
/// # Panics
/// If called from outside of a runtime.
#[track_caller]
pub fn spawn_blocking_detached<F, R>(f: F) -> JoinHandle<R>
where
    F: FnOnce() -> R + Send + 'static,
    R: Send + 'static,
{
    task::spawn_blocking(Envelope::detached(f).into_job())
}

/// Spawns on a [`Runtime`] or through a [`Handle`], carrying or detached.
///
/// # Examples
/// ```
/// use stackholm::tokio::SpawnExt;
/// # static USER: stackholm::Var<&str> = stackholm::Var::new("user");
/// # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
/// let task = USER.sync_scope("ada", || runtime.spawn_carrying(async { USER.get() }));
/// assert_eq!(runtime.block_on(task).unwrap(), "ada");
/// ```
pub trait SpawnExt: sealed::Spawns {
    /// As [`Handle::spawn`], in the context of the caller.
    #[track_caller]
    fn spawn_carrying<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.runtime().spawn(future.in_current_context())
    }

    /// As [`Handle::spawn`], in the empty context, whichever thread polls it.
    #[track_caller]
    fn spawn_detached<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.runtime().spawn(future.detached())
    }

    /// As [`Handle::spawn_blocking`], in the context of the caller.
    #[track_caller]
    fn spawn_blocking_carrying<F, R>(&self, f: F) -> JoinHandle<R>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        self.runtime().spawn_blocking(Envelope::new(f).into_job())
    }

    /// As [`Handle::spawn_blocking`], in the empty context.
    #[track_caller]
    fn spawn_blocking_detached<F, R>(&self, f: F) -> JoinHandle<R>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        self.runtime().spawn_blocking(Envelope::detached(f).into_job())
    }
}

impl SpawnExt for Handle {}
impl SpawnExt for Runtime {}

mod sealed {
    use ::tokio::runtime::{Handle, Runtime};

    pub trait Spawns {
        /// The handle of the runtime that it spawns on.
        #[doc(hidden)]
        fn runtime(&self) -> &Handle;
    }

    impl Spawns for Handle {
        fn runtime(&self) -> &Handle {
            self
        }
    }

    impl Spawns for Runtime {
        fn runtime(&self) -> &Handle {
            self.handle()
        }
    }
}
