//! The measured handler: six hops, the same for each way of carrying.
//!
//! The handler, a block that it awaits, a task, a task of that task, a job on the blocking pool,
//! and the body. Each looks once at the ten variables, and at the stage where there is one.

use super::body::body;
use super::carriers::carrier::Carrier;
use super::carriers::probe::Probe;
use super::hops::waiting::finished;
use super::oracle::hop::Hop;
use axum::response::Response;

/// Answers a request.
pub(crate) async fn six_hops<C: Carrier>(probe: Probe<C>) -> Response {
    probe.check(Hop::Handler);
    let probe = probe.at(Hop::Checkpoint, block).await;
    body(&probe)
}

async fn block<C: Carrier>(probe: Probe<C>) -> Probe<C> {
    probe.check(Hop::Checkpoint);
    let task = probe.at_once(Hop::Task, |probe| C::spawn(task(probe)));
    let job =
        probe.at_once(Hop::Blocking, |probe| C::spawn_blocking(move || probe.check(Hop::Blocking)));
    finished(task).await;
    finished(job).await;
    probe
}

async fn task<C: Carrier>(probe: Probe<C>) {
    probe.check(Hop::Task);
    let subtask =
        probe.at_once(Hop::Subtask, |probe| C::spawn(async move { probe.check(Hop::Subtask) }));
    finished(subtask).await;
}
