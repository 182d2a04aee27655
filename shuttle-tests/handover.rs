//! Hand-over among many: what was captured stays as it was, whoever goes on from it and wherever it
//! ends.

use crate::support::{Alive, Numbered, Pile, Value, any, on_threads, scenarios};
use stackholm::{Checkpoint, Context, Var};
use std::sync::Arc;

static A: Var<Value> = Var::new("a");
static B: Var<Value> = Var::new("b");
static C: Var<Value> = Var::new("c");
static N: Var<usize> = Var::new("n");
/// Enough for an index that is not written whole by every frame whose chain has outgrown it.
static MANY: [Var<Value>; 40] = [const { Var::new("many") }; 40];

scenarios! {
    many_threads_on_one_base {
        control_clone_takes: CloneTakes,
        control_clone_is_one_step: TakeCount,
        control_capture_takes: CaptureTakes,
        control_only_one_ends: LastEnds,
        control_leave_takes_parent: LeaveTakesParent,
        control_leave_looks: LeaveLooks,
        control_end_gives_parent: EndGivesParent,
    }
    a_checkpoint_changed_often {
        control_compaction_counts_values: CompactionHolds,
        control_compaction_counts_below: CompactionTakesBelow,
    }
    contexts_that_grow_from_hand_to_hand {
        control_whole_counts_values: WholeHolds,
        control_whole_gives_values: EndGivesValues,
    }
    large_contexts_that_grow {
        control_large_whole_counts_values: WholeHolds,
        control_large_whole_gives_values: EndGivesValues,
        control_large_only_one_ends: LastEnds,
    }
    prepared_for_many {
        control_prepared_counts: HeldTakes,
    }
}

/// Fails unless a context shows its own number by both variables, and what was below it.
fn shows((number, context): &Numbered) {
    assert_eq!(context.get(&N), Some(number));
    assert_eq!(context.get(&B).map(Value::number), Some(*number));
    assert_eq!(context.get(&A).map(Value::number), Some(1));
}

/// Threads enter one context, change, capture and leave; what they captured is read and dropped by
/// any of them.
pub(crate) fn many_threads_on_one_base() {
    let (alive, pile) = (Alive::default(), Pile::default());
    let base = Context::empty().with(&A, alive.value(1));
    let (theirs, captured) = (alive.clone(), pile.clone());
    on_threads(4, move |thread| {
        for turn in 0..8 {
            let number = 100 * thread + turn + 2;
            let entered = base.clone().enter();
            B.set(theirs.value(number)).unwrap();
            let inner = N.enter(number);
            captured.put((number, Context::current()));
            captured.put((number, Context::current()));
            drop(inner);
            assert_eq!(B.with(Value::number), number);
            drop(entered);
            if let Some(context) = captured.take() {
                shows(&context);
                context.1.run(|| shows(&(context.0, Context::current())));
            }
            assert!(!A.is_bound() && !B.is_bound());
        }
    });
    while let Some(context) = pile.take() {
        shows(&context);
    }
    assert_eq!(alive.now(), 0);
}

/// Threads change one checkpoint so often that a compaction frame takes the place of its frames, which others
/// hold.
pub(crate) fn a_checkpoint_changed_often() {
    let (alive, pile) = (Alive::default(), Pile::default());
    let base = Context::empty().with(&A, alive.value(1)).with(&C, alive.value(2));
    let (theirs, captured) = (alive.clone(), pile.clone());
    on_threads(3, move |thread| {
        let entered = base.enter();
        drop(captured.take());
        for turn in 0..48 {
            let number = 100 * thread + turn + 3;
            N.set(number).unwrap();
            B.set(theirs.value(number)).unwrap();
            if turn % 5 == 0 {
                captured.put((number, Context::current()));
            }
            if turn % 7 == 0 {
                captured.take().iter().for_each(shows);
            }
        }
        assert_eq!(C.with(Value::number), 2);
        drop(entered);
    });
    while let Some(context) = pile.take() {
        shows(&context);
    }
    assert_eq!(alive.now(), 0);
}

/// A context grows by one binding at a time, each by whoever has it; its former selves end
/// anywhere.
pub(crate) fn contexts_that_grow_from_hand_to_hand() {
    let (alive, pile) = (Alive::default(), Pile::default());
    for _ in 0..3 {
        pile.put((
            2,
            Context::empty().with(&A, alive.value(1)).with(&B, alive.value(2)).with(&N, 2),
        ));
    }
    let (theirs, grown) = (alive.clone(), pile.clone());
    on_threads(3, move |thread| {
        for turn in 0..30 {
            let Some(context) = grown.take() else { continue };
            shows(&context);
            let number = 100 * thread + turn + 3;
            let (_, context) = context;
            grown.put((number, context.with(&N, number).with(&B, theirs.value(number))));
            if turn % 6 == 0 {
                // A former self travels on beside it.
                let number = *context.get(&N).unwrap();
                grown.put((number, context));
            }
        }
    });
    while let Some(context) = pile.take() {
        shows(&context);
    }
    assert_eq!(alive.now(), 0);
}

/// As before, with so many variables that threads take turns to write the index anew.
pub(crate) fn large_contexts_that_grow() {
    let (alive, pile) = (Alive::default(), Pile::<Numbered>::default());
    let bind = |context: Context, i: usize, number| {
        context.with(&MANY[i % MANY.len()], alive.value(number))
    };
    // A few frames short of the length at which the first one is due.
    let base = (0..110).fold(Context::empty(), |context, i| bind(context, i, i % MANY.len()));
    pile.put((0, base.clone()));
    pile.put((0, base));
    let (theirs, grown) = (alive.clone(), pile.clone());
    on_threads(3, move |thread| {
        for turn in 0..8 {
            let Some((last, mut context)) = grown.take() else { continue };
            assert_eq!(context.get(&MANY[0]).map(Value::number), Some(last));
            let i = any(MANY.len() - 1) + 1;
            assert_eq!(context.get(&MANY[i]).map(Value::number), Some(i));
            let number = 100 * thread + turn + MANY.len();
            for _ in 0..any(4) + 1 {
                context =
                    context.with(&MANY[i], theirs.value(i)).with(&MANY[0], theirs.value(number));
            }
            grown.put((number, context));
        }
    });
    while let Some((number, context)) = pile.take() {
        let shown = (0..MANY.len()).map(|i| context.get(&MANY[i]).map(Value::number));
        assert!(shown.eq((0..MANY.len()).map(|i| Some(if i == 0 { number } else { i }))));
    }
    assert_eq!(alive.now(), 0);
}

/// One checkpoint is prepared and entered by all, at once; its values end with the last of all.
pub(crate) fn prepared_for_many() {
    let (alive, pile) = (Alive::default(), Pile::default());
    let prepared = Arc::new(Checkpoint::prepare().set(&A, alive.value(1)).set(&N, 7));
    let (theirs, captured) = (alive.clone(), pile.clone());
    on_threads(4, move |thread| {
        for turn in 0..6 {
            let number = 100 * thread + turn + 2;
            prepared.run(|| {
                assert_eq!((A.with(Value::number), N.get()), (1, 7));
                let entered = B.enter(theirs.value(number));
                captured.put((number, Context::current()));
                drop(entered);
            });
            if let Some((number, context)) = captured.take() {
                assert_eq!(context.get(&B).map(Value::number), Some(number));
                assert_eq!(context.get(&A).map(Value::number), Some(1));
            }
        }
    });
    while let Some((number, context)) = pile.take() {
        assert_eq!(context.get(&B).map(Value::number), Some(number));
        assert_eq!(context.get(&A).map(Value::number), Some(1));
    }
    assert_eq!(alive.now(), 0);
}
