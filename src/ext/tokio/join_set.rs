//! A set of tasks that carry the context of where each is spawned.

use crate::envelope::Envelope;
use crate::future::ContextExt;
use ::tokio::runtime::Handle;
use ::tokio::task::{self, AbortHandle, Id, JoinError, LocalSet};
use std::fmt;
use std::task::{Context as TaskContext, Poll};

/// As [`tokio::task::JoinSet`](::tokio::task::JoinSet); what it spawns carries the context of the
/// caller, or detaches from it. Its other methods are the original's.
///
/// # Examples
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// # static SHARD: stackholm::Var<usize> = stackholm::Var::new("shard");
/// let mut set = stackholm::tokio::JoinSet::new();
/// for shard in 0..3 {
///     SHARD.sync_scope(shard, || set.spawn(async { SHARD.get() }));
/// }
/// let mut seen = set.join_all().await;
/// seen.sort();
/// assert_eq!(seen, [0, 1, 2]);
/// # }
/// ```
#[must_use = "its tasks are aborted when it is dropped"]
pub struct JoinSet<T>(task::JoinSet<T>);

impl<T> JoinSet<T> {
    /// A set with no task.
    pub fn new() -> Self {
        JoinSet(task::JoinSet::new())
    }

    /// How many tasks are in the set.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether no task is in the set.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Tokio's own set, with the tasks of this one.
    pub fn into_inner(self) -> task::JoinSet<T> {
        self.0
    }
}

impl<T: 'static> JoinSet<T> {
    /// Spawns a task in the context of the caller.
    ///
    /// # Panics
    /// If called from outside of a runtime.
    #[track_caller]
    pub fn spawn(&mut self, future: impl Future<Output = T> + Send + 'static) -> AbortHandle
    where
        T: Send,
    {
        self.0.spawn(future.in_current_context())
    }

    /// Spawns a task in the empty context.
    ///
    /// # Panics
    /// If called from outside of a runtime.
    #[track_caller]
    pub fn spawn_detached(
        &mut self,
        future: impl Future<Output = T> + Send + 'static,
    ) -> AbortHandle
    where
        T: Send,
    {
        self.0.spawn(future.detached())
    }

    /// Spawns a task on a runtime, in the context of the caller.
    #[track_caller]
    pub fn spawn_on(
        &mut self,
        future: impl Future<Output = T> + Send + 'static,
        runtime: &Handle,
    ) -> AbortHandle
    where
        T: Send,
    {
        self.0.spawn_on(future.in_current_context(), runtime)
    }

    /// Spawns a task on a runtime, in the empty context.
    #[track_caller]
    pub fn spawn_on_detached(
        &mut self,
        future: impl Future<Output = T> + Send + 'static,
        runtime: &Handle,
    ) -> AbortHandle
    where
        T: Send,
    {
        self.0.spawn_on(future.detached(), runtime)
    }

    /// Spawns a task on the current [`LocalSet`], in the context of the caller.
    ///
    /// # Panics
    /// If called from outside of a `LocalSet`.
    #[track_caller]
    pub fn spawn_local(&mut self, future: impl Future<Output = T> + 'static) -> AbortHandle {
        self.0.spawn_local(future.in_current_context())
    }

    /// Spawns a task on the current [`LocalSet`], in the empty context.
    ///
    /// # Panics
    /// If called from outside of a `LocalSet`.
    #[track_caller]
    pub fn spawn_local_detached(
        &mut self,
        future: impl Future<Output = T> + 'static,
    ) -> AbortHandle {
        self.0.spawn_local(future.detached())
    }

    /// Spawns a task on a [`LocalSet`], in the context of the caller.
    #[track_caller]
    pub fn spawn_local_on(
        &mut self,
        future: impl Future<Output = T> + 'static,
        set: &LocalSet,
    ) -> AbortHandle {
        self.0.spawn_local_on(future.in_current_context(), set)
    }

    /// Spawns a task on a [`LocalSet`], in the empty context.
    #[track_caller]
    pub fn spawn_local_on_detached(
        &mut self,
        future: impl Future<Output = T> + 'static,
        set: &LocalSet,
    ) -> AbortHandle {
        self.0.spawn_local_on(future.detached(), set)
    }

    /// Runs `f` on the blocking pool, in the context of the caller.
    ///
    /// # Panics
    /// If called from outside of a runtime.
    #[track_caller]
    pub fn spawn_blocking(&mut self, f: impl FnOnce() -> T + Send + 'static) -> AbortHandle
    where
        T: Send,
    {
        self.0.spawn_blocking(Envelope::new(f).into_job())
    }

    /// Runs `f` on the blocking pool, in the empty context.
    ///
    /// # Panics
    /// If called from outside of a runtime.
    #[track_caller]
    pub fn spawn_blocking_detached(&mut self, f: impl FnOnce() -> T + Send + 'static) -> AbortHandle
    where
        T: Send,
    {
        self.0.spawn_blocking(Envelope::detached(f).into_job())
    }

    /// Runs `f` on the blocking pool of a runtime, in the context of the caller.
    #[track_caller]
    pub fn spawn_blocking_on(
        &mut self,
        f: impl FnOnce() -> T + Send + 'static,
        runtime: &Handle,
    ) -> AbortHandle
    where
        T: Send,
    {
        self.0.spawn_blocking_on(Envelope::new(f).into_job(), runtime)
    }

    /// Runs `f` on the blocking pool of a runtime, in the empty context.
    #[track_caller]
    pub fn spawn_blocking_on_detached(
        &mut self,
        f: impl FnOnce() -> T + Send + 'static,
        runtime: &Handle,
    ) -> AbortHandle
    where
        T: Send,
    {
        self.0.spawn_blocking_on(Envelope::detached(f).into_job(), runtime)
    }

    /// Waits for a task to end and takes it out; `None` if the set is empty.
    pub async fn join_next(&mut self) -> Option<Result<T, JoinError>> {
        self.0.join_next().await
    }

    /// As [`join_next`](Self::join_next), with the task's id.
    pub async fn join_next_with_id(&mut self) -> Option<Result<(Id, T), JoinError>> {
        self.0.join_next_with_id().await
    }

    /// Takes out a task that has ended, if there is one now.
    pub fn try_join_next(&mut self) -> Option<Result<T, JoinError>> {
        self.0.try_join_next()
    }

    /// As [`try_join_next`](Self::try_join_next), with the task's id.
    pub fn try_join_next_with_id(&mut self) -> Option<Result<(Id, T), JoinError>> {
        self.0.try_join_next_with_id()
    }

    /// As [`join_next`](Self::join_next), for futures written by hand.
    pub fn poll_join_next(
        &mut self,
        cx: &mut TaskContext<'_>,
    ) -> Poll<Option<Result<T, JoinError>>> {
        self.0.poll_join_next(cx)
    }

    /// As [`join_next_with_id`](Self::join_next_with_id), for futures written by hand.
    pub fn poll_join_next_with_id(
        &mut self,
        cx: &mut TaskContext<'_>,
    ) -> Poll<Option<Result<(Id, T), JoinError>>> {
        self.0.poll_join_next_with_id(cx)
    }

    /// Waits for all tasks.
    ///
    /// # Panics
    /// If one of them panics or is aborted; the others are aborted then.
    pub async fn join_all(self) -> Vec<T> {
        self.0.join_all().await
    }

    /// Aborts all tasks and waits for them to end.
    pub async fn shutdown(&mut self) {
        self.0.shutdown().await;
    }

    /// Aborts all tasks; they stay in the set until they are joined.
    pub fn abort_all(&mut self) {
        self.0.abort_all();
    }

    /// Takes all tasks out of the set without aborting them. Their contexts stay as they are.
    pub fn detach_all(&mut self) {
        self.0.detach_all();
    }
}

impl<T> Default for JoinSet<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> From<task::JoinSet<T>> for JoinSet<T> {
    fn from(set: task::JoinSet<T>) -> Self {
        JoinSet(set)
    }
}

impl<T> fmt::Debug for JoinSet<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Collects futures as tasks that carry the context of the caller.
///
/// # Panics
/// If called from outside of a runtime.
impl<T: Send + 'static, F: Future<Output = T> + Send + 'static> FromIterator<F> for JoinSet<T> {
    fn from_iter<I: IntoIterator<Item = F>>(futures: I) -> Self {
        let mut set = Self::new();
        futures.into_iter().for_each(|future| {
            set.spawn(future);
        });
        set
    }
}
