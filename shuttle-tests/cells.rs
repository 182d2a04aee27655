//! What all threads share: process-wide values, a base, ids.

use crate::support::{Alive, Pile, Value, any, on_threads, scenarios};
use stackholm::embed::Stack;
use stackholm::{Context, ContextCell, Var};
use std::sync::Arc;

static A: Var<Value> = Var::new("a");
static B: Var<Value> = Var::new("b");
static BASE: ContextCell = ContextCell::new();

scenarios! {
    values_swapped_while_read {
        control_swapped_only_one_ends: LastEnds,
        control_swapped_clone_takes: CloneTakes,
    }
    many_variables_first_used_at_once {
        control_first_use_agrees: FirstUseAgrees,
        control_first_use_is_one_step: FirstUse,
        control_next_id_is_one_step: NextId,
    }
    guards_dropped_on_the_stacks_of_others {
        control_next_block_is_one_step: NextBlock,
    }
}

/// Two threads replace a process-wide value and a base; two read them, and hand on what they read.
pub(crate) fn values_swapped_while_read() {
    let alive = Alive::default();
    A.set_global(alive.value(0));
    BASE.store(Context::empty().with(&B, alive.value(0)));
    let theirs = alive.clone();
    on_threads(4, move |thread| {
        let (mut global, mut base) = ([0; 2], [0; 2]);
        for turn in 0..10 {
            if thread < 2 {
                A.set_global(theirs.value(2 * turn + thread));
                drop(BASE.swap(Context::empty().with(&B, theirs.value(2 * turn + thread))));
                continue;
            }
            // Of each of the two writers no older one is seen after a newer one.
            let newest = |seen: &mut [usize; 2], number: usize| {
                assert!(seen[number % 2] <= number);
                seen[number % 2] = number;
            };
            newest(&mut global, A.with(Value::number));
            let entered = BASE.load();
            newest(&mut base, entered.run(|| B.with(Value::number)));
            entered.run(|| {
                let within = A.enter(theirs.value(1000));
                assert_eq!(A.with(Value::number), 1000);
                drop(within);
            });
        }
    });
    drop(A.clear_global());
    BASE.store(Context::empty());
    assert_eq!(alive.now(), 0);
}

/// Threads bind forty variables that have no ids yet, each in an order of its own: an index of two
/// levels.
pub(crate) fn many_variables_first_used_at_once() {
    let vars: Arc<Vec<Var<usize>>> = Arc::new((0..40).map(|_| Var::named("new")).collect());
    on_threads(3, move |thread| {
        let mut context = Context::empty();
        let first = any(vars.len());
        for i in (0..vars.len()).map(|i| (first + i) % vars.len()) {
            context = context.with(&vars[i], 100 * thread + i);
        }
        assert_eq!(context.len(), vars.len());
        context.run(|| {
            for (i, var) in vars.iter().enumerate() {
                assert_eq!(
                    (var.get(), context.get(var)),
                    (100 * thread + i, Some(&(100 * thread + i)))
                );
                let within = var.enter(i);
                assert_eq!(var.get(), i);
                drop(within);
            }
        });
    });
}

/// Threads hand each other stacks with frames on them, and drop guards of their own there: that
/// leaves nothing on those, for no number is given to two, and each guard's own checkpoint after.
pub(crate) fn guards_dropped_on_the_stacks_of_others() {
    let (alive, pile) = (Alive::default(), Pile::<(usize, Stack)>::default());
    let (theirs, stacks) = (alive.clone(), pile.clone());
    on_threads(4, move |thread| {
        let mut guards = Vec::new();
        for turn in 0..8 {
            let number = 100 * thread + turn;
            if any(2) == 0 {
                let mut stack = Stack::new();
                stack.run(|| std::mem::forget(A.enter(theirs.value(number))));
                stacks.put((number, stack));
            } else {
                guards.push((number, B.enter(theirs.value(number))));
            }
            let Some((number, mut stack)) = stacks.take() else { continue };
            stack.run(|| {
                drop(guards.pop());
                assert_eq!(A.try_with(Value::number).ok(), Some(number));
            });
            assert_eq!(stack.get(&A).map(Value::number), Some(number));
            let ours = guards.last().map(|(number, _)| *number);
            assert_eq!(B.try_with(Value::number).ok(), ours);
            stacks.put((number, stack));
        }
        guards.into_iter().for_each(std::mem::forget);
    });
    while let Some((number, stack)) = pile.take() {
        assert_eq!(stack.get(&A).map(Value::number), Some(number));
    }
    assert_eq!(alive.now(), 0);
}
