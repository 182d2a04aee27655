//! Executors as hyper wants them: one that carries, and one that does not.

use super::guest::Guest;
use super::oracle::hop::Hop;
use ::tokio::sync::oneshot;
use futures_util::future::{BoxFuture, FutureExt};
use hyper::rt::Executor;
use hyper_util::rt::TokioExecutor;
use stackholm::hyper::{CarryingExecutor, DetachingExecutor};
use std::future::{Future, pending};
use std::panic::{AssertUnwindSafe, resume_unwind};

pub(super) async fn executor(probe: Guest) {
    let carrying = CarryingExecutor::new(TokioExecutor::new());
    execute(|task| carrying.execute(task), async move { probe.check(Hop::Executor) }).await;
}

pub(super) async fn detaching_executor(probe: Guest) {
    let hop = Hop::DetachingExecutor;
    let carried = probe.expected.shows_something(hop);
    let look = async move { probe.expected.sees_nothing(hop) };
    let (carrying, detaching) =
        (CarryingExecutor::new(TokioExecutor::new()), DetachingExecutor::new(TokioExecutor::new()));
    if carried {
        return execute(|task| carrying.execute(task), look).await;
    }
    execute(|task| detaching.execute(task), look).await;
}

/// Awaits what an executor was given, which gives no handle.
async fn execute(
    give: impl FnOnce(BoxFuture<'static, ()>),
    look: impl Future<Output = ()> + Send + 'static,
) {
    let (tell, told) = oneshot::channel();
    give(Box::pin(async move {
        // If the request was cancelled, nobody receives this.
        let _ = tell.send(AssertUnwindSafe(look).catch_unwind().await);
    }));
    match told.await {
        Ok(Ok(())) => {}
        Ok(Err(panic)) => resume_unwind(panic),
        // The runtime is shutting down and will drop this future.
        Err(_) => pending().await,
    }
}
