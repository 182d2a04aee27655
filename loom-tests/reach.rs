//! Bindings of short reach: their values end with their stack, on its thread, while contexts on
//! other threads, which do not carry them, keep their frames.
//!
//! So the cells of such a frame are written when it is left, though others keep it: no other thread
//! may look at them.

use crate::support::{Alive, Value, models};
use loom::thread::spawn;
use stackholm::{Checkpoint, Context, Var};

static TX: Var<Value> = Var::new("tx").stays_on_stack();
static STEP: Var<Value> = Var::new("step").stays_in_checkpoint();
static A: Var<Value> = Var::new("a");

models! {
    short_reach_left_while_captured {
        control_short_reach_release: GiveCount => "race",
        control_short_reach_leave_looks: LeaveLooks => "used after its end",
    }
    short_reach_below_a_compaction {
        control_end_asks_shape: EndAsksShape => "race",
        control_short_reach_compaction_holds: CompactionHolds => "used after its end",
    }
    whole_context_over_what_others_leave {
        control_hold_looks: HoldLooks => "race",
        control_short_reach_whole_holds: WholeHolds => "race",
    }
    whole_stack_over_what_others_leave {
        control_hold_looks_on_a_stack: HoldLooks => "race",
    }
}

/// A stack leaves a binding of short reach, which ends at once, while another thread has the last
/// context of its frame.
pub(crate) fn short_reach_left_while_captured() {
    let alive = Alive::default();
    let outer = A.enter(alive.value(1));
    let inner = TX.enter(alive.value(2));
    let context = Context::current();
    let other = spawn(move || {
        assert!(context.get(&TX).is_none());
        assert_eq!(context.get(&A).map(Value::number), Some(1));
    });
    assert_eq!(TX.with(Value::number), 2);
    drop(inner);
    alive.are(1);
    drop(outer);
    other.join().unwrap();
    alive.all_ended();
}

/// A compaction frame, which counts the value of a binding of short reach and not its frame, takes
/// the place of that; the stack leaves while another thread gives the last context of the frame
/// back.
pub(crate) fn short_reach_below_a_compaction() {
    let alive = Alive::default();
    let checkpoint = Checkpoint::enter();
    TX.set(alive.value(1)).unwrap();
    let context = Context::current();
    let other = spawn(move || {
        assert!(context.get(&TX).is_none());
        drop(context);
    });
    A.set(alive.value(2)).unwrap();
    STEP.set(alive.value(3)).unwrap();
    A.set(alive.value(4)).unwrap();
    STEP.set(alive.value(5)).unwrap();
    assert_eq!((TX.with(Value::number), STEP.with(Value::number)), (1, 5));
    drop(checkpoint);
    other.join().unwrap();
    alive.all_ended();
}

/// A context outgrows its variables on one thread, and so counts the values that it shows one by
/// one, while another leaves the frames of two of them.
pub(crate) fn whole_context_over_what_others_leave() {
    let alive = Alive::default();
    let (outer, inner) = (A.enter(alive.value(1)), TX.enter(alive.value(2)));
    let context = Context::current();
    let theirs = alive.clone();
    let other = spawn(move || {
        let longer = context.with(&STEP, theirs.value(3)).with(&STEP, theirs.value(4));
        let whole = longer.with(&STEP, theirs.value(5));
        drop((context, longer));
        assert!(whole.get(&TX).is_none());
        assert_eq!(whole.get(&A).map(Value::number), Some(1));
    });
    drop(inner);
    drop(outer);
    other.join().unwrap();
    alive.all_ended();
}

/// As before, with a scope that is entered in the context and captured.
pub(crate) fn whole_stack_over_what_others_leave() {
    let alive = Alive::default();
    let (outer, inner) = (A.enter(alive.value(1)), TX.enter(alive.value(2)));
    let context = Context::current();
    let theirs = alive.clone();
    let other = spawn(move || {
        let entered = context.enter();
        drop(context);
        // It is shortened.
        let scope = STEP.enter(theirs.value(3));
        let whole = Context::current();
        drop(scope);
        drop(entered);
        assert!(whole.get(&TX).is_none());
        assert_eq!(whole.get(&A).map(Value::number), Some(1));
    });
    drop(inner);
    drop(outer);
    other.join().unwrap();
    alive.all_ended();
}
