//! A task that serves all requests of a server, one job after the other, each in the context of
//! its sender.

use futures_util::future::{BoxFuture, FutureExt};
use stackholm::{Context, Envelope};
use std::any::Any;
use std::future::pending;
use std::panic::{AssertUnwindSafe, resume_unwind};
use tokio::sync::{mpsc, oneshot};

type Work = Box<dyn FnOnce() -> BoxFuture<'static, ()> + Send>;
/// What to do, and where to tell of its end.
type Job = (Envelope<Work>, oneshot::Sender<End>);
type End = Result<(), Box<dyn Any + Send>>;

/// Where jobs are sent to.
#[derive(Clone, Debug)]
pub(crate) struct Actor(mpsc::Sender<Job>);

impl Actor {
    /// The handle to the actor, and the actor itself: a future to spawn.
    pub(crate) fn new() -> (Self, impl Future<Output = ()> + Send) {
        let (jobs, mut inbox) = mpsc::channel::<Job>(64);
        let work = async move {
            while let Some((job, ended)) = inbox.recv().await {
                let end = AssertUnwindSafe(job.open_async(|work| work())).catch_unwind().await;
                assert!(Context::current().is_empty(), "nothing is left of a job");
                // If the request was cancelled, nobody receives this.
                let _ = ended.send(end);
            }
        };
        (Actor(jobs), work)
    }

    /// Has the task do the work, in the context of the caller, and waits for its end.
    pub(crate) async fn send(
        &self,
        work: impl FnOnce() -> BoxFuture<'static, ()> + Send + 'static,
    ) {
        let (ended, end) = oneshot::channel();
        let sent = self.0.send((Envelope::new(Box::new(work)), ended)).await;
        match (sent, end.await) {
            (Ok(()), Ok(end)) => end.unwrap_or_else(|panic| resume_unwind(panic)),
            // The runtime is shutting down and will drop this future.
            _ => pending().await,
        }
    }
}
