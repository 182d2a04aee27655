//! Executors that know nothing of us: smol's, by the core wrapper alone, without a feature.

#[path = "common/futures.rs"]
mod common;

use common::{Count, Counted, Record, pause};
use smol::channel::{Receiver, unbounded};
use smol::future::{FutureExt, block_on, yield_now};
use smol::stream::StreamExt;
use smol::{Executor, LocalExecutor, Task};
use stackholm::{Checkpoint, Context, ContextExt, Reason, Scope, Var};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;

static N: Var<u32> = Var::new("n");
static ON_STACK: Var<u32> = Var::new("on_stack").stays_on_stack();
static IN_CHECKPOINT: Var<u32> = Var::new("in_checkpoint").stays_in_checkpoint();
static HELD: Var<Counted> = Var::new("held");

/// An executor with so many workers, which have ended when it returns and are clean then.
fn with_workers<R>(workers: usize, f: impl FnOnce(&Executor<'static>) -> R) -> R {
    let executor = Executor::new();
    let (end, ended): (_, Receiver<()>) = unbounded();
    thread::scope(|scope| {
        let workers: Vec<_> = (0..workers)
            .map(|_| {
                scope.spawn(|| {
                    // The channel is closed: it is time to go.
                    let _ = block_on(executor.run(ended.recv()));
                    assert!(Context::current().is_empty(), "the worker is clean");
                })
            })
            .collect();
        let result = f(&executor);
        drop(end);
        workers.into_iter().for_each(|worker| worker.join().unwrap());
        result
    })
}

/// What a task sees of each reach, and whether it may set.
async fn look() -> ([bool; 3], bool, Option<Reason>) {
    yield_now().await;
    let bound = [N.is_bound(), ON_STACK.is_bound(), IN_CHECKPOINT.is_bound()];
    (bound, N.set(9).is_ok(), ON_STACK.try_get().err().map(|missing| missing.reason()))
}

#[test]
fn a_task_carries_detaches_or_starts_empty_as_it_was_wrapped() {
    with_workers(2, |executor| {
        let bind = Scope::new().set(&N, 1).set(&ON_STACK, 2).set(&IN_CHECKPOINT, 3);
        let [bare, carrying, detached] = bind.run(|| {
            [
                executor.spawn(look()),
                executor.spawn(look().in_current_context()),
                executor.spawn(look().detached()),
            ]
        });
        assert_eq!(block_on(bare), ([false; 3], false, Some(Reason::Unbound)));
        assert_eq!(block_on(detached), ([false; 3], true, Some(Reason::Unbound)));
        let (bound, may_set, reason) = block_on(carrying);
        assert_eq!((bound, may_set), ([true, false, false], true));
        assert!(matches!(reason, Some(Reason::NotCarried(_))), "{reason:?}");
        assert!(!N.is_bound(), "what a task sets never comes back");
    });
}

#[test]
fn tasks_that_change_threads_keep_their_own() {
    with_workers(3, |executor| {
        let tasks: Vec<Task<u32>> = (0..100)
            .map(|n| {
                let task = async move {
                    for round in 0..20 {
                        assert_eq!(N.get(), n + round);
                        N.set(n + round + 1).unwrap();
                        yield_now().await;
                    }
                    N.get()
                };
                N.sync_scope(n, || executor.spawn(task.in_current_context()))
            })
            .collect();
        for (n, task) in (0..).zip(tasks) {
            assert_eq!(block_on(task), n + 20);
        }
    });
}

#[test]
fn a_local_executor_driven_inside_a_scope_shows_it_only_to_bare_tasks() {
    let local = LocalExecutor::new();
    let seen = || async { N.try_get().ok() };
    let [bare, detached] = [local.spawn(seen()), local.spawn(seen().detached())];
    let carrying = N.sync_scope(1, || local.spawn(seen().in_current_context()));
    let all = async { (bare.await, detached.await, carrying.await) };
    assert_eq!(N.sync_scope(2, || block_on(local.run(all))), (Some(2), None, Some(1)));
}

#[test]
fn a_blocking_job_a_timer_and_a_stream_are_wrapped_by_one_call() {
    N.sync_scope(1, || {
        block_on(async {
            assert!(!smol::unblock(|| N.is_bound()).await);
            assert_eq!(smol::unblock(Context::current().wrap(|| N.get())).await, 1);
            assert!(!smol::unblock(Context::empty().wrap(|| N.is_bound())).await);
            smol::Timer::after(std::time::Duration::ZERO).await;
            assert_eq!(N.get(), 1, "after a timer");
            let items = smol::stream::iter(0..3).map(|_| N.get()).in_current_context();
            let driven = N.scope(2, items.collect::<Vec<_>>());
            assert_eq!(driven.await, [1, 1, 1]);
            let race =
                N.scope(3, async { N.get() }).or(async { unreachable!("the first is ready") });
            assert_eq!((race.await, N.get()), (3, 1));
        });
    });
}

#[test]
fn a_task_that_is_cancelled_ends_in_its_own_context_and_leaves_nothing() {
    let (record, held) = (Record::default(), Count::default());
    with_workers(1, |executor| {
        let witness = record.witness(&N);
        let (begun, begins) = unbounded();
        let task = async move {
            let _witness = witness;
            begun.send(()).await.unwrap();
            std::future::pending::<()>().await;
        };
        let bind = Scope::new().set(&N, 1).set(&HELD, held.value());
        let task = bind.run(|| executor.spawn(task.in_current_context()));
        begins.recv_blocking().unwrap();
        assert_eq!(N.sync_scope(9, || block_on(task.cancel())), None);
        assert_eq!((record.take(), held.alive()), (vec![Some(1)], 0));
    });
}

#[test]
fn a_task_that_panics_leaves_the_thread_that_ticks_as_it_was() {
    let (record, held) = (Record::default(), Count::default());
    let executor = LocalExecutor::new();
    let witness = record.witness(&N);
    let task = async move {
        let _witness = witness;
        std::mem::forget(N.enter(2));
        std::panic::resume_unwind(Box::new("in the task"));
    };
    let bind = Scope::new().set(&N, 1).set(&HELD, held.value());
    let task: Task<()> = bind.run(|| executor.spawn(task.in_current_context()));
    N.sync_scope(9, || {
        let before = Context::current();
        assert!(executor.try_tick());
        assert_eq!(before, Context::current());
    });
    assert!(
        catch_unwind(AssertUnwindSafe(|| block_on(task))).is_err(),
        "the panic comes with the result"
    );
    assert_eq!((record.take(), held.alive()), (vec![Some(2)], 0));
}

#[test]
fn an_executor_that_is_dropped_ends_each_task_in_its_own_context() {
    let (record, held) = (Record::default(), Count::default());
    let executor = LocalExecutor::new();
    for n in 0..3 {
        let witness = record.witness(&N);
        let task = async move {
            let _witness = witness;
            pause().await;
            std::future::pending::<()>().await;
        };
        let bind = Scope::new().set(&N, n).set(&HELD, held.value());
        bind.run(|| executor.spawn(task.in_current_context())).detach();
    }
    while executor.try_tick() {}
    assert_eq!(held.alive(), 3);
    Checkpoint::run(|| {
        N.set(9).unwrap();
        drop(executor);
    });
    let mut seen = record.take();
    seen.sort();
    assert_eq!((seen, held.alive()), (vec![Some(0), Some(1), Some(2)], 0));
}
