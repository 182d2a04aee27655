//! Tasks, sets of them, the blocking pool, timers, and a task that serves all requests.

use super::oracle::variables::{STAGE, TOKEN};
use super::{BLOCKING, Guest, Hop, elsewhere, end, finished, in_turns};
use ::tokio::runtime::Handle;
use ::tokio::task::{LocalSet, block_in_place, yield_now};
use stackholm::tokio::{BlockOnExt, JoinSet, LocalSetExt, SpawnExt, spawn, spawn_blocking};
use stackholm::tokio_util::TaskTrackerExt;
use stackholm::{Checkpoint, ContextExt};
use std::future::pending;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tokio_util::task::{JoinMap, TaskTracker};

/// The shortest time that a timer knows.
const MOMENT: Duration = Duration::from_millis(1);
const LONG: Duration = Duration::from_secs(3600);

pub(super) async fn stranger(visit: Guest) {
    let carried = visit.truth.shows_something(Hop::Stranger);
    let look = async move { visit.truth.sees_nothing(Hop::Stranger) };
    finished(if carried { spawn(look) } else { ::tokio::spawn(look) }).await;
}

pub(super) async fn detached(visit: Guest) {
    let carried = visit.truth.shows_something(Hop::Detached);
    let look = async move { visit.truth.sees_nothing(Hop::Detached) };
    if carried {
        return finished(spawn(look)).await;
    }
    elsewhere(look).await;
}

/// A block that awaits two futures in turns, and looks at its end, however that comes.
pub(super) async fn checkpoint(visit: Guest) {
    Checkpoint::wrap(async {
        STAGE.set(visit.truth.app.census.count(Hop::Checkpoint)).expect("the checkpoint is open");
        let _witness = visit.witness(Hop::Checkpoint);
        visit.check(Hop::Checkpoint);
        ::tokio::join!(
            visit.pass(Hop::Left, |visit| in_turns(visit, Hop::Left)),
            visit.pass(Hop::Right, |visit| in_turns(visit, Hop::Right)),
        );
        visit.check(Hop::Checkpoint);
    })
    .await;
}

pub(super) async fn select(visit: Guest) {
    let dropped = Checkpoint::wrap(async {
        let _witness = visit.witness(Hop::Select);
        pending::<()>().await;
    });
    ::tokio::select! {
        biased;
        () = dropped => {}
        () = in_turns(visit.clone(), Hop::Select) => {}
    }
}

pub(super) async fn timer(visit: Guest) {
    ::tokio::time::sleep(MOMENT).await;
    visit.check(Hop::Timer);
    let look = async { visit.check(Hop::Timer) };
    ::tokio::time::timeout(LONG, look).await.expect("it takes less than an hour");
    let mut ticks = ::tokio::time::interval(MOMENT);
    ticks.tick().await;
    ticks.tick().await;
    visit.check(Hop::Timer);
}

pub(super) async fn task(visit: Guest) {
    finished(spawn(async move {
        visit.check(Hop::Task);
        let subtask = |visit: Guest| spawn(async move { visit.check(Hop::Subtask) });
        finished(visit.pass_at_once(Hop::Subtask, subtask)).await;
        visit.check(Hop::Task);
    }))
    .await;
}

pub(super) async fn join_set(visit: Guest) {
    let mut set = JoinSet::new();
    for _ in 0..3 {
        let visit = visit.clone();
        set.spawn(async move { visit.check(Hop::JoinSet) });
    }
    while let Some(joined) = set.join_next().await {
        end(joined);
    }
}

pub(super) async fn join_map(visit: Guest) {
    let mut map = JoinMap::new();
    for key in 0..2 {
        let visit = visit.clone();
        map.spawn(key, async move { visit.check(Hop::JoinMap) }.in_current_context());
    }
    while let Some((_, joined)) = map.join_next().await {
        end(joined);
    }
}

/// A tracked task that waits for a token which it finds in a variable.
pub(super) async fn tracker(visit: Guest) {
    let (tracker, token) = (TaskTracker::new(), CancellationToken::new());
    let child = visit.clone();
    let waiting = async move {
        child.check(Hop::Tracker);
        TOKEN.with(CancellationToken::clone).cancelled().await;
        child.check(Hop::Tracker);
    };
    let task = TOKEN.sync_scope(token.clone(), || tracker.spawn_carrying(waiting));
    tracker.close();
    token.cancel();
    tracker.wait().await;
    finished(task).await;
}

pub(super) async fn runtime(visit: Guest) {
    let (here, child, job) = (Handle::current(), visit.clone(), visit);
    finished(here.spawn_carrying(async move { child.check(Hop::Runtime) })).await;
    finished(here.spawn_blocking_carrying(move || job.check(Hop::Runtime))).await;
}

pub(super) async fn in_place(visit: Guest) {
    block_in_place(|| visit.check(Hop::InPlace));
}

pub(super) async fn courier(visit: Guest) {
    let courier = visit.truth.courier.clone().expect("the server has one");
    courier.send(move || Box::pin(in_turns(visit, Hop::Courier))).await;
}

pub(super) async fn blocking(visit: Guest) {
    let job = move || {
        visit.check(Hop::Blocking);
        for (hop, stop) in BLOCKING {
            visit.pass_at_once(*hop, |visit| stop(&visit));
        }
        visit.check(Hop::Blocking);
    };
    finished(spawn_blocking(job)).await;
}

/// Tasks that stay on their thread, with something that does not leave it.
pub(super) fn local_set(visit: &Guest) {
    let local = LocalSet::new();
    let here = std::rc::Rc::new(visit.clone());
    let task = local.spawn_local_carrying(async move {
        here.check(Hop::LocalSet);
        yield_now().await;
        here.check(Hop::LocalSet);
    });
    end(Handle::current().block_on(local.run_until_carrying(task)));
}

pub(super) fn block_on(visit: &Guest) {
    Handle::current().block_on_carrying(async { visit.check(Hop::BlockOn) });
}
