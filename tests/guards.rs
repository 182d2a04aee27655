//! Guards: in and out of order, late, forgotten, on other stacks; and what a running read keeps
//! (R6).

mod common;
mod counting;

use common::{
    Counted, Tally, bang, catch_bang, counts, everywhere, in_each_place, number, pool, variables,
};
use stackholm::embed::Stack;
use stackholm::{Checkpoint, Context, ContextExt, Entered, Misuse, Scope, Var, on_misuse};
use std::cell::{Cell, RefCell};
use std::mem::forget;
use std::rc::Rc;
use std::sync::{Arc, Barrier, Once};
use std::task::{self, Poll, Waker};
use std::thread;

thread_local! { static MISUSES: Cell<(u32, u32)> = const { Cell::new((0, 0)) }; }

/// What this thread did to guards since it asked last: left with inner ones, not on the stack.
fn misuses() -> (u32, u32) {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let count = |misuse| {
            MISUSES.with(|counts| {
                let (with_inner, not_here) = counts.get();
                counts.set(match misuse {
                    Misuse::LeftWithInner => (with_inner + 1, not_here),
                    Misuse::NotHere => (with_inner, not_here + 1),
                    other => panic!("unheard of: {other}"),
                });
            });
        };
        on_misuse(count).expect("the first hook of the process");
    });
    MISUSES.take()
}

static X: Var<Counted> = Var::new("x");
static Y: Var<Counted> = Var::new("y");

/// The ways to enter a checkpoint that binds `X`.
const WAYS: [fn(Counted) -> Entered; 5] = [
    |value| X.enter(value),
    |value| Scope::new().set(&X, value).enter(),
    |value| {
        let entered = Checkpoint::enter();
        X.set(value).unwrap();
        entered
    },
    |value| Context::empty().with(&X, value).enter(),
    |value| Checkpoint::prepare().set(&X, value).enter(),
];

/// All orders of the numbers below `count`.
fn orders(count: usize) -> Vec<Vec<usize>> {
    let Some(last) = count.checked_sub(1) else { return vec![vec![]] };
    let insert = |order: Vec<usize>| {
        (0..count).map(move |at| {
            let mut order = order.clone();
            order.insert(at, last);
            order
        })
    };
    orders(last).into_iter().flat_map(insert).collect()
}

/// Drops guards in an order, and checks each step against a plain list.
fn drop_in_order(tally: &Tally, ways: &[fn(Counted) -> Entered], order: &[usize]) {
    let (alive, outside) = (tally.alive(), number(&X));
    misuses();
    let mut guards: Vec<Option<Entered>> =
        ways.iter().enumerate().map(|(i, way)| Some(way(tally.make(i as u64)))).collect();
    let (mut here, mut expected) = (ways.len(), (0, 0));
    for &next in order {
        drop(guards[next].take());
        expected.0 += u32::from(next + 1 < here);
        expected.1 += u32::from(next >= here);
        here = here.min(next);
        assert_eq!(
            number(&X),
            here.checked_sub(1).map(|i| i as u64).or(outside),
            "order {order:?} at {next}"
        );
        assert_eq!(tally.alive() - alive, here, "values end with their checkpoint");
    }
    assert_eq!(misuses(), expected);
}

// 17. in order, and not

#[test]
fn three_guards_dropped_in_each_of_the_six_orders_leave_what_was_before_the_first() {
    everywhere(|tally| {
        for order in orders(3) {
            for way in WAYS {
                drop_in_order(tally, &[way; 3], &order);
            }
        }
    });
}

#[test]
fn guards_of_every_kind_are_dropped_in_every_order() {
    everywhere(|tally| {
        for order in orders(3) {
            for a in WAYS {
                for b in WAYS {
                    WAYS.iter().for_each(|c| drop_in_order(tally, &[a, b, *c], &order));
                }
            }
        }
        for order in orders(5) {
            drop_in_order(tally, &WAYS, &order);
        }
    });
}

#[test]
fn an_inner_guard_that_was_left_by_an_outer_one_does_nothing_when_it_is_dropped() {
    everywhere(|tally| {
        let _base = X.enter(tally.make(0));
        let outer = X.enter(tally.make(1));
        let inner = X.enter(tally.make(2));
        drop(outer);
        assert_eq!(number(&X), Some(0));
        let fresh = X.enter(tally.make(3));
        let before = X.history();
        drop(inner);
        assert_eq!(
            (number(&X), X.history()),
            (Some(3), before),
            "it does not mean a newer checkpoint"
        );
        drop(fresh);
        assert_eq!(number(&X), Some(0));
    });
}

#[test]
fn a_forgotten_guard_is_closed_by_the_next_outer_one() {
    everywhere(|tally| {
        for way in WAYS {
            let alive = tally.alive();
            let outer = X.enter(tally.make(1));
            forget(way(tally.make(2)));
            forget(way(tally.make(3)));
            assert_eq!(number(&X), Some(3), "forgotten is not left");
            drop(outer);
            assert_eq!((number(&X), tally.alive()), (None, alive));
        }
    });
}

#[test]
fn a_guard_forgotten_inside_a_closure_does_not_outlive_it() {
    everywhere(|tally| {
        Checkpoint::run(|| forget(X.enter(tally.make(1))));
        X.sync_scope(tally.make(2), || forget(X.enter(tally.make(3))));
        Context::current().run(|| forget(X.enter(tally.make(4))));
        Context::empty().run(|| forget(Checkpoint::enter()));
        assert_eq!(number(&X), None);
    });
}

#[test]
fn a_guard_leaked_to_the_end_of_the_thread_ends_with_it() {
    for way in WAYS {
        let tally = Tally::default();
        let context = thread::scope(|scope| {
            let leaks = || {
                forget(way(tally.make(1)));
                let context = Context::current();
                forget(way(tally.make(2)));
                context
            };
            scope.spawn(leaks).join().unwrap()
        });
        assert_eq!(tally.alive(), 1, "the context has one");
        assert_eq!(common::number_in(&context, &X), Some(1));
        drop(context);
        tally.assert_nothing_left();
    }
}

#[test]
fn a_guard_leaked_in_a_task_ends_with_the_task_and_is_never_on_the_worker() {
    let tally = Tally::default();
    let leak = tally.clone();
    pool()
        .block_on(async {
            let task = async move {
                forget(X.enter(leak.make(1)));
                tokio::task::yield_now().await;
                assert_eq!(number(&X), Some(1));
            };
            tokio::spawn(task.detached()).await
        })
        .unwrap();
    tally.assert_nothing_left();
}

#[test]
fn a_guard_kept_in_a_thread_local_is_dropped_at_the_end_of_the_thread_without_harm() {
    thread_local! { static KEPT: RefCell<Vec<Entered>> = const { RefCell::new(Vec::new()) }; }
    for kept_first in [true, false] {
        let tally = Tally::default();
        let values = tally.clone();
        thread::spawn(move || {
            // Which of the two thread-locals ends first follows which was used first.
            if kept_first {
                KEPT.with_borrow_mut(Vec::clear);
            }
            let guards = (0..3).map(|i| X.enter(values.make(i))).collect();
            KEPT.set(guards);
        })
        .join()
        .unwrap();
        tally.assert_nothing_left();
    }
}

#[test]
fn guards_dropped_while_unwinding_restore_in_any_order() {
    everywhere(|tally| {
        let _outer = X.enter(tally.make(0));
        for order in orders(3) {
            catch_bang(|| {
                let mut guards: Vec<_> = (1..4).map(|i| Some(X.enter(tally.make(i)))).collect();
                let _in_order: Vec<_> = order.iter().map(|&i| guards[i].take()).collect();
                bang();
            });
            assert_eq!(number(&X), Some(0));
        }
    });
}

#[test]
fn a_value_that_drops_the_guards_of_others_as_it_ends_does_no_harm() {
    thread_local! { static KEPT: RefCell<Vec<Entered>> = const { RefCell::new(Vec::new()) }; }
    struct LeavesOthers;
    impl Drop for LeavesOthers {
        fn drop(&mut self) {
            drop(KEPT.take());
        }
    }
    static LEAVES: Var<LeavesOthers> = Var::new("leaves");
    everywhere(|tally| {
        let _base = X.enter(tally.make(0));
        for order in orders(3) {
            let _between = X.enter(tally.make(1));
            let outer = X.enter(tally.make(2));
            let own = LEAVES.enter(LeavesOthers);
            let inner = X.enter(tally.make(3));
            let mut guards = [Some(outer), Some(X.enter(tally.make(4))), Some(inner)];
            KEPT.set(order.iter().filter_map(|&i| guards[i].take()).collect());
            drop(own);
            assert_eq!((number(&X), LEAVES.is_bound()), (Some(1), false));
            assert!(KEPT.take().is_empty(), "the value has dropped them");
        }
        assert_eq!(number(&X), Some(0));
    });
}

#[test]
fn a_value_sees_the_stack_as_it_is_after_its_binding_has_gone() {
    thread_local! { static SEEN: Cell<u32> = const { Cell::new(0) }; }
    struct Looks(Option<u64>);
    impl Drop for Looks {
        fn drop(&mut self) {
            assert_eq!(number(&X), self.0);
            let tally = Tally::default();
            X.sync_scope(tally.make(7), || assert_eq!(number(&X), Some(7), "it may enter"));
            drop(Context::current());
            SEEN.set(SEEN.get() + 1);
        }
    }
    static LOOKS: Var<Looks> = Var::new("looks");
    everywhere(|tally| {
        SEEN.set(0);
        LOOKS.sync_scope(Looks(None), || X.sync_scope(tally.make(1), || ()));
        X.sync_scope(tally.make(1), || LOOKS.sync_scope(Looks(Some(1)), || ()));
        Checkpoint::run(|| {
            X.set(tally.make(2)).unwrap();
            LOOKS.set(Looks(Some(2))).ok().unwrap();
            LOOKS.set(Looks(None)).ok().unwrap();
        });
        assert_eq!(SEEN.get(), 4);
    });
}

#[test]
fn a_guard_dropped_while_another_stack_is_current_does_not_touch_that_and_is_left_after() {
    everywhere(|tally| {
        for way in WAYS {
            misuses();
            let outer = X.enter(tally.make(1));
            let guard = way(tally.make(2));
            let mut other = Stack::new();
            other.run(|| {
                let there = X.enter(tally.make(3));
                drop(guard);
                assert_eq!((number(&X), misuses()), (Some(3), (0, 1)));
                forget(there);
            });
            assert_eq!(number(&X), Some(1), "it was left as its own was current again");
            other
                .run(|| assert_eq!(number(&X), Some(3), "what was forgotten there is still there"));
            drop(outer);
            assert_eq!((number(&X), misuses()), (None, (0, 0)));
        }
    });
}

#[test]
fn a_guard_of_another_stack_dropped_here_touches_neither() {
    everywhere(|tally| {
        let mut other = Stack::new();
        let theirs = other.run(|| X.enter(tally.make(1)));
        let ours = X.enter(tally.make(2));
        drop(theirs);
        assert_eq!(number(&X), Some(2));
        assert_eq!(other.get(&X).map(|x| x.number), Some(1));
        other.run(|| assert_eq!(number(&X), Some(1)));
        drop(ours);
        assert_eq!(number(&X), None);
    });
}

#[test]
fn stacks_that_trade_places_inside_their_scopes_leave_nothing_of_each_other() {
    static HERE: Var<u32> = Var::new("here");
    let (mut one, mut two) = (Stack::new(), Stack::new());
    one.scope(&HERE, 1, |one| {
        two.scope(&HERE, 2, |two| std::mem::swap(one, two));
        assert_eq!((one.get(&HERE), two.get(&HERE)), (Some(&2), Some(&1)));
    });
    assert_eq!(
        (one.get(&HERE), two.get(&HERE)),
        (Some(&2), Some(&1)),
        "they end with their stacks"
    );
}

#[test]
fn a_guard_dropped_inside_a_polled_future_is_left_after_the_poll() {
    everywhere(|tally| {
        let outer = X.enter(tally.make(1));
        let guard = X.enter(tally.make(2));
        let out = Rc::new(RefCell::new(None));
        let put = Rc::clone(&out);
        let mut future = Box::pin(
            async move {
                let before = number(&X);
                drop(guard);
                *put.borrow_mut() = Some(X.enter(tally.make(3)));
                assert_eq!((before, number(&X)), (Some(2), Some(3)));
                std::future::poll_fn(|_| Poll::<()>::Pending).await;
            }
            .in_current_context(),
        );
        let poll = future.as_mut().poll(&mut task::Context::from_waker(Waker::noop()));
        assert_eq!((poll, number(&X)), (Poll::Pending, Some(1)));
        drop(out.borrow_mut().take());
        assert_eq!(number(&X), Some(1), "the guard of the future means nothing here");
        drop(future);
        drop(outer);
        assert_eq!(number(&X), None);
    });
}

#[test]
fn guards_of_many_stacks_are_never_taken_for_one_another() {
    everywhere(|tally| {
        let mut stacks: Vec<Stack> = (0..20).map(|_| Stack::new()).collect();
        let mut guards = Vec::new();
        for (i, stack) in stacks.iter_mut().enumerate() {
            guards.push(stack.run(|| X.enter(tally.make(i as u64))));
        }
        let here = X.enter(tally.make(99));
        guards.clear();
        assert_eq!(number(&X), Some(99));
        for (i, stack) in stacks.iter().enumerate() {
            assert_eq!(stack.get(&X).map(|x| x.number), Some(i as u64));
        }
        drop(here);
    });
}

#[test]
fn a_guard_dropped_inside_a_wrapped_closure_leaves_its_checkpoint_when_that_returns() {
    everywhere(|tally| {
        for way in WAYS {
            misuses();
            let outer = X.enter(tally.make(1));
            let guard = way(tally.make(2));
            let alive = tally.alive();
            let wrapped = Context::empty().with(&X, tally.make(3)).wrap(move || {
                let here = X.enter(tally.make(4));
                drop(guard);
                assert_eq!((number(&X), misuses()), (Some(4), (0, 1)));
                forget(here);
            });
            wrapped();
            assert_eq!(
                tally.alive(),
                alive - 1,
                "the guard's value has ended, what was forgotten in there, and its context"
            );
            assert_eq!(number(&X), Some(1), "it was left as the call returned");
            drop(outer);
            assert_eq!((number(&X), misuses()), (None, (0, 0)));
        }
    });
}

/// Runs `f` on `number` stacks, one upon the other, and says how many guards found nothing there.
fn stacks_deep(number: usize, f: &mut dyn FnMut()) {
    if number == 0 {
        f();
    } else {
        Stack::inherit().run(|| stacks_deep(number - 1, f));
    }
}

#[test]
fn a_guard_dropped_any_number_of_stacks_further_in_is_left_when_its_own_is_current_again() {
    everywhere(|tally| {
        for deep in 1..4 {
            for reads in [false, true] {
                let alive = tally.alive();
                misuses();
                let mut guard = Some(X.enter(tally.make(1)));
                let outer = Y.enter(tally.make(2));
                let mut inside = || {
                    let _here = Y.enter(tally.make(3));
                    Y.with(|_| drop(guard.take()));
                    assert_eq!(number(&X), Some(1), "what was handed over stays");
                };
                if reads {
                    Y.with(|_| stacks_deep(deep, &mut inside));
                } else {
                    stacks_deep(deep, &mut inside);
                }
                assert_eq!((number(&X), number(&Y), tally.alive()), (None, None, alive));
                assert_eq!(misuses(), (0, 1));
                drop(outer);
                assert_eq!(misuses(), (0, 1), "it was left with the one around it");
            }
        }
    });
}

#[test]
fn a_guard_of_a_stack_in_the_middle_is_left_when_that_is_current_again() {
    everywhere(|tally| {
        misuses();
        let _mine = X.enter(tally.make(1));
        let mut middle = Stack::inherit();
        middle.run(|| {
            let guard = X.enter(tally.make(2));
            let mut inner = Stack::new();
            inner.run(|| drop(guard));
            assert_eq!(number(&X), Some(1));
        });
        assert_eq!((number(&X), misuses()), (Some(1), (0, 1)));
    });
}

#[test]
fn a_guard_of_a_stack_that_is_not_beneath_does_nothing_and_ends_with_its_stack() {
    everywhere(|tally| {
        let alive = tally.alive();
        let (mut one, mut other) = (Stack::new(), Stack::new());
        misuses();
        let guard = one.run(|| X.enter(tally.make(1)));
        other.run(|| drop(guard));
        one.run(|| assert_eq!(number(&X), Some(1)));
        assert_eq!((tally.alive(), misuses()), (alive + 1, (0, 1)));
        drop(one);
        assert_eq!(tally.alive(), alive);
    });
}

#[test]
fn a_late_guard_is_left_however_many_others_came_after_their_checkpoint_was_left() {
    static OUTER: Var<u32> = Var::new("outer");
    static INNER: Var<u32> = Var::new("inner");
    // What a thread does all its life, or a server inside `run`, is one turn of one stack.
    Stack::inherit().run(|| {
        for i in 0..3_000 {
            let (outer, inner) = (OUTER.enter(i), INNER.enter(i));
            drop(outer);
            if i % 2 == 0 {
                drop(inner)
            } else {
                Stack::new().run(|| drop(inner))
            }
            if i % 500 == 0 {
                let (outer, inner) = (OUTER.enter(1), INNER.enter(2));
                Stack::new().run(|| drop((inner, outer)));
                assert!(!INNER.is_bound() && !OUTER.is_bound(), "after {i}");
                let guards: Vec<Entered> = (0..1_500).map(|i| OUTER.enter(i)).collect();
                Stack::inherit().run(|| drop(guards));
                assert!(!OUTER.is_bound(), "the outermost was the first, after {i}");
            }
        }
    });
    misuses();
}

/// Its drop panics, after it has ended.
struct Bangs(#[expect(dead_code, reason = "it ends")] Counted);

impl Drop for Bangs {
    fn drop(&mut self) {
        bang();
    }
}

#[test]
fn late_guards_are_all_left_though_the_drop_of_a_value_panics() {
    static BANGS: Var<Bangs> = Var::new("bangs");
    everywhere(|tally| {
        let outer = (X.enter(tally.make(1)), Y.enter(tally.make(2)));
        let bangs = BANGS.enter(Bangs(tally.make(3)));
        let wrapped = Context::empty().wrap(move || {
            drop(bangs);
            drop(outer.1);
            drop(outer.0);
        });
        catch_bang(wrapped);
        assert!(!BANGS.is_bound());
        assert_eq!((number(&X), number(&Y)), (None, None));
        misuses();
    });
}

/// Two local tasks, one after the other; the first one has taken a guard of the thread along.
#[test]
fn a_guard_that_a_wrapped_local_task_drops_leaves_nothing_to_the_next_task() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    static USER: Var<&str> = Var::new("user");
    let local = tokio::task::LocalSet::new();
    local.block_on(&runtime, async {
        let guard = USER.enter("ada");
        let first = async move {
            let _guard = guard;
            tokio::task::yield_now().await;
            USER.get()
        };
        let first = tokio::task::spawn_local(first.in_current_context());
        assert_eq!(first.await.unwrap(), "ada", "it was handed over");
        let second = async { USER.try_get().ok() };
        let second = tokio::task::spawn_local(second.in_current_context());
        assert_eq!(second.await.unwrap(), None, "the second one is nobody's");
    });
    assert!(!USER.is_bound());
}

#[test]
fn any_number_of_guards_dropped_from_the_outermost_on_leaves_what_was_before() {
    everywhere(|tally| {
        for count in counts() {
            let vars = variables(count);
            misuses();
            let guards: Vec<Entered> = vars.iter().map(|var| var.enter(tally.make(1))).collect();
            drop(guards);
            assert!(vars.iter().all(|var| number(var).is_none()));
            assert_eq!(misuses(), (u32::from(count > 1), count as u32 - 1));
        }
    });
}

#[test]
fn a_guard_says_its_name_and_leaves_on_demand() {
    everywhere(|tally| {
        let guard = X.enter(tally.make(1));
        assert_eq!(format!("{guard:?}"), "Entered { .. }");
        guard.leave();
        assert_eq!(number(&X), None);
        assert_eq!(
            Misuse::LeftWithInner.to_string(),
            "a guard was dropped before the guards entered after it"
        );
        let not_here = "a guard was dropped whose checkpoint is not on the current stack";
        assert_eq!(Misuse::NotHere.to_string(), not_here);
    });
}

#[test]
fn a_second_hook_is_given_back() {
    misuses();
    fn second(_: Misuse) {}
    assert!(on_misuse(second).is_err());
}

// R6: a reference stays valid while it is read

#[test]
fn a_closure_may_drop_the_guard_of_the_value_that_it_reads() {
    everywhere(|tally| {
        for way in WAYS {
            let alive = tally.alive();
            let guard = Cell::new(Some(way(tally.make(5))));
            X.with(|value| {
                drop(guard.take());
                assert_eq!((number(&X), value.number), (None, 5));
                assert_eq!(tally.alive(), alive + 1, "it ends when it is not read any more");
            });
            assert_eq!(tally.alive(), alive);
        }
    });
}

#[test]
fn a_closure_may_leave_all_that_was_there_and_enter_anew() {
    everywhere(|tally| {
        let outer = X.enter(tally.make(1));
        let middle = X.enter(tally.make(2));
        let inner = X.enter(tally.make(3));
        let anew = X.with(|three| {
            drop(inner);
            let anew = X.with(|two| {
                drop(outer);
                let anew = X.enter(tally.make(4));
                assert_eq!((three.number, two.number, number(&X)), (3, 2, Some(4)));
                anew
            });
            assert_eq!((three.number, number(&X)), (3, Some(4)));
            anew
        });
        drop(middle);
        assert_eq!(number(&X), Some(4));
        drop(anew);
        assert_eq!(number(&X), None);
    });
}

#[test]
fn a_closure_may_set_the_variable_that_it_reads() {
    everywhere(|tally| {
        Checkpoint::run(|| {
            X.set(tally.make(1)).unwrap();
            X.with(|one| {
                for i in 2..200 {
                    X.set(tally.make(i)).unwrap();
                }
                X.unset().unwrap();
                X.pop().unwrap();
                assert_eq!((one.number, number(&X)), (1, None));
            });
        });
    });
}

#[test]
fn a_closure_that_drops_the_guard_and_panics_ends_the_value_once() {
    everywhere(|tally| {
        let alive = tally.alive();
        let guard = X.enter(tally.make(1));
        catch_bang(|| {
            X.with(|value| {
                drop(guard);
                assert_eq!(value.number, 1);
                bang()
            })
        });
        assert_eq!((number(&X), tally.alive()), (None, alive));
    });
}

#[test]
fn a_read_keeps_its_value_however_often_the_checkpoint_is_changed_meanwhile() {
    static READ: Var<Arc<()>> = Var::new("read");
    static OTHER: Var<u32> = Var::new("other");
    let value = Arc::new(());
    Checkpoint::run(|| {
        READ.set(value.clone()).unwrap();
        READ.with(|_| {
            for i in 0..200 {
                OTHER.set(i).unwrap();
                READ.set(Arc::default()).unwrap();
            }
            assert_eq!(Arc::strong_count(&value), 2, "it is being read");
        });
    });
    assert_eq!(Arc::strong_count(&value), 1);
}

/// Leaving the outer scope takes the inner ones with it, so that the frame that is read is not the
/// first to go.
#[test]
fn a_read_keeps_its_value_whatever_was_entered_inside_it_and_is_left_with_it() {
    static INSIDE: Var<u32> = Var::new("inside");
    everywhere(|tally| {
        for way in WAYS {
            for (inside, captured) in (0..8).map(|case| (case % 4, case / 4 == 1)) {
                let outer = X.enter(tally.make(1));
                let alive = tally.alive();
                let guard = way(tally.make(5));
                (0..inside).for_each(|i| forget(INSIDE.enter(i)));
                let context = captured.then(Context::current);
                X.with(|value| {
                    drop(guard);
                    drop(context);
                    assert_eq!(tally.alive(), alive + 1, "{inside} inside it: it is being read");
                    assert_eq!((value.number, number(&X), INSIDE.is_bound()), (5, Some(1), false));
                });
                assert_eq!((tally.alive(), number(&X)), (alive, Some(1)));
                drop(outer);
                assert_eq!(tally.alive(), alive - 1);
            }
        }
    });
}

/// The frame that a read began on may be one that another stack made, and leaves meanwhile: that is
/// not the read's to keep.
#[test]
fn a_read_of_what_was_handed_over_does_not_keep_what_its_own_stack_leaves() {
    static NEAR: Var<Counted> = Var::new("near").stays_on_stack();
    everywhere(|tally| {
        let before = tally.alive();
        let mut giver = Stack::new();
        let guard = giver.run(|| X.enter(tally.make(1)));
        let near = giver.run(|| NEAR.enter(tally.make(2)));
        let mut taker = Stack::on(giver.capture());
        taker.run(|| {
            X.with(|value| {
                giver.run(|| drop(near));
                assert_eq!(
                    (value.number, tally.alive()),
                    (1, before + 1),
                    "what is of short reach ends where it was bound"
                );
                giver.run(|| drop(guard));
                assert_eq!((value.number, tally.alive()), (1, before + 1));
            });
        });
        drop(taker);
        assert_eq!(tally.alive(), before);
    });
}

#[test]
fn a_read_on_one_stack_goes_on_while_another_is_left() {
    everywhere(|tally| {
        let mut other = Stack::new();
        let guard = X.enter(tally.make(1));
        X.with(|ours| {
            other.run(|| {
                let there = X.enter(tally.make(2));
                X.with(|theirs| {
                    drop(there);
                    assert_eq!((ours.number, theirs.number, number(&X)), (1, 2, None));
                });
            });
            drop(guard);
            assert_eq!((ours.number, number(&X)), (1, None));
        });
    });
}

// 19. and 20. entering contexts

#[test]
fn entering_the_context_that_is_already_current_changes_nothing() {
    everywhere(|tally| {
        for count in counts() {
            let vars = variables(count);
            let guards: Vec<Entered> =
                vars.iter().enumerate().map(|(i, var)| var.enter(tally.make(i as u64))).collect();
            let before = Context::current();
            let again: Vec<Entered> = (0..10).map(|_| Context::current().enter()).collect();
            assert_eq!(Context::current(), before);
            assert!(vars.iter().enumerate().all(|(i, var)| number(var) == Some(i as u64)));
            again.into_iter().rev().for_each(drop);
            assert!(Context::current().ptr_eq(&before));
            guards.into_iter().rev().for_each(drop);
        }
        let empty = Context::empty().enter();
        Context::current().run(|| assert!(Context::current().is_empty()));
        drop(empty);
    });
}

#[test]
fn entering_the_context_that_is_already_current_is_one_small_block_however_much_is_bound() {
    for count in counts() {
        let (vars, tally) = (variables(count), Tally::default());
        let guards: Vec<Entered> = vars.iter().map(|var| var.enter(tally.make(1))).collect();
        let context = Context::current();
        let before = counting::counts();
        (0..100).for_each(|_| drop(context.enter()));
        let after = counting::counts();
        assert!(
            after.blocks - before.blocks <= 100 && after.bytes - before.bytes <= 100 * 512,
            "{count} bound"
        );
        guards.into_iter().rev().for_each(drop);
    }
}

/// One frame in every 2n + 32 has a whole index. Whoever stands just below writes n words for each
/// scope entered there, time and again, and not once as the count of frames would have it.
#[test]
fn entering_is_one_small_block_at_every_depth() {
    static Y: Var<u64> = Var::new("y");
    let (vars, tally) = (variables(1025), Tally::default());
    let mut guards: Vec<Entered> = vars.iter().map(|var| var.enter(tally.make(1))).collect();
    for depth in 0..4_000 {
        let before = counting::counts();
        (0..10).for_each(|i| drop(Y.enter(i)));
        let bytes = counting::counts().bytes - before.bytes;
        // Among ten there may be one with a whole index of 1 025 words.
        assert!(bytes <= 20 * 1024, "ten scopes at depth {depth} take {bytes} bytes");
        guards.push(X.enter(tally.make(depth)));
    }
    guards.into_iter().rev().for_each(drop);
}

#[test]
fn one_context_is_entered_twice_at_once_on_one_thread() {
    everywhere(|tally| {
        let context = Context::empty().with(&X, tally.make(1));
        for order in orders(2) {
            let outer = context.enter();
            X.set(tally.make(2)).unwrap();
            let inner = context.enter();
            assert_eq!(number(&X), Some(1), "it begins anew");
            X.set(tally.make(3)).unwrap();
            let mut guards = [Some(outer), Some(inner)];
            drop(guards[order[0]].take());
            assert_eq!(number(&X), (order[0] == 1).then_some(2), "of {order:?}");
            drop(guards);
            assert_eq!((number(&X), common::number_in(&context, &X)), (None, Some(1)));
        }
    });
}

#[test]
fn one_context_is_entered_twice_at_once_on_two_threads() {
    in_each_place(|| {
        let tally = Tally::default();
        let context = Context::empty().with(&X, tally.make(1));
        let together = Barrier::new(2);
        thread::scope(|scope| {
            for i in [10, 20] {
                let (context, together, tally) = (&context, &together, &tally);
                scope.spawn(move || {
                    let _entered = context.enter();
                    together.wait();
                    assert_eq!(number(&X), Some(1));
                    X.set(tally.make(i)).unwrap();
                    together.wait();
                    assert_eq!(number(&X), Some(i));
                });
            }
        });
        assert_eq!(tally.alive(), 1);
        drop(context);
        tally.assert_nothing_left();
    });
}
