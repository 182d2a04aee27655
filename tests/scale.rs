//! A million of everything: work grows with the number, memory with what is visible, and nothing
//! with the depth.
//!
//! Work is counted in allocations, never in seconds. Everything runs and is dropped on a thread
//! with a small stack.

mod counting;
mod variables;

use counting::{Counts, counted, on_a_thread_that_frees_all};
use stackholm::{Checkpoint, Context, ContextExt, Scope, Var, embed::Stack};
use std::future::Future;
use std::pin::pin;
use std::task::{Poll, Waker};
use std::thread;
use variables::{Dice, apart};

const MILLION: u64 = 1_000_000;

/// A million, but in debug builds for the second of two alike.
const MANY: u64 = if cfg!(debug_assertions) { MILLION / 10 } else { MILLION };

const SMALL_STACK: usize = 256 * 1024;

/// Runs `f` on a thread with a stack of 256 KiB, which leaves nothing: a single frame that is lost
/// is noticed.
fn on_a_small_stack(f: impl FnOnce() + Send) {
    on_a_thread_that_frees_all(SMALL_STACK, f);
}

fn variable<T: Send + Sync + 'static>() -> Var<T> {
    Var::named("variable")
}

/// A thread keeps so many freed blocks, at the most, for its next frames.
const KEPT_BLOCKS: u64 = 256;
const KEPT_BYTES: i64 = 64 * 1024;

/// What `f` costs for so many and for a hundredth of them: at most a hundred times as much.
fn costs_grow_with_the_number(many: u64, f: impl Fn(u64)) -> Counts {
    let ((), small) = counted(|| f(many / 100));
    let ((), large) = counted(|| f(many));
    assert!(large.blocks <= 101 * small.blocks + KEPT_BLOCKS, "{small:?} {large:?}");
    assert!(large.bytes <= 101 * small.bytes + KEPT_BYTES as u64, "{small:?} {large:?}");
    assert!(
        large.live <= KEPT_BYTES && large.blocks <= large.freed + KEPT_BLOCKS,
        "all of it is freed: {large:?}"
    );
    large
}

/// As [`costs_grow_with_the_number`], and memory does not grow at all.
fn memory_stays_flat(many: u64, f: impl Fn(u64)) {
    let large = costs_grow_with_the_number(many, f);
    assert!(large.peak <= KEPT_BYTES + 32 * 1024, "{large:?}");
}

#[test]
fn one_variable_set_a_million_times_in_one_checkpoint_keeps_one_value() {
    on_a_small_stack(|| {
        let var = variable();
        memory_stays_flat(MILLION, |times| {
            Checkpoint::run(|| {
                for i in 0..times {
                    var.set(i).unwrap();
                }
                assert_eq!(var.get(), times - 1);
            });
            assert!(!var.is_bound());
        });
    });
}

#[test]
fn a_few_variables_set_a_million_times_in_turn_keep_one_value_each() {
    on_a_small_stack(|| {
        let variables = apart(7, 37);
        memory_stays_flat(MANY, |times| {
            Checkpoint::run(|| {
                for i in 0..times {
                    variables[i as usize % 7].set(i).unwrap();
                }
                assert!(variables.iter().all(|var| var.get() >= times - 7));
            });
        });
    });
}

#[test]
fn a_variable_set_unset_popped_and_reset_without_end_keeps_memory_flat() {
    on_a_small_stack(|| {
        let variables = apart(3, 1);
        memory_stays_flat(MANY, |times| {
            Checkpoint::run(|| {
                variables[0].set(7).unwrap();
                Checkpoint::run(|| {
                    for i in 0..times / 4 {
                        let var = &variables[i as usize % 3];
                        match i % 5 {
                            0 | 1 => var.set(i).unwrap(),
                            2 => var.unset().unwrap(),
                            3 => drop(var.pop().unwrap()),
                            _ => var.reset().unwrap(),
                        }
                    }
                });
                assert_eq!(variables[0].get(), 7);
            });
        });
    });
}

#[test]
fn a_million_nested_checkpoints_are_left_at_once_without_recursion() {
    on_a_small_stack(|| {
        let var = variable();
        costs_grow_with_the_number(MILLION, |deep| {
            let outer = Checkpoint::enter();
            for i in 0..deep / 2 {
                std::mem::forget(var.enter(i));
                std::mem::forget(Checkpoint::enter());
            }
            assert_eq!(var.get(), deep / 2 - 1);
            drop(outer);
            assert!(!var.is_bound());
        });
    });
}

#[test]
fn a_million_nested_and_captured_checkpoints_are_left_and_dropped_without_recursion() {
    on_a_small_stack(|| {
        let var = variable();
        costs_grow_with_the_number(MILLION, |deep| {
            let outer = Checkpoint::enter();
            for i in 0..deep {
                std::mem::forget(var.enter(i));
            }
            let context = Context::current();
            drop(outer);
            assert!(!var.is_bound());
            assert_eq!(context.get(&var), Some(&(deep - 1)));
        });
    });
}

#[test]
fn a_million_nested_checkpoints_captured_at_each_level_end_in_any_order() {
    on_a_small_stack(|| {
        let var = variable();
        let deep = MANY / 4;
        let outer = Checkpoint::enter();
        let mut contexts: Vec<(u64, Context)> = (0..deep)
            .map(|i| {
                std::mem::forget(var.enter(i));
                (i, Context::current())
            })
            .collect();
        drop(outer);
        Dice(47).shuffle(&mut contexts);
        for (i, context) in contexts {
            assert_eq!(context.get(&var), Some(&i));
        }
    });
}

#[test]
fn a_million_contexts_each_derived_from_the_last_keep_memory_flat() {
    on_a_small_stack(|| {
        let [a, b] = <[Var<u64>; 2]>::try_from(apart(2, 1)).unwrap();
        memory_stays_flat(MILLION, |times| {
            let mut context = Context::empty();
            for i in 0..times {
                context = context.with(if i % 2 == 0 { &a } else { &b }, i);
            }
            assert_eq!(context.len(), 2);
            assert_eq!(context.get(&b), Some(&(times - 1)));
        });
    });
}

#[test]
fn a_million_contexts_each_derived_from_the_last_and_all_kept_end_in_either_order() {
    on_a_small_stack(|| {
        let var = variable();
        for reversed in [false, true] {
            let mut contexts = vec![Context::empty()];
            for i in 0..MANY / 2 {
                contexts.push(contexts[i as usize].with(&var, i));
            }
            if reversed {
                contexts.reverse();
            }
            let ((), spent) = counted(|| drop(contexts));
            assert!(spent.freed + KEPT_BLOCKS > MANY / 2, "{spent:?}");
        }
    });
}

#[test]
fn a_million_contexts_inside_values_are_dropped_without_recursion() {
    on_a_small_stack(|| {
        let (own, other) = (variable::<Context>(), variable::<Vec<Context>>());
        costs_grow_with_the_number(MILLION, |deep| {
            let mut context = Context::empty();
            for _ in 0..deep {
                context = Context::empty().with(&own, context);
            }
            drop(context);
        });
        costs_grow_with_the_number(MANY, |deep| {
            let mut context = Context::empty();
            for i in 0..deep / 4 {
                let twins = vec![context.clone(), context];
                context = if i % 2 == 0 {
                    Context::empty().with(&other, twins)
                } else {
                    Context::empty().with(&other, twins).with(&own, Context::empty())
                };
            }
            drop(context);
        });
    });
}

#[test]
fn a_million_contexts_inside_values_of_a_stack_are_dropped_without_recursion() {
    on_a_small_stack(|| {
        let own = variable::<Context>();
        costs_grow_with_the_number(MANY, |deep| {
            for _ in 0..2 {
                Checkpoint::run(|| {
                    for _ in 0..deep / 4 {
                        own.set(Context::current()).unwrap();
                    }
                });
            }
        });
    });
}

#[test]
fn prepared_checkpoints_inside_values_are_dropped_without_recursion() {
    on_a_small_stack(|| {
        let own = variable::<Context>();
        costs_grow_with_the_number(MANY, |deep| {
            let mut context = Context::empty();
            for _ in 0..deep / 4 {
                context = Checkpoint::prepare().set(&own, context).run(Context::current);
            }
            drop(context);
        });
    });
}

/// Binds `value`, and hands over what is visible then.
fn next_generation(var: &Var<u64>, value: u64) -> Context {
    assert_eq!(var.try_get().ok(), value.checked_sub(1));
    var.set(value).unwrap();
    Context::current()
}

#[test]
fn a_million_generations_of_stacks_keep_memory_flat() {
    on_a_small_stack(|| {
        let var = variable();
        memory_stays_flat(MILLION, |times| {
            let mut context = Context::empty();
            for i in 0..times {
                let mut stack = Stack::on(context);
                context = stack.run(|| next_generation(&var, i));
            }
        });
    });
}

#[test]
fn a_million_generations_of_stacks_without_a_thread_local_keep_memory_flat() {
    on_a_small_stack(|| {
        let variables = apart(3, 32);
        memory_stays_flat(MANY, |times| {
            let mut stack = Stack::new();
            for i in 0..times {
                stack = Stack::on(stack.capture());
                stack.set(&variables[i as usize % 3], i).unwrap();
            }
            assert_eq!(stack.get(&variables[2]), Some(&(times - 1 - (times - 3) % 3)));
        });
    });
}

/// The frames of a scope of several count as many towards the length of their chain.
#[test]
fn generations_of_scopes_of_several_keep_memory_flat() {
    // Only frames with a static name lie in one block.
    static A: Var<u64> = Var::new("a");
    static B: Var<u64> = Var::new("b");
    static C: Var<u64> = Var::new("c");
    on_a_small_stack(|| {
        memory_stays_flat(MANY, |times| {
            let mut context = Context::empty();
            for i in 0..times / 2 {
                context = Stack::on(context)
                    .run(|| Scope::new().set(&A, i).set(&B, i + 1).run(Context::current));
            }
            assert_eq!((context.get(&B), context.len()), (Some(&(times / 2)), 2));
            for i in 0..times / 2 {
                let scope = Scope::new().set(&B, i).set(&C, i + 1).set(&A, i + 2);
                context = Stack::on(context).run(|| scope.run(Context::current));
            }
            assert_eq!((context.get(&C), context.len()), (Some(&(times / 2)), 3));
        });
    });
}

#[test]
fn a_million_generations_of_contexts_entered_in_turn_keep_memory_flat() {
    on_a_small_stack(|| {
        let var = variable();
        memory_stays_flat(MANY, |times| {
            let mut context = Context::empty();
            for i in 0..times {
                context = context.run(|| next_generation(&var, i));
            }
        });
    });
}

#[test]
fn contexts_entered_inside_each_other_without_end_are_left_without_recursion() {
    on_a_small_stack(|| {
        let var = variable();
        costs_grow_with_the_number(MANY, |times| {
            let outer = Checkpoint::enter();
            for i in 0..times / 2 {
                std::mem::forget(Context::current().enter());
                var.set(i).unwrap();
            }
            let last = Context::current();
            drop(outer);
            assert_eq!(last.get(&var), Some(&(times / 2 - 1)));
        });
    });
}

#[test]
fn a_million_generations_of_futures_keep_memory_flat() {
    on_a_small_stack(|| {
        let var = variable();
        memory_stays_flat(MANY, |times| {
            let mut task = std::task::Context::from_waker(Waker::noop());
            let mut context = Context::empty();
            for i in 0..times {
                let mut future = pin!(async { next_generation(&var, i) }.in_context(context));
                context = match future.as_mut().poll(&mut task) {
                    Poll::Ready(context) => context,
                    Poll::Pending => unreachable!("it awaits nothing"),
                };
            }
        });
    });
}

#[test]
fn generations_of_threads_keep_memory_flat() {
    static GENERATION: Var<u64> = Var::new("generation");
    const GENERATIONS: u64 = 2_000;
    fn spawn(i: u64) -> thread::JoinHandle<Context> {
        let spawn = || {
            stackholm::thread::Builder::new()
                .stack_size(SMALL_STACK)
                .spawn(move || next_generation(&GENERATION, i))
        };
        spawn().unwrap()
    }
    let mut context = Context::empty();
    for i in 0..GENERATIONS {
        context = context.run(|| spawn(i)).join().unwrap();
    }
    assert_eq!((context.get(&GENERATION), context.len()), (Some(&(GENERATIONS - 1)), 1));
    // What one context keeps is freed by whoever lets go last: us. It is a stretch of frames, not
    // two thousand.
    let ((), gone) = counted(|| drop(context));
    assert!(gone.freed <= 150, "{gone:?}");
}

#[test]
fn a_handed_over_value_ends_when_its_last_generation_does() {
    let (var, counter) = (variable::<std::sync::Arc<()>>(), std::sync::Arc::new(()));
    let mut context = Context::empty();
    for _ in 0..MANY / 10 {
        context = context.run(|| {
            var.set(counter.clone()).unwrap();
            Context::current()
        });
        // Some frames may still be waiting for the chain to be shortened; a stretch of them, never
        // all.
        assert!(std::sync::Arc::strong_count(&counter) <= 100);
    }
    drop(context);
    assert_eq!(std::sync::Arc::strong_count(&counter), 1);
}

#[test]
fn reading_costs_the_same_at_any_depth() {
    on_a_small_stack(|| {
        let [deep, absent] = <[Var<u64>; 2]>::try_from(apart(2, 1)).unwrap();
        let outer = deep.enter(1);
        for _ in 0..MANY / 4 {
            std::mem::forget(Checkpoint::enter());
        }
        // A walk outwards would make this a quarter of a million squared.
        for _ in 0..MANY / 4 {
            assert_eq!(deep.get(), 1);
            assert!(!absent.is_bound());
        }
        drop(outer);
    });
}

/// A frame shortens its chain by chance: no loop, whatever its length, keeps step with that.
#[test]
fn no_rhythm_of_generations_keeps_a_chain_from_being_shortened() {
    static A: Var<u64> = Var::new("a");
    static B: Var<u64> = Var::new("b");
    let rounds = if cfg!(debug_assertions) { 4_000 } else { 100_000 };
    on_a_small_stack(|| {
        for number in 1..=64 {
            let vars: Vec<Var<u64>> = (0..number).map(|_| variable()).collect();
            let base = vars.iter().fold(Context::empty(), |context, var| context.with(var, 0));
            for turns in 0..4 {
                let run = |rounds: u64| {
                    let mut context = base.clone();
                    for i in 0..rounds {
                        let inner = || (0..turns).for_each(|_| B.sync_scope(i, || ()));
                        let step = || A.sync_scope(i, || (inner(), Context::current()).1);
                        context = Stack::on(context).run(step);
                    }
                };
                let ((), few) = counted(|| run(rounds / 4));
                let ((), many) = counted(|| run(rounds));
                let (few, many) = (few.peak, many.peak);
                assert!(
                    many <= 2 * few + KEPT_BYTES,
                    "{number} variables, {turns} turns: {few}, then {many} bytes"
                );
            }
        }
    });
}
