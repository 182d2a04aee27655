//! What stays on its stack reaches through the task: every scope and checkpoint of it, and no
//! spawn.

use crate::common::{finish, pause, poll};
use futures_util::FutureExt;
use futures_util::future::join_all;
use stackholm::{Checkpoint, Context, ContextExt, Reason, Scope, Source, Var, embed};
use std::mem;
use std::task::Poll;

static TX: Var<u32> = Var::new("tx").stays_on_stack();
static OP: Var<&str> = Var::new("op");

async fn query() -> bool {
    TX.is_bound()
}

async fn number() -> Option<u32> {
    TX.try_get().ok()
}

fn is_not_carried() -> bool {
    matches!(TX.try_get().unwrap_err().reason(), Reason::NotCarried(place) if place.file() == file!())
}

#[test]
fn a_transaction_is_seen_inside_what_is_bound_around_an_awaited_query() {
    assert!(TX.sync_scope(1, || OP.sync_scope("q", || TX.is_bound())));
    assert!(finish(TX.scope(1, async { query().await })));
    assert!(finish(TX.scope(1, async { OP.scope("q", query()).await })));
}

#[test]
fn it_is_seen_through_every_kind_of_scope_at_every_poll() {
    async fn at_each_poll() -> [Option<u32>; 3] {
        let first = number().await;
        pause().await;
        let second = number().await;
        pause().await;
        [first, second, number().await]
    }
    let all = async {
        let scope = Scope::new().set(&OP, "q").wrap(at_each_poll()).await;
        let checkpoint = Checkpoint::wrap(at_each_poll()).await;
        let prepared = Checkpoint::prepare().set(&OP, "q").wrap(at_each_poll()).await;
        let deep =
            OP.scope("a", Checkpoint::wrap(OP.scope("b", OP.scope("c", at_each_poll())))).await;
        let boxed = OP.scope("a", OP.scope("b", at_each_poll()).boxed()).boxed().await;
        [scope, checkpoint, prepared, deep, boxed]
    };
    assert_eq!(finish(TX.scope(1, all)), [[Some(1); 3]; 5]);
}

#[test]
fn every_way_of_reading_says_the_same() {
    let look = async {
        let place =
            |source: &Source| matches!(source, Source::Bound(place) if place.file() == file!());
        assert!(TX.is_bound() && place(&TX.source()) && TX.history().iter().all(place));
        assert_eq!(
            (TX.get(), TX.with(|tx| *tx), TX.require().unwrap(), TX.history().len()),
            (1, 1, 1, 1)
        );
        assert_eq!(TX.sync_scope(2, || (TX.get(), TX.history().len())), (2, 2));
        assert_eq!(
            TX.sync_scope(2, || TX.history().iter().filter(|source| place(source)).count()),
            2
        );
        assert_eq!(TX.get(), 1);
    };
    finish(TX.scope(1, OP.scope("q", look)));
}

#[test]
fn it_is_not_in_a_context_and_does_not_come_along_to_a_spawned_task() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    let request = async {
        assert!(TX.is_bound());
        let context = Context::current();
        assert!(matches!(context.try_get(&TX).unwrap_err().reason(), Reason::NotCarried(_)));
        // Entered, run, wrapped, handed over in place: none of them is the work that goes on.
        assert!(context.run(is_not_carried));
        assert!(context.run(|| Checkpoint::run(is_not_carried)));
        assert!(context.clone().wrap(is_not_carried)());
        assert!(async { is_not_carried() }.in_current_context().await);
        assert!(async { is_not_carried() }.in_context(context.clone()).await);
        assert!(OP.scope("in", async { is_not_carried() }).in_context(context).await);
        assert!(
            async { OP.scope("in", async { is_not_carried() }).await }.in_current_context().await
        );
        assert!(!query().detached().await);
        let mut stack = embed::Stack::inherit();
        assert!(stack.run(is_not_carried));
        assert!(stack.try_get(&TX).is_err());
        // Spawned, carrying and bare, in a scope or not.
        assert!(stackholm::tokio::spawn(async { is_not_carried() }).await.unwrap());
        assert!(stackholm::tokio::spawn(OP.scope("in", async { is_not_carried() })).await.unwrap());
        assert!(!tokio::spawn(OP.scope("in", query())).await.unwrap());
        assert!(stackholm::tokio::spawn_blocking(is_not_carried).await.unwrap());
        TX.is_bound()
    };
    assert!(runtime.block_on(TX.scope(1, OP.scope("request", request))));
}

#[test]
fn polled_elsewhere_later_on_it_is_not_carried_there() {
    let mut job = Box::pin(OP.scope("q", async {
        let first = number().await;
        pause().await;
        let second = is_not_carried();
        pause().await;
        (first, second, is_not_carried())
    }));
    assert!(TX.sync_scope(1, || poll(&mut job)).is_pending());
    // Nothing is bound here; then another transaction is, which is none of its own.
    assert!(poll(&mut job).is_pending());
    assert_eq!(TX.sync_scope(2, || poll(&mut job)), Poll::Ready((Some(1), true, true)));
}

#[test]
fn another_thread_that_polls_it_shows_it_nothing_of_its_own() {
    let mut job = Box::pin(OP.scope("q", async {
        let first = number().await;
        pause().await;
        (first, is_not_carried())
    }));
    assert!(TX.sync_scope(1, || poll(&mut job)).is_pending());
    let seen = std::thread::spawn(move || TX.sync_scope(2, || poll(&mut job))).join().unwrap();
    assert_eq!(seen, Poll::Ready((Some(1), true)));
}

#[test]
fn a_task_that_moves_between_threads_takes_it_along() {
    let task = TX.scope(1, async {
        OP.scope("q", async {
            let mut seen = vec![];
            for _ in 0..5 {
                seen.push(OP.scope("r", number()).await);
                pause().await;
            }
            seen
        })
        .await
    });
    assert_eq!(crate::common::finish_elsewhere(Box::pin(task)).0, [Some(1); 5]);
}

#[test]
fn what_the_outer_one_ends_is_not_seen_inside_any_more() {
    let mut inner = Box::pin(OP.scope("q", async {
        let first = number().await;
        pause().await;
        (first, is_not_carried())
    }));
    let outer = Checkpoint::wrap(async {
        TX.set(1).unwrap();
        assert!(poll(&mut inner).is_pending());
        TX.unset().unwrap();
        TX.set(2).unwrap();
        assert_eq!(TX.get(), 2);
        inner.await
    });
    assert_eq!(finish(outer), (Some(1), true));
}

#[test]
fn branches_of_one_task_see_it_and_bind_their_own() {
    let branches = (0..3).map(|n| {
        OP.scope("branch", async move {
            let before = number().await;
            pause().await;
            let savepoint = TX.scope(10 + n, OP.scope("savepoint", number())).await;
            pause().await;
            (before, savepoint, number().await)
        })
    });
    let seen = finish(TX.scope(1, join_all(branches)));
    assert_eq!(seen, [0, 1, 2].map(|n| (Some(1), Some(10 + n), Some(1))));
}

#[test]
fn a_mask_hides_it_and_a_guard_dropped_inside_leaves_it_after_the_poll() {
    let request = async {
        let masked = Scope::new().unset(&TX).wrap(OP.scope("q", query())).await;
        let outside = TX.enter(5);
        let guarded = OP.scope("q", async move {
            // The guard is of the stack beneath: what it bound stays here, and is left after the poll.
            drop(outside);
            number().await
        });
        (masked, guarded.await, number().await)
    };
    assert_eq!(finish(TX.scope(1, request)), (false, Some(5), Some(1)));
}

#[test]
fn a_read_from_inside_a_read_keeps_its_reference() {
    let request = async {
        OP.scope("q", async {
            TX.with(|outer| {
                let mut inner = Box::pin(OP.scope("r", async { TX.with(|inner| *inner) }));
                assert_eq!(poll(&mut inner), Poll::Ready(1));
                mem::forget(TX.enter(7));
                let mut inner = Box::pin(OP.scope("r", async { TX.with(|inner| *inner) }));
                assert_eq!(poll(&mut inner), Poll::Ready(7));
                assert_eq!(*outer, 1);
            });
            TX.get()
        })
        .await
    };
    assert_eq!(finish(TX.scope(1, async { (request.await, TX.get()) })), (7, 1));
}

#[test]
fn a_panic_inside_leaves_the_outer_one_as_it_was() {
    let request = async {
        let fails = async {
            assert!(TX.is_bound());
            panic!("on purpose");
        };
        let failed = std::panic::AssertUnwindSafe(OP.scope("q", fails)).catch_unwind().await;
        let _: Result<(), _> = failed;
        (number().await, OP.scope("q", number()).await)
    };
    assert_eq!(finish(TX.scope(1, request)), (Some(1), Some(1)));
}

#[test]
fn destructors_see_it_where_they_are_dropped() {
    struct Looks<'a>(&'a std::cell::Cell<Option<u32>>);
    impl Drop for Looks<'_> {
        fn drop(&mut self) {
            self.0.set(TX.try_get().ok());
        }
    }
    let seen = std::cell::Cell::new(None);
    let (unpolled, polled) = (Looks(&seen), Looks(&seen));
    TX.sync_scope(1, || drop(OP.scope("q", async { drop(unpolled) })));
    assert_eq!(seen.take(), Some(1));
    let mut future = Box::pin(OP.scope("q", async {
        let _polled = polled;
        pause().await;
    }));
    TX.sync_scope(2, || {
        assert!(poll(&mut future).is_pending());
        drop(future);
    });
    assert_eq!(seen.take(), Some(2));
}

#[test]
fn it_is_seen_however_many_are_bound_around_it() {
    static MANY: [Var<usize>; 100] = [const { Var::new("many") }; 100];
    let request = async {
        for (n, var) in MANY.iter().enumerate() {
            var.set(n).unwrap();
        }
        TX.set(1).unwrap();
        for round in 0..100 {
            for var in &MANY {
                var.set(round).unwrap();
            }
            assert_eq!(OP.scope("q", Checkpoint::wrap(number())).await, Some(1), "{round}");
        }
        TX.set(2).unwrap();
        OP.scope("q", number()).await
    };
    assert_eq!(finish(Checkpoint::wrap(request)), Some(2));
}
