//! Tokio: tasks, blocking pools, local tasks and sets of them.

use super::{Hand, Hop, Job, Within, inside};
use crate::common::{Count, Counted, Record, Task, three_ways};
use ::tokio::runtime::{Builder, Runtime};
use ::tokio::task::{JoinError, JoinHandle, LocalSet, yield_now};
use stackholm::tokio::{self, BlockOnExt, JoinSet, LocalSetExt, SpawnExt};
use stackholm::{Context, ContextExt, Scope, Var};
use std::sync::mpsc;
use std::thread;

static N: Var<u32> = Var::new("n");
static HELD: Var<Counted> = Var::new("held");

fn one_thread() -> Runtime {
    Builder::new_current_thread().build().unwrap()
}

fn workers(threads: usize) -> Runtime {
    Builder::new_multi_thread().worker_threads(threads).max_blocking_threads(1).build().unwrap()
}

fn resume<T>(joined: Result<T, JoinError>) -> T {
    joined.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))
}

async fn run(job: Job) {
    yield_now().await;
    job();
    yield_now().await;
}

/// Spawns inside `within` on a runtime with a thread of its own.
fn spawned(within: Within<'_>, job: Job, spawn: fn(&Runtime, Job) -> JoinHandle<()>) {
    let runtime = workers(1);
    let task = inside(within, || {
        let _entered = runtime.enter();
        spawn(&runtime, job)
    });
    resume(runtime.block_on(task));
}

fn set<R>(within: Within<'_>, job: Job, spawn: fn(&Runtime, &mut JoinSet<()>, Job) -> R) {
    let (runtime, mut set) = (workers(1), JoinSet::new());
    inside(within, || {
        let _entered = runtime.enter();
        spawn(&runtime, &mut set, job);
    });
    resume(runtime.block_on(set.join_next()).unwrap());
}

fn local(within: Within<'_>, job: Job, spawn: fn(&LocalSet, Job) -> JoinHandle<()>) {
    let (runtime, local) = (one_thread(), LocalSet::new());
    let task = inside(within, || {
        let _entered = local.enter();
        spawn(&local, job)
    });
    resume(local.block_on(&runtime, task));
}

fn local_set<R>(within: Within<'_>, job: Job, spawn: fn(&LocalSet, &mut JoinSet<()>, Job) -> R) {
    let (runtime, local, mut set) = (one_thread(), LocalSet::new(), JoinSet::new());
    inside(within, || {
        let _entered = local.enter();
        spawn(&local, &mut set, job);
    });
    resume(local.block_on(&runtime, set.join_next()).unwrap());
}

macro_rules! hops {
    ($($name:literal $hand:ident $around:ident($($argument:ident),*) $spawn:expr;)*) => {
        &[$(Hop {
            name: $name,
            hand: Hand::$hand,
            way: |within, job| { $around(within, job, |$($argument),*| $spawn); },
        }),*]
    };
}

pub(crate) const HOPS: &[Hop] = hops! {
    "tokio::spawn" Bare spawned(_runtime, job) ::tokio::spawn(run(job));
    "tokio::spawn, in_current_context" Carries spawned(_runtime, job) ::tokio::spawn(run(job).in_current_context());
    "tokio::spawn, in_context" Carries spawned(_runtime, job) ::tokio::spawn(run(job).in_context(Context::current()));
    "tokio::spawn, detached" Detaches spawned(_runtime, job) ::tokio::spawn(run(job).detached());
    "spawn" Carries spawned(_runtime, job) tokio::spawn(run(job));
    "spawn_detached" Detaches spawned(_runtime, job) tokio::spawn_detached(run(job));
    "tokio::task::spawn_blocking" Bare spawned(_runtime, job) ::tokio::task::spawn_blocking(job);
    "spawn_blocking" Carries spawned(_runtime, job) tokio::spawn_blocking(job);
    "spawn_blocking_detached" Detaches spawned(_runtime, job) tokio::spawn_blocking_detached(job);
    "Handle::spawn" Bare spawned(runtime, job) runtime.handle().spawn(run(job));
    "Handle::spawn_carrying" Carries spawned(runtime, job) runtime.handle().spawn_carrying(run(job));
    "Handle::spawn_detached" Detaches spawned(runtime, job) runtime.handle().spawn_detached(run(job));
    "Handle::spawn_blocking_carrying" Carries spawned(runtime, job) runtime.handle().spawn_blocking_carrying(job);
    "Handle::spawn_blocking_detached" Detaches spawned(runtime, job) runtime.handle().spawn_blocking_detached(job);
    "Runtime::spawn_carrying" Carries spawned(runtime, job) runtime.spawn_carrying(run(job));
    "Runtime::spawn_detached" Detaches spawned(runtime, job) runtime.spawn_detached(run(job));
    "Runtime::spawn_blocking_carrying" Carries spawned(runtime, job) runtime.spawn_blocking_carrying(job);
    "Runtime::spawn_blocking_detached" Detaches spawned(runtime, job) runtime.spawn_blocking_detached(job);
    "JoinSet::spawn" Carries set(_runtime, set, job) set.spawn(run(job));
    "JoinSet::spawn_detached" Detaches set(_runtime, set, job) set.spawn_detached(run(job));
    "JoinSet::spawn_on" Carries set(runtime, set, job) set.spawn_on(run(job), runtime.handle());
    "JoinSet::spawn_on_detached" Detaches set(runtime, set, job) set.spawn_on_detached(run(job), runtime.handle());
    "JoinSet::spawn_blocking" Carries set(_runtime, set, job) set.spawn_blocking(job);
    "JoinSet::spawn_blocking_detached" Detaches set(_runtime, set, job) set.spawn_blocking_detached(job);
    "JoinSet::spawn_blocking_on" Carries set(runtime, set, job) set.spawn_blocking_on(job, runtime.handle());
    "JoinSet::spawn_blocking_on_detached" Detaches
        set(runtime, set, job) set.spawn_blocking_on_detached(job, runtime.handle());
    "JoinSet, collected" Carries set(_runtime, set, job) *set = [run(job)].into_iter().collect();
    "spawn_local" Carries local(_local, job) tokio::spawn_local(run(job));
    "spawn_local_detached" Detaches local(_local, job) tokio::spawn_local_detached(run(job));
    "LocalSet::spawn_local_carrying" Carries local(local, job) local.spawn_local_carrying(run(job));
    "LocalSet::spawn_local_detached" Detaches local(local, job) local.spawn_local_detached(run(job));
    "JoinSet::spawn_local" Carries local_set(_local, set, job) set.spawn_local(run(job));
    "JoinSet::spawn_local_detached" Detaches local_set(_local, set, job) set.spawn_local_detached(run(job));
    "JoinSet::spawn_local_on" Carries local_set(local, set, job) set.spawn_local_on(run(job), local);
    "JoinSet::spawn_local_on_detached" Detaches local_set(local, set, job) set.spawn_local_on_detached(run(job), local);
};

fn called(within: Within<'_>, job: Job, call: fn(Runtime, Job)) {
    let runtime = one_thread();
    inside(within, || call(runtime, job));
}

pub(crate) const CALLS: &[Hop] = hops! {
    "Runtime::block_on_carrying" Carries called(runtime, job) runtime.block_on_carrying(run(job));
    "Runtime::block_on_detached" Detaches called(runtime, job) runtime.block_on_detached(run(job));
    "Handle::block_on_carrying" Carries called(runtime, job) runtime.handle().block_on_carrying(async { job() });
    "Handle::block_on_detached" Detaches called(runtime, job) runtime.handle().block_on_detached(async { job() });
    "LocalSet::block_on_carrying" Carries
        called(runtime, job) LocalSet::new().block_on_carrying(&runtime, run(job));
    "LocalSet::block_on_detached" Detaches
        called(runtime, job) LocalSet::new().block_on_detached(&runtime, run(job));
    "LocalSet::run_until_carrying" Carries
        called(runtime, job) runtime.block_on(LocalSet::new().run_until_carrying(run(job)));
    "LocalSet::run_until_detached" Detaches
        called(runtime, job) runtime.block_on(LocalSet::new().run_until_detached(run(job)));
};

#[test]
fn plain_tasks_start_empty() {
    let runtime = workers(2);
    N.sync_scope(1, || {
        let seen = || (Context::current().is_empty(), N.set(2).is_err());
        assert_eq!(runtime.block_on(runtime.spawn(async move { seen() })).unwrap(), (true, true));
        assert_eq!(runtime.block_on(runtime.spawn_blocking(seen)).unwrap(), (true, true));
    });
}

#[test]
fn a_thread_that_drives_a_runtime_inside_a_scope_shows_it_only_to_bare_tasks() {
    let runtime = one_thread();
    three_ways(|| {
        N.sync_scope(1, || {
            let seen = || async { N.try_get().ok() };
            let [bare, detached, mine] = [
                runtime.spawn(seen()),
                runtime.spawn_detached(seen()),
                N.sync_scope(2, || runtime.spawn_carrying(seen())),
            ];
            let driving =
                async { (bare.await.unwrap(), detached.await.unwrap(), mine.await.unwrap()) };
            assert_eq!(runtime.block_on(driving), (Some(1), None, Some(2)));
            let bare = runtime.spawn(seen());
            assert_eq!(
                runtime.block_on_carrying(async { (bare.await.unwrap(), N.get()) }),
                (None, 1)
            );
            let bare = runtime.spawn(seen());
            assert_eq!(
                runtime.block_on_detached(async { (bare.await.unwrap(), N.is_bound()) }),
                (None, false)
            );
        });
    });
}

#[test]
fn whoever_drives_a_local_set_shows_its_scope_only_to_bare_tasks() {
    let runtime = one_thread();
    three_ways(|| {
        N.sync_scope(1, || {
            let local = LocalSet::new();
            let seen = || async { N.try_get().ok() };
            let bare = local.spawn_local(seen());
            assert_eq!(
                local.block_on_carrying(&runtime, async { (bare.await.unwrap(), N.get()) }),
                (None, 1)
            );
            let bare = local.spawn_local(seen());
            let until = local.run_until_carrying(async { (bare.await.unwrap(), N.get()) });
            assert_eq!(runtime.block_on(until), (None, 1));
            let [bare, detached] = [local.spawn_local(seen()), local.spawn_local_detached(seen())];
            let driving = async { (bare.await.unwrap(), detached.await.unwrap()) };
            assert_eq!(local.block_on(&runtime, driving), (Some(1), None));
        });
    });
}

#[test]
fn tasks_of_tasks_inherit_from_their_parent_and_give_nothing_back() {
    fn generation(depth: u32) -> Task<u32> {
        Box::pin(async move {
            assert_eq!(N.get(), depth);
            N.set(depth + 1).unwrap();
            if depth == 20 {
                return depth;
            }
            if depth % 3 == 0 {
                assert_eq!(tokio::spawn_blocking(|| N.get()).await.unwrap(), depth + 1);
            }
            let reached = tokio::spawn(generation(depth + 1)).await.unwrap();
            assert_eq!(N.get(), depth + 1, "what the child set has not come back");
            reached
        })
    }
    let runtime = workers(2);
    let first = N.sync_scope(0, || runtime.spawn_carrying(generation(0)));
    assert_eq!(runtime.block_on(first).unwrap(), 20);
}

#[test]
fn a_blocking_thread_between_jobs_holds_nothing_of_the_last_one() {
    let runtime = workers(1);
    let held = Count::default();
    let here = || (thread::current().id(), Context::current().is_empty(), N.is_bound());
    for panics in [false, true] {
        let (mine, left) = (held.value(), held.value());
        let first = HELD.sync_scope(mine, || {
            let job = runtime.spawn_blocking_carrying(move || {
                assert!(HELD.is_bound());
                N.set(1).unwrap();
                std::mem::forget(HELD.enter(left));
                assert!(!panics, "the job panics");
                thread::current().id()
            });
            runtime.block_on(job)
        });
        assert_eq!(first.is_err(), panics);
        assert_eq!(held.alive(), 0);
        let (second, is_empty, is_bound) = runtime.block_on(runtime.spawn_blocking(here)).unwrap();
        assert!(first.is_err() || first.unwrap() == second, "it is the same thread");
        assert!(is_empty && !is_bound);
    }
}

#[test]
fn a_worker_between_tasks_holds_nothing_of_the_last_one() {
    let runtime = workers(1);
    let held = Count::default();
    for end in ["returns", "panics", "is aborted"] {
        let (mine, left) = (held.value(), held.value());
        let task = HELD.sync_scope(mine, || {
            runtime.spawn_carrying(async move {
                N.set(1).unwrap();
                std::mem::forget(HELD.enter(left));
                yield_now().await;
                match end {
                    "returns" => {}
                    "panics" => panic!("the task panics"),
                    _ => std::future::pending().await,
                }
            })
        });
        let bare = runtime.spawn(async { (Context::current().is_empty(), N.is_bound()) });
        assert_eq!(runtime.block_on(bare).unwrap(), (true, false));
        if end == "is aborted" {
            task.abort();
        }
        assert_eq!(runtime.block_on(task).is_ok(), end == "returns");
        assert_eq!(held.alive(), 0, "{end}");
        let bare = runtime.spawn(async { (Context::current().is_empty(), N.is_bound()) });
        assert_eq!(runtime.block_on(bare).unwrap(), (true, false));
    }
}

#[test]
fn a_blocking_job_that_never_runs_ends_in_its_own_context() {
    let (runtime, stopped) = (workers(1), workers(1));
    let late = stopped.handle().clone();
    stopped.shutdown_background();
    let (record, held) = (Record::default(), Count::default());
    let never = || {
        let witness = record.witness(&N);
        move || {
            let _captured = witness;
            std::process::abort();
        }
    };
    let (go, gone) = mpsc::channel::<()>();
    let first = runtime.spawn_blocking(move || gone.recv());
    let jobs = Scope::new()
        .set(&N, 1)
        .set(&HELD, held.value())
        .run(|| [runtime.spawn_blocking_carrying(never()), late.spawn_blocking_carrying(never())]);
    // The only thread of one pool is taken, and the other has none any more.
    jobs[0].abort();
    go.send(()).unwrap();
    runtime.block_on(first).unwrap().unwrap();
    for job in jobs {
        assert!(runtime.block_on(job).unwrap_err().is_cancelled());
    }
    assert_eq!((record.take(), held.alive()), (vec![Some(1), Some(1)], 0));
}

#[test]
fn the_tasks_of_a_set_end_in_their_own_contexts_with_the_set() {
    let (record, held) = (Record::default(), Count::default());
    let runtime = one_thread();
    let mut set = JoinSet::new();
    let _entered = runtime.enter();
    for n in 0..3 {
        let witness = record.witness(&N);
        Scope::new().set(&N, n).set(&HELD, held.value()).run(|| {
            set.spawn(async move {
                let _witness = witness;
                std::future::pending::<()>().await;
            })
        });
    }
    assert_eq!((set.len(), held.alive()), (3, 3));
    N.sync_scope(9, || runtime.block_on(async { set.shutdown().await }));
    let mut seen = record.take();
    seen.sort();
    assert_eq!((seen, held.alive(), set.is_empty()), (vec![Some(0), Some(1), Some(2)], 0, true));
}

#[test]
fn a_set_does_all_that_tokios_does() {
    one_thread().block_on(async {
        let mut set: JoinSet<u32> = JoinSet::default();
        assert!(set.try_join_next().is_none() && set.join_next().await.is_none());
        let id = set.spawn(async { 1 }).id();
        let joined = set.join_next_with_id().await.unwrap().unwrap();
        assert_eq!(joined, (id, 1));
        set.spawn(std::future::pending());
        set.abort_all();
        assert!(set.join_next().await.unwrap().unwrap_err().is_cancelled());
        set.spawn(async { 2 });
        let mut theirs = set.into_inner();
        theirs.spawn(async { 3 });
        let set = JoinSet::from(theirs);
        assert!(format!("{set:?}").contains('2'));
        let mut all = set.join_all().await;
        all.sort();
        assert_eq!(all, [2, 3]);
    });
}

#[test]
fn block_in_place_stays_on_the_stack_of_its_task() {
    static NEAR: Var<u32> = Var::new("near").stays_on_stack();
    let runtime = workers(2);
    let task = runtime.spawn(Scope::new().set(&N, 1).wrap(async {
        NEAR.sync_scope(2, || {
            ::tokio::task::block_in_place(|| assert_eq!((N.get(), NEAR.get()), (1, 2)))
        });
        let _guard = N.enter(3);
        ::tokio::task::block_in_place(|| assert_eq!(N.get(), 3));
    }));
    runtime.block_on(task).unwrap();
}
