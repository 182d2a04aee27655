//! The measured handler: six hops, the same for each way of carrying.
//!
//! The handler, a block that it awaits, a task, a task of that task, a job on the blocking pool,
//! and the body. Each looks once at the ten variables, and at the stage where there is one.

use super::body::body;
use super::carriers::carrier::Carrier;
use super::carriers::probe::Visit;
use super::hops::finished;
use super::oracle::hop::Hop;
use axum::response::Response;

/// Answers a request.
pub(crate) async fn six<C: Carrier>(visit: Visit<C>) -> Response {
    visit.check(Hop::Handler);
    let visit = visit.at(Hop::Checkpoint, block).await;
    body(&visit)
}

async fn block<C: Carrier>(visit: Visit<C>) -> Visit<C> {
    visit.check(Hop::Checkpoint);
    let task = visit.at_once(Hop::Task, |visit| C::spawn(task(visit)));
    let job =
        visit.at_once(Hop::Blocking, |visit| C::spawn_blocking(move || visit.check(Hop::Blocking)));
    finished(task).await;
    finished(job).await;
    visit
}

async fn task<C: Carrier>(visit: Visit<C>) {
    visit.check(Hop::Task);
    let subtask =
        visit.at_once(Hop::Subtask, |visit| C::spawn(async move { visit.check(Hop::Subtask) }));
    finished(subtask).await;
}
