//! Tokio: tasks, sets of them, blocking pools, local tasks, runtimes, timers; trackers of
//! tokio-util.

use crate::futures::{io, read_by_tokio, written_by_tokio};
use crate::{Boundary, Job, rows};
use ::tokio::runtime::{Builder, Runtime};
use ::tokio::task::{JoinHandle, LocalSet, block_in_place};
use ::tokio::{select, time};
use stackholm::tokio::{self, BlockOnExt, JoinSet, LocalSetExt, SpawnExt};
use stackholm::tokio_util::TaskTrackerExt;
use stackholm::{Context, ContextExt};
use std::future::pending;
use std::time::Duration;
use tokio_util::task::{JoinMap, TaskTracker};

async fn run(job: Job) {
    job();
}

fn runtime() -> Runtime {
    Builder::new_multi_thread()
        .worker_threads(1)
        .max_blocking_threads(1)
        .enable_all()
        .build()
        .unwrap()
}

/// Spawns from here on a runtime whose threads see nothing.
fn spawned(spawn: impl FnOnce(&Runtime) -> JoinHandle<()>) {
    let runtime = runtime();
    let task = {
        let _entered = runtime.enter();
        spawn(&runtime)
    };
    runtime.block_on(task).unwrap();
}

fn set(spawn: impl FnOnce(&mut JoinSet<()>)) {
    let (runtime, mut set) = (runtime(), JoinSet::new());
    {
        let _entered = runtime.enter();
        spawn(&mut set);
    }
    runtime.block_on(set.join_next()).unwrap().unwrap();
}

fn local(spawn: impl FnOnce(&LocalSet) -> JoinHandle<()>) {
    let (runtime, local) = (runtime(), LocalSet::new());
    let task = {
        let _entered = local.enter();
        spawn(&local)
    };
    local.block_on(&runtime, task).unwrap();
}

fn mapped(future: impl Future<Output = ()> + Send + 'static) {
    let (runtime, mut map) = (runtime(), JoinMap::new());
    {
        let _entered = runtime.enter();
        map.spawn("key", future);
    }
    runtime.block_on(map.join_next()).unwrap().1.unwrap();
}

/// Runs a job on the blocking thread of a task, on the stack of whoever called.
fn in_place(job: impl FnOnce()) {
    runtime().block_on(async { block_in_place(job) });
}

async fn selected(future: impl Future<Output = ()>) {
    select! {
        () = future => {}
        () = pending() => {}
    }
}

async fn timed(future: impl Future<Output = ()>) {
    time::sleep(Duration::ZERO).await;
    time::interval(Duration::from_secs(1)).tick().await;
    time::timeout(Duration::from_secs(3600), future).await.unwrap();
}

pub(crate) const BOUNDARIES: &[Boundary] = rows! { "`tokio`" Over
    "`spawn`" |job| spawned(|_| tokio::spawn(run(job))),
        "`spawn_detached`" |job| spawned(|_| tokio::spawn_detached(run(job)));
    "`spawn_blocking`" |job| spawned(|_| tokio::spawn_blocking(job)),
        "`spawn_blocking_detached`" |job| spawned(|_| tokio::spawn_blocking_detached(job));
    "`spawn_local`" |job| local(|_| tokio::spawn_local(run(job))),
        "`spawn_local_detached`" |job| local(|_| tokio::spawn_local_detached(run(job)));
    "`JoinSet::spawn`" |job| set(|set| drop(set.spawn(run(job)))),
        "`spawn_detached`" |job| set(|set| drop(set.spawn_detached(run(job))));
    "`JoinSet::spawn_blocking`" |job| set(|set| drop(set.spawn_blocking(job))),
        "`spawn_blocking_detached`" |job| set(|set| drop(set.spawn_blocking_detached(job)));
    "`Handle::spawn_carrying`" |job| spawned(|runtime| runtime.handle().spawn_carrying(run(job))),
        "`spawn_detached`" |job| spawned(|runtime| runtime.handle().spawn_detached(run(job)));
    "`Handle::spawn_blocking_carrying`" |job| spawned(|runtime| runtime.handle().spawn_blocking_carrying(job)),
        "`spawn_blocking_detached`" |job| spawned(|runtime| runtime.handle().spawn_blocking_detached(job));
    "`Runtime::spawn_carrying`" |job| spawned(|runtime| runtime.spawn_carrying(run(job))),
        "`spawn_detached`" |job| spawned(|runtime| runtime.spawn_detached(run(job)));
    "`Runtime::spawn_blocking_carrying`" |job| spawned(|runtime| runtime.spawn_blocking_carrying(job)),
        "`spawn_blocking_detached`" |job| spawned(|runtime| runtime.spawn_blocking_detached(job));
    "`Runtime::block_on_carrying`" |job| runtime().block_on_carrying(run(job)),
        "`block_on_detached`" |job| runtime().block_on_detached(run(job));
    "`Handle::block_on_carrying`" |job| runtime().handle().block_on_carrying(run(job)),
        "`block_on_detached`" |job| runtime().handle().block_on_detached(run(job));
    "`LocalSet::spawn_local_carrying`" |job| local(|local| local.spawn_local_carrying(run(job))),
        "`spawn_local_detached`" |job| local(|local| local.spawn_local_detached(run(job)));
    "`LocalSet::run_until_carrying`" |job| runtime().block_on(LocalSet::new().run_until_carrying(run(job))),
        "`run_until_detached`" |job| runtime().block_on(LocalSet::new().run_until_detached(run(job)));
    "`LocalSet::block_on_carrying`" |job| LocalSet::new().block_on_carrying(&runtime(), run(job)),
        "`block_on_detached`" |job| LocalSet::new().block_on_detached(&runtime(), run(job));
    "`reader.in_current_context()`" |job| read_by_tokio(io(job).in_current_context()),
        "`reader.detached()`" |job| read_by_tokio(io(job).detached());
    "`writer.in_current_context()`" |job| written_by_tokio(io(job).in_current_context()),
        "`writer.detached()`" |job| written_by_tokio(io(job).detached());
};

pub(crate) const IN_PLACE: &[Boundary] = rows! { "`tokio`, in place" Nowhere
    "`block_in_place`" |job| in_place(job),
        "`block_in_place`, `Context::empty().run(job)`" |job| in_place(|| Context::empty().run(job));
    "`select!`, `join!`" |job| runtime().block_on(selected(run(job))),
        "a branch: `future.detached()`" |job| runtime().block_on(selected(run(job).detached()));
    "`sleep`, `interval`, `timeout`" |job| runtime().block_on(timed(run(job))),
        "`timeout(…, future.detached())`" |job| runtime().block_on(timed(run(job).detached()));
};

pub(crate) const TRACKERS: &[Boundary] = rows! { "`tokio-util`" Over
    "`TaskTracker::spawn_carrying`" |job| spawned(|_| TaskTracker::new().spawn_carrying(run(job))),
        "`spawn_detached`" |job| spawned(|_| TaskTracker::new().spawn_detached(run(job)));
    "`TaskTracker::spawn_blocking_carrying`" |job| spawned(|_| TaskTracker::new().spawn_blocking_carrying(job)),
        "`spawn_blocking_detached`" |job| spawned(|_| TaskTracker::new().spawn_blocking_detached(job));
    "`TaskTracker::spawn_local_carrying`" |job| local(|_| TaskTracker::new().spawn_local_carrying(run(job))),
        "`spawn_local_detached`" |job| local(|_| TaskTracker::new().spawn_local_detached(run(job)));
    "`JoinMap::spawn(key, future.in_current_context())`" |job| mapped(run(job).in_current_context()),
        "`JoinMap::spawn(key, future.detached())`" |job| mapped(run(job).detached());
};
