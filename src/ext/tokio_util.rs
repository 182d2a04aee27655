//! Tracked tasks of [tokio-util](::tokio_util) that carry the context of where they are spawned, or
//! detach from it. Feature `tokio-util`.
//!
//! Its `JoinMap` takes [`future.in_current_context()`](ContextExt) and
//! [`future.detached()`](ContextExt), as anything does that takes a future. A cancellation token
//! can cancel a [scope](crate::cancel) ([`with_token`]), and a scope a token ([`token`]).

mod token;

pub use self::token::{LinkedToken, TokenCancelled, WithToken, token, with_token};

use crate::envelope::Envelope;
use crate::future::ContextExt;
use ::tokio::runtime::Handle;
use ::tokio::task::{JoinHandle, LocalSet};
use ::tokio_util::task::TaskTracker;

/// Spawns on a [`TaskTracker`], carrying or detached. Its own methods hand nothing over.
///
/// # Examples
/// ```
/// use stackholm::tokio_util::TaskTrackerExt;
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// # static USER: stackholm::Var<&str> = stackholm::Var::new("user");
/// let tracker = tokio_util::task::TaskTracker::new();
/// let task = USER.sync_scope("ada", || tracker.spawn_carrying(async { USER.get() }));
/// tracker.close();
/// tracker.wait().await;
/// assert_eq!(task.await.unwrap(), "ada");
/// # }
/// ```
pub trait TaskTrackerExt: sealed::Tracks {
    /// As [`TaskTracker::spawn`], in the context of the caller.
    ///
    /// # Panics
    /// If called from outside of a runtime.
    #[track_caller]
    fn spawn_carrying<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.tracker().spawn(future.in_current_context())
    }

    /// As [`TaskTracker::spawn`], in the empty context.
    ///
    /// # Panics
    /// If called from outside of a runtime.
    #[track_caller]
    fn spawn_detached<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.tracker().spawn(future.detached())
    }

    /// As [`TaskTracker::spawn_on`], in the context of the caller.
    #[track_caller]
    fn spawn_carrying_on<F>(&self, future: F, runtime: &Handle) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.tracker().spawn_on(future.in_current_context(), runtime)
    }

    /// As [`TaskTracker::spawn_on`], in the empty context.
    #[track_caller]
    fn spawn_detached_on<F>(&self, future: F, runtime: &Handle) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.tracker().spawn_on(future.detached(), runtime)
    }

    /// As [`TaskTracker::spawn_local`], in the context of the caller.
    ///
    /// # Panics
    /// If called from outside of a [`LocalSet`].
    #[track_caller]
    fn spawn_local_carrying<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        self.tracker().spawn_local(future.in_current_context())
    }

    /// As [`TaskTracker::spawn_local`], in the empty context.
    ///
    /// # Panics
    /// If called from outside of a [`LocalSet`].
    #[track_caller]
    fn spawn_local_detached<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        self.tracker().spawn_local(future.detached())
    }

    /// As [`TaskTracker::spawn_local_on`], in the context of the caller.
    #[track_caller]
    fn spawn_local_carrying_on<F>(&self, future: F, set: &LocalSet) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        self.tracker().spawn_local_on(future.in_current_context(), set)
    }

    /// As [`TaskTracker::spawn_local_on`], in the empty context.
    #[track_caller]
    fn spawn_local_detached_on<F>(&self, future: F, set: &LocalSet) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        self.tracker().spawn_local_on(future.detached(), set)
    }

    /// As [`TaskTracker::spawn_blocking`], in the context of the caller.
    ///
    /// # Panics
    /// If called from outside of a runtime.
    #[track_caller]
    fn spawn_blocking_carrying<F, R>(&self, f: F) -> JoinHandle<R>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        self.tracker().spawn_blocking(Envelope::new(f).into_job())
    }

    /// As [`TaskTracker::spawn_blocking`], in the empty context.
    ///
    /// # Panics
    /// If called from outside of a runtime.
    #[track_caller]
    fn spawn_blocking_detached<F, R>(&self, f: F) -> JoinHandle<R>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        self.tracker().spawn_blocking(Envelope::detached(f).into_job())
    }

    /// As [`TaskTracker::spawn_blocking_on`], in the context of the caller.
    #[track_caller]
    fn spawn_blocking_carrying_on<F, R>(&self, f: F, runtime: &Handle) -> JoinHandle<R>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        self.tracker().spawn_blocking_on(Envelope::new(f).into_job(), runtime)
    }

    /// As [`TaskTracker::spawn_blocking_on`], in the empty context.
    #[track_caller]
    fn spawn_blocking_detached_on<F, R>(&self, f: F, runtime: &Handle) -> JoinHandle<R>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        self.tracker().spawn_blocking_on(Envelope::detached(f).into_job(), runtime)
    }
}

impl TaskTrackerExt for TaskTracker {}

mod sealed {
    use super::TaskTracker;

    pub trait Tracks {
        #[doc(hidden)]
        fn tracker(&self) -> &TaskTracker;
    }

    impl Tracks for TaskTracker {
        fn tracker(&self) -> &TaskTracker {
            self
        }
    }
}
