//! A task that serves all requests of a server, one errand after the other, each in the context of
//! its sender.

use futures_util::future::{BoxFuture, FutureExt};
use stackholm::{Context, Envelope};
use std::any::Any;
use std::future::pending;
use std::panic::{AssertUnwindSafe, resume_unwind};
use tokio::sync::{mpsc, oneshot};

type Work = Box<dyn FnOnce() -> BoxFuture<'static, ()> + Send>;
/// What to do, and where to tell of its end.
type Errand = (Envelope<Work>, oneshot::Sender<End>);
type End = Result<(), Box<dyn Any + Send>>;

/// Where errands are sent to.
#[derive(Clone, Debug)]
pub(crate) struct Courier(mpsc::Sender<Errand>);

impl Courier {
    /// The courier, and the task that it is.
    pub(crate) fn new() -> (Self, impl Future<Output = ()> + Send) {
        let (errands, mut inbox) = mpsc::channel::<Errand>(64);
        let work = async move {
            while let Some((errand, ended)) = inbox.recv().await {
                let end = AssertUnwindSafe(errand.open_async(|work| work())).catch_unwind().await;
                assert!(Context::current().is_empty(), "nothing is left of an errand");
                // Nobody waits any more if the request was given up.
                let _ = ended.send(end);
            }
        };
        (Courier(errands), work)
    }

    /// Has the task do it, in the context of the caller, and waits.
    pub(crate) async fn send(
        &self,
        work: impl FnOnce() -> BoxFuture<'static, ()> + Send + 'static,
    ) {
        let (ended, end) = oneshot::channel();
        let sent = self.0.send((Envelope::new(Box::new(work)), ended)).await;
        match (sent, end.await) {
            (Ok(()), Ok(end)) => end.unwrap_or_else(|panic| resume_unwind(panic)),
            // The runtime is shutting down, and is about to drop us.
            _ => pending().await,
        }
    }
}
