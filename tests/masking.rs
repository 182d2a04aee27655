//! Masks and removal: unset, pop, reset, and the states that a variable can be in.

mod common;

use common::{
    Counted, THREE_LEVELS, Tally, bang, catch_bang, counts, everywhere, here, number, number_in,
    variables,
};
use stackholm::embed::Stack;
use stackholm::{Checkpoint, Context, Entered, NotOpen, Reason, Scope, Source, Var};
use std::thread;

/// How many bindings the current context lists, but for the harness' own.
fn listed() -> usize {
    Context::current().iter().filter(|binding| binding.name() != "around").count()
}

// 12. masks

#[test]
fn a_masked_variable_reads_as_never_bound_and_the_outer_value_is_back_after() {
    static X: Var<Counted> = Var::new("x");
    everywhere(|tally| {
        X.sync_scope(tally.make(1), || {
            Scope::new().unset(&X).run(|| {
                assert!(!X.is_bound() && X.try_with(|_| ()).is_err() && number(&X).is_none());
                assert_eq!(listed(), 0);
            });
            assert_eq!(number(&X), Some(1));
            Checkpoint::run(|| {
                X.unset().unwrap();
                assert!(!X.is_bound());
                X.set(tally.make(2)).unwrap();
                assert_eq!(number(&X), Some(2), "a set replaces the mask");
                X.unset().unwrap();
                assert_eq!(number(&X), None, "and a mask the set");
            });
            assert_eq!(number(&X), Some(1));
        });
    });
}

#[test]
fn a_mask_leaves_other_variables_untouched() {
    static X: Var<u32> = Var::new("x");
    static Y: Var<u32> = Var::new("y");
    everywhere(|_| {
        let _outer = Scope::new().set(&X, 1).set(&Y, 2).enter();
        Checkpoint::run(|| {
            X.unset().unwrap();
            assert_eq!((X.is_bound(), Y.get()), (false, 2));
            Y.set(3).unwrap();
            assert_eq!((X.is_bound(), Y.get()), (false, 3));
        });
        assert_eq!((X.get(), Y.get()), (1, 2));
    });
}

#[test]
fn an_unbound_variable_can_be_masked_and_is_bound_inside_the_mask() {
    static X: Var<Counted> = Var::new("x");
    everywhere(|tally| {
        Scope::new().unset(&X).run(|| {
            assert!(!X.is_bound());
            X.sync_scope(tally.make(1), || assert_eq!(number(&X), Some(1)));
            assert!(matches!(X.try_with(|_| ()).unwrap_err().reason(), Reason::Masked(_)));
        });
        assert_eq!(X.try_with(|_| ()).unwrap_err().reason(), Reason::Unbound);
    });
}

#[test]
fn a_context_taken_inside_a_mask_carries_the_mask() {
    static X: Var<Counted> = Var::new("x");
    everywhere(|tally| {
        let _outer = X.enter(tally.make(1));
        let masked = Scope::new().unset(&X).run(Context::current);
        assert!(masked.get(&X).is_none());
        assert!(matches!(masked.try_get(&X).unwrap_err().reason(), Reason::Masked(_)));
        masked.run(|| assert!(!X.is_bound()));
        let elsewhere = masked.clone();
        thread::spawn(move || {
            elsewhere.run(|| assert!(matches!(X.source(), Source::Missing(Reason::Masked(_)))))
        })
        .join()
        .unwrap();
        assert_eq!(number(&X), Some(1));
    });
}

#[test]
fn a_masked_value_lives_on_until_its_own_checkpoint_is_left() {
    static X: Var<Counted> = Var::new("x");
    everywhere(|tally| {
        let alive = tally.alive();
        let outer = X.enter(tally.make(1));
        let mask = Scope::new().unset(&X).enter();
        assert_eq!(tally.alive(), alive + 1);
        drop(mask);
        drop(outer);
        assert_eq!(tally.alive(), alive);
    });
}

#[test]
fn a_panic_inside_a_mask_gives_the_outer_value_back() {
    static X: Var<Counted> = Var::new("x");
    everywhere(|tally| {
        let _outer = X.enter(tally.make(1));
        catch_bang(|| {
            Checkpoint::run(|| {
                X.unset().unwrap();
                bang()
            })
        });
        assert_eq!(number(&X), Some(1));
    });
}

#[test]
fn any_number_of_variables_is_masked_and_back_after() {
    everywhere(|tally| counts().for_each(|count| mask_every_third(tally, count)));
}

#[test]
fn more_variables_than_three_levels_hold_are_masked_and_back_after() {
    let all = || {
        let tally = Tally::default();
        mask_every_third(&tally, THREE_LEVELS);
        tally.assert_nothing_left();
    };
    thread::spawn(all).join().unwrap();
}

fn mask_every_third(tally: &Tally, count: usize) {
    let vars = variables(count);
    let _outer = Checkpoint::enter();
    vars.iter().enumerate().for_each(|(i, var)| var.set(tally.make(i as u64)).unwrap());
    let before = listed();
    Checkpoint::run(|| {
        vars.iter().step_by(3).for_each(|var| var.unset().unwrap());
        for (i, var) in vars.iter().enumerate() {
            assert_eq!(number(var), (i % 3 != 0).then_some(i as u64));
        }
        assert_eq!(listed(), before - count.div_ceil(3));
    });
    assert!(vars.iter().enumerate().all(|(i, var)| number(var) == Some(i as u64)));
    assert_eq!(listed(), before);
}

// 13. four states

#[test]
fn bound_to_none_masked_unbound_default_and_global_are_distinguishable() {
    static PLAIN: Var<Option<u32>> = Var::new("plain");
    static WITH_DEFAULT: Var<Option<u32>> = Var::with_default("with_default", || None);
    everywhere(|_| {
        assert_eq!(PLAIN.source(), Source::Missing(Reason::Unbound));
        assert_eq!((WITH_DEFAULT.source(), WITH_DEFAULT.get()), (Source::Default, None));
        let (bound, place) = (PLAIN.enter(None), here());
        assert_eq!((PLAIN.is_bound(), PLAIN.get()), (true, None));
        let Source::Bound(at) = PLAIN.source() else { panic!("bound to `None` is bound") };
        assert_eq!((at.file(), at.line()), (place.file(), place.line()));
        let (mask, place) = (Scope::new().unset(&PLAIN).enter(), here());
        let Source::Missing(Reason::Masked(at)) = PLAIN.source() else { panic!("it is masked") };
        assert_eq!((at.file(), at.line()), (place.file(), place.line()));
        PLAIN.set_global(None);
        assert_eq!((PLAIN.source(), PLAIN.get(), PLAIN.is_bound()), (Source::Global, None, false));
        PLAIN.clear_global();
        drop(mask);
        drop(bound);
        assert_eq!(PLAIN.source(), Source::Missing(Reason::Unbound));
    });
}

#[test]
fn the_states_are_distinguishable_in_a_context_too() {
    static X: Var<Option<u32>> = Var::new("x");
    static SHORT: Var<u32> = Var::new("short").stays_on_stack();
    everywhere(|_| {
        let empty = Context::empty();
        assert_eq!(empty.try_get(&X).unwrap_err().reason(), Reason::NoBinding);
        assert_eq!(empty.with(&X, None).try_get(&X).ok(), Some(&None));
        let masked = empty.without(&X);
        assert!(matches!(masked.try_get(&X).unwrap_err().reason(), Reason::Masked(_)));
        let kept_back = SHORT.sync_scope(1, Context::current);
        assert!(matches!(kept_back.try_get(&SHORT).unwrap_err().reason(), Reason::NotCarried(_)));
        assert_eq!(masked, empty, "both show nothing");
    });
}

#[test]
fn an_uninitialised_variable_entered_again_by_the_same_name_is_uninitialised_after() {
    static X: Var<u32> = Var::new("x");
    everywhere(|_| {
        X.sync_scope(1, || X.sync_scope(2, || ()));
        assert_eq!(X.source(), Source::Missing(Reason::Unbound));
        Checkpoint::run(|| X.set(1).unwrap());
        assert_eq!(X.source(), Source::Missing(Reason::Unbound));
    });
}

// 14. pop and reset

#[test]
fn pop_shows_the_next_binding_out_until_none_is_left_and_the_caller_has_all_again() {
    static X: Var<Counted> = Var::new("x");
    everywhere(|tally| {
        let _one = X.enter(tally.make(1));
        let _two = X.enter(tally.make(2));
        let _three = X.enter(tally.make(3));
        let before = X.history();
        Checkpoint::run(|| {
            for left in [Some(2), Some(1), None] {
                assert!(X.pop().unwrap());
                assert_eq!((number(&X), X.is_bound()), (left, left.is_some()));
            }
            assert!(!X.pop().unwrap(), "nothing is left to drop");
            assert_eq!(X.source(), Source::Missing(Reason::Unbound), "gone, not masked");
            assert_eq!(listed(), 0);
        });
        assert_eq!((number(&X), X.history()), (Some(3), before));
    });
}

#[test]
fn pop_in_a_callee_leaves_the_binding_of_the_caller_alone() {
    static X: Var<Counted> = Var::new("x");
    fn callee() -> Option<u64> {
        Checkpoint::run(|| {
            X.pop().unwrap();
            number(&X)
        })
    }
    everywhere(|tally| {
        let _open = Checkpoint::enter();
        X.set(tally.make(1)).unwrap();
        assert_eq!((callee(), number(&X)), (None, Some(1)));
        X.sync_scope(tally.make(2), || assert_eq!((callee(), number(&X)), (Some(1), Some(2))));
    });
}

#[test]
fn pop_in_the_checkpoint_that_bound_drops_the_value() {
    static X: Var<Counted> = Var::new("x");
    everywhere(|tally| {
        let _outer = X.enter(tally.make(1));
        let _open = Checkpoint::enter();
        let alive = tally.alive();
        X.set(tally.make(2)).unwrap();
        assert!(X.pop().unwrap());
        assert_eq!((number(&X), tally.alive()), (Some(1), alive));
    });
}

#[test]
fn pop_drops_a_mask_from_sight() {
    static X: Var<Counted> = Var::new("x");
    everywhere(|tally| {
        let _outer = X.enter(tally.make(1));
        let _mask = Scope::new().unset(&X).enter();
        Checkpoint::run(|| {
            assert!(X.pop().unwrap());
            assert_eq!(number(&X), Some(1));
        });
        assert_eq!(number(&X), None);
        let _open = Checkpoint::enter();
        X.unset().unwrap();
        assert!(X.pop().unwrap());
        assert!(!X.is_bound(), "our own mask went, the outer one is still there");
    });
}

#[test]
fn pop_of_what_was_never_bound_says_so_and_changes_nothing() {
    static X: Var<u32> = Var::new("x");
    everywhere(|_| {
        Checkpoint::run(|| {
            let before = Context::current();
            assert!(!X.pop().unwrap());
            assert_eq!(Context::current(), before);
        });
    });
}

#[test]
fn pop_stops_at_what_came_with_a_context() {
    static X: Var<Counted> = Var::new("x");
    everywhere(|tally| {
        let context = X.sync_scope(tally.make(1), || X.sync_scope(tally.make(2), Context::current));
        let _outside = X.enter(tally.make(9));
        context.run(|| {
            X.set(tally.make(3)).unwrap();
            assert_eq!(X.history().len(), 2, "its own and the one it inherited");
            assert!(X.pop().unwrap());
            assert_eq!(number(&X), Some(2));
            assert!(X.pop().unwrap());
            assert_eq!(number(&X), None, "neither the shadowed one nor what is outside");
            assert!(!X.pop().unwrap());
        });
        assert_eq!((number(&X), number_in(&context, &X)), (Some(9), Some(2)));
    });
}

#[test]
fn reset_takes_back_what_the_innermost_checkpoint_did() {
    static X: Var<Counted> = Var::new("x");
    everywhere(|tally| {
        let _outer = Checkpoint::enter();
        X.set(tally.make(1)).unwrap();
        Checkpoint::run(|| {
            X.reset().unwrap();
            assert_eq!(number(&X), Some(1), "it has done nothing yet");
            let did: [fn(&Tally); 4] = [
                |tally| X.set(tally.make(2)).unwrap(),
                |_| X.unset().unwrap(),
                |_| assert!(X.pop().unwrap()),
                |tally| (X.set(tally.make(3)).unwrap(), X.unset().unwrap()).1,
            ];
            for change in did {
                change(tally);
                assert_ne!(number(&X), Some(1));
                X.reset().unwrap();
                assert_eq!(number(&X), Some(1));
            }
        });
        assert_eq!(number(&X), Some(1));
        X.reset().unwrap();
        assert_eq!(
            number(&X),
            None,
            "in the caller's own checkpoint it takes back the caller's binding"
        );
    });
}

#[test]
fn reset_in_a_context_shows_what_came_with_it() {
    static X: Var<Counted> = Var::new("x");
    everywhere(|tally| {
        let context = Context::empty().with(&X, tally.make(1));
        let _outside = X.enter(tally.make(9));
        context.run(|| {
            X.unset().unwrap();
            X.reset().unwrap();
            assert_eq!(number(&X), Some(1));
        });
        Context::empty().run(|| {
            X.set(tally.make(2)).unwrap();
            X.reset().unwrap();
            assert_eq!(number(&X), None);
        });
    });
}

#[test]
fn a_stack_held_as_a_value_masks_pops_and_resets_in_its_own_checkpoint() {
    static X: Var<Counted> = Var::new("x");
    everywhere(|tally| {
        let context = Context::empty().with(&X, tally.make(1));
        let mut stack = Stack::on(context.clone());
        let seen = |stack: &Stack| stack.get(&X).map(|value| value.number);
        for _ in 0..2 {
            stack.unset(&X).unwrap();
            assert!(matches!(stack.try_get(&X).unwrap_err().reason(), Reason::Masked(_)));
            stack.reset(&X).unwrap();
            assert_eq!(seen(&stack), Some(1));
            stack.set(&X, tally.make(2)).unwrap();
            assert!(stack.pop(&X).unwrap());
            assert_eq!(seen(&stack), Some(1));
            assert!(stack.pop(&X).unwrap());
            assert_eq!((seen(&stack), stack.is_bound(&X)), (None, false));
            assert!(!stack.pop(&X).unwrap());
            stack.reset(&X).unwrap();
            assert_eq!((seen(&stack), stack.is_bound(&X)), (Some(1), true));
        }
        stack.scope(&X, tally.make(3), |stack| {
            assert!(stack.set(&X, tally.make(4)).is_err() && stack.unset(&X).is_err());
            assert!(stack.pop(&X).is_err() && stack.reset(&X).is_err());
            stack.checkpoint(|stack| {
                assert!(stack.pop(&X).unwrap());
                assert_eq!(seen(stack), Some(1));
            });
            assert_eq!(seen(stack), Some(3));
        });
        assert_eq!((seen(&stack), number_in(&context, &X), number(&X)), (Some(1), Some(1), None));
        assert!(Stack::new().set(&X, tally.make(5)).is_err(), "nothing is open there");
    });
}

#[test]
fn set_after_pop_binds_again() {
    static X: Var<Counted> = Var::new("x");
    everywhere(|tally| {
        let _outer = X.enter(tally.make(1));
        Checkpoint::run(|| {
            X.pop().unwrap();
            X.set(tally.make(2)).unwrap();
            assert_eq!((number(&X), X.history().len()), (Some(2), 2));
            assert!(X.pop().unwrap());
            assert_eq!(number(&X), Some(1));
        });
        assert_eq!(number(&X), Some(1));
    });
}

#[test]
fn any_number_of_variables_is_popped_and_back_after() {
    everywhere(|tally| {
        for count in counts() {
            let vars = variables(count);
            let guards: Vec<Entered> = (0..2)
                .flat_map(|round| vars.iter().map(move |var| var.enter(tally.make(round))))
                .collect();
            Checkpoint::run(|| {
                for left in [Some(0), None] {
                    vars.iter().for_each(|var| assert!(var.pop().unwrap()));
                    assert!(vars.iter().all(|var| number(var) == left));
                }
                vars.iter().rev().for_each(|var| var.reset().unwrap());
                assert!(vars.iter().all(|var| number(var) == Some(1)));
                vars.iter().for_each(|var| assert!(var.pop().unwrap() && var.pop().unwrap()));
                assert_eq!(listed(), 0);
            });
            assert!(vars.iter().all(|var| number(var) == Some(1)));
            guards.into_iter().rev().for_each(drop);
        }
    });
}

// 15. absence

#[test]
fn an_entry_that_was_absent_is_absent_again() {
    static X: Var<Counted> = Var::new("x");
    type Leave = fn(&Tally) -> Result<(), NotOpen>;
    let leave_in_each_way: [Leave; 5] = [
        |tally| Checkpoint::run(|| Ok(X.set(tally.make(1))?)),
        |_| Checkpoint::run(|| X.unset()),
        |tally| {
            Checkpoint::run(|| {
                X.set(tally.make(1))?;
                X.unset()
            })
        },
        |tally| X.sync_scope(tally.make(1), || Ok(())),
        |tally| Checkpoint::prepare().set(&X, tally.make(1)).run(|| X.reset()),
    ];
    everywhere(move |tally| {
        for leave in leave_in_each_way {
            let (len, source) = (listed(), X.source());
            leave(tally).unwrap();
            assert_eq!((listed(), X.source()), (len, source));
            assert!(!X.is_bound() && X.history().is_empty());
            assert!(Context::current().binding(&X).is_none());
        }
    });
}

#[test]
fn len_iteration_and_is_bound_agree_at_every_step() {
    everywhere(|tally| {
        for count in counts() {
            let vars = variables(count);
            let agree = |bound: usize| {
                let here = Context::current();
                let seen = vars.iter().filter(|var| var.is_bound()).count();
                let found = vars.iter().filter(|var| here.get(var).is_some()).count();
                assert_eq!(
                    (seen, found, listed(), here.iter().len()),
                    (bound, bound, bound, here.len())
                );
                assert_eq!(here.is_empty(), here.iter().next().is_none());
            };
            let few = |i: usize| i < 40 || i + 3 > count;
            let _outer = Checkpoint::enter();
            agree(0);
            for (i, var) in vars.iter().enumerate() {
                var.set(tally.make(i as u64)).unwrap();
                if few(i) {
                    agree(i + 1);
                }
            }
            Checkpoint::run(|| {
                for (i, var) in vars.iter().enumerate() {
                    if i % 2 == 0 {
                        var.unset().unwrap()
                    } else {
                        assert!(var.pop().unwrap())
                    }
                    if few(i) {
                        agree(count - i - 1);
                    }
                }
                agree(0);
            });
            agree(count);
        }
    });
}

// 16. the empty context

#[test]
fn an_empty_context_entered_inside_hides_everything_and_all_is_back_after() {
    everywhere(|tally| {
        for count in counts() {
            let vars = variables(count);
            let guards: Vec<Entered> = vars.iter().map(|var| var.enter(tally.make(1))).collect();
            Context::empty().run(|| {
                assert!(vars.iter().all(|var| !var.is_bound()));
                assert!(Context::current().is_empty());
                vars[0].sync_scope(tally.make(2), || {
                    assert_eq!((number(&vars[0]), Context::current().len()), (Some(2), 1));
                });
                vars[count - 1].set(tally.make(3)).unwrap();
                assert_eq!((number(&vars[count - 1]), Context::current().len()), (Some(3), 1));
            });
            assert!(vars.iter().all(|var| number(var) == Some(1)));
            guards.into_iter().rev().for_each(drop);
        }
    });
}

#[test]
fn what_an_empty_context_hides_reads_as_never_bound() {
    static X: Var<u32> = Var::new("x");
    static WITH_DEFAULT: Var<u32> = Var::with_default("with_default", || 5);
    everywhere(|_| {
        let _outer = Scope::new().set(&X, 1).set(&WITH_DEFAULT, 2).enter();
        let inside = Context::empty().enter();
        assert_eq!(X.source(), Source::Missing(Reason::Unbound));
        assert_eq!((WITH_DEFAULT.get(), X.history()), (5, vec![]));
        drop(inside);
        assert_eq!((X.get(), WITH_DEFAULT.get()), (1, 2));
    });
}
