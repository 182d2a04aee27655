//! Contexts: isolation, equality, differences, weak ones; how far a binding reaches (R10), and what
//! is never shown (R13).

mod common;

use common::{
    Counted, THREE_LEVELS, Tally, bang, catch_bang, counts, everywhere, here, in_each_place,
    number, number_in,
};
use common::{pool, variables};
use stackholm::embed::Stack;
use stackholm::{
    Binding, Change, Checkpoint, Context, ContextCell, ContextExt, Entered, Reason, Scope, Source,
    Var, WeakContext,
};
use std::collections::HashSet;
use std::future::Future;
use std::mem::forget;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::pin::pin;
use std::ptr;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::task::{self, Poll, Waker};
use std::thread;

/// Polls a future that is ready at once.
fn ready<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut task::Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("it is ready at once"),
    }
}

/// The bindings of a context, but for the harness' own.
fn listed(context: &Context) -> Vec<Binding<'_>> {
    context.iter().filter(|binding| binding.name() != "around").collect()
}

// 21. isolation both ways

#[test]
fn a_context_shows_the_old_value_inside_and_the_new_one_is_there_after() {
    static X: Var<Counted> = Var::new("x");
    static Y: Var<Counted> = Var::new("y");
    everywhere(|tally| {
        let _open = Checkpoint::enter();
        X.set(tally.make(1)).unwrap();
        let context = Context::current();
        X.set(tally.make(2)).unwrap();
        Y.set(tally.make(3)).unwrap();
        context.run(|| {
            assert_eq!((number(&X), number(&Y)), (Some(1), None));
            X.set(tally.make(4)).unwrap();
            Y.set(tally.make(5)).unwrap();
            assert_eq!((number(&X), number(&Y)), (Some(4), Some(5)));
        });
        assert_eq!((number(&X), number(&Y)), (Some(2), Some(3)), "not out");
        assert_eq!(
            (number_in(&context, &X), number_in(&context, &Y)),
            (Some(1), None),
            "nor into the context"
        );
        context.run(|| assert_eq!((number(&X), number(&Y)), (Some(1), None)));
        X.unset().unwrap();
        assert_eq!(number_in(&context, &X), Some(1));
    });
}

#[test]
fn every_version_of_any_number_of_variables_stays_as_it_was_taken() {
    everywhere(|tally| {
        for count in counts() {
            let vars = variables(count);
            let _open = Checkpoint::enter();
            let mut taken = Vec::new();
            for (i, var) in vars.iter().enumerate() {
                taken.push(Context::current());
                var.set(tally.make(i as u64)).unwrap();
            }
            taken.push(Context::current());
            vars.iter().for_each(|var| var.set(tally.make(9)).unwrap());
            vars.iter().step_by(2).for_each(|var| var.unset().unwrap());
            let few = |bound: usize| bound < 40 || bound + 2 > count;
            for (bound, context) in taken.iter().enumerate().filter(|(bound, _)| few(*bound)) {
                assert_eq!(listed(context).len(), bound);
                let value = |i: usize| (i < bound).then_some(i as u64);
                assert!(
                    vars.iter().enumerate().all(|(i, var)| number_in(context, var) == value(i))
                );
                context.run(|| {
                    assert!(vars.iter().enumerate().all(|(i, var)| number(var) == value(i)))
                });
            }
        }
    });
}

#[test]
fn a_derived_context_leaves_its_origin_unchanged() {
    static X: Var<Counted> = Var::new("x");
    static Y: Var<Counted> = Var::new("y");
    everywhere(|tally| {
        let origin = X.sync_scope(tally.make(1), Context::current);
        let with = origin.with(&X, tally.make(2)).with(&Y, tally.make(3));
        let without = with.without(&X);
        let show = |context: &Context| (number_in(context, &X), number_in(context, &Y));
        let all = [show(&origin), show(&with), show(&without)];
        assert_eq!(all, [(Some(1), None), (Some(2), Some(3)), (None, Some(3))]);
        drop(with);
        drop(origin);
        assert_eq!(show(&without), (None, Some(3)));
        assert_eq!(number(&X), None);
    });
}

#[test]
fn any_number_of_bindings_is_derived_one_by_one() {
    everywhere(|tally| counts().for_each(|count| derive(tally, count)));
}

#[test]
fn more_bindings_than_three_levels_hold_are_derived_one_by_one() {
    let all = || {
        let tally = Tally::default();
        derive(&tally, THREE_LEVELS);
        tally.assert_nothing_left();
    };
    thread::spawn(all).join().unwrap();
}

fn derive(tally: &Tally, count: usize) {
    let vars = variables(count);
    let mut context = Context::empty();
    for (i, var) in vars.iter().enumerate() {
        context = context.with(var, tally.make(i as u64));
    }
    assert_eq!(context.len(), count);
    assert!(vars.iter().enumerate().all(|(i, var)| number_in(&context, var) == Some(i as u64)));
    for var in vars.iter().rev().step_by(2) {
        context = context.without(var);
    }
    assert_eq!(context.len(), count / 2);
    context.run(|| assert_eq!(vars.iter().filter(|var| var.is_bound()).count(), count / 2));
}

#[test]
fn a_panic_inside_a_context_leaves_both_as_they_were() {
    static X: Var<Counted> = Var::new("x");
    everywhere(|tally| {
        let context = Context::empty().with(&X, tally.make(1));
        let _outer = X.enter(tally.make(2));
        catch_bang(|| {
            context.run(|| {
                X.set(tally.make(3)).unwrap();
                forget(X.enter(tally.make(4)));
                bang()
            })
        });
        assert_eq!((number(&X), number_in(&context, &X)), (Some(2), Some(1)));
    });
}

// 22. contexts in contexts

#[test]
fn each_of_40_contexts_runs_inside_each_other_inside_itself() {
    everywhere(|tally| {
        let vars = variables(40);
        let context = |i: usize| {
            // Its own number everywhere, and the variable of its number masked.
            let bound = vars
                .iter()
                .take(i + 1)
                .fold(Context::empty(), |c, var| c.with(var, tally.make(i as u64)));
            if i % 3 == 0 { bound.without(&vars[i / 2]) } else { bound }
        };
        let contexts: Vec<Context> = (0..40).map(context).collect();
        let check = |i: usize| {
            for probe in [0, i / 2, i, 39] {
                let bound = probe <= i && !(i % 3 == 0 && probe == i / 2);
                assert_eq!(
                    number(&vars[probe]),
                    bound.then_some(i as u64),
                    "variable {probe} in context {i}"
                );
            }
        };
        for (a, outer) in contexts.iter().enumerate() {
            for (b, inner) in contexts.iter().enumerate() {
                outer.run(|| {
                    inner.run(|| {
                        outer.run(|| check(a));
                        check(b);
                    });
                    check(a);
                });
            }
        }
    });
}

// 23. wrapped closures

#[test]
fn wrapped_closures_called_inside_one_another_see_each_its_own() {
    static X: Var<Counted> = Var::new("x");
    everywhere(|tally| {
        let (one, two) =
            (Context::empty().with(&X, tally.make(1)), Context::empty().with(&X, tally.make(2)));
        let inner = two.wrap_fn(|| number(&X));
        let outer = one.wrap_fn(|| (number(&X), inner(), number(&X)));
        let _around = X.enter(tally.make(3));
        assert_eq!(outer(), (Some(1), Some(2), Some(1)));
        assert_eq!(number(&X), Some(3));
    });
}

#[test]
fn wrapped_closures_are_called_many_times_and_out_of_order_and_each_call_begins_anew() {
    static X: Var<Counted> = Var::new("x");
    everywhere(|tally| {
        let calls: Vec<_> = (0..5)
            .map(|i| {
                let context = Context::empty().with(&X, tally.make(i));
                context.wrap_fn(move || {
                    let before = number(&X);
                    X.set(tally.make(100)).unwrap();
                    before
                })
            })
            .collect();
        for i in [4, 0, 3, 3, 1, 2, 0, 4] {
            assert_eq!(calls[i](), Some(i as u64));
            assert_eq!(number(&X), None);
        }
    });
}

#[test]
fn closures_of_each_kind_are_wrapped_and_keep_what_they_own() {
    static X: Var<u32> = Var::new("x");
    everywhere(|_| {
        let context = Context::empty().with(&X, 1);
        let text = String::from("owned");
        let once = context.clone().wrap(move || text + &X.get().to_string());
        let mut sum = 0;
        let mut many = context.clone().wrap_mut(|| {
            sum += X.get();
            sum
        });
        assert_eq!((many(), many(), many()), (1, 2, 3));
        let shared = context.clone().wrap_fn(|| X.get());
        thread::scope(|scope| {
            let threads: Vec<_> = (0..3).map(|_| scope.spawn(&shared)).collect();
            assert!(threads.into_iter().all(|thread| thread.join().unwrap() == 1));
        });
        assert_eq!(once(), "owned1");
        assert_eq!(ready(async { X.get() }.in_context(context)), 1);
        assert!(!X.is_bound());
    });
}

#[test]
fn a_wrapped_closure_that_calls_itself_begins_anew_each_time() {
    static X: Var<u32> = Var::new("x");
    everywhere(|_| {
        let context = Context::empty().with(&X, 7);
        fn down(context: &Context, depth: u32) -> u32 {
            context.clone().wrap(|| {
                assert_eq!(X.get(), 7);
                X.set(depth).unwrap();
                let below = if depth == 0 { 0 } else { down(context, depth - 1) };
                assert_eq!(X.get(), depth);
                below + 1
            })()
        }
        assert_eq!(down(&context, 20), 21);
    });
}

#[test]
fn the_panic_of_a_wrapped_closure_leaves_the_caller_as_it_was() {
    static X: Var<Counted> = Var::new("x");
    everywhere(|tally| {
        let mut wrapped = Context::empty().with(&X, tally.make(1)).wrap_mut(|| bang());
        let _outer = X.enter(tally.make(2));
        (0..3).for_each(|_| catch_bang(&mut wrapped));
        assert_eq!(number(&X), Some(2));
    });
}

// 24. sharing

#[test]
fn interior_mutation_is_visible_through_both_and_rebinding_is_not() {
    static COUNT: Var<AtomicU32> = Var::new("count");
    static TEXT: Var<Arc<Mutex<String>>> = Var::new("text");
    everywhere(|_| {
        let _open = Checkpoint::enter();
        COUNT.set(AtomicU32::new(0)).unwrap();
        TEXT.set(Arc::default()).unwrap();
        let context = Context::current();
        COUNT.with(|count| count.fetch_add(1, SeqCst));
        context.run(|| COUNT.with(|count| count.fetch_add(10, SeqCst)));
        let there = context.clone();
        thread::spawn(move || {
            there.get(&COUNT).unwrap().fetch_add(100, SeqCst);
            there.run(|| TEXT.get().lock().unwrap().push_str("seen"));
        })
        .join()
        .unwrap();
        assert_eq!(COUNT.with(|count| count.load(SeqCst)), 111);
        assert_eq!(*TEXT.get().lock().unwrap(), "seen");
        let same = COUNT.with(|count| ptr::eq(count, context.get(&COUNT).unwrap()));
        assert!(same, "one value, not a copy");
        COUNT.set(AtomicU32::new(5)).unwrap();
        assert_eq!(context.get(&COUNT).unwrap().load(SeqCst), 111);
    });
}

// 25. equality and differences

#[test]
fn two_snapshots_of_one_point_are_ptr_eq_and_equal() {
    static X: Var<Counted> = Var::new("x");
    everywhere(|tally| {
        let _one = X.enter(tally.make(1));
        let (first, second) = (Context::current(), Context::current());
        assert!(first.ptr_eq(&second) && first.ptr_eq(&first.clone()) && first == second);
        X.sync_scope(tally.make(2), || {
            assert!(!Context::current().ptr_eq(&first) && Context::current() != first);
        });
        assert!(Context::current().ptr_eq(&first), "the same point again");
        assert!(Context::empty().ptr_eq(&Context::default()));
        assert!(!first.ptr_eq(&Context::empty()) && first != Context::empty());
    });
}

#[test]
fn contexts_that_show_the_same_bindings_are_equal_whatever_their_history() {
    static X: Var<Counted> = Var::new("x");
    static Y: Var<Counted> = Var::new("y");
    everywhere(|tally| {
        let _x = X.enter(tally.make(1));
        let before = Context::current();
        Checkpoint::run(|| {
            assert_eq!(Context::current(), before, "a checkpoint alone shows nothing new");
            X.set(tally.make(2)).unwrap();
            assert_ne!(Context::current(), before);
            X.pop().unwrap();
            assert_eq!(Context::current(), before, "the very binding is shown again");
            Y.set(tally.make(3)).unwrap();
            Y.reset().unwrap();
            assert_eq!(Context::current(), before);
        });
        before.run(|| assert_eq!(Context::current(), before));
        assert_eq!(ready(async { Context::current() }.in_current_context()), before);
    });
}

#[test]
fn the_order_in_which_bindings_were_entered_does_not_matter() {
    static X: Var<Counted> = Var::new("x");
    static Y: Var<Counted> = Var::new("y");
    everywhere(|tally| {
        let x = Checkpoint::prepare().set(&X, tally.make(1));
        let y = Checkpoint::prepare().set(&Y, tally.make(2));
        let one = x.run(|| y.run(Context::current));
        let other = y.run(|| x.run(Context::current));
        assert!(one == other && !one.ptr_eq(&other));
        assert_eq!(one.changes(&other), []);
    });
}

#[test]
fn equal_values_in_different_bindings_are_not_equal_contexts() {
    static X: Var<u32> = Var::new("x");
    everywhere(|_| {
        let (one, other) = (Context::empty().with(&X, 1), Context::empty().with(&X, 1));
        assert_ne!(one, other);
        assert_eq!(one.changes(&other).len(), 1);
        assert_eq!(Context::empty().without(&X), Context::empty().without(&X), "a mask is a mask");
        assert_eq!(
            Context::empty().without(&X),
            Context::empty(),
            "and shows nothing, as the empty context"
        );
    });
}

#[test]
fn a_difference_is_found_for_each_change_and_for_nothing_else() {
    static X: Var<Counted> = Var::new("x");
    static Y: Var<Counted> = Var::new("y");
    static Z: Var<Counted> = Var::new("z");
    everywhere(|tally| {
        let before = Context::empty().with(&X, tally.make(1)).with(&Y, tally.make(2));
        let after = before.with(&X, tally.make(3)).without(&Y).with(&Z, tally.make(4));
        let mut changes = before.changes(&after);
        changes.sort_by_key(|change| change.before.or(change.after).unwrap().name());
        let expected = [
            Change { before: before.binding(&X), after: after.binding(&X) },
            Change { before: before.binding(&Y), after: None },
            Change { before: None, after: after.binding(&Z) },
        ];
        assert_eq!(changes, expected);
        assert_eq!(
            (before.changes(&before), Context::empty().changes(&Context::empty())),
            (vec![], vec![])
        );
        assert_eq!(before.changes(&Context::empty()).len(), 2);
        assert_eq!(Context::empty().changes(&before).len(), 2);
        assert_eq!(
            Context::empty().changes(&Context::empty().without(&X)),
            [],
            "nothing shown on either side"
        );
    });
}

#[test]
fn differences_of_any_size_are_those_of_two_plain_maps() {
    everywhere(|tally| {
        for count in counts() {
            let vars = variables(count);
            let bind = |context: Context, i: usize| context.with(&vars[i], tally.make(i as u64));
            let base = (0..count).step_by(2).fold(Context::empty(), bind);
            let later = (0..count).step_by(3).fold(base.clone(), bind);
            let later = (0..count).step_by(4).fold(later, |context, i| context.without(&vars[i]));
            let expected = (0..count).filter(|i| match i {
                i if i % 4 == 0 => true,
                i => i % 3 == 0,
            });
            let expected: HashSet<String> = expected.map(|i| format!("v{i}")).collect();
            for (from, to) in [(&base, &later), (&later, &base)] {
                let changes = from.changes(to);
                let name = |change: &Change<'_>| {
                    change.before.or(change.after).unwrap().name().to_string()
                };
                let found: HashSet<String> = changes.iter().map(name).collect();
                assert_eq!((found.len(), &found), (changes.len(), &expected));
                assert!(changes.iter().all(|change| change.before != change.after));
            }
        }
    });
}

/// Cost is no property that a test without a clock can state; a walk over all variables would need
/// 10^9 steps here.
#[test]
fn twenty_thousand_differences_of_one_change_among_many_variables_are_found() {
    let all = || {
        let tally = Tally::default();
        let vars = variables(THREE_LEVELS);
        let base =
            vars.iter().fold(Context::empty(), |context, var| context.with(var, tally.make(0)));
        for i in 0..20_000 {
            let var = &vars[i * 7 % THREE_LEVELS];
            let later = base.with(var, tally.make(1));
            let changes = base.changes(&later);
            assert_eq!((changes.len(), changes[0].after), (1, Some(changes[0].after.unwrap())));
            assert!(changes[0].before.unwrap().is_of(var) && base != later);
        }
    };
    thread::spawn(all).join().unwrap();
}

// 26. iteration

#[test]
fn iteration_gives_each_visible_binding_once_with_name_and_place() {
    static X: Var<u32> = Var::new("x");
    static Y: Var<u32> = Var::new("y");
    static MASKED: Var<u32> = Var::new("masked");
    everywhere(|_| {
        let _first_use = Scope::new().set(&X, 0).set(&Y, 0).set(&MASKED, 0).enter();
        let (_y, y_at) = (Y.enter(2), here());
        let (_x, x_at) = (X.enter(1), here());
        let _masked = Scope::new().unset(&MASKED).enter();
        let context = Context::current();
        let seen: Vec<_> = listed(&context)
            .iter()
            .map(|b| (b.name(), b.place().file(), b.place().line()))
            .collect();
        assert_eq!(
            seen,
            [("x", file!(), x_at.line()), ("y", file!(), y_at.line())],
            "in the order of first use"
        );
        assert!(listed(&context)[0].is_of(&X) && !listed(&context)[0].is_of(&Y));
        assert_eq!(context.binding(&Y), Some(listed(&context)[1]));
        assert_eq!((context.binding(&MASKED), context.iter().len()), (None, context.len()));
        assert_eq!((&context).into_iter().count(), context.len());
        assert_eq!(context.iter().size_hint(), (context.len(), Some(context.len())));
    });
}

#[test]
fn iteration_is_stable_while_the_stack_moves_on() {
    everywhere(|tally| {
        for count in counts() {
            let vars = variables(count);
            let guards: Vec<Entered> = vars.iter().map(|var| var.enter(tally.make(1))).collect();
            let context = Context::current();
            let mut bindings = context.iter().filter(|binding| binding.name() != "around");
            let half: Vec<_> =
                bindings.by_ref().take(count / 2).map(|b| b.name().to_string()).collect();
            guards.into_iter().rev().for_each(drop);
            let anew: Vec<Entered> =
                vars.iter().rev().map(|var| var.enter(tally.make(2))).collect();
            let names: Vec<_> =
                half.into_iter().chain(bindings.map(|b| b.name().to_string())).collect();
            let expected: Vec<_> = (0..count).map(|i| format!("v{i}")).collect();
            assert_eq!(names, expected);
            anew.into_iter().rev().for_each(drop);
        }
    });
}

// 27. outliving

#[test]
fn a_scope_entered_where_a_context_ends_and_then_where_it_was_captured_sees_what_reaches_each() {
    static SHORT: Var<u32> = Var::new("short").stays_on_stack();
    static LAST: Var<u32> = Var::new("last");
    let _short = SHORT.enter(1);
    for _ in 0..2 {
        let mut other = Stack::inherit();
        other.run(|| LAST.sync_scope(2, || assert!(!SHORT.is_bound(), "it stays on its stack")));
        LAST.sync_scope(3, || assert_eq!((SHORT.try_get().ok(), LAST.get()), (Some(1), 3)));
    }
}

#[test]
fn a_captured_scope_is_left_while_a_shortened_chain_still_keeps_its_value() {
    static KEPT: Var<u64> = Var::new("kept");
    static OTHER: Var<u64> = Var::new("other");
    for _ in 0..3 {
        let entered = KEPT.enter(7);
        drop(Context::current());
        let mut inner: Vec<Entered> = (0..200).map(|i| OTHER.enter(i)).collect();
        let context = Context::current();
        while inner.pop().is_some() {}
        drop(entered);
        for i in 0..20 {
            KEPT.sync_scope(i, || {
                assert_eq!((context.get(&KEPT), context.get(&OTHER)), (Some(&7), Some(&199)))
            });
        }
    }
}

#[test]
fn values_of_short_reach_that_contexts_met_go_one_by_one_and_leave_the_others_alone() {
    static NEAR: Var<Counted> = Var::new("near").stays_in_checkpoint();
    static FAR: Var<Counted> = Var::new("far");
    everywhere(|tally| {
        let _far = FAR.enter(tally.make(1));
        let mut contexts = Vec::new();
        Checkpoint::run(|| {
            for i in 0..200 {
                NEAR.set(tally.make(i)).unwrap();
                FAR.set(tally.make(i)).unwrap();
                contexts.push(Context::current());
            }
            assert!(tally.alive() > 200);
        });
        assert!(tally.alive() <= 202, "those of short reach are gone, whoever kept their frames");
        Checkpoint::run(|| {
            for i in 0..200 {
                NEAR.set(tally.make(i)).unwrap();
                FAR.set(tally.make(i)).unwrap();
                contexts[i as usize] = Context::current();
            }
            for (i, context) in contexts.drain(..).enumerate() {
                assert_eq!(
                    (number_in(&context, &NEAR), number_in(&context, &FAR)),
                    (None, Some(i as u64))
                );
            }
            assert_eq!((number(&NEAR), number(&FAR)), (Some(199), Some(199)));
        });
        assert_eq!((number(&NEAR), number(&FAR)), (None, Some(1)));
    });
}

#[test]
fn a_context_keeps_few_of_the_values_that_it_hides() {
    static DEEP: Var<Arc<()>> = Var::new("deep");
    let value = Arc::new(());
    let mut entered: Vec<Entered> = (0..500).map(|_| DEEP.enter(value.clone())).collect();
    let context = Context::current();
    while entered.pop().is_some() {}
    assert!(context.get(&DEEP).is_some());
    let kept = Arc::strong_count(&value) - 1;
    assert!(kept <= 40, "{kept} values for one that is seen");
}

/// Somewhere among these lengths a chain has outgrown what it shows, so that whoever enters it
/// counts each value.
#[test]
fn a_context_of_any_length_may_end_while_it_is_entered_and_leaves_nothing() {
    static SHOWN: Var<Arc<String>> = Var::new("shown");
    static BESIDE: Var<u64> = Var::new("beside");
    let value = Arc::new("shown".repeat(9));
    for length in 0..150 {
        let mut context = Context::empty().with(&SHOWN, value.clone());
        for i in 0..length {
            context = context.with(&BESIDE, i);
        }
        for times in [1, 2] {
            let entered: Vec<_> = (0..times).map(|_| context.enter()).collect();
            if times == 2 {
                drop(std::mem::take(&mut context));
                let seen = SHOWN.with(|shown| (shown.len(), Arc::strong_count(&value)));
                assert_eq!(seen, (45, 2), "{length} re-bindings: it is still shown");
            }
            entered.into_iter().rev().for_each(drop);
        }
        assert_eq!(Arc::strong_count(&value), 1, "{length} re-bindings: nobody shows it any more");
    }
}

#[test]
fn what_stays_on_its_stack_stays_there_whatever_is_taken_out_beside_it() {
    let short: Var<u32> = Var::named("short").stays_on_stack();
    let beside: Vec<Var<u32>> = (0..100).map(|i| Var::named(format!("{i}"))).collect();
    Checkpoint::run(|| {
        beside[..50].iter().for_each(|var| var.set(1).unwrap());
        short.set(1).unwrap();
        beside[50..].iter().for_each(|var| var.set(1).unwrap());
        let context = Context::current();
        for var in &beside {
            let mut stack = Stack::on(context.clone());
            assert!(stack.pop(var).unwrap() && !stack.is_bound(var));
            assert!(matches!(stack.try_get(&short).unwrap_err().reason(), Reason::NotCarried(_)));
            assert_eq!(beside.iter().filter(|var| stack.is_bound(var)).count(), 99);
        }
    });
}

#[test]
fn a_stack_that_is_made_of_nothing_or_of_a_context_shows_that() {
    static X: Var<u32> = Var::new("x");
    let _around = X.enter(1);
    assert_eq!(Stack::default().get(&X), None);
    assert!(Stack::default().set(&X, 2).is_err(), "nothing is open there");
    let mut stack = Stack::from(Context::current());
    assert_eq!(stack.get(&X), Some(&1));
    stack.set(&X, 2).unwrap();
    assert_eq!((stack.get(&X), X.get()), (Some(&2), 1));
}

#[test]
fn a_context_outlives_its_thread_its_stack_and_all_its_checkpoints() {
    everywhere(|tally| {
        for count in counts() {
            let vars = variables(count);
            let from_thread = thread::scope(|scope| {
                let capture = || {
                    let _guards: Vec<Entered> =
                        vars.iter().map(|var| var.enter(tally.make(1))).collect();
                    Context::current()
                };
                scope.spawn(capture).join().unwrap()
            });
            let mut stack = Stack::on(from_thread.clone());
            stack.set(&vars[0], tally.make(2)).unwrap();
            let from_stack = stack.capture();
            drop(stack);
            assert!(vars.iter().all(|var| number_in(&from_thread, var) == Some(1)));
            drop(from_thread);
            assert!(vars.iter().skip(1).all(|var| number_in(&from_stack, var) == Some(1)));
            from_stack.run(|| assert_eq!(number(&vars[0]), Some(2)));
        }
    });
}

#[test]
fn a_context_outlives_the_future_that_it_was_taken_in() {
    static X: Var<Counted> = Var::new("x");
    everywhere(|tally| {
        let finished = ready(X.scope(tally.make(1), async { Context::current() }));
        let mut taken = None;
        let mut cancelled = Box::pin(X.scope(tally.make(2), async {
            taken = Some(Context::current());
            std::future::pending::<()>().await;
        }));
        let _ = cancelled.as_mut().poll(&mut task::Context::from_waker(Waker::noop()));
        drop(cancelled);
        assert_eq!((number_in(&finished, &X), number_in(&taken.unwrap(), &X)), (Some(1), Some(2)));
    });
}

#[test]
fn the_values_of_a_context_end_on_whatever_thread_lets_go_last() {
    static X: Var<Counted> = Var::new("x");
    in_each_place(|| {
        let tally = Tally::default();
        let context = X.sync_scope(tally.make(1), Context::current);
        thread::scope(|scope| {
            for _ in 0..4 {
                let context = context.clone();
                scope.spawn(move || {
                    for _ in 0..200 {
                        let copy = context.clone();
                        assert_eq!(number_in(&copy, &X), Some(1));
                    }
                });
            }
            drop(context);
        });
        tally.assert_nothing_left();
    });
}

#[test]
fn contexts_in_values_in_contexts_end_together() {
    static HOLDS: Var<(Context, Counted)> = Var::new("holds");
    everywhere(|tally| {
        let alive = tally.alive();
        let deep = (0..10_000).fold(Context::empty(), |inner, i| {
            Context::empty().with(&HOLDS, (inner, tally.make(i)))
        });
        assert_eq!(tally.alive(), alive + 10_000);
        drop(deep);
        assert_eq!(tally.alive(), alive);
    });
}

// 28. weak contexts

#[test]
fn a_weak_context_does_not_keep_values_alive() {
    static X: Var<Counted> = Var::new("x");
    static Y: Var<Counted> = Var::new("y");
    everywhere(|tally| {
        let alive = tally.alive();
        let outer = Y.enter(tally.make(1));
        let guard = X.enter(tally.make(2));
        let weak = Context::current().downgrade();
        let copy = weak.clone();
        let strong = weak.upgrade().expect("the stack has it");
        assert!(strong.ptr_eq(&Context::current()));
        drop(guard);
        assert_eq!(number_in(&weak.upgrade().expect("the context has it"), &X), Some(2));
        drop(strong);
        assert_eq!(tally.alive(), alive + 1, "what it does not keep ends");
        assert!(weak.upgrade().is_none() && copy.upgrade().is_none());
        drop(outer);
        assert_eq!(tally.alive(), alive);
        assert!(copy.upgrade().is_none(), "and never comes back");
    });
}

#[test]
fn a_weak_handle_on_the_empty_context_is_always_there() {
    let weak = Context::empty().downgrade();
    assert!(weak.upgrade().unwrap().ptr_eq(&Context::empty()));
    assert_eq!(format!("{weak:?}"), "(WeakContext)");
}

#[test]
fn a_value_that_knows_its_own_context_weakly_is_not_kept_by_it() {
    static SELF: Var<(Mutex<Option<WeakContext>>, Counted)> = Var::new("self");
    everywhere(|tally| {
        let alive = tally.alive();
        let context = Context::empty().with(&SELF, (Mutex::default(), tally.make(1)));
        *context.get(&SELF).unwrap().0.lock().unwrap() = Some(context.downgrade());
        drop(context);
        assert_eq!(tally.alive(), alive);
    });
}

#[test]
fn a_weak_context_upgraded_while_the_last_strong_one_goes_is_whole_or_gone() {
    static X: Var<Counted> = Var::new("x");
    for _ in 0..100 {
        let tally = Tally::default();
        let context = Context::empty().with(&X, tally.make(1));
        let weak = context.downgrade();
        thread::scope(|scope| {
            scope.spawn(|| {
                weak.upgrade().inspect(|context| assert_eq!(number_in(context, &X), Some(1)))
            });
            scope.spawn(|| drop(context));
        });
        assert!(weak.upgrade().is_none());
        tally.assert_nothing_left();
    }
}

// R10: reach

static SHORT: Var<Counted> = Var::new("short").stays_on_stack();
static SHORTEST: Var<Counted> = Var::new("shortest").stays_in_checkpoint();

/// Where a short binding was made, if that is why a variable has no value.
fn not_carried_from(reason: Reason) -> Option<(&'static str, u32)> {
    match reason {
        Reason::NotCarried(place) => Some((place.file(), place.line())),
        _ => None,
    }
}

#[test]
fn a_binding_that_stays_on_its_stack_is_seen_in_nested_checkpoints_and_carried_nowhere() {
    everywhere(|tally| {
        let (_short, place) = (SHORT.enter(tally.make(1)), here());
        let bound_at = Some((place.file(), place.line()));
        Checkpoint::run(|| Scope::new().run(|| assert_eq!(number(&SHORT), Some(1))));
        let context = Context::current();
        let missing = context.try_get(&SHORT).unwrap_err();
        assert_eq!((not_carried_from(missing.reason()), context.binding(&SHORT)), (bound_at, None));
        let at = SHORT.history()[0];
        let Source::Bound(at) = at else { panic!("it is bound") };
        let text =
            format!("the variable `short` was bound at {at}, but its reach does not carry it here");
        assert_eq!(missing.to_string(), text);
        assert!(listed(&context).is_empty());

        let asks = || {
            assert_eq!(number(&SHORT), None);
            assert!(!SHORT.is_bound());
            not_carried_from(SHORT.try_with(|_| ()).unwrap_err().reason())
        };
        assert_eq!(context.run(asks), bound_at);
        assert_eq!(ready(async { asks() }.in_current_context()), bound_at);
        assert_eq!(
            thread::scope(|scope| scope.spawn(|| context.run(asks)).join().unwrap()),
            bound_at
        );
        assert_eq!(stackholm::thread::spawn(asks).join().unwrap(), bound_at);
        assert_eq!(Stack::inherit().run(asks), bound_at);
        assert_eq!(ready(async { asks() }.detached()), None, "nothing at all is carried here");
        assert_eq!(number(&SHORT), Some(1));
    });
}

#[test]
fn a_binding_that_stays_in_its_checkpoint_is_not_seen_in_nested_ones() {
    everywhere(|tally| {
        let _open = Checkpoint::enter();
        let place = (SHORTEST.set(tally.make(1)).unwrap(), here()).1;
        assert_eq!(number(&SHORTEST), Some(1));
        let in_nested = [
            Checkpoint::run(|| SHORTEST.try_with(|_| ()).unwrap_err().reason()),
            Scope::new().run(|| SHORTEST.try_with(|_| ()).unwrap_err().reason()),
            Context::current().run(|| SHORTEST.try_with(|_| ()).unwrap_err().reason()),
            Context::current().try_get(&SHORTEST).unwrap_err().reason(),
        ];
        for reason in in_nested {
            assert_eq!(not_carried_from(reason), Some((place.file(), place.line())));
        }
        Checkpoint::run(|| {
            SHORTEST.set(tally.make(2)).unwrap();
            assert_eq!(number(&SHORTEST), Some(2));
        });
        assert_eq!(number(&SHORTEST), Some(1));
        SHORTEST.sync_scope(tally.make(3), || assert_eq!(number(&SHORTEST), Some(3)));
        assert!(Context::current().get(&SHORTEST).is_none());
    });
}

#[test]
fn a_binding_of_short_reach_made_in_a_context_or_a_task_is_seen_there() {
    everywhere(|tally| {
        for var in [&SHORT, &SHORTEST] {
            Context::current().run(|| {
                var.set(tally.make(1)).unwrap();
                assert_eq!(number(var), Some(1));
                let nested = Checkpoint::run(|| number(var));
                assert_eq!(nested, ptr::eq(var, &SHORT).then_some(1));
            });
            let in_task = ready(
                async {
                    var.set(tally.make(2)).unwrap();
                    (number(var), Checkpoint::run(|| number(var)))
                }
                .in_current_context(),
            );
            assert_eq!(in_task, (Some(2), ptr::eq(var, &SHORT).then_some(2)));
            assert_eq!(number(var), None);
        }
    });
}

#[test]
fn a_value_of_short_reach_ends_with_its_checkpoint_though_a_context_lives_on() {
    static CARRIED: Var<Counted> = Var::new("carried");
    everywhere(|tally| {
        for var in [&SHORT, &SHORTEST] {
            let alive = tally.alive();
            let guard = Scope::new().set(var, tally.make(1)).set(&CARRIED, tally.make(2)).enter();
            let context = Context::current();
            let inner = Checkpoint::run(|| {
                var.set(tally.make(3)).unwrap();
                Context::current()
            });
            assert_eq!(tally.alive(), alive + 2, "the inner one has ended");
            drop(guard);
            assert_eq!(tally.alive(), alive + 1, "only what is carried lives");
            for context in [&context, &inner] {
                assert_eq!(
                    (number_in(context, var), number_in(context, &CARRIED)),
                    (None, Some(2))
                );
                assert!(not_carried_from(context.try_get(var).unwrap_err().reason()).is_some());
            }
            drop((context, inner));
            assert_eq!(tally.alive(), alive);
        }
    });
}

#[test]
fn a_value_of_short_reach_ends_with_the_stack_that_is_held_as_a_value() {
    everywhere(|tally| {
        for var in [&SHORT, &SHORTEST] {
            let alive = tally.alive();
            let mut stack = Stack::inherit();
            stack.run(|| var.set(tally.make(1)).unwrap());
            assert_eq!(stack.run(|| number(var)), Some(1), "it begins in a checkpoint of its own");
            let context = stack.capture();
            stack.run(|| forget(var.enter(tally.make(2))));
            let inner = stack.capture();
            drop(stack);
            assert_eq!(tally.alive(), alive);
            for context in [context, inner] {
                assert!(not_carried_from(context.try_get(var).unwrap_err().reason()).is_some());
            }
        }
    });
}

#[test]
fn a_value_of_short_reach_leaked_to_the_end_of_its_thread_ends_there() {
    for var in [&SHORT, &SHORTEST] {
        let tally = Tally::default();
        let context = thread::scope(|scope| {
            let leak = || {
                forget(var.enter(tally.make(1)));
                Context::current()
            };
            scope.spawn(leak).join().unwrap()
        });
        tally.assert_nothing_left();
        assert!(context.get(var).is_none());
    }
}

#[test]
fn a_value_of_short_reach_set_many_times_between_captures_ends_with_its_checkpoint() {
    everywhere(|tally| {
        for var in [&SHORT, &SHORTEST] {
            let alive = tally.alive();
            let checkpoint = Checkpoint::enter();
            let contexts: Vec<Context> = (0..300)
                .map(|i| {
                    var.set(tally.make(i)).unwrap();
                    assert_eq!(number(var), Some(i));
                    Context::current()
                })
                .collect();
            drop(checkpoint);
            assert_eq!(tally.alive(), alive);
            assert!(contexts.iter().all(|context| context.get(var).is_none()));
        }
    });
}

#[test]
fn a_prepared_value_of_short_reach_ends_with_the_last_of_its_checkpoints() {
    everywhere(|tally| {
        for var in [&SHORT, &SHORTEST] {
            let alive = tally.alive();
            let prepared = Checkpoint::prepare().set(var, tally.make(1));
            let guard = prepared.enter();
            assert_eq!(number(var), Some(1));
            let context = Context::current();
            drop(prepared);
            assert_eq!(number(var), Some(1), "the checkpoint has it");
            drop(guard);
            assert_eq!(tally.alive(), alive, "the context does not carry it");
            assert!(not_carried_from(context.try_get(var).unwrap_err().reason()).is_some());
        }
    });
}

#[test]
fn a_value_of_short_reach_that_is_read_while_its_checkpoint_is_left_stays_until_the_read_ends() {
    everywhere(|tally| {
        let alive = tally.alive();
        let guard = SHORT.enter(tally.make(1));
        let context = Context::current();
        SHORT.with(|value| {
            drop(guard);
            assert_eq!((value.number, number(&SHORT)), (1, None));
        });
        assert_eq!(tally.alive(), alive);
        drop(context);
    });
}

#[test]
fn a_derived_context_keeps_a_binding_of_short_reach_out_of_sight() {
    everywhere(|tally| {
        let context = Context::empty().with(&SHORT, tally.make(1));
        assert!(context.get(&SHORT).is_none() && context.is_empty());
        context.run(|| assert!(!SHORT.is_bound()));
        assert!(matches!(
            context.without(&SHORT).try_get(&SHORT).unwrap_err().reason(),
            Reason::Masked(_)
        ));
    });
}

#[test]
fn what_is_not_carried_falls_back_to_the_process_wide_value_and_the_default() {
    static KEPT: Var<u32> = Var::with_default("kept", || 1).stays_on_stack();
    everywhere(|_| {
        let _bound = KEPT.enter(2);
        let context = Context::current();
        assert_eq!(context.run(|| (KEPT.get(), KEPT.source())), (1, Source::Default));
        KEPT.set_global(3);
        assert_eq!(context.run(|| (KEPT.get(), KEPT.source())), (3, Source::Global));
        KEPT.clear_global();
        assert_eq!(KEPT.get(), 2);
    });
}

// R13: what is never shown

#[test]
fn what_holds_bindings_says_what_it_is_and_which_variables_are_prepared() {
    static X: Var<u32> = Var::new("x");
    let prepared = Checkpoint::prepare().set(&X, 1);
    assert_eq!(format!("{:?}", Stack::new()), "Stack { .. }");
    assert_eq!(format!("{:?}", Scope::new().set(&X, 1)), "Scope { .. }");
    let text = format!("{prepared:?}");
    assert!(text.starts_with("{\"x\": \"") && text.contains("contexts.rs:"), "{text}");
}

#[test]
fn nothing_shows_a_value_unless_its_variable_allows_it() {
    static SECRET: Var<&str> = Var::new("secret");
    static PUBLIC: Var<&str> = Var::new("public").shown();
    everywhere(|_| {
        let scope = Scope::new().set(&SECRET, "hunter2");
        let scope_text = format!("{scope:?}");
        let entered = scope.set(&PUBLIC, "hello").enter();
        let context = Context::current();
        let later = context.with(&SECRET, "hunter2").with(&PUBLIC, "hello");
        let cell = ContextCell::new();
        cell.store(context.clone());
        let texts = [
            scope_text,
            format!(
                "{entered:?} {:?} {SECRET:?} {:#?}",
                Checkpoint::prepare().set(&SECRET, "hunter2"),
                SECRET
            ),
            format!("{context:?} {context:#?} {:?}", context.downgrade()),
            format!("{:?} {:#?}", context.binding(&SECRET), context.binding(&SECRET)),
            format!("{:?} {:?}", SECRET.source(), SECRET.history()),
            format!("{cell:?} {:?} {:?}", Stack::inherit(), async {}.in_current_context()),
            format!("{:?}", SECRET.set("hunter2").unwrap_err()),
        ];
        for text in &texts {
            assert!(!text.contains("hunter2") && !text.contains("hello"), "{text}");
        }
        let everything = format!("{:?} {:#?}", context.iter(), context.changes(&later));
        assert!(
            !everything.contains("hunter2") && everything.contains("\"hello\""),
            "{everything}"
        );
        assert!(context.binding(&SECRET).unwrap().value().is_none());
        let shown = context.binding(&PUBLIC).unwrap();
        assert_eq!(format!("{:?}", shown.value().unwrap()), "\"hello\"");
        let name_and_place =
            format!("Binding {{ name: \"secret\", place: {}, .. }}", listed(&context)[0].place());
        assert_eq!(format!("{:?}", context.binding(&SECRET).unwrap()), name_and_place);
    });
}

#[test]
fn debug_of_a_context_shows_names_and_places() {
    static USER: Var<u32> = Var::new("user");
    let (context, place) = (Context::empty().with(&USER, 1), here());
    let text = format!("{context:?}");
    assert!(text.starts_with(&format!("{{user: {}:{}:", file!(), place.line())), "{text}");
    assert_eq!(format!("{:?}", Context::empty()), "{}");
}

// what the types are

#[test]
fn contexts_go_to_other_threads_and_across_panics() {
    fn goes<T: Send + Sync + UnwindSafe + RefUnwindSafe + 'static>() {}
    goes::<Context>();
    goes::<WeakContext>();
    fn lent<T: Send + Sync>() {}
    lent::<Binding<'_>>();
    lent::<Var<Counted>>();
    lent::<Stack>();
    fn survives<T: UnwindSafe>() {}
    survives::<Stack>();
    survives::<Entered>();
    let seen = pool().block_on(async {
        static X: Var<u32> = Var::new("x");
        let context = Context::empty().with(&X, 1);
        tokio::spawn(async move { context.get(&X).copied() }).await
    });
    assert_eq!(seen.unwrap(), Some(1));
}
