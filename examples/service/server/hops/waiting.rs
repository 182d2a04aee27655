//! Waiting for work that was handed over; a panic in it becomes ours.

use super::guest::Guest;
use super::oracle::hop::Hop;
use std::future::{Future, pending};
use std::panic::resume_unwind;
use tokio::task::{JoinError, JoinHandle, yield_now};

/// Checks the values, yields to other tasks, and checks them again.
pub(super) async fn in_turns(probe: Guest, hop: Hop) {
    probe.check(hop);
    yield_now().await;
    probe.check(hop);
}

/// Drives a future from a task that sees nothing.
pub(super) async fn elsewhere<F>(future: F) -> F::Output
where
    F: Future<Output: Send> + Send + 'static,
{
    finished(stackholm::tokio::spawn_detached(future)).await
}

/// Awaits what was spawned; its panic becomes ours.
pub(crate) async fn finished<R>(spawned: JoinHandle<R>) -> R {
    match end(spawned.await) {
        Some(result) => result,
        // The runtime is shutting down and will drop this future.
        None => pending().await,
    }
}

/// The result of a task; `None` if the runtime is shutting down.
pub(super) fn end<R>(joined: Result<R, JoinError>) -> Option<R> {
    match joined.map_err(JoinError::try_into_panic) {
        Ok(result) => Some(result),
        Err(Ok(panic)) => resume_unwind(panic),
        Err(Err(_cancelled)) => None,
    }
}
