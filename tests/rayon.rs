//! Rayon: jobs and parallel iterators on many threads, stolen jobs, and what the pieces see of each
//! other.
#![cfg(feature = "rayon")]

#[path = "common/futures.rs"]
mod common;

use common::{Count, Counted, three_ways};
use rayon::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};
use stackholm::rayon::{
    ParallelIteratorExt, ThreadPoolExt, in_place_scope, join, scope, scope_fifo, spawn,
};
use stackholm::{Checkpoint, Context, ContextExt, Var};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Barrier, Mutex, mpsc};

static N: Var<u32> = Var::new("n");
static M: Var<u32> = Var::new("m");
static NEAR: Var<u32> = Var::new("near").stays_on_stack();
static HELD: Var<Counted> = Var::new("held");

const MANY: u32 = 1000;

fn pool(threads: usize) -> ThreadPool {
    ThreadPoolBuilder::new().num_threads(threads).build().unwrap()
}

/// Runs `test` in pools of several sizes, three ways; no thread of a pool is left with anything.
fn in_pools(test: impl Fn(&ThreadPool) + Sync) {
    for threads in [1, 2, 5] {
        let pool = pool(threads);
        three_ways(|| {
            test(&pool);
            let left = pool.broadcast(|_| Context::current().is_empty());
            assert_eq!(left, vec![true; threads], "the workers are clean");
        });
    }
}

// Jobs.

#[test]
fn a_tree_of_joins_sees_at_each_node_what_its_parent_bound() {
    fn tree(depth: u32) -> u32 {
        let here = N.get();
        assert_eq!(here, depth, "what the parent bound");
        if depth == 7 {
            return 1;
        }
        N.sync_scope(depth + 1, || {
            let (a, b) = join(|| tree(depth + 1), || tree(depth + 1));
            assert_eq!(N.get(), depth + 1, "nothing comes back");
            a + b
        })
    }
    in_pools(|pool| assert_eq!(N.sync_scope(0, || pool.install_carrying(|| tree(0))), 128));
}

#[test]
fn both_halves_of_a_join_run_at_once_on_two_threads_in_the_callers_context() {
    let (pool, both) = (pool(2), Barrier::new(2));
    let half = || {
        both.wait();
        let seen = (N.get(), rayon::current_thread_index());
        N.set(9).unwrap();
        both.wait();
        seen
    };
    let ((a, here), (b, there)) = N.sync_scope(1, || pool.install_carrying(|| join(half, half)));
    assert_eq!((a, b), (1, 1));
    assert_ne!(here, there, "the second was stolen");
}

#[test]
fn siblings_never_see_what_the_other_one_set() {
    in_pools(|pool| {
        let wrong = AtomicUsize::new(0);
        N.sync_scope(0, || {
            pool.install_carrying(|| {
                scope(|scope| {
                    for n in 1..=100 {
                        let wrong = &wrong;
                        scope.spawn(move |scope| {
                            wrong.fetch_add(usize::from(N.get() != 0), SeqCst);
                            N.set(n).unwrap();
                            scope.spawn(move |_| {
                                wrong.fetch_add(usize::from(N.get() != n), SeqCst);
                            });
                            N.set(n + 1000).unwrap();
                        });
                    }
                });
                assert_eq!(N.get(), 0);
            });
        });
        assert_eq!(wrong.load(SeqCst), 0);
    });
}

#[test]
fn each_job_of_a_scope_gets_the_context_of_where_it_is_spawned() {
    in_pools(|pool| {
        let seen = AtomicUsize::new(0);
        pool.install(|| {
            in_place_scope(|scope| {
                for n in 0..50 {
                    let seen = &seen;
                    N.sync_scope(n, || scope.spawn(move |_| assert_eq!(N.get(), n)));
                    N.sync_scope(n, || scope.spawn_detached(move |_| assert!(!N.is_bound())));
                    scope.spawn(move |_| {
                        seen.fetch_add(usize::from(N.is_bound()), SeqCst);
                    });
                }
            });
        });
        assert_eq!(seen.load(SeqCst), 0, "spawned where nothing was bound");
    });
}

#[test]
fn jobs_of_a_first_come_scope_run_in_order_each_in_its_own_context() {
    let seen = std::sync::Mutex::new(Vec::new());
    pool(1).install(|| {
        scope_fifo(|scope| {
            for n in 0..20 {
                N.sync_scope(n, || scope.spawn_fifo(|_| seen.lock().unwrap().push(N.get())));
            }
        });
    });
    assert_eq!(seen.into_inner().unwrap(), (0..20).collect::<Vec<_>>());
}

#[test]
fn a_scope_in_place_stays_on_the_stack_of_its_caller() {
    three_ways(|| {
        Checkpoint::run(|| {
            in_place_scope(|_| N.set(4).unwrap());
            assert_eq!(N.get(), 4, "it is the same checkpoint");
            NEAR.sync_scope(5, || in_place_scope(|_| assert_eq!(NEAR.get(), 5)));
        });
    });
}

#[test]
fn every_thread_of_a_broadcast_sees_the_callers_context() {
    in_pools(|pool| {
        let seen = N.sync_scope(3, || pool.broadcast_carrying(|_| N.get()));
        assert_eq!(seen, vec![3; pool.current_num_threads()]);
        let seen = N.sync_scope(3, || pool.broadcast_detached(|_| N.is_bound()));
        assert_eq!(seen, vec![false; pool.current_num_threads()]);
    });
}

#[test]
fn a_spawned_job_and_its_own_jobs_inherit_and_hold_nothing_afterwards() {
    let held = Count::default();
    let pool = pool(1);
    let (send, receive) = mpsc::channel();
    HELD.sync_scope(held.value(), || {
        pool.spawn_carrying(move || spawn(move || send.send(HELD.is_bound()).unwrap()));
    });
    assert_eq!(receive.recv(), Ok(true));
    pool.broadcast(|_| ());
    assert_eq!(held.alive(), 0);
}

// Stolen jobs.

/// The one worker of a pool takes another job in the midst of its own, as it does whenever it
/// waits.
fn steal() {
    assert_eq!(rayon::yield_now(), Some(rayon::Yield::Executed), "the other job ran here and now");
}

#[test]
fn a_job_that_is_stolen_inside_a_piece_sees_its_own_context() {
    pool(1).install(|| {
        let (send, receive) = mpsc::channel();
        N.sync_scope(2, || {
            spawn(move || {
                send.send((N.get(), M.is_bound())).unwrap();
                N.set(20).unwrap();
                std::mem::forget(M.enter(20));
            });
        });
        let context = Context::empty().with(&N, 1).with(&M, 1);
        rayon::iter::once(()).carrying_context(context).for_each(|()| {
            N.set(10).unwrap();
            steal();
            assert_eq!((N.get(), M.get()), (10, 1), "as if nothing had run in between");
        });
        assert_eq!(receive.recv(), Ok((2, false)));
        assert!(Context::current().is_empty());
    });
}

/// What the page of the module says, and why its functions are there.
#[test]
fn a_bare_job_that_is_stolen_inside_another_sees_what_that_one_does_and_one_that_was_made_here_does_not()
 {
    pool(1).install(|| {
        let (send, receive) = mpsc::channel();
        let look = |send: mpsc::Sender<_>| move || send.send(N.try_get().ok()).unwrap();
        rayon::spawn(look(send.clone()));
        stackholm::rayon::spawn_detached(look(send.clone()));
        N.sync_scope(2, || spawn(look(send.clone())));
        Context::empty().with(&N, 1).run(|| (0..3).for_each(|_| steal()));
        let mut seen: Vec<_> = receive.try_iter().collect();
        seen.sort_unstable();
        assert_eq!(seen, [None, Some(1), Some(2)], "detached, bare, carrying");
    });
}

#[test]
fn iterators_that_begin_here_carry_or_detach() {
    pool(2).install(|| {
        let (mut items, last) = (vec![1_u32; 100], Mutex::new(0));
        N.sync_scope(2, || {
            stackholm::rayon::par_iter(&mut items).for_each(|item| *item += N.get());
            assert_eq!(
                stackholm::rayon::par_iter(&items).map(|item| item * N.get()).sum::<u32>(),
                600
            );
            stackholm::rayon::par_bridge(0..100).for_each(|_| *last.lock().unwrap() = N.get());
            assert_eq!(*last.lock().unwrap(), 2);
            assert!(stackholm::rayon::par_iter_detached(0..100).all(|_| !N.is_bound()));
            assert!(stackholm::rayon::par_bridge_detached(0..100).all(|_| !N.is_bound()));
        });
    });
}

#[test]
fn a_piece_that_is_stolen_inside_a_job_sees_its_own_context() {
    pool(1).install(|| {
        let (send, receive) = mpsc::channel();
        let iterator = N.sync_scope(2, || (0..3_u32).into_par_iter().carrying());
        rayon::spawn(move || {
            send.send(iterator.map(|_| (N.get(), M.is_bound())).collect::<Vec<_>>()).unwrap()
        });
        M.sync_scope(1, || {
            NEAR.sync_scope(1, || {
                steal();
                assert_eq!((N.is_bound(), M.get(), NEAR.get()), (false, 1, 1));
            });
        });
        assert_eq!(receive.recv(), Ok(vec![(2, false); 3]));
    });
}

#[test]
fn a_detached_job_that_is_stolen_sees_nothing_of_the_thief() {
    pool(1).install(|| {
        let (send, receive) = mpsc::channel();
        stackholm::rayon::spawn_detached(move || {
            send.send((N.is_bound(), N.set(2).is_ok())).unwrap()
        });
        N.sync_scope(1, || {
            steal();
            assert_eq!(N.get(), 1);
        });
        assert_eq!(receive.recv(), Ok((false, true)));
    });
}

// Parallel iterators.

/// Fails unless the context is here.
fn seen<T>(item: T) -> T {
    assert_eq!(N.get(), 7);
    item
}

/// Runs `test` in pools, in a scope where `N` is seven; outside of it nobody on a worker sees that.
fn carried<R: Send>(test: impl Fn() -> R + Sync) {
    in_pools(|pool| drop(pool.install(|| N.sync_scope(7, &test))));
}

fn items() -> rayon::range::Iter<u32> {
    (0..MANY).into_par_iter()
}

#[test]
fn the_control_without_the_adapter_some_piece_sees_nothing() {
    let unbound = pool(2).install(|| {
        let apart = Barrier::new(2);
        N.sync_scope(7, || {
            (0..2)
                .into_par_iter()
                .with_max_len(1)
                .filter(|_| (apart.wait(), !N.is_bound()).1)
                .count()
        })
    });
    assert_eq!(unbound, 1);
}

#[test]
fn map_and_what_consumes_see_the_context_in_every_piece() {
    carried(|| {
        assert_eq!(items().carrying().map(seen).count(), MANY as usize);
        items().carrying().for_each(|item| assert!(seen(item) < MANY));
        items().map(seen).carrying().for_each(|item| assert!(seen(item) < MANY));
        assert_eq!(items().carrying().map(seen).sum::<u32>(), 499_500);
        assert_eq!(items().carrying().filter(|item| seen(item % 2 == 0)).count(), 500);
        let (even, odd): (Vec<_>, Vec<_>) =
            items().carrying().partition(|item| seen(item % 2 == 0));
        assert_eq!((even.len(), odd.len()), (500, 500));
        assert_eq!(items().carrying().map(seen).min_by_key(|item| seen(MANY - item)), Some(999));
        assert_eq!(items().carrying().find_first(|item| seen(*item > 900)), Some(901));
        assert!(
            items().carrying().try_for_each(|item| seen((item < MANY).then_some(()))).is_some()
        );
    });
}

#[test]
fn what_starts_and_joins_partial_results_sees_the_context_too() {
    carried(|| {
        let max = items().carrying().reduce(|| seen(0), |a, b| seen(a.max(b)));
        assert_eq!(max, 999);
        let folded = items()
            .carrying()
            .fold(|| seen(0), |a, b| seen(a + b))
            .map(seen)
            .reduce(|| seen(0), |a, b| seen(a + b));
        assert_eq!(folded, 499_500);
        assert_eq!(items().fold(|| seen(0), |a, b| seen(a + b)).carrying().sum::<u32>(), 499_500);
        let fallible = items().carrying().try_fold(|| seen(0), |a: u32, b| seen(a.checked_add(b)));
        assert_eq!(fallible.try_reduce(|| seen(0), |a, b| seen(a.checked_add(b))), Some(499_500));
        assert_eq!(
            items().carrying().map_init(|| seen(1), |one, item| seen(*one * item)).sum::<u32>(),
            499_500
        );
        assert_eq!(
            items().map_init(|| seen(1), |one, item| seen(*one * item)).carrying().sum::<u32>(),
            499_500
        );
        items().carrying().for_each_init(|| seen(1), |_, item| assert!(seen(item) < MANY));
    });
}

#[test]
fn zip_rev_chunks_and_enumerate_keep_their_order_and_the_context() {
    carried(|| {
        let reversed: Vec<u32> = items().carrying().map(seen).rev().map(seen).collect();
        assert_eq!(reversed, (0..MANY).rev().collect::<Vec<_>>());

        let zipped: Vec<_> =
            items().carrying().map(seen).zip(items().map(seen).rev()).map(seen).collect();
        assert_eq!(zipped, (0..MANY).map(|item| (item, MANY - 1 - item)).collect::<Vec<_>>());
        let zipped =
            items().zip(items().carrying().map(seen)).map(|(a, b)| u32::from(a == b)).sum::<u32>();
        assert_eq!(zipped, MANY, "as the other side");

        let chunked: Vec<u32> =
            items().carrying().map(seen).chunks(7).map(|chunk| seen(chunk[0])).collect();
        assert_eq!(chunked, (0..MANY).step_by(7).collect::<Vec<_>>());
        let folded: Vec<u32> =
            items().carrying().fold_chunks(10, || seen(0), |a, b| seen(a + b)).map(seen).collect();
        assert_eq!((folded.len(), folded[0]), (100, 45));

        let numbered = items().map(seen).rev().carrying().enumerate().map(seen);
        assert!(numbered.all(|(at, item)| seen(at as u32 + item == MANY - 1)));
        assert!(
            items().carrying().map(seen).enumerate().map(seen).all(|(at, item)| at as u32 == item)
        );

        assert_eq!(
            items().carrying().map(seen).chain(items().map(seen)).rev().map(seen).count(),
            2000
        );
        assert_eq!(
            items().carrying().map(seen).skip(10).take(20).step_by(3).map(seen).sum::<u32>(),
            133
        );
        assert_eq!(
            items().carrying().interleave(items().map(seen)).map(seen).sum::<u32>(),
            999_000
        );
        assert_eq!(items().carrying().position_first(|item| seen(item == 500)), Some(500));
        assert_eq!(items().carrying().position_any(|item| seen(item == 500)), Some(500));
        assert_eq!(items().carrying().position_last(|item| seen(item < 500)), Some(499));
        assert_eq!(items().carrying().map(seen).cmp(items()), std::cmp::Ordering::Equal);
    });
}

#[test]
fn lengths_are_known_as_before_and_vectors_are_filled_in_place() {
    carried(|| {
        assert_eq!(items().carrying().len(), MANY as usize);
        assert_eq!(items().carrying().zip(0..10_u32).len(), 10);
        assert_eq!(items().carrying().chunks(300).len(), 4);
        assert_eq!(items().carrying().map(seen).opt_len(), Some(MANY as usize));
        assert_eq!(items().carrying().filter(|_| true).opt_len(), None);
        assert_eq!(items().filter(|_| true).carrying().opt_len(), None);

        let mut into = Vec::with_capacity(MANY as usize);
        let memory = into.as_ptr();
        items().carrying().map(seen).collect_into_vec(&mut into);
        assert_eq!((into.len(), into.as_ptr()), (MANY as usize, memory));
        let (mut left, mut right) = (Vec::new(), Vec::new());
        items().carrying().map(|item| seen((item, item))).unzip_into_vecs(&mut left, &mut right);
        assert_eq!(left, right);
    });
}

#[test]
fn what_has_no_length_carries_too() {
    carried(|| {
        let even = items().filter(|item| seen(item % 2 == 0)).carrying().map(seen);
        assert_eq!(even.map(seen).collect::<Vec<_>>(), (0..MANY).step_by(2).collect::<Vec<_>>());
        let flat = items()
            .carrying()
            .flat_map(|item| seen([item; 2]))
            .map(seen)
            .flat_map_iter(|item| seen([item; 3]));
        assert_eq!(flat.map(seen).count(), 6000);
        let nested = items().carrying().map(|item| seen(vec![item; 2])).flatten().map(seen);
        assert_eq!(nested.filter(|item| seen(item % 2 == 0)).count(), 1000);
        assert_eq!((0..MANY).par_bridge().carrying().map(seen).sum::<u32>(), 499_500);
        let words: Vec<_> = "a b c d e f".par_split_whitespace().carrying().map(seen).collect();
        assert_eq!(words, ["a", "b", "c", "d", "e", "f"]);
    });
}

#[test]
fn whatever_comes_between_what_flat_map_begins_is_carried_into_wherever_it_is_stolen() {
    carried(|| {
        let pair = |item: u32| [item, item].into_par_iter().with_max_len(1);
        let all = |found: usize, chain: &str| assert_eq!(found, 2 * MANY as usize, "{chain}");
        let few = || items().carrying().with_max_len(1);
        all(few().filter(|_| true).flat_map(pair).map(seen).count(), "filter");
        all(few().filter_map(Some).flat_map(pair).map(seen).count(), "filter_map");
        all(few().map(Some).while_some().flat_map(pair).map(seen).count(), "while_some");
        all(few().take_any(MANY as usize).skip_any(0).flat_map(pair).map(seen).count(), "take_any");
        all(
            few()
                .take_any_while(|_| true)
                .skip_any_while(|_| false)
                .flat_map(pair)
                .map(seen)
                .count(),
            "take_any_while",
        );
        all(few().flat_map_iter(|item| [item]).flat_map(pair).map(seen).count(), "flat_map_iter");
        all(
            few().map(|item| [item]).flatten_iter().flat_map(pair).map(seen).count(),
            "flatten_iter",
        );
        let sum = |sum, item| sum + item;
        let folded = few().fold(|| 0, sum).fold_with(0, sum).flat_map(pair).map(seen);
        assert_eq!(folded.sum::<u32>(), 2 * 499_500);
    });
}

#[test]
fn iterators_inside_iterators_carry_what_their_piece_bound() {
    carried(|| {
        let sum = items().carrying().map(|item| {
            let inner = N.sync_scope(item, || {
                (0..10_u32).into_par_iter().carrying().map(|_| N.get()).sum::<u32>()
            });
            seen(inner)
        });
        assert_eq!(sum.sum::<u32>(), 4_995_000);
    });
}

#[test]
fn the_last_of_several_contexts_is_the_innermost() {
    let other = Context::empty().with(&N, 8);
    carried(|| {
        let before = items().map(|_| N.get()).carrying_context(other.clone());
        assert!(before.carrying().all(|n| (n, N.get()) == (7, 7)));
        assert!(items().carrying().map(|_| N.get()).carrying_context(other.clone()).all(|n| (
            n,
            N.get()
        ) == (
            8, 8
        )));
        assert!(items().carrying_nothing().all(|_| !N.is_bound()));
    });
}

#[test]
fn one_piece_never_sees_what_another_one_set() {
    // Pieces of one item each: whatever was set before must have been set by another one.
    carried(|| {
        items().carrying().with_max_len(1).for_each(|item| {
            seen(());
            N.set(item + 100).unwrap();
            assert_eq!(N.get(), item + 100);
        });
        seen(());
    });
}

#[test]
fn the_context_is_captured_where_the_iterator_is_made() {
    carried(|| {
        let iterator = items().carrying();
        assert!(N.sync_scope(8, || iterator.all(|_| N.get() == 7)));
    });
}

#[test]
fn bindings_of_short_reach_are_seen_in_no_piece_not_even_at_home() {
    carried(|| {
        NEAR.sync_scope(1, || assert_eq!(items().carrying().filter(|_| NEAR.is_bound()).count(), 0))
    });
}

#[test]
fn a_panic_in_a_piece_leaves_every_worker_clean_and_every_value_dropped() {
    let held = Count::default();
    in_pools(|pool| {
        let context = Context::empty().with(&HELD, held.value());
        let run = || {
            pool.install(|| {
                items().carrying_context(context.clone()).for_each(|item| {
                    std::mem::forget(HELD.enter(held.value()));
                    if item == 500 {
                        resume_unwind(Box::new(item));
                    }
                });
            });
        };
        assert!(catch_unwind(AssertUnwindSafe(run)).is_err());
        let zipped = || {
            pool.install(|| {
                generic(
                    items().carrying_context(context.clone()).map(|_| resume_unwind(Box::new(0))),
                )
            })
        };
        assert!(catch_unwind(AssertUnwindSafe(zipped)).is_err());
        drop(context);
        pool.broadcast(|_| assert!(Context::current().is_empty()));
        assert_eq!(held.alive(), 0);
    });
}

/// Code that knows nothing of contexts.
fn generic(iterator: impl IndexedParallelIterator<Item = u32>) -> u32 {
    let reversed = iterator.rev().zip(items().rev()).enumerate();
    reversed.map(|(_, (a, b))| u32::from(a == b)).sum()
}

#[test]
fn code_that_knows_nothing_of_contexts_gets_items_made_in_theirs() {
    carried(|| {
        assert_eq!(generic(items().carrying().map(seen)), MANY);
        let outside = items().carrying().map(seen);
        assert_eq!(Context::empty().run(|| generic(outside)), MANY);
    });
}

#[test]
fn a_plain_iterator_inside_a_piece_can_be_wrapped_as_well() {
    carried(|| {
        let lines = (0..MANY).map(seen).in_current_context();
        assert_eq!(Context::empty().run(|| lines.par_bridge().count()), MANY as usize);
    });
}
