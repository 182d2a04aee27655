//! The handler: the way of one request through every hop, the same for each way of carrying.

use super::body::body;
use super::carrier::Carrier;
use super::fate::{Fate, Fault};
use super::hop::Hop;
use super::variables::TENANT;
use super::visit::Visit;
use axum::response::Response;
use stackholm::Context;
use std::future::pending;
use std::panic::resume_unwind;
use std::sync::Arc;
use tokio::task::{JoinHandle, yield_now};

/// Answers a request.
pub(crate) async fn journey<C: Carrier>(visit: Visit<C>) -> Response {
    visit.check(Hop::Handler);
    let truth = Arc::clone(&visit.truth);
    finished(tokio::spawn(async move { truth.sees_nothing(Hop::Stranger) })).await;
    visit.at(Hop::Checkpoint, checkpoint).await;
    // What the block and those whom it called have bound is gone.
    visit.check_again(Hop::Handler);
    body(&visit)
}

/// A block of the handler; it may be cancelled at every await.
async fn checkpoint<C: Carrier>(visit: Visit<C>) {
    let _witness = visit.witness(Hop::Checkpoint);
    visit.check(Hop::Checkpoint);
    tokio::join!(
        visit.at(Hop::Left, |visit| in_turns(visit, Hop::Left)),
        visit.at(Hop::Right, |visit| in_turns(visit, Hop::Right)),
    );
    visit.check_again(Hop::Checkpoint);
    if visit.truth.fate == Fate::CancelInHandler {
        visit.truth.tell();
        pending::<()>().await;
    }
    let task = visit.at_once(Hop::Task, spawn_task);
    let job = visit.at_once(Hop::Blocking, |visit| C::spawn_blocking(move || blocking(&visit)));
    finished(task).await;
    finished(job).await;
    visit.check_again(Hop::Checkpoint);
    if visit.truth.fate == Fate::CancelInTask {
        pending::<()>().await;
    }
}

async fn in_turns<C: Carrier>(visit: Visit<C>, hop: Hop) {
    visit.check(hop);
    yield_now().await;
    visit.check_again(hop);
}

/// Hands over to a task; or does it wrong, if that was ordered.
fn spawn_task<C: Carrier>(visit: Visit<C>) -> JoinHandle<()> {
    let Fate::Planted(fault) = visit.truth.fate else { return C::spawn(task(visit)) };
    match fault {
        Fault::Wrong => {
            let somebody = visit.truth.app.census.count(String::from("somebody else"));
            TENANT.sync_scope(somebody, || C::spawn(task(visit)))
        }
        Fault::Lost => tokio::spawn(task(visit)),
        Fault::Leak => {
            std::mem::forget(Context::current());
            C::spawn(task(visit))
        }
    }
}

async fn task<C: Carrier>(visit: Visit<C>) {
    visit.check(Hop::Task);
    if visit.truth.fate == Fate::CancelInTask {
        visit.truth.tell();
    }
    let subtask = visit.at_once(Hop::Subtask, |visit| C::spawn(async move { visit.check(Hop::Subtask) }));
    finished(subtask).await;
    visit.check_again(Hop::Task);
}

fn blocking<C: Carrier>(visit: &Visit<C>) {
    visit.check(Hop::Blocking);
    let thread = visit.at_once(Hop::Thread, |visit| C::spawn_thread(move || visit.check(Hop::Thread)));
    if let Err(panic) = thread.join() {
        resume_unwind(panic);
    }
    visit.check_again(Hop::Blocking);
}

/// Awaits what was spawned; its panic becomes ours.
async fn finished(spawned: JoinHandle<()>) {
    match spawned.await.map_err(|error| error.try_into_panic()) {
        Ok(()) => {}
        Err(Ok(panic)) => resume_unwind(panic),
        // The runtime is shutting down, and is about to drop us.
        Err(Err(_cancelled)) => pending().await,
    }
}
