//! Scopes of several bindings, whose frames share one block: each binding behaves like one of its
//! own.

mod common;

use common::{Counted, Tally, everywhere, number, number_in};
use stackholm::{Checkpoint, Context, ContextExt, Scope, Source, Var, embed};
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};
use std::thread;

static X: Var<Counted> = Var::new("x");
static Y: Var<Counted> = Var::new("y");
static Z: Var<Counted> = Var::new("z");
static OUTER: Var<Counted> = Var::new("outer");
static SHORT: Var<Counted> = Var::new("short").stays_on_stack();
static HERE: Var<Counted> = Var::new("here").stays_in_checkpoint();

fn three(tally: &Tally) -> stackholm::Entered {
    Scope::new().set(&X, tally.make(1)).set(&Y, tally.make(2)).set(&Z, tally.make(3)).enter()
}

fn numbers() -> [Option<u64>; 3] {
    [&X, &Y, &Z].map(number)
}

/// A value that does something as it goes.
struct Last(Box<dyn Fn() + Send + Sync>);

impl Drop for Last {
    fn drop(&mut self) {
        (self.0)();
    }
}

#[test]
fn values_go_innermost_first_and_see_what_is_outside() {
    static A: Var<Last> = Var::new("a");
    static B: Var<Last> = Var::new("b");
    static C: Var<Last> = Var::new("c");
    let gone = Arc::new(Mutex::new(String::new()));
    let last = |name: char| {
        let gone = gone.clone();
        Last(Box::new(move || {
            assert!(!A.is_bound() && !B.is_bound() && !C.is_bound() && OUTER.is_bound());
            drop(OUTER.with(|_| Context::current()));
            gone.lock().unwrap().push(name);
        }))
    };
    let tally = Tally::default();
    OUTER.sync_scope(tally.make(0), || {
        drop(Scope::new().set(&A, last('a')).set(&B, last('b')).set(&C, last('c')).enter());
        let shared = Scope::new().set(&A, last('d')).set(&B, last('e')).set(&C, last('f')).enter();
        let context = Context::current();
        drop(shared);
        assert_eq!(*gone.lock().unwrap(), "cba");
        drop(context);
    });
    assert_eq!(*gone.lock().unwrap(), "cbafed");
}

#[test]
fn a_drop_that_panics_keeps_no_other_value_and_no_block() {
    static A: Var<Last> = Var::new("a");
    for shared in [false, true] {
        let tally = Tally::default();
        let bang = || Last(Box::new(|| std::panic::resume_unwind(Box::new("bang"))));
        let guard =
            Scope::new().set(&X, tally.make(1)).set(&A, bang()).set(&Y, tally.make(2)).enter();
        let context = shared.then(Context::current);
        let left = catch_unwind(AssertUnwindSafe(|| drop(guard)));
        assert_eq!(left.is_err(), !shared);
        assert_eq!(catch_unwind(AssertUnwindSafe(|| drop(context))).is_err(), shared);
        assert_eq!((numbers(), A.is_bound()), ([None; 3], false));
        tally.assert_nothing_left();
    }
}

#[test]
fn what_was_bound_outside_is_hidden_and_comes_back() {
    everywhere(|tally| {
        let before = Context::current().len();
        let around = Scope::new().set(&Y, tally.make(10)).set(&OUTER, tally.make(11)).enter();
        let guard = three(tally);
        assert_eq!((numbers(), number(&OUTER)), ([Some(1), Some(2), Some(3)], Some(11)));
        assert_eq!(Context::current().len(), before + 4);
        let places: Vec<_> =
            Y.history().into_iter().filter(|source| matches!(source, Source::Bound(_))).collect();
        assert_eq!(places.len(), 2, "its own binding and the one outside");
        drop(guard);
        assert_eq!((numbers(), number(&OUTER)), ([None, Some(10), None], Some(11)));
        drop(around);
    });
}

#[test]
fn a_checkpoint_inside_pops_and_resets_to_them_and_beyond() {
    everywhere(|tally| {
        let outside = Y.enter(tally.make(0));
        let guard = three(tally);
        Checkpoint::run(|| {
            Y.set(tally.make(4)).unwrap();
            assert!(Y.pop().unwrap());
            assert_eq!(number(&Y), Some(2), "that of the scope");
            assert!(Y.pop().unwrap());
            assert_eq!(number(&Y), Some(0), "that outside of the scope");
            Y.reset().unwrap();
            X.unset().unwrap();
            assert_eq!(numbers(), [None, Some(2), Some(3)]);
            X.reset().unwrap();
            assert_eq!(numbers(), [Some(1), Some(2), Some(3)]);
        });
        assert!(X.set(tally.make(5)).is_err(), "the scope itself is sealed");
        drop((guard, outside));
    });
}

#[test]
fn contexts_keep_all_of_them_and_let_go_of_all() {
    everywhere(|tally| {
        let alive = tally.alive();
        let guard = three(tally);
        let (context, weak) = (Context::current(), Context::current().downgrade());
        drop(guard);
        assert_eq!([&X, &Y, &Z].map(|var| number_in(&context, var)), [Some(1), Some(2), Some(3)]);
        assert_eq!((numbers(), tally.alive() - alive), ([None; 3], 3));
        let elsewhere = thread::spawn(context.wrap(numbers)).join().unwrap();
        assert_eq!((elsewhere, tally.alive()), ([Some(1), Some(2), Some(3)], alive));
        assert!(weak.upgrade().is_none(), "whoever was the last");
    });
}

#[test]
fn a_value_outlives_the_others_where_it_alone_is_kept() {
    everywhere(|tally| {
        let (alive, kept) = (tally.alive(), Tally::default());
        let guard = Scope::new()
            .set(&X, tally.make(1))
            .set(&Y, kept.make(2))
            .set(&Z, tally.make(3))
            .enter();
        let context = Checkpoint::run(|| {
            Z.unset().unwrap();
            // So many changes that the checkpoint is compacted; of the scope it then counts one
            // value.
            for number in 0..100 {
                X.set(tally.make(number)).unwrap();
                OUTER.set(tally.make(number)).unwrap();
            }
            Context::current()
        });
        drop(guard);
        let seen = [&X, &Y, &Z, &OUTER].map(|var| number_in(&context, var));
        assert_eq!(seen, [Some(99), Some(2), None, Some(99)]);
        assert!(tally.alive() - alive < 100, "what was replaced is not kept for ever");
        assert_eq!(kept.alive(), 1);
        drop(context);
        assert_eq!(tally.alive(), alive);
        kept.assert_nothing_left();
    });
}

#[test]
fn a_read_keeps_its_value_while_its_scope_is_left() {
    everywhere(|tally| {
        for var in [&X, &Y, &Z] {
            let guard = RefCell::new(Some(three(tally)));
            let read = var.with(|value| {
                drop(guard.take());
                assert_eq!(numbers(), [None; 3]);
                value.number
            });
            assert!((1..=3).contains(&read));
        }
    });
}

#[test]
fn a_read_keeps_all_of_a_captured_scope_while_it_is_left() {
    everywhere(|tally| {
        let alive = tally.alive();
        for var in [&X, &Y, &Z] {
            for outlives in [false, true] {
                let guard = three(tally);
                let mut context = Some(Context::current());
                let last = context.take_if(|_| outlives);
                var.with(|value| {
                    let number = value.number;
                    drop((guard, context));
                    assert_eq!(
                        (value.number, numbers(), tally.alive() - alive),
                        (number, [None; 3], 3)
                    );
                });
                assert_eq!(tally.alive() - alive, if outlives { 3 } else { 0 });
                drop(last);
                assert_eq!(tally.alive(), alive);
            }
        }
    });
}

#[test]
fn values_of_short_reach_end_with_the_scope_whoever_keeps_it() {
    everywhere(|tally| {
        let alive = tally.alive();
        let scope = Scope::new()
            .set(&SHORT, tally.make(1))
            .set(&X, tally.make(2))
            .set(&HERE, tally.make(3));
        let guard = scope.enter();
        assert_eq!([&SHORT, &X, &HERE].map(number), [Some(1), Some(2), Some(3)]);
        Checkpoint::run(|| assert_eq!([&SHORT, &X, &HERE].map(number), [Some(1), Some(2), None]));
        let context = Context::current();
        assert_eq!([&SHORT, &X, &HERE].map(|var| number_in(&context, var)), [None, Some(2), None]);
        drop(guard);
        assert_eq!(tally.alive() - alive, 1, "what is not carried is gone");
        drop(context);
        assert_eq!(tally.alive(), alive);
        let guard = Scope::new().set(&SHORT, tally.make(4)).set(&HERE, tally.make(5)).enter();
        let context = Context::current();
        drop(guard);
        assert_eq!(tally.alive(), alive, "none of them is carried");
        assert_eq!([&SHORT, &HERE].map(|var| number_in(&context, var)), [None; 2]);
    });
}

#[test]
fn what_came_with_a_context_does_not_become_its_own() {
    for late in [false, true] {
        let short = Var::new("short").stays_on_stack();
        let [carried, a, b] = ["carried", "a", "b"].map(Var::new);
        // In which order their ids lie in the index: those of the scope come last, or around the
        // others.
        let order = if late { [&a, &short, &carried, &b] } else { [&short, &carried, &a, &b] };
        order.iter().for_each(|var| drop(Context::empty().with(var, 0)));
        let context = short.sync_scope(1, || carried.sync_scope(2, Context::current));
        embed::Stack::on(context).run(|| {
            let scope = || Scope::new().set(&a, 3).set(&b, 4);
            let seen = || [&short, &carried, &a, &b].map(|var| var.try_get().ok());
            assert_eq!(scope().run(seen), [None, Some(2), Some(3), Some(4)]);
            let own = short.enter(5);
            assert_eq!(scope().run(seen), [Some(5), Some(2), Some(3), Some(4)]);
            drop(own);
        });
    }
}

#[test]
fn guards_leave_it_with_all_inside_in_any_order() {
    everywhere(|tally| {
        let (outer, middle, inner) = (three(tally), three(tally), three(tally));
        drop(middle);
        drop(inner);
        assert_eq!(numbers(), [Some(1), Some(2), Some(3)]);
        let (inside, captured) = (OUTER.enter(tally.make(4)), Context::current());
        drop(outer);
        drop(inside);
        assert_eq!((numbers(), number(&OUTER)), ([None; 3], None));
        assert_eq!((number_in(&captured, &Y), number_in(&captured, &OUTER)), (Some(2), Some(4)));
    });
}

#[test]
fn a_future_and_a_stack_that_end_leave_it_to_their_contexts() {
    everywhere(|tally| {
        let alive = tally.alive();
        let scope = Scope::new().set(&X, tally.make(1)).set(&Y, tally.make(2));
        let mut future = Box::pin(scope.wrap(async {}));
        let context = future.as_mut().context();
        drop(future);
        assert_eq!((number_in(&context, &X), number_in(&context, &Y)), (Some(1), Some(2)));
        let mut stack = embed::Stack::on(context);
        let inner = stack.run(|| {
            std::mem::forget(three(tally));
            Context::current()
        });
        drop(stack);
        assert_eq!([&X, &Y, &Z].map(|var| number_in(&inner, var)), [Some(1), Some(2), Some(3)]);
        assert_eq!(tally.alive() - alive, 3, "what lies below is hidden");
        drop(inner);
        assert_eq!(tally.alive(), alive);
        drop(
            Scope::new()
                .set(&X, tally.make(1))
                .set(&Y, tally.make(2))
                .wrap(async {}.in_current_context()),
        );
        assert_eq!(tally.alive(), alive);
    });
}

#[test]
fn a_stack_that_ends_takes_what_is_of_short_reach_and_leaves_the_rest_to_contexts() {
    everywhere(|tally| {
        let alive = tally.alive();
        let mut stack = embed::Stack::new();
        let context = stack.run(|| {
            std::mem::forget(three(tally));
            let scope = Scope::new()
                .set(&X, tally.make(4))
                .set(&SHORT, tally.make(5))
                .set(&OUTER, tally.make(6));
            std::mem::forget(scope.enter());
            std::mem::forget(Scope::new().set(&Y, tally.make(7)).set(&Z, tally.make(8)).enter());
            Context::current()
        });
        drop(stack);
        assert_eq!(
            [&X, &Y, &Z, &OUTER].map(|var| number_in(&context, var)),
            [Some(4), Some(7), Some(8), Some(6)]
        );
        assert_eq!(
            (number_in(&context, &SHORT), tally.alive() - alive),
            (None, 4),
            "what is shown is kept"
        );
        drop(context);
        assert_eq!(tally.alive(), alive);
    });
}

#[test]
fn values_that_are_kept_apart_go_one_by_one_in_any_order() {
    everywhere(|tally| {
        for order in [[0, 1, 2], [2, 1, 0], [1, 0, 2]] {
            let (own, alive) = (Tally::default(), tally.alive());
            let guard = three(&own);
            let all = Context::current();
            // So many changes of the others that the chain is written anew, and counts what it
            // shows one by one.
            let changed = |kept: usize| {
                let others = [[&Y, &Z], [&X, &Z], [&X, &Y]][kept];
                (0..100).fold(all.clone(), |context, i| context.with(others[i % 2], tally.make(10)))
            };
            let mut kept = [0, 1, 2].map(|i| Some(changed(i)));
            drop((all, guard));
            for (gone, i) in order.into_iter().enumerate() {
                let context = kept[i].take().expect("is dropped once");
                assert_eq!(
                    (number_in(&context, [&X, &Y, &Z][i]), own.alive()),
                    (Some(i as u64 + 1), 3 - gone)
                );
            }
            assert_eq!((own.alive(), tally.alive()), (0, alive));
            own.assert_nothing_left();
        }
        for changed in [&[0][..], &[1], &[2], &[0, 1], &[0, 2], &[1, 2]] {
            let own = Tally::default();
            let guard = three(&own);
            let changes = changed.iter().cycle().take(100).map(|i| [&X, &Y, &Z][*i]);
            let context =
                changes.fold(Context::current(), |context, var| context.with(var, tally.make(10)));
            drop(guard);
            assert_eq!(own.alive(), 3 - changed.len(), "what is shown is kept, and nothing else");
            for (i, var) in [&X, &Y, &Z].into_iter().enumerate() {
                let number = if changed.contains(&i) { 10 } else { i as u64 + 1 };
                assert_eq!(number_in(&context, var), Some(number));
            }
            drop(context);
            own.assert_nothing_left();
        }
    });
}

#[test]
fn a_thread_that_ends_in_it_ends_it() {
    let tally = Tally::default();
    let theirs = tally.clone();
    let context = thread::spawn(move || {
        std::mem::forget(three(&theirs));
        let context = Context::current();
        std::mem::forget(three(&theirs));
        context
    });
    let context = context.join().unwrap();
    assert_eq!((number_in(&context, &X), tally.alive()), (Some(1), 3));
    drop(context);
    tally.assert_nothing_left();
}

/// What does not fit one block with one node of an index goes another way, to the same end.
#[test]
fn what_is_unusual_about_one_of_them_makes_no_difference() {
    #[repr(align(64))]
    struct Wide(u64);
    static WIDE: Var<Wide> = Var::new("wide");
    static LARGE: Var<[u64; 600]> = Var::new("large");
    let named: Var<u64> = Var::named("named while running");
    // The ids of 32 variables further on fall into the same slots.
    let far: Vec<Var<u64>> = (0..70).map(|_| Var::new("far")).collect();
    let hold = |var: &Var<u64>| Context::empty().with(var, 0);
    far.iter().for_each(|var| drop(hold(var)));
    everywhere(move |tally| {
        let check = || [number(&X), number(&Y)];
        let wide =
            || Scope::new().set(&X, tally.make(1)).set(&WIDE, Wide(7)).set(&Y, tally.make(2));
        assert_eq!(wide().run(|| (check(), WIDE.with(|wide| wide.0))), ([Some(1), Some(2)], 7));
        let named_too = Scope::new().set(&X, tally.make(1)).set(&named, 7).set(&Y, tally.make(2));
        assert_eq!(named_too.run(|| (check(), named.get())), ([Some(1), Some(2)], 7));
        let meeting = Scope::new().set(&far[0], 1).set(&far[32], 2).set(&far[64], 3);
        assert_eq!(meeting.run(|| [&far[0], &far[32], &far[64]].map(Var::get)), [1, 2, 3]);
        let above = far[1].enter(4);
        let met = Scope::new().set(&far[2], 1).set(&far[33], 2);
        assert_eq!(met.run(|| [&far[1], &far[2], &far[33]].map(Var::get)), [4, 1, 2]);
        drop(above);
        let large =
            Scope::new().set(&X, tally.make(1)).set(&LARGE, [8; 600]).set(&Y, tally.make(2));
        let context = large.run(|| {
            assert_eq!((check(), LARGE.with(|large| large[599])), ([Some(1), Some(2)], 8));
            Context::current()
        });
        assert_eq!(context.get(&LARGE).unwrap()[0], 8);
        let guards: Vec<_> = far.iter().map(|var| var.enter(9)).collect();
        let many = Scope::new().set(&X, tally.make(1)).set(&Y, tally.make(2));
        assert_eq!(
            many.run(|| (check(), far.iter().all(|var| var.get() == 9))),
            ([Some(1), Some(2)], true)
        );
        guards.into_iter().rev().for_each(drop);
    });
}

#[test]
fn scopes_of_several_in_scopes_of_several_shorten_their_chain_and_keep_little() {
    everywhere(|tally| {
        let alive = tally.alive();
        let mut context = Context::current();
        for round in 0..300 {
            let scope = Scope::new()
                .set(&X, tally.make(round))
                .set(&Y, tally.make(round + 1))
                .set(&Z, tally.make(2));
            context = context.run(|| scope.run(Context::current));
            assert_eq!(
                [&X, &Y].map(|var| number_in(&context, var)),
                [Some(round), Some(round + 1)]
            );
            assert!(tally.alive() - alive <= 120, "{} in round {round}", tally.alive() - alive);
        }
        drop(context);
        assert_eq!(tally.alive(), alive);
    });
}
