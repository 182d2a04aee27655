//! The rest of tokio: timers, intervals, `select!`, channels of jobs, trackers, cancellation
//! tokens, shutdown.
#![cfg(feature = "tokio")]

#[path = "common/futures.rs"]
mod common;

use common::{Count, Counted, Record, three_ways};
use stackholm::tokio::SpawnExt;
use stackholm::{Context, ContextExt, Envelope, Scope, Var};
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{broadcast, mpsc, oneshot, watch};
use tokio::task::{LocalSet, yield_now};
use tokio::time::{interval, sleep, timeout};
use tokio_stream::StreamExt;
use tokio_util::sync::CancellationToken;

static N: Var<u32> = Var::new("n");
static HELD: Var<Counted> = Var::new("held");

/// A runtime whose clock stands still until nobody has anything to do.
fn paused() -> Runtime {
    Builder::new_current_thread().enable_time().start_paused(true).build().unwrap()
}

fn workers(threads: usize) -> Runtime {
    Builder::new_multi_thread().worker_threads(threads).build().unwrap()
}

// Timers.

#[test]
fn tasks_that_sleep_wake_in_their_own_contexts() {
    let runtime = paused();
    let tasks: Vec<_> = (0..20)
        .map(|n| {
            runtime.spawn(N.scope(n, async move {
                for step in 1..5 {
                    sleep(Duration::from_millis(u64::from((n * 7 + step * 13) % 20))).await;
                    assert_eq!(N.get(), n);
                }
            }))
        })
        .collect();
    runtime.block_on(async {
        for task in tasks {
            task.await.unwrap();
        }
        assert!(!N.is_bound());
    });
}

#[test]
fn an_interval_ticks_in_the_context_of_whoever_awaits_it() {
    paused().block_on(async {
        let mut ticks = interval(Duration::from_secs(60));
        for n in 0..3 {
            let seen = N.scope(n, async {
                ticks.tick().await;
                N.get()
            });
            assert_eq!(seen.await, n);
        }
        assert!(!N.is_bound());
    });
}

#[test]
fn a_throttled_stream_sees_its_own_context_at_each_item() {
    paused().block_on(async {
        let items = tokio_stream::iter(0..4)
            .map(|item| item * 10 + N.get())
            .throttle(Duration::from_secs(1));
        let items = items.in_context(Context::empty().with(&N, 1));
        let seen: Vec<_> = N.scope(9, items.collect()).await;
        assert_eq!(seen, [1, 11, 21, 31]);
    });
}

#[test]
fn nested_timeouts_end_each_future_in_its_own_context() {
    three_ways(|| {
        let record = Record::default();
        paused().block_on(async {
            let inner = async {
                let _witness = record.witness(&N);
                std::future::pending::<()>().await;
            };
            let outer = async {
                let _witness = record.witness(&N);
                let ended = timeout(Duration::from_secs(1), N.scope(2, inner)).await;
                assert!(ended.is_err() && N.get() == 1);
                std::future::pending::<()>().await;
            };
            assert!(timeout(Duration::from_secs(2), N.scope(1, outer)).await.is_err());
        });
        assert_eq!(record.take(), [Some(2), Some(1)]);
    });
}

#[test]
fn a_select_in_a_loop_over_timers_and_channels_keeps_every_context_apart() {
    paused().block_on(async {
        let (send, mut receive) = mpsc::channel(1);
        let sender = tokio::spawn(N.scope(7, async move {
            for i in 0..5 {
                sleep(Duration::from_millis(15)).await;
                send.send((i, N.get())).await.unwrap();
            }
        }));
        let seen = N.scope(1, async {
            let (mut ticks, mut messages, mut ticked) = (interval(Duration::from_millis(10)), Vec::new(), 0);
            loop {
                tokio::select! {
                    biased;
                    message = N.scope(N.get() + 1, async { (receive.recv().await, N.get()) }) => match message {
                        (Some(message), here) => messages.push((message, here)),
                        (None, _) => break (messages, ticked, N.get()),
                    },
                    here = N.scope(3, async { ticks.tick().await; N.get() }) => {
                        assert_eq!((here, N.get()), (3, 1));
                        ticked += 1;
                    }
                }
            }
        });
        let (messages, ticked, last) = seen.await;
        assert_eq!(messages, (0..5).map(|i| ((i, 7), 2)).collect::<Vec<_>>());
        assert!(ticked >= 5 && last == 1);
        sender.await.unwrap();
    });
}

// Channels of jobs.

#[test]
fn a_worker_opens_each_job_in_the_context_of_its_sender() {
    let (runtime, held) = (workers(2), Count::default());
    runtime.block_on(async {
        let (jobs, mut inbox) = mpsc::channel::<Envelope<(u32, oneshot::Sender<_>)>>(4);
        let worker = tokio::spawn(async move {
            while let Some(job) = inbox.recv().await {
                let work = async |(number, reply): (u32, oneshot::Sender<_>)| {
                    N.set(N.get() + 1).unwrap();
                    yield_now().await;
                    let _ = reply.send((number, N.get(), HELD.is_bound()));
                };
                job.open_async(work).await;
                assert!(Context::current().is_empty());
            }
        });
        for number in 0..50 {
            let (reply, replied) = oneshot::channel();
            let send = async { jobs.send(Envelope::new((number, reply))).await.unwrap() };
            Scope::new().set(&N, number * 10).set(&HELD, held.value()).wrap(send).await;
            assert_eq!(replied.await.unwrap(), (number, number * 10 + 1, true));
        }
        drop(jobs);
        worker.await.unwrap();
    });
    assert_eq!(held.alive(), 0);
}

#[test]
fn the_part_of_a_job_before_its_first_await_runs_in_its_context_too() {
    three_ways(|| {
        let sealed = N.sync_scope(1, || Envelope::new(5));
        let job = N.sync_scope(9, || {
            sealed.open_async(|number| {
                let here = N.get();
                N.set(2).unwrap();
                async move { (number, here, N.get()) }
            })
        });
        assert_eq!(common::finish(job), (5, 1, 2));
    });
}

#[test]
fn every_receiver_of_a_broadcast_opens_a_copy_of_its_own() {
    let runtime = workers(2);
    runtime.block_on(async {
        let (send, _) = broadcast::channel(4);
        let receivers: Vec<_> = (0..3)
            .map(|id| {
                let mut inbox = send.subscribe();
                tokio::spawn(async move {
                    let sealed: Envelope<&str> = inbox.recv().await.unwrap();
                    sealed.open(|message| {
                        N.set(N.get() + id).unwrap();
                        (message, N.get())
                    })
                })
            })
            .collect();
        N.sync_scope(10, || send.send(Envelope::new("news"))).unwrap();
        for (receiver, n) in receivers.into_iter().zip(10..) {
            assert_eq!(receiver.await.unwrap(), ("news", n));
        }
    });
}

#[test]
fn a_context_is_watched_as_a_value() {
    paused().block_on(async {
        let (publish, mut watching) = watch::channel(Context::empty());
        publish.send(Context::empty().with(&N, 3)).unwrap();
        let current = watching.borrow_and_update().clone();
        assert_eq!(async { N.get() }.in_context(current).await, 3);
    });
}

// Shutdown.

/// A future that never ends, and says what it sees when it is dropped.
fn endless(record: &Record, held: &Count) -> impl Future<Output = ()> + Send + use<> {
    let (witness, value) = (record.witness(&N), held.value());
    async move {
        let never = async move {
            let _witness = witness;
            std::future::pending::<()>().await;
        };
        HELD.scope(value, never).await;
    }
}

#[test]
fn tasks_alive_at_the_shutdown_of_a_runtime_end_in_their_own_contexts() {
    for runtime in [workers(2), Builder::new_current_thread().build().unwrap()] {
        let (record, held) = (Record::default(), Count::default());
        let local = LocalSet::new();
        for n in 0..10 {
            N.sync_scope(n, || runtime.spawn_carrying(endless(&record, &held)));
        }
        local.spawn_local(N.scope(10, endless(&record, &held)));
        runtime.spawn_detached(endless(&record, &held));
        let poll_all = async {
            for _ in 0..20 {
                yield_now().await;
            }
        };
        local.block_on(&runtime, poll_all);
        N.sync_scope(99, || {
            drop(local);
            drop(runtime);
            assert_eq!(N.get(), 99);
        });
        assert_eq!(held.alive(), 0);
        let mut seen = record.take();
        seen.sort();
        assert_eq!(seen, std::iter::once(None).chain((0..11).map(Some)).collect::<Vec<_>>());
    }
}

#[test]
fn a_runtime_is_shut_down_inside_a_scope_while_tasks_sleep() {
    let (record, held) = (Record::default(), Count::default());
    let runtime = paused();
    let witness = record.witness(&N);
    Scope::new().set(&N, 1).set(&HELD, held.value()).run(|| {
        runtime.spawn_carrying(async move {
            let _witness = witness;
            sleep(Duration::from_secs(3600)).await;
        })
    });
    runtime.block_on(yield_now());
    N.sync_scope(9, || runtime.shutdown_timeout(Duration::ZERO));
    assert_eq!((record.take(), held.alive()), (vec![Some(1)], 0));
}

#[test]
fn what_is_spawned_on_a_runtime_that_is_gone_ends_in_its_own_context() {
    let (record, held) = (Record::default(), Count::default());
    let runtime = workers(1);
    let late = runtime.handle().clone();
    drop(runtime);
    let witness = record.witness(&N);
    let future = async move {
        let _witness = witness;
    };
    let task = Scope::new().set(&N, 1).set(&HELD, held.value()).run(|| late.spawn_carrying(future));
    assert!(common::finish(task).unwrap_err().is_cancelled());
    assert_eq!((record.take(), held.alive()), (vec![Some(1)], 0));
}

// Cancellation tokens are values.

#[test]
fn a_cancellation_token_in_a_variable_reaches_every_task_below() {
    static CANCEL: Var<CancellationToken> = Var::with_default("cancel", CancellationToken::new);

    fn family(depth: u32) -> common::Task<u32> {
        Box::pin(async move {
            if depth == 0 {
                CANCEL.get().cancelled().await;
                return 1;
            }
            let child = CANCEL.get().child_token();
            let [left, right] = CANCEL
                .sync_scope(child, || [0, 1].map(|_| stackholm::tokio::spawn(family(depth - 1))));
            left.await.unwrap() + right.await.unwrap()
        })
    }

    let runtime = workers(2);
    let (cancelled, other) = (CancellationToken::new(), CancellationToken::new());
    let [mine, theirs] = [&cancelled, &other]
        .map(|token| CANCEL.sync_scope(token.clone(), || runtime.spawn_carrying(family(4))));
    cancelled.cancel();
    assert_eq!(runtime.block_on(mine).unwrap(), 16);
    assert!(!theirs.is_finished() && !CANCEL.get().is_cancelled());
    other.cancel();
    assert_eq!(runtime.block_on(theirs).unwrap(), 16);
}

#[cfg(feature = "tokio-util")]
mod tracked {
    use super::*;
    use stackholm::tokio_util::TaskTrackerExt;
    use tokio_util::task::TaskTracker;

    #[test]
    fn a_tracker_spawns_in_every_way_carrying_and_detached() {
        let runtime = workers(1);
        let local = LocalSet::new();
        let tracker = TaskTracker::new();
        let seen = || async {
            yield_now().await;
            let seen = N.try_get().ok();
            assert!(N.set(5).is_ok());
            seen
        };
        let here = || N.try_get().ok();
        let (carried, detached) = N.sync_scope(1, || {
            let (_entered, _local) = (runtime.enter(), local.enter());
            let carried = vec![
                tracker.spawn_carrying(seen()),
                tracker.spawn_carrying_on(seen(), runtime.handle()),
                tracker.spawn_local_carrying(seen()),
                tracker.spawn_local_carrying_on(seen(), &local),
                tracker.spawn_blocking_carrying(here),
                tracker.spawn_blocking_carrying_on(here, runtime.handle()),
            ];
            let detached = vec![
                tracker.spawn_detached(seen()),
                tracker.spawn_detached_on(seen(), runtime.handle()),
                tracker.spawn_local_detached(seen()),
                tracker.spawn_local_detached_on(seen(), &local),
                tracker.spawn_blocking_detached(here),
                tracker.spawn_blocking_detached_on(here, runtime.handle()),
            ];
            (carried, detached)
        });
        tracker.close();
        N.sync_scope(9, || local.block_on(&runtime, tracker.wait()));
        assert!(tracker.is_empty());
        for task in carried {
            assert_eq!(runtime.block_on(task).unwrap(), Some(1));
        }
        for task in detached {
            assert_eq!(runtime.block_on(task).unwrap(), None);
        }
    }

    #[test]
    fn when_a_tracker_is_done_nothing_of_its_tasks_is_alive() {
        let (runtime, tracker, held) = (workers(2), TaskTracker::new(), Count::default());
        let token = CancellationToken::new();
        for n in 0..50 {
            Scope::new().set(&N, n).set(&HELD, held.value()).run(|| {
                let token = token.clone();
                let endless = async move {
                    token.cancelled().await;
                    assert_eq!((N.get(), HELD.is_bound()), (n, true));
                };
                tracker.spawn_carrying_on(endless, runtime.handle());
            });
        }
        assert_eq!(held.alive(), 50);
        tracker.close();
        token.cancel();
        runtime.block_on(tracker.wait());
        assert_eq!(held.alive(), 0);
    }
}
