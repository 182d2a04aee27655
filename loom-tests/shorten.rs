//! Shortened chains: an old value is kept without the frames that were below it.
//!
//! Under loom a chain is shortened after two or three frames, and an index has two ways, so that
//! three variables already make several levels.

use crate::support::{Alive, Value, models};
use loom::thread::spawn;
use stackholm::{Checkpoint, Context, Var};

static A: Var<Value> = Var::new("a");
static B: Var<Value> = Var::new("b");
static C: Var<Value> = Var::new("c");
static N: Var<u32> = Var::new("n");
static M: Var<u32> = Var::new("m");

models! {
    values_against_structure {
        control_whole_counts_values: WholeHolds => "used after its end",
        control_whole_gives_values: EndGivesValues => "wrong number alive",
        control_whole_sole: SoleCount => "race",
        control_whole_release: GiveCount => "race",
    }
    shortened_while_others_hold_the_old_chain {
        control_compaction_counts_values: CompactionHolds => "used after its end",
        control_compaction_release: GiveCount => "race",
    }
    compaction_above_a_shared_frame {
        control_compaction_counts_below: CompactionTakesBelow => "used after its end",
    }
    whole_on_a_stack {
        control_whole_on_a_stack: WholeHolds => "used after its end",
    }
    plain_value_held_beside_its_stack {
        control_plain_value_sole: SoleValue => "race",
        control_plain_value_looks: SoleLooks => "race",
    }
}

/// A chain of contexts grows beyond its variables; the old one ends on another thread while the new
/// one is read.
pub(crate) fn values_against_structure() {
    let alive = Alive::default();
    let old =
        Context::empty().with(&B, alive.value(1)).with(&A, alive.value(2)).with(&A, alive.value(3));
    let new = old.with(&A, alive.value(4));
    let other = spawn(move || {
        assert_eq!(old.get(&A).map(Value::number), Some(3));
        assert_eq!(old.get(&B).map(Value::number), Some(1));
        drop(old);
    });
    assert_eq!(new.get(&A).map(Value::number), Some(4));
    assert_eq!(new.get(&B).map(Value::number), Some(1));
    drop(new);
    other.join().unwrap();
    alive.all_ended();
}

/// One checkpoint is changed so often that a compaction frame takes the place of its frames; others
/// hold them.
pub(crate) fn shortened_while_others_hold_the_old_chain() {
    let alive = Alive::default();
    let checkpoint = Checkpoint::enter();
    B.set(alive.value(1)).unwrap();
    A.set(alive.value(2)).unwrap();
    let old = Context::current();
    let holder = spawn(move || {
        assert_eq!(old.get(&A).map(Value::number), Some(2));
        assert_eq!(old.get(&B).map(Value::number), Some(1));
        drop(old);
    });
    C.set(alive.value(3)).unwrap();
    B.set(alive.value(4)).unwrap();
    C.set(alive.value(5)).unwrap();
    assert_eq!(A.with(Value::number), 2);
    assert_eq!(B.with(Value::number), 4);
    drop(checkpoint);
    holder.join().unwrap();
    alive.all_ended();
}

/// As before, over a frame that the frames which went had counted.
pub(crate) fn compaction_above_a_shared_frame() {
    let alive = Alive::default();
    let base = Context::empty().with(&C, alive.value(1)).trimmed();
    let entered = base.enter();
    A.set(alive.value(2)).unwrap();
    B.set(alive.value(3)).unwrap();
    let old = Context::current();
    let holder = spawn(move || {
        assert_eq!(old.get(&C).map(Value::number), Some(1));
        drop(old);
    });
    A.set(alive.value(4)).unwrap();
    assert_eq!(A.with(Value::number), 4);
    assert_eq!(B.with(Value::number), 3);
    drop(entered);
    assert_eq!(base.get(&C).map(Value::number), Some(1));
    drop(base);
    holder.join().unwrap();
    alive.all_ended();
}

/// Nested scopes make a frame with a whole index; its context outlives the stack, which leaves
/// meanwhile.
pub(crate) fn whole_on_a_stack() {
    let alive = Alive::default();
    let outer = B.enter(alive.value(1));
    let scopes: Vec<_> = (2..5).map(|n| A.enter(alive.value(n))).collect();
    let context = Context::current();
    let reader = spawn(move || {
        assert_eq!(context.get(&A).map(Value::number), Some(4));
        assert_eq!(context.get(&B).map(Value::number), Some(1));
    });
    scopes.into_iter().rev().for_each(drop);
    assert_eq!(B.with(Value::number), 1);
    drop(outer);
    reader.join().unwrap();
    alive.all_ended();
}

/// A stack leaves a shared frame by the short way, which is for plain values, while a context that
/// was shortened gives back the last count of the value beside the stack's.
pub(crate) fn plain_value_held_beside_its_stack() {
    let outer = N.enter(1);
    drop(Context::current());
    let inner = [M.enter(2), M.enter(3), M.enter(4)];
    let context = Context::current();
    inner.into_iter().rev().for_each(drop);
    let reader = spawn(move || assert_eq!(context.get(&N), Some(&1)));
    assert_eq!(N.get(), 1);
    // Loom remembers one last access of each count, and would not find the order in which the
    // reader comes first.
    loom::thread::yield_now();
    drop(outer);
    reader.join().unwrap();
}
