//! A value that no stack and no context shows has ended: hidden by a later binding, a mask, a
//! replacement.

use stackholm::embed::Stack;
use stackholm::{Checkpoint, Context, ContextExt, Scope, Var};
use std::pin::pin;
use std::sync::{Arc, Weak};
use std::task::{self, Poll, Waker};

type Value = Arc<u64>;

static A: Var<Value> = Var::new("a");
static B: Var<Value> = Var::new("b");
static C: Var<Value> = Var::new("c");
static PLAIN: Var<u64> = Var::new("plain");

/// Values that were made, by number.
#[derive(Default)]
struct Made(Vec<(u64, Weak<u64>)>);

impl Made {
    fn make(&mut self, number: u64) -> Value {
        let value = Arc::new(number);
        self.0.push((number, Arc::downgrade(&value)));
        value
    }

    /// The numbers of the values that have not ended.
    fn alive(&self) -> Vec<u64> {
        self.0
            .iter()
            .filter(|(_, value)| value.strong_count() > 0)
            .map(|(number, _)| *number)
            .collect()
    }
}

fn number(context: &Context, var: &Var<Value>) -> Option<u64> {
    context.get(var).map(|value| **value)
}

/// Runs a future that is ready at once.
fn now<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut task::Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("it is not ready"),
    }
}

/// Runs `f` on the stack of this thread, on one that was handed a context, and in a task.
fn on_each_stack(f: impl Fn(&mut Made) -> Option<Context>) {
    let check = |run: &dyn Fn(&mut dyn FnMut())| {
        let mut made = Made::default();
        let mut context = None;
        run(&mut || context = f(&mut made));
        drop(context);
        assert_eq!(made.alive(), [0; 0], "with the last context all ends");
    };
    check(&|f| f());
    check(&|f| Stack::on(Context::empty().with(&PLAIN, 1)).run(f));
    check(&|f| now(async { f() }.in_context(Context::empty().with(&PLAIN, 1))));
    check(&|f| PLAIN.sync_scope(1, || Checkpoint::run(f)));
}

#[test]
fn of_34_scopes_inside_each_other_only_the_innermost_value_is_kept() {
    for scopes in if cfg!(miri) { &[2, 3, 34, 70][..] } else { &[2, 3, 34, 35, 64, 65, 200, 600] }
        .iter()
        .copied()
    {
        on_each_stack(|made| {
            fn within(n: u64, made: &mut Made) -> Context {
                if n == 0 {
                    return Context::current();
                }
                A.sync_scope(made.make(n), || within(n - 1, made))
            }
            let context = within(scopes, made);
            assert_eq!(number(&context, &A), Some(1));
            // Of more than 64 one in so many is kept.
            assert!(
                made.alive().len() as u64 <= 1 + (scopes - 1) / 64,
                "{scopes}: {:?}",
                made.alive()
            );
            Some(context)
        });
    }
}

#[test]
fn what_is_shown_beside_the_hidden_value_is_kept() {
    on_each_stack(|made| {
        let [b, c] = [20, 30].map(|number| made.make(number));
        let context = A.sync_scope(made.make(1), || {
            B.sync_scope(b, || C.sync_scope(c, || A.sync_scope(made.make(2), Context::current)))
        });
        assert_eq!(made.alive(), [20, 30, 2]);
        assert_eq!([&A, &B, &C].map(|var| number(&context, var)), [Some(2), Some(20), Some(30)]);
        Some(context)
    });
}

#[test]
fn a_hidden_value_lasts_as_long_as_its_stack_may_show_it_again() {
    on_each_stack(|made| {
        let context = A.sync_scope(made.make(1), || {
            let context = A.sync_scope(made.make(2), Context::current);
            assert_eq!((*A.get(), made.alive()), (1, vec![1, 2]));
            let again = Context::current();
            assert_eq!(number(&again, &A), Some(1));
            drop(again);
            context
        });
        assert_eq!(made.alive(), [2]);
        Some(context)
    });
}

#[test]
fn a_hidden_value_lasts_as_long_as_a_context_shows_it() {
    on_each_stack(|made| {
        let (outer, inner) = A.sync_scope(made.make(1), || {
            let outer = Context::current();
            (outer, A.sync_scope(made.make(2), Context::current))
        });
        assert_eq!(made.alive(), [1, 2]);
        assert_eq!((number(&outer, &A), number(&inner, &A)), (Some(1), Some(2)));
        drop(outer);
        assert_eq!(made.alive(), [2]);
        Some(inner)
    });
}

#[test]
fn a_masked_value_ends() {
    on_each_stack(|made| {
        let value = made.make(1);
        let context = A.sync_scope(value, || {
            Checkpoint::run(|| {
                A.unset().unwrap();
                Context::current()
            })
        });
        assert_eq!(made.alive(), [0; 0]);
        Some(context)
    });
}

#[test]
fn a_scope_of_several_lets_go_of_all_that_it_hides() {
    on_each_stack(|made| {
        let outer = Scope::new().set(&A, made.make(1)).set(&B, made.make(2)).set(&C, made.make(3));
        let context = outer
            .run(|| Scope::new().set(&A, made.make(4)).set(&B, made.make(5)).run(Context::current));
        assert_eq!(made.alive(), [3, 4, 5]);
        assert_eq!([&A, &B, &C].map(|var| number(&context, var)), [Some(4), Some(5), Some(3)]);
        Some(context)
    });
}

#[test]
fn one_value_of_a_scope_of_several_ends_if_it_alone_is_hidden() {
    for (at, var) in [&A, &B, &C].into_iter().enumerate() {
        on_each_stack(|made| {
            let [a, b, c] = [1, 2, 3].map(|number| made.make(number));
            let outer = Scope::new().set(&A, a).set(&B, b).set(&C, c);
            let context = outer.run(|| var.sync_scope(made.make(4), Context::current));
            let mut left = vec![1, 2, 3];
            left.remove(at);
            assert_eq!(made.alive(), [left[0], left[1], 4], "{}", var.name());
            Some(context)
        });
    }
}

// Used for the first time one after the other: all have slots of their own in one node of an index.
static FAR: Var<Value> = Var::new("far");
static NEAR: Var<Value> = Var::new("near");
static BESIDE: Var<Value> = Var::new("beside");
static OTHERS: [Var<u32>; 20] = [const { Var::new("other") }; 20];

/// Calls `f` 69 bindings further in: each of 20 other variables is bound three or four times.
fn far_in<R>(f: impl FnOnce() -> R) -> R {
    fn bind_all<R>(vars: &mut dyn Iterator<Item = &Var<u32>>, f: impl FnOnce() -> R) -> R {
        let Some(first) = vars.next() else { return f() };
        let _guard = first.enter(0);
        bind_all(vars, f)
    }
    bind_all(&mut OTHERS.iter().cycle().take(69), f)
}

#[test]
fn one_value_of_a_scope_of_several_ends_although_another_hidden_one_is_far_out() {
    type In = fn(&Var<Value>, &Var<Value>, [Value; 2], &dyn Fn() -> Context) -> Context;
    let in_order: In = |x, y, [a, b], f| Scope::new().set(x, a).set(y, b).run(f);
    let reversed: In = |x, y, [a, b], f| Scope::new().set(y, b).set(x, a).run(f);
    for (outer, inner) in
        [(in_order, in_order), (in_order, reversed), (reversed, in_order), (reversed, reversed)]
    {
        on_each_stack(|made| {
            let first = made.make(1);
            let [around, hiding] = [[2, 3], [4, 5]].map(|two| two.map(|number| made.make(number)));
            let context = FAR.sync_scope(first, || {
                far_in(|| {
                    outer(&NEAR, &BESIDE, around.clone(), &|| {
                        inner(&FAR, &NEAR, hiding.clone(), &Context::current)
                    })
                })
            });
            drop((around, hiding));
            assert!(!made.alive().contains(&2), "{:?}", made.alive());
            let shown = [&FAR, &NEAR, &BESIDE].map(|var| number(&context, var));
            assert_eq!(shown, [Some(4), Some(5), Some(3)]);
            Some(context)
        });
    }
}

#[test]
fn without_lets_go_of_its_value_however_far_out_that_was_bound() {
    on_each_stack(|made| {
        let context = FAR.sync_scope(made.make(1), || far_in(|| Context::current().without(&FAR)));
        assert_eq!(made.alive(), [0; 0]);
        Some(context)
    });
}

#[test]
fn a_prepared_checkpoint_lets_go_of_what_it_hides() {
    on_each_stack(|made| {
        let prepared = Checkpoint::prepare().set(&A, made.make(2));
        let context = A.sync_scope(made.make(1), || prepared.run(Context::current));
        assert_eq!(made.alive(), [2, 1][..1]);
        drop(prepared);
        assert_eq!((made.alive(), number(&context, &A)), (vec![2], Some(2)));
        Some(context)
    });
}

#[test]
fn what_a_context_derives_lets_go_of_what_it_hides() {
    let mut made = Made::default();
    let all = Context::empty().with(&A, made.make(1)).with(&B, made.make(2)).with(&C, made.make(3));
    let changed = all.with(&A, made.make(4));
    let less = changed.without(&B);
    assert_eq!(made.alive(), [1, 2, 3, 4]);
    drop(all);
    assert_eq!(made.alive(), [2, 3, 4]);
    drop(changed);
    assert_eq!(made.alive(), [3, 4]);
    let back = less.with(&B, made.make(5)).with(&B, made.make(6));
    assert_eq!(made.alive(), [3, 4, 6]);
    drop((less, back));
    assert_eq!(made.alive(), [0; 0]);
}

#[test]
fn without_lets_go_of_its_value_whatever_is_visible_besides() {
    for number in [0_u64, 1, 31, 32, 33, 100, 1000] {
        let mut made = Made::default();
        let vars: Vec<Var<u64>> = (0..number).map(|n| Var::named(n.to_string())).collect();
        let context = vars
            .iter()
            .fold(Context::empty().with(&A, made.make(1)), |context, var| context.with(var, 7));
        let less = context.without(&A);
        drop(context);
        assert_eq!(made.alive(), [0; 0], "{number}");
        assert_eq!(less.len() as u64, number);
    }
}

#[test]
fn a_context_taken_where_another_one_was_entered_keeps_nothing_of_what_that_replaced() {
    on_each_stack(|made| {
        let replaced = A.enter(made.make(1));
        let entered = Context::empty().with(&B, made.make(2)).enter();
        let inner = C.enter(made.make(3));
        let context = Context::current();
        assert_eq!(number(&context, &A), None);
        drop(inner);
        drop(entered);
        drop(replaced);
        assert_eq!(made.alive(), [2, 3], "the first one was not visible there");
        Some(context)
    });
}

#[test]
fn what_is_set_anew_in_a_checkpoint_ends_at_once() {
    on_each_stack(|made| {
        Checkpoint::run(|| {
            for turn in 0..100 {
                A.set(made.make(2 * turn)).unwrap();
                B.set(made.make(2 * turn + 1)).unwrap();
                assert_eq!(
                    made.alive(),
                    if turn == 0 { vec![0, 1] } else { vec![2 * turn, 2 * turn + 1] }
                );
            }
            let context = Context::current();
            A.set(made.make(1000)).unwrap();
            assert_eq!(made.alive(), [198, 199, 1000], "the context shows the first");
            drop(context);
            assert_eq!(made.alive(), [199, 1000]);
            A.unset().unwrap();
            assert_eq!(made.alive(), [199]);
            B.reset().unwrap();
            assert_eq!(made.alive(), [0; 0]);
            None
        })
    });
}

#[test]
fn a_checkpoint_that_is_left_shows_what_was_outside_whatever_was_set_anew() {
    on_each_stack(|made| {
        let context = A.sync_scope(made.make(1), || {
            Checkpoint::run(|| {
                A.set(made.make(2)).unwrap();
                B.set(made.make(3)).unwrap();
                A.set(made.make(4)).unwrap();
                assert_eq!(made.alive(), [1, 3, 4]);
                assert!(A.pop().unwrap());
                assert_eq!((*A.get(), made.alive()), (1, vec![1, 3]));
                A.set(made.make(5)).unwrap();
                B.set(made.make(6)).unwrap();
            });
            assert_eq!((*A.get(), made.alive()), (1, vec![1]));
            Context::current()
        });
        Some(context)
    });
}

#[test]
fn popped_and_reset_values_are_not_kept_by_contexts() {
    on_each_stack(|made| {
        let context = A.sync_scope(made.make(1), || {
            Checkpoint::run(|| {
                A.set(made.make(2)).unwrap();
                B.set(made.make(3)).unwrap();
                A.reset().unwrap();
                let context = Context::current();
                B.set(made.make(4)).unwrap();
                (context, Context::current())
            })
        });
        assert_eq!([&context.0, &context.1].map(|context| number(context, &A)), [Some(1); 2]);
        assert_eq!(made.alive(), [1, 3, 4]);
        drop(context.0);
        assert_eq!(made.alive(), [1, 4]);
        Some(context.1)
    });
}

#[test]
fn a_task_that_binds_anew_without_end_holds_what_one_holds() {
    let rounds = if cfg!(miri) { 100 } else { 1_000_000 };
    let mut made = Made::default();
    let mut context = Context::empty().with(&A, made.make(0)).with(&B, made.make(1));
    for round in 1..rounds {
        let value = if round % 2 == 0 { &A } else { &B };
        let new = Arc::new(round);
        context = Stack::on(context).run(|| value.sync_scope(Arc::clone(&new), Context::current));
        assert_eq!(Arc::strong_count(&new), 2);
        if round % (rounds / 10) == 0 {
            assert_eq!(made.alive(), [0; 0]);
        }
    }
}

#[test]
fn a_checkpoint_that_hands_over_after_each_change_holds_what_one_holds() {
    let rounds = if cfg!(miri) { 3 } else { 10_000 };
    on_each_stack(|made| {
        Checkpoint::run(|| {
            let mut before = None;
            for round in 0..rounds {
                let values = [1, 2].map(|_| Arc::new(round));
                A.set(Arc::clone(&values[0])).unwrap();
                let one = Context::current();
                B.set(Arc::clone(&values[1])).unwrap();
                let context = Context::current();
                assert_eq!(
                    (number(&context, &A), number(&context, &B)),
                    (Some(round), Some(round))
                );
                assert_eq!(number(&one, &A), Some(round));
                drop((one, context));
                if let Some(before) = before.replace(values) {
                    assert_eq!(
                        before.map(|value| Arc::strong_count(&value)),
                        [1, 1],
                        "in round {round}"
                    );
                }
            }
            A.set(made.make(7)).unwrap();
            Some(Context::current())
        })
    });
}

#[test]
fn a_trimmed_context_shows_the_same_and_keeps_nothing_else() {
    let mut made = Made::default();
    let many: Vec<Var<Value>> = (0..70).map(|n| Var::named(n.to_string())).collect();
    let context = many.iter().fold(Context::empty().with(&A, made.make(1)), |context, var| {
        context.with(var, Arc::new(0))
    });
    let hides = context.run(|| A.sync_scope(made.make(2), Context::current));
    drop(context);
    let trimmed = hides.trimmed();
    assert!(trimmed == hides && trimmed.len() == 71);
    drop(hides);
    assert_eq!((made.alive(), number(&trimmed, &A)), (vec![2], Some(2)));
    assert!(trimmed.trimmed().ptr_eq(&trimmed));
    assert!(Context::empty().trimmed().is_empty());
}

#[test]
fn a_value_that_is_set_anew_may_leave_its_checkpoint_as_it_goes() {
    use std::cell::RefCell;
    thread_local! { static GUARD: RefCell<Option<stackholm::Entered>> = const { RefCell::new(None) } }
    struct Leaves(Arc<u64>, String);
    impl Drop for Leaves {
        fn drop(&mut self) {
            drop(GUARD.take());
            assert_eq!(Arc::strong_count(&self.0), 2, "{}", self.1);
        }
    }
    static LEAVES: Var<Leaves> = Var::new("leaves");
    let value = Arc::new(1);
    GUARD.set(Some(Checkpoint::enter()));
    LEAVES.set(Leaves(Arc::clone(&value), "first".repeat(9))).unwrap();
    A.set(Arc::new(2)).unwrap();
    // The first value goes; its drop leaves the checkpoint, frame and all, with what was set just
    // now.
    PLAIN.set(3).unwrap();
    let second = Leaves(Arc::new(9), String::new());
    let _other = Arc::clone(&second.0);
    LEAVES.set(second).unwrap();
    assert!(!A.is_bound() && !PLAIN.is_bound());
    assert_eq!(Arc::strong_count(&value), 1);
}

#[test]
fn a_drop_that_panics_as_its_value_is_set_anew_loses_nothing() {
    struct Bang;
    impl Drop for Bang {
        fn drop(&mut self) {
            std::panic::resume_unwind(Box::new("bang"));
        }
    }
    static BANG: Var<Option<Bang>> = Var::new("bang");
    let mut made = Made::default();
    Checkpoint::run(|| {
        BANG.set(Some(Bang)).unwrap();
        A.set(made.make(1)).unwrap();
        assert!(std::panic::catch_unwind(|| BANG.set(None)).is_err());
        assert!(BANG.with(Option::is_none) && *A.get() == 1);
    });
    assert_eq!(made.alive(), [0; 0]);
}
