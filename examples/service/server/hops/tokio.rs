//! Tasks, sets of them, the blocking pool, timers, and a task that serves all requests.

use super::actor::Actor;
use super::guest::Guest;
use super::oracle::hop::Hop;
use super::oracle::variables::{STAGE, TOKEN, stage};
use super::waiting::{elsewhere, end, finished, in_turns};
use ::tokio::runtime::Handle;
use ::tokio::task::{LocalSet, block_in_place, yield_now};
use stackholm::tokio::{BlockOnExt, JoinSet, LocalSetExt, SpawnExt, spawn};
use stackholm::tokio_util::TaskTrackerExt;
use stackholm::{Checkpoint, ContextExt};
use std::future::pending;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tokio_util::task::{JoinMap, TaskTracker};

/// The shortest time that a timer knows.
const MOMENT: Duration = Duration::from_millis(1);
const LONG: Duration = Duration::from_secs(3600);

pub(super) async fn bare_spawn(probe: Guest) {
    let carried = probe.expected.shows_something(Hop::BareSpawn);
    let look = async move { probe.expected.sees_nothing(Hop::BareSpawn) };
    finished(if carried { spawn(look) } else { ::tokio::spawn(look) }).await;
}

pub(super) async fn detached(probe: Guest) {
    let carried = probe.expected.shows_something(Hop::Detached);
    let look = async move { probe.expected.sees_nothing(Hop::Detached) };
    if carried {
        return finished(spawn(look)).await;
    }
    elsewhere(look).await;
}

/// A block that awaits two futures in turns, and looks at its end, however that comes.
pub(super) async fn checkpoint(probe: Guest) {
    Checkpoint::wrap(async {
        STAGE
            .set(stage(&probe.expected.observer.live_count, Hop::Checkpoint))
            .expect("the checkpoint is open");
        let _witness = probe.witness(Hop::Checkpoint);
        probe.check(Hop::Checkpoint);
        ::tokio::join!(
            probe.pass(Hop::Left, |probe| in_turns(probe, Hop::Left)),
            probe.pass(Hop::Right, |probe| in_turns(probe, Hop::Right)),
        );
        probe.check(Hop::Checkpoint);
    })
    .await;
}

pub(super) async fn select(probe: Guest) {
    let dropped = Checkpoint::wrap(async {
        let _witness = probe.witness(Hop::Select);
        pending::<()>().await;
    });
    ::tokio::select! {
        biased;
        () = dropped => {}
        () = in_turns(probe.clone(), Hop::Select) => {}
    }
}

pub(super) async fn timer(probe: Guest) {
    ::tokio::time::sleep(MOMENT).await;
    probe.check(Hop::Timer);
    let look = async { probe.check(Hop::Timer) };
    ::tokio::time::timeout(LONG, look).await.expect("it takes less than an hour");
    let mut ticks = ::tokio::time::interval(MOMENT);
    ticks.tick().await;
    ticks.tick().await;
    probe.check(Hop::Timer);
}

pub(super) async fn task(probe: Guest) {
    finished(spawn(async move {
        probe.check(Hop::Task);
        let subtask = |probe: Guest| spawn(async move { probe.check(Hop::Subtask) });
        finished(probe.pass_at_once(Hop::Subtask, subtask)).await;
        probe.check(Hop::Task);
    }))
    .await;
}

pub(super) async fn join_set(probe: Guest) {
    let mut set = JoinSet::new();
    for _ in 0..3 {
        let probe = probe.clone();
        set.spawn(async move { probe.check(Hop::JoinSet) });
    }
    while let Some(joined) = set.join_next().await {
        end(joined);
    }
}

pub(super) async fn join_map(probe: Guest) {
    let mut map = JoinMap::new();
    for key in 0..2 {
        let probe = probe.clone();
        map.spawn(key, async move { probe.check(Hop::JoinMap) }.in_current_context());
    }
    while let Some((_, joined)) = map.join_next().await {
        end(joined);
    }
}

/// A tracked task that waits for a token which it finds in a variable.
pub(super) async fn tracker(probe: Guest) {
    let (tracker, token) = (TaskTracker::new(), CancellationToken::new());
    let child = probe.clone();
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

pub(super) async fn runtime(probe: Guest) {
    let (here, child, job) = (Handle::current(), probe.clone(), probe);
    finished(here.spawn_carrying(async move { child.check(Hop::Runtime) })).await;
    finished(here.spawn_blocking_carrying(move || job.check(Hop::Runtime))).await;
}

pub(super) async fn in_place(probe: Guest) {
    block_in_place(|| probe.check(Hop::InPlace));
}

pub(crate) async fn actor(probe: Guest, actor: Actor) {
    actor.send(move || Box::pin(in_turns(probe, Hop::Actor))).await;
}

/// Tasks that stay on their thread, with something that does not leave it.
pub(super) fn local_set(probe: &Guest) {
    let local = LocalSet::new();
    let here = std::rc::Rc::new(probe.clone());
    let task = local.spawn_local_carrying(async move {
        here.check(Hop::LocalSet);
        yield_now().await;
        here.check(Hop::LocalSet);
    });
    end(Handle::current().block_on(local.run_until_carrying(task)));
}

pub(super) fn block_on(probe: &Guest) {
    Handle::current().block_on_carrying(async { probe.check(Hop::BlockOn) });
}
