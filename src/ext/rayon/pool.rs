//! Pools that are held as values.

use super::on_each;
use crate::envelope::Envelope;
use crate::hop::Hop;
use ::rayon::{BroadcastContext, ThreadPool};

/// Runs jobs on a [`ThreadPool`], carrying or detached. Its own methods hand nothing over.
///
/// # Examples
/// ```
/// use stackholm::rayon::ThreadPoolExt;
/// # static USER: stackholm::Var<&str> = stackholm::Var::new("user");
/// let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
/// let seen = USER.sync_scope("ada", || {
///     pool.install_carrying(|| stackholm::rayon::join(|| USER.get(), || USER.get()))
/// });
/// assert_eq!(seen, ("ada", "ada"));
/// ```
pub trait ThreadPoolExt: sealed::Pools {
    /// As [`ThreadPool::install`], in the context of the caller.
    #[track_caller]
    fn install_carrying<F, R>(&self, job: F) -> R
    where
        F: FnOnce() -> R + Send,
        R: Send,
    {
        self.pool().install(Envelope::new(job).into_job())
    }

    /// As [`ThreadPool::install`], in the empty context.
    fn install_detached<F, R>(&self, job: F) -> R
    where
        F: FnOnce() -> R + Send,
        R: Send,
    {
        self.pool().install(Envelope::detached(job).into_job())
    }

    /// As [`ThreadPool::spawn`], in the context of the caller.
    #[track_caller]
    fn spawn_carrying<F: FnOnce() + Send + 'static>(&self, job: F) {
        self.pool().spawn(Envelope::new(job).into_job());
    }

    /// As [`ThreadPool::spawn`], in the empty context.
    fn spawn_detached<F: FnOnce() + Send + 'static>(&self, job: F) {
        self.pool().spawn(Envelope::detached(job).into_job());
    }

    /// As [`ThreadPool::spawn_fifo`], in the context of the caller.
    #[track_caller]
    fn spawn_fifo_carrying<F: FnOnce() + Send + 'static>(&self, job: F) {
        self.pool().spawn_fifo(Envelope::new(job).into_job());
    }

    /// As [`ThreadPool::spawn_fifo`], in the empty context.
    fn spawn_fifo_detached<F: FnOnce() + Send + 'static>(&self, job: F) {
        self.pool().spawn_fifo(Envelope::detached(job).into_job());
    }

    /// As [`ThreadPool::broadcast`]: once on each thread, in the context of the caller.
    #[track_caller]
    fn broadcast_carrying<F, R>(&self, job: F) -> Vec<R>
    where
        F: Fn(BroadcastContext<'_>) -> R + Sync,
        R: Send,
    {
        self.pool().broadcast(on_each(Hop::current(), job))
    }

    /// As [`ThreadPool::broadcast`]: once on each thread, in the empty context.
    fn broadcast_detached<F, R>(&self, job: F) -> Vec<R>
    where
        F: Fn(BroadcastContext<'_>) -> R + Sync,
        R: Send,
    {
        self.pool().broadcast(on_each(Hop::empty(), job))
    }

    /// As [`ThreadPool::spawn_broadcast`], in the context of the caller.
    #[track_caller]
    fn spawn_broadcast_carrying<F: Fn(BroadcastContext<'_>) + Send + Sync + 'static>(
        &self,
        job: F,
    ) {
        self.pool().spawn_broadcast(on_each(Hop::current(), job));
    }

    /// As [`ThreadPool::spawn_broadcast`], in the empty context.
    fn spawn_broadcast_detached<F: Fn(BroadcastContext<'_>) + Send + Sync + 'static>(
        &self,
        job: F,
    ) {
        self.pool().spawn_broadcast(on_each(Hop::empty(), job));
    }
}

impl ThreadPoolExt for ThreadPool {}

mod sealed {
    use super::ThreadPool;

    pub trait Pools {
        #[doc(hidden)]
        fn pool(&self) -> &ThreadPool;
    }

    impl Pools for ThreadPool {
        fn pool(&self) -> &ThreadPool {
            self
        }
    }
}
