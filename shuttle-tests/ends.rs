//! Ends: of threads that forgot to leave, and of values that let go of others.

use crate::support::{Alive, Numbered, Pile, Value, on_threads, scenarios};
use stackholm::{Context, Var};

static A: Var<Value> = Var::new("a");
static B: Var<Value> = Var::new("b");

scenarios! {
    threads_end_with_frames_entered {
        control_thread_end: ThreadEnds,
        control_thread_end_takes_parent: LeaveTakesParent,
    }
    values_that_keep_contexts {
        control_queue: QueueIsDone,
        control_kept_only_one_ends: LastEnds,
    }
}

fn shows((number, context): &Numbered) {
    assert_eq!(context.get(&A).map(Value::number), Some(*number));
    assert!(context.get(&B).is_none_or(|value| value.number() == *number));
}

/// Generations of threads end with frames that nobody left, some of which later ones have entered.
pub(crate) fn threads_end_with_frames_entered() {
    let (alive, pile) = (Alive::default(), Pile::default());
    for generation in 0..3 {
        let (theirs, captured) = (alive.clone(), pile.clone());
        on_threads(3, move |thread| {
            let number = 100 * generation + thread;
            if let Some(context) = captured.take() {
                shows(&context);
                std::mem::forget(context.1.enter());
            }
            for _ in 0..2 {
                std::mem::forget(A.enter(theirs.value(number)));
                captured.put((number, Context::empty().with(&A, theirs.value(number))));
                std::mem::forget(B.enter(theirs.value(number)));
                captured.put((number, Context::current()));
            }
            captured.take().iter().for_each(shows);
            assert_eq!(A.with(Value::number), number);
        });
    }
    while let Some(context) = pile.take() {
        shows(&context);
    }
    assert_eq!(alive.now(), 0);
}

/// Values own contexts whose values own contexts, deeper than lists of ending frames nest; threads
/// let go of them at any depth, all at once.
pub(crate) fn values_that_keep_contexts() {
    let (alive, pile) = (Alive::default(), Pile::default());
    for number in 0..3 {
        let mut context = Context::empty().with(&A, alive.value(number));
        for _ in 0..20 {
            pile.put((number, context.clone()));
            context = Context::empty().with(&A, alive.keeping(number, context));
        }
        pile.put((number, context));
    }
    let captured = pile.clone();
    on_threads(3, move |_| {
        while let Some(context) = captured.take() {
            shows(&context);
        }
    });
    assert_eq!((pile.len(), alive.now()), (0, 0));
}
