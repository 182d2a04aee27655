//! Futures, streams and sinks that own their stack: whoever polls them, wherever, in whatever
//! order.

#[path = "common/futures.rs"]
mod common;

use common::{
    Count, Record, Task, finish, finish_elsewhere, pause, poll, poll_elsewhere, three_ways,
};
use futures_util::future::FusedFuture;
use futures_util::stream::{self, FusedStream, FuturesUnordered, StreamExt};
use futures_util::{FutureExt, Sink, SinkExt, Stream, sink};
use stackholm::{Checkpoint, Context, ContextExt, InContext, Reason, Scope, Var};
use std::cell::Cell;
use std::marker::{PhantomData, PhantomPinned};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context as TaskContext, Poll, Waker};
use std::time::Duration;
use std::{future, mem, thread};

static N: Var<u32> = Var::new("n");
static M: Var<u32> = Var::new("m");
static HELD: Var<common::Counted> = Var::new("held");
static SEEN: Var<common::Witness> = Var::new("seen");

fn context(n: u32) -> Context {
    Context::empty().with(&N, n)
}

fn n() -> Option<u32> {
    N.try_get().ok()
}

/// Counts up from what it sees, with a pause after each step.
async fn count_up(steps: u32) -> u32 {
    for _ in 0..steps {
        N.set(N.get() + 1).unwrap();
        let mine = N.get();
        pause().await;
        assert_eq!(N.get(), mine, "nobody else has set it");
    }
    N.get()
}

// 36

#[test]
fn two_futures_awaiting_alternately_each_see_their_own() {
    three_ways(|| {
        N.sync_scope(1, || {
            let mut low = Box::pin(count_up(5).in_context(context(10)));
            let mut high = Box::pin(count_up(5).in_context(context(20)));
            for _ in 0..5 {
                assert!(poll(&mut low).is_pending());
                assert_eq!(N.get(), 1);
                assert!(poll(&mut high).is_pending());
                assert_eq!(N.get(), 1);
            }
            assert_eq!(poll(&mut low), Poll::Ready(15));
            assert_eq!(poll(&mut high), Poll::Ready(25));
            assert_eq!(N.get(), 1);
        });
    });
}

#[test]
fn futures_may_finish_in_any_other_order_than_they_started() {
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        three_ways(|| {
            N.sync_scope(1, || {
                let mut futures =
                    [10, 20, 30].map(|base| Box::pin(scoped(base).in_current_context()));
                for future in &mut futures {
                    assert!(poll(future).is_pending());
                    assert_eq!(N.get(), 1);
                }
                for which in order {
                    assert_eq!(poll(&mut futures[which]), Poll::Ready(10 * (which as u32 + 1)));
                    assert_eq!(N.get(), 1);
                }
            });
        });
    }

    async fn scoped(base: u32) -> u32 {
        let _guard = N.enter(base);
        pause().await;
        N.get()
    }
}

#[test]
fn a_scope_in_one_future_is_not_taken_for_the_one_in_a_future_before_it() {
    static INNER: Var<u32> = Var::new("inner");
    let seen = || (N.try_get().ok(), M.try_get().ok());
    for _ in 0..3 {
        let one = N.scope(1, async { INNER.sync_scope(0, seen) }).now_or_never();
        let two = M.scope(2, async { INNER.sync_scope(0, seen) }).now_or_never();
        assert_eq!((one, two), (Some((Some(1), None)), Some((None, Some(2)))));
    }
}

#[test]
fn scopes_of_one_variable_await_alternately() {
    three_ways(|| {
        let mut futures = [1, 2].map(|value| {
            Box::pin(N.scope(value, async {
                pause().await;
                N.scope(N.get() + 10, async {
                    pause().await;
                    N.get()
                })
                .await
            }))
        });
        for _ in 0..2 {
            for future in &mut futures {
                assert!(poll(future).is_pending());
                assert_eq!(n(), None);
            }
        }
        let [first, second] = &mut futures;
        assert_eq!(poll(second), Poll::Ready(12));
        assert_eq!(poll(first), Poll::Ready(11));
    });
}

// 37

#[test]
fn a_future_moves_to_another_thread_at_each_await() {
    three_ways(|| {
        let task: Task<u32> = N.sync_scope(100, || Box::pin(count_up(30).in_current_context()));
        assert_eq!(finish_elsewhere(task), (130, 31));
    });
}

#[test]
fn nested_scopes_move_along_and_each_thread_is_clean_after() {
    three_ways(|| {
        let held = Count::default();
        let value = held.value();
        let task: Task<_> = Box::pin(HELD.scope(value, async {
            let mut seen = Vec::new();
            for depth in 0..4 {
                seen.push(N.scope(depth, async {
                    pause().await;
                    let inner = M.scope(N.get() * 2, async {
                        pause().await;
                        (N.get(), M.get(), HELD.is_bound())
                    });
                    inner.await
                }));
            }
            let mut results = Vec::new();
            for future in seen {
                results.push(future.await);
                assert_eq!((n(), M.is_bound()), (None, false));
            }
            results
        }));
        let (results, polls) = finish_elsewhere(task);
        assert_eq!(results, [(0, 0, true), (1, 2, true), (2, 4, true), (3, 6, true)]);
        assert_eq!((polls, held.alive()), (9, 0));
    });
}

#[test]
fn a_guard_that_a_future_forgot_moves_along_and_ends_with_it() {
    three_ways(|| {
        let held = Count::default();
        let value = held.value();
        let task: Task<_> = Box::pin(
            async move {
                mem::forget(N.enter(7));
                mem::forget(HELD.enter(value));
                pause().await;
                assert!(HELD.is_bound());
                N.get()
            }
            .in_current_context(),
        );
        assert_eq!(finish_elsewhere(task), (7, 2));
        assert_eq!(held.alive(), 0);
    });
}

#[test]
fn hundreds_of_tasks_move_between_the_workers_of_a_runtime() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).build().unwrap();
    let held = Count::default();
    runtime.block_on(async {
        let tasks: Vec<_> = (0..300)
            .map(|base| Scope::new().set(&N, base).set(&HELD, held.value()).wrap(checked(base)))
            .map(tokio::spawn)
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
    assert_eq!(held.alive(), 0);

    async fn checked(base: u32) {
        for step in 0..20 {
            assert_eq!((N.get(), HELD.is_bound(), M.is_bound()), (base, true, false));
            let sum = M.scope(step, async {
                tokio::task::yield_now().await;
                N.get() + M.get()
            });
            assert_eq!(sum.await, base + step);
        }
    }
}

// 38

#[test]
fn a_future_sees_where_it_was_made_not_where_it_is_first_polled() {
    three_ways(|| {
        let task: Task<_> =
            N.sync_scope(1, || Box::pin(async { (n(), M.try_get().ok()) }.in_current_context()));
        let mut task = task;
        let seen = thread::scope(|scope| {
            scope
                .spawn(|| Scope::new().set(&N, 2).set(&M, 3).run(|| poll(&mut task)))
                .join()
                .unwrap()
        });
        assert_eq!(seen, Poll::Ready((Some(1), None)));
    });
}

#[test]
fn a_future_never_sees_the_callers_that_take_turns_to_poll_it() {
    three_ways(|| {
        let mut mine = Box::pin(N.scope(1, watch()));
        let mut nobodys = Box::pin(watch().detached());
        for caller in 10..15 {
            N.sync_scope(caller, || {
                assert_eq!((poll(&mut mine), poll(&mut nobodys)), (Poll::Pending, Poll::Pending));
                assert_eq!(N.get(), caller);
            });
        }
        assert_eq!(poll(&mut mine), Poll::Ready([Some(1); 5]));
        assert_eq!(poll(&mut nobodys), Poll::Ready([None; 5]));
    });

    async fn watch() -> [Option<u32>; 5] {
        let mut seen = [Some(0); 5];
        for seen in &mut seen {
            *seen = n();
            pause().await;
        }
        seen
    }
}

#[test]
fn a_future_is_not_given_what_is_of_short_reach() {
    static NEAR: Var<u32> = Var::new("near").stays_on_stack();
    three_ways(|| {
        let place = Checkpoint::run(|| {
            let reason = |seen: Result<u32, stackholm::Missing>| seen.unwrap_err().reason();
            let future = NEAR.sync_scope(1, || async { NEAR.try_get() }.in_current_context());
            reason(finish(future))
        });
        assert!(matches!(place, Reason::NotCarried(place) if place.file() == file!()));
        // Its own bindings of that reach are its own stack's.
        let own = async {
            NEAR.set(2).unwrap();
            pause().await;
            NEAR.get()
        };
        assert_eq!(finish(own.in_current_context()), 2);
    });
}

// 39

/// A future that holds a witness for as long as it exists, and is ready at the second poll.
fn holds(record: &Record) -> impl Future<Output = ()> + Send + use<> {
    let witness = record.witness(&N);
    let mut polled = false;
    future::poll_fn(move |_| {
        let _held = &witness;
        if mem::replace(&mut polled, true) { Poll::Ready(()) } else { Poll::Pending }
    })
}

#[test]
fn dropped_at_any_stage_its_destructors_see_its_own_context() {
    for polls in 0..=2 {
        three_ways(|| {
            let record = Record::default();
            N.sync_scope(9, || {
                let mut future = Box::pin(holds(&record).in_context(context(1)));
                for _ in 0..polls {
                    let _ = poll(&mut future);
                }
                let before = Context::current();
                drop(future);
                assert_eq!(before, Context::current(), "the dropping thread is as before");
            });
            assert_eq!(record.take(), [Some(1)]);
        });
    }
}

#[test]
fn dropped_on_another_thread_its_destructors_see_its_own_context() {
    for polls in 0..=2 {
        three_ways(|| {
            let (record, held) = (Record::default(), Count::default());
            let value = held.value();
            let mut task: Task<()> = Box::pin(HELD.scope(value, N.scope(1, holds(&record))));
            for _ in 0..polls {
                let _ = poll_elsewhere(&mut task);
            }
            thread::scope(|scope| {
                scope.spawn(|| {
                    N.sync_scope(9, || {
                        drop(task);
                        assert_eq!(n(), Some(9));
                    });
                    assert!(Context::current().is_empty());
                });
            });
            assert_eq!((record.take(), held.alive()), (vec![Some(1)], 0));
        });
    }
}

#[test]
fn dropped_midway_its_locals_see_the_scopes_they_are_in() {
    three_ways(|| {
        let record = Record::default();
        let mut future = Box::pin(
            async {
                let _outer = record.witness(&N);
                N.scope(2, async {
                    let _inner = record.witness(&N);
                    let _guard = N.enter(3);
                    let _innermost = record.witness(&N);
                    pause().await;
                })
                .await;
            }
            .in_context(context(1)),
        );
        assert!(poll(&mut future).is_pending());
        N.sync_scope(9, || drop(future));
        assert_eq!(record.take(), [Some(3), Some(2), Some(1)]);
    });
}

#[test]
fn values_bound_by_a_dropped_future_do_not_see_whoever_drops_it() {
    three_ways(|| {
        let record = Record::default();
        let mut bare = Box::pin(SEEN.scope(record.witness(&N), pause()));
        let mut left = Box::pin(
            async {
                mem::forget(SEEN.enter(record.witness(&N)));
                pause().await;
            }
            .in_context(context(1)),
        );
        assert!(poll(&mut bare).is_pending() && poll(&mut left).is_pending());
        N.sync_scope(9, || drop((bare, left)));
        assert_eq!(record.take(), [None, Some(1)]);
    });
}

#[test]
fn a_destructor_that_panics_leaves_the_dropping_thread_as_it_was() {
    struct Panics;
    impl Drop for Panics {
        fn drop(&mut self) {
            assert_eq!(n(), Some(1));
            panic!("in a destructor");
        }
    }
    three_ways(|| {
        let held = Count::default();
        let panics = Panics;
        let unpolled =
            Box::pin(Scope::new().set(&N, 1).set(&HELD, held.value()).wrap(async move {
                let _panics = panics;
            }));
        N.sync_scope(9, || {
            assert!(catch_unwind(AssertUnwindSafe(|| drop(unpolled))).is_err());
            assert_eq!(n(), Some(9));
        });
        assert_eq!(held.alive(), 0);
    });
}

// 40

#[test]
fn after_a_panic_in_poll_the_next_future_on_the_thread_sees_nothing() {
    three_ways(|| {
        let (record, held) = (Record::default(), Count::default());
        let before = Context::current();
        let mut bad = Box::pin(
            async {
                let _witness = record.witness(&N);
                mem::forget(HELD.enter(held.value()));
                pause().await;
                M.sync_scope(5, || panic!("in poll"));
            }
            .in_context(context(1)),
        );
        assert!(poll(&mut bad).is_pending());
        assert!(catch_unwind(AssertUnwindSafe(|| poll(&mut bad))).is_err());
        assert_eq!(before, Context::current());
        assert_eq!(finish(async { (n(), M.is_bound(), HELD.is_bound()) }), (None, false, false));
        assert_eq!(record.take(), [Some(1)]);
        drop(bad);
        assert_eq!(held.alive(), 0);
    });
}

#[test]
fn after_a_panic_in_poll_the_next_task_on_the_worker_sees_nothing() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
    let held = Count::default();
    let value = held.value();
    runtime.block_on(async {
        let bad = tokio::spawn(HELD.scope(value, async {
            tokio::task::yield_now().await;
            let _guard = N.enter(1);
            panic!("in poll");
        }));
        assert!(bad.await.unwrap_err().is_panic());
        let next = tokio::spawn(async { Context::current().is_empty() && !N.is_bound() });
        assert!(next.await.unwrap());
    });
    assert_eq!(held.alive(), 0);
}

// 41

#[test]
fn what_is_set_before_an_await_is_there_after_it() {
    three_ways(|| {
        let future = async {
            N.set(1).unwrap();
            pause().await;
            assert_eq!(N.get(), 1);
            N.unset().unwrap();
            pause().await;
            assert_eq!(
                N.try_get().unwrap_err().to_string().split(" at ").next(),
                Some("the variable `n` was unset")
            );
            N.reset().unwrap();
            pause().await;
            N.get()
        };
        assert_eq!(N.sync_scope(7, || finish(future.in_current_context())), 7);
    });
}

#[test]
fn a_guard_held_over_an_await_in_a_local_task_disturbs_no_sibling() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    three_ways(|| {
        let local = tokio::task::LocalSet::new();
        N.sync_scope(100, || {
            let tasks: Vec<_> =
                (0..5).map(|id| local.spawn_local(guarded(id).in_current_context())).collect();
            local.block_on(&runtime, async {
                for task in tasks {
                    task.await.unwrap();
                }
            });
            assert_eq!(N.get(), 100);
        });
    });

    async fn guarded(id: u32) {
        assert_eq!(N.get(), 100);
        let rc = Rc::new(id);
        let _guard = N.enter(id);
        for _ in 0..id {
            tokio::task::yield_now().await;
            assert_eq!(N.get(), *rc);
        }
        // Guards that end in another order than they began, between awaits.
        let outer = M.enter(1);
        tokio::task::yield_now().await;
        let inner = M.enter(2);
        tokio::task::yield_now().await;
        drop(outer);
        tokio::task::yield_now().await;
        assert!(!M.is_bound());
        drop(inner);
        assert_eq!(N.get(), *rc);
    }
}

// 42

#[test]
fn the_loser_of_a_select_ends_in_its_own_context() {
    three_ways(|| {
        let record = Record::default();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let loser = async {
                let _witness = record.witness(&N);
                future::pending::<u32>().await
            };
            let winner = async {
                pause().await;
                N.get()
            };
            let _guard = N.enter(9);
            let won = tokio::select! {
                biased;
                _ = loser.in_context(context(1)) => unreachable!("it never ends"),
                seen = winner.in_context(context(2)) => (seen, N.get()),
            };
            assert_eq!(won, (2, 9));
        });
        assert_eq!(record.take(), [Some(1)]);
    });
}

#[test]
fn branches_of_a_futures_select_see_their_own() {
    three_ways(|| {
        let mut low = pin!(count_up(2).in_context(context(10)).fuse());
        let mut high = pin!(count_up(3).in_context(context(20)).fuse());
        let seen = finish(async {
            let mut seen = Vec::new();
            loop {
                futures_util::select! {
                    n = low => seen.push(n),
                    n = high => seen.push(n),
                    complete => break seen,
                }
                assert_eq!(n(), None);
            }
        });
        assert_eq!(seen, [12, 23]);
    });
}

#[test]
fn a_wrapper_says_when_a_fused_future_or_stream_is_done() {
    let mut future = pin!(count_up(0).fuse().in_context(context(1)));
    let mut items = stream::iter(0..1).fuse().in_context(context(1));
    let first = finish(async {
        futures_util::select! {
            n = future => n,
            complete => unreachable!("it is not done yet"),
        }
    });
    assert_eq!((first, future.is_terminated(), items.is_terminated()), (1, true, false));
    assert_eq!(finish(async { (items.next().await, items.next().await) }), (Some(0), None));
    assert!(items.is_terminated());
}

#[test]
fn branches_of_a_join_see_their_own_and_bare_ones_share_their_parents() {
    three_ways(|| {
        let joined = async {
            let bare = async {
                pause().await;
                N.get()
            };
            let seen = tokio::join!(
                bare,
                count_up(3).in_context(context(10)),
                N.scope(20, async { N.get() })
            );
            (seen, N.get())
        };
        assert_eq!(finish(joined.in_context(context(1))), ((1, 13, 20), 1));
    });
}

#[test]
fn a_set_of_unordered_futures_keeps_each_context() {
    three_ways(|| {
        let mut futures: FuturesUnordered<_> = (1..=40)
            .map(|id| N.sync_scope(id * 100, || count_up(40 - id).in_current_context()))
            .collect();
        let mut seen = finish(async {
            let mut seen = Vec::new();
            while let Some(n) = futures.next().await {
                seen.push(n);
                assert_eq!(self::n(), None);
            }
            seen
        });
        seen.sort();
        assert_eq!(seen, (1..=40).map(|id| id * 100 + 40 - id).collect::<Vec<_>>());
    });
}

#[test]
fn a_shared_future_runs_in_the_context_it_was_given() {
    three_ways(|| {
        let shared = count_up(2).in_context(context(10)).boxed().shared();
        let readers = [1, 2, 3].map(|n| {
            let shared = shared.clone();
            N.scope(n, async move { (shared.await, N.get()) })
        });
        let seen = finish(futures_util::future::join_all(readers));
        assert_eq!(seen, [(12, 1), (12, 2), (12, 3)]);
    });
}

#[test]
fn a_timeout_ends_its_future_in_its_own_context() {
    three_ways(|| {
        let record = Record::default();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(async {
            let slow = async {
                let _witness = record.witness(&N);
                tokio::time::sleep(Duration::from_secs(3600)).await;
            };
            let late = tokio::time::timeout(Duration::from_secs(1), slow.in_context(context(1)));
            assert!(N.scope(9, late).await.is_err());

            let quick = async {
                tokio::time::sleep(Duration::from_millis(1)).await;
                N.get()
            };
            let limited = tokio::time::timeout(Duration::from_secs(1), quick);
            assert_eq!(limited.in_context(context(2)).await, Ok(2));
        });
        assert_eq!(record.take(), [Some(1)]);
    });
}

#[test]
fn a_future_driven_inside_a_scope_shares_its_stack_unless_it_is_wrapped() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    three_ways(|| {
        N.sync_scope(1, || {
            let bare = runtime.block_on(async {
                pause().await;
                N.get()
            });
            assert_eq!(bare, 1);
            let wrapped = async {
                N.set(2).unwrap();
                pause().await;
                N.get()
            };
            assert_eq!(runtime.block_on(wrapped.in_current_context()), 2);
            assert_eq!(runtime.block_on(async { n() }.detached()), None);
            assert_eq!(N.get(), 1);
        });
    });
}

#[test]
fn a_future_written_by_hand_sees_its_context_at_each_poll() {
    struct Steps(Vec<Option<u32>>);
    impl Future for Steps {
        type Output = Vec<Option<u32>>;
        fn poll(mut self: Pin<&mut Self>, _: &mut TaskContext<'_>) -> Poll<Self::Output> {
            self.0.push(n());
            if let Some(n) = n() {
                N.set(n + 1).unwrap();
            }
            if self.0.len() == 4 { Poll::Ready(mem::take(&mut self.0)) } else { Poll::Pending }
        }
    }
    three_ways(|| {
        assert_eq!(finish(Steps(Vec::new()).in_context(context(1))), [1, 2, 3, 4].map(Some));
        assert_eq!(N.sync_scope(9, || finish(Steps(Vec::new()).detached())), [None; 4]);
    });
}

#[test]
fn a_future_that_polls_another_inside_its_own_scope_does_not_show_it() {
    three_ways(|| {
        let mut inner = Box::pin(count_up(3).in_context(context(10)));
        let mut rounds = 1;
        let outer = future::poll_fn(|cx| {
            rounds += 1;
            N.sync_scope(rounds, || {
                let polled = inner.as_mut().poll(cx);
                assert_eq!(N.get(), rounds);
                polled
            })
        });
        assert_eq!(finish(outer.in_context(context(1))), 13);
    });
}

#[test]
fn a_future_gives_its_context_while_it_is_on_its_way() {
    three_ways(|| {
        let mut future = Box::pin(count_up(3).in_context(context(1)));
        for step in 1..4 {
            assert_eq!(future.as_mut().context().get(&N), Some(&step));
            assert!(poll(&mut future).is_pending());
        }
        let midway = future.as_mut().context();
        drop(future);
        assert_eq!(midway.get(&N), Some(&4));
    });
}

// 43

#[test]
fn a_stream_that_binds_and_yields_does_not_show_it_to_its_consumer() {
    three_ways(|| {
        let mut guard = None;
        let mut step = 0;
        let stream = stream::poll_fn(move |_| {
            step += 1;
            // A guard held over a yield, as a generator would.
            guard.get_or_insert_with(|| N.enter(7));
            Poll::Ready((step <= 3).then(|| N.get() * 10 + step))
        });
        let mut stream = pin!(stream.in_context(context(1)));
        N.sync_scope(9, || {
            for expected in [Some(71), Some(72), Some(73), None] {
                let item = finish(future::poll_fn(|cx| stream.as_mut().poll_next(cx)));
                assert_eq!((item, N.get()), (expected, 9));
            }
        });
    });
}

#[test]
fn a_stream_that_sets_between_items_keeps_what_it_set() {
    three_ways(|| {
        let stream = stream::unfold((), |()| async {
            N.set(N.get() + 1).unwrap();
            pause().await;
            Some((N.get(), ()))
        });
        let items = stream.in_context(context(1)).take(4).collect::<Vec<_>>();
        assert_eq!(N.sync_scope(9, || finish(items)), [2, 3, 4, 5]);
    });
}

#[test]
fn adapters_around_a_wrapped_stream_see_their_own() {
    three_ways(|| {
        let inner = stream::iter(0..3).map(|item| (item, n())).in_context(context(1));
        let outer = inner.map(|(item, inner)| (item, inner, n())).in_context(context(2));
        let seen = finish(outer.collect::<Vec<_>>());
        assert_eq!(seen, [(0, Some(1), Some(2)), (1, Some(1), Some(2)), (2, Some(1), Some(2))]);
    });
}

#[test]
fn a_stream_dropped_elsewhere_ends_its_own_scopes() {
    three_ways(|| {
        let (record, held) = (Record::default(), Count::default());
        let (witness, mut value) = (record.witness(&N), Some(held.value()));
        let mut stream = Box::pin(
            stream::poll_fn(move |_| {
                let _held = &witness;
                if let Some(value) = value.take() {
                    mem::forget(HELD.enter(value));
                    mem::forget(N.enter(2));
                }
                Poll::Ready(Some(N.get()))
            })
            .in_context(context(1)),
        );
        assert_eq!(finish(stream.next()), Some(2));
        assert_eq!(held.alive(), 1);
        thread::scope(|scope| {
            scope.spawn(|| {
                N.sync_scope(9, || drop(stream));
                assert!(Context::current().is_empty());
            });
        });
        assert_eq!((record.take(), held.alive()), (vec![Some(2)], 0));
    });
}

#[test]
fn a_stream_keeps_its_size_hint() {
    let stream = stream::iter(0..5).in_current_context();
    assert_eq!(stream.size_hint(), (5, Some(5)));
}

#[test]
fn a_sink_takes_items_in_its_own_context() {
    three_ways(|| {
        let mut taken = Vec::new();
        {
            let sink = sink::unfold(&mut taken, |taken, item: u32| async move {
                taken.push((item, n()));
                N.set(N.get() + 1).unwrap();
                pause().await;
                Ok::<_, ()>(taken)
            });
            let mut sink = pin!(sink.in_context(context(1)));
            N.sync_scope(9, || {
                finish(async {
                    for item in 0..3 {
                        sink.as_mut().send(item).await.unwrap();
                        assert_eq!(N.get(), 9);
                    }
                    sink.close().await.unwrap();
                });
            });
        }
        assert_eq!(taken, [(0, Some(1)), (1, Some(2)), (2, Some(3))]);
    });
}

#[test]
fn every_method_of_a_sink_is_called_in_its_context() {
    struct Watching(Vec<Option<u32>>);
    impl Watching {
        fn ready(mut self: Pin<&mut Self>) -> Poll<Result<(), ()>> {
            self.0.push(n());
            Poll::Ready(Ok(()))
        }
    }
    impl Sink<u32> for Watching {
        type Error = ();
        fn poll_ready(self: Pin<&mut Self>, _: &mut TaskContext<'_>) -> Poll<Result<(), ()>> {
            self.ready()
        }
        fn start_send(mut self: Pin<&mut Self>, item: u32) -> Result<(), ()> {
            self.0.push(n().map(|n| n + item));
            Ok(())
        }
        fn poll_flush(self: Pin<&mut Self>, _: &mut TaskContext<'_>) -> Poll<Result<(), ()>> {
            self.ready()
        }
        fn poll_close(self: Pin<&mut Self>, _: &mut TaskContext<'_>) -> Poll<Result<(), ()>> {
            self.ready()
        }
    }
    three_ways(|| {
        let cx = &mut TaskContext::from_waker(Waker::noop());
        let mut sink = pin!(Watching(Vec::new()).in_context(context(1)));
        assert_eq!(sink.as_mut().poll_ready(cx), Poll::Ready(Ok(())));
        assert_eq!(sink.as_mut().start_send(10), Ok(()));
        assert_eq!(sink.as_mut().poll_flush(cx), Poll::Ready(Ok(())));
        assert_eq!(sink.as_mut().poll_close(cx), Poll::Ready(Ok(())));
        assert_eq!(sink.get_ref().0, [Some(1), Some(11), Some(1), Some(1)]);
    });
}

// Wrappers in wrappers.

#[test]
fn of_two_wrappers_the_inner_one_counts() {
    three_ways(|| {
        assert_eq!(finish(async { n() }.in_context(context(1)).in_context(context(2))), Some(1));
        assert_eq!(finish(async { n() }.detached().in_context(context(2))), None);
        assert_eq!(finish(async { n() }.in_context(context(1)).detached()), Some(1));
        // The current context of the one who wraps, not of the wrapper around it.
        let here = N.sync_scope(3, || async { n() }.in_current_context());
        assert_eq!(finish(here.in_context(context(4))), Some(3));
    });
}

#[test]
fn a_future_wrapped_a_thousand_times_over_sees_the_innermost() {
    three_ways(|| {
        let mut task: Task<u32> = Box::pin(count_up(3).in_context(context(0)));
        for wrapper in 1..1000 {
            task = Box::pin(task.in_context(context(wrapper)));
        }
        assert_eq!(finish(task), 3);
    });
}

#[test]
fn wrapped_futures_nest_at_each_await() {
    three_ways(|| {
        let nested = async {
            let inner = N.scope(2, async {
                pause().await;
                let innermost = async {
                    pause().await;
                    N.set(5).unwrap();
                    pause().await;
                    N.get()
                };
                (innermost.in_current_context().await, N.get())
            });
            (inner.await, N.get())
        };
        assert_eq!(finish(nested.in_context(context(1))), ((5, 2), 1));
    });
}

// What the wrapper is.

/// Says of a type whether it has a trait: the inherent constant is there only if it has.
struct Is<T>(PhantomData<T>);

trait IsNot {
    const SEND: bool = false;
    const SYNC: bool = false;
    const UNPIN: bool = false;
}

impl<T> IsNot for Is<T> {}

impl<T: Send> Is<T> {
    const SEND: bool = true;
}

impl<T: Sync> Is<T> {
    const SYNC: bool = true;
}

impl<T: Unpin> Is<T> {
    const UNPIN: bool = true;
}

const _: () = {
    assert!(Is::<InContext<u8>>::SEND && Is::<InContext<u8>>::SYNC && Is::<InContext<u8>>::UNPIN);
    assert!(
        !Is::<InContext<Rc<u8>>>::SEND
            && !Is::<InContext<Rc<u8>>>::SYNC
            && Is::<InContext<Rc<u8>>>::UNPIN
    );
    assert!(Is::<InContext<Cell<u8>>>::SEND && !Is::<InContext<Cell<u8>>>::SYNC);
    assert!(Is::<InContext<PhantomPinned>>::SEND && !Is::<InContext<PhantomPinned>>::UNPIN);
};
