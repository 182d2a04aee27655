//! Counts: the thread that releases the last one ends the frame, after everything that the others
//! did with it.

use crate::support::{Alive, Value, models};
use loom::thread::spawn;
use stackholm::{Context, Var};
use std::sync::Arc;

static A: Var<Value> = Var::new("a");
static B: Var<Value> = Var::new("b");
static N: Var<u32> = Var::new("n");

models! {
    capture_against_leave {
        control_capture_against_leave_release: GiveCount => "race",
    }
    last_counts_at_once {
        control_last_counts_release: GiveCount => "race",
        control_last_counts_acquire: LastCount => "race",
        control_last_counts_only_one_ends: LastEnds => "used after its end",
        control_last_counts_clone: CloneTakes => "used after its end",
    }
    last_counts_of_a_chain {
        control_chain_parent: EndGivesParent => "wrong number alive",
        control_chain_stack_keeps_parent: LeaveTakesParent => "used after its end",
    }
    cloned_on_two_threads {
        control_clone_is_one_step: TakeCount => "used after its end",
    }
    captured_twice {
        control_captured_twice: CaptureTakes => "used after its end",
    }
    plain_value_left_while_known_weakly {
        control_plain_value_weak: SoleWeak => "race",
    }
    upgrade_against_last_drop {
        control_upgrade_looks: UpgradeLooks => "race",
        control_upgrade_is_one_step: Upgrade => "race",
        control_downgrade_takes: DowngradeTakes => "used after its end",
    }
    upgrade_against_leave {
        control_upgrade_against_leave_looks: UpgradeLooks => "race",
        control_leave_looks: LeaveLooks => "race",
    }
}

/// A stack leaves a binding while another thread reads it through a context and lets go.
pub(crate) fn capture_against_leave() {
    let alive = Alive::default();
    let entered = A.enter(alive.value(1));
    let context = Context::current();
    let reader = spawn(move || {
        assert_eq!(context.get(&A).map(Value::number), Some(1));
    });
    drop(entered);
    reader.join().unwrap();
    alive.all_ended();
}

/// Two threads have the last two contexts, read, and let go at once.
pub(crate) fn last_counts_at_once() {
    let alive = Alive::default();
    let ours = Context::empty().with(&A, alive.value(1));
    let theirs = ours.clone();
    let reader = spawn(move || assert_eq!(theirs.get(&A).map(Value::number), Some(1)));
    assert_eq!(ours.get(&A).map(Value::number), Some(1));
    drop(ours);
    reader.join().unwrap();
    alive.all_ended();
}

/// As before, but of two frames, one above the other, the upper left while it is shared.
pub(crate) fn last_counts_of_a_chain() {
    let alive = Alive::default();
    let outer = B.enter(alive.value(1));
    let inner = A.enter(alive.value(2));
    let context = Context::current();
    let reader = spawn(move || {
        assert_eq!(context.get(&A).map(Value::number), Some(2));
        assert_eq!(context.get(&B).map(Value::number), Some(1));
    });
    drop(inner);
    assert_eq!(B.with(Value::number), 1);
    drop(outer);
    reader.join().unwrap();
    alive.all_ended();
}

/// Two threads take one more count of one frame each, and give all back.
pub(crate) fn cloned_on_two_threads() {
    let alive = Alive::default();
    let ours = Arc::new(Context::empty().with(&A, alive.value(1)));
    let theirs = ours.clone();
    let other = spawn(move || {
        let context = Context::clone(&theirs);
        assert_eq!(context.get(&A).map(Value::number), Some(1));
    });
    let context = Context::clone(&ours);
    assert_eq!(context.get(&A).map(Value::number), Some(1));
    drop(context);
    other.join().unwrap();
    drop(ours);
    alive.all_ended();
}

/// One frame is captured by two contexts, which end on two threads while the stack goes on.
pub(crate) fn captured_twice() {
    let alive = Alive::default();
    let entered = A.enter(alive.value(1));
    let (first, second) = (Context::current(), Context::current());
    let reader = spawn(move || assert_eq!(first.get(&A).map(Value::number), Some(1)));
    assert_eq!(second.get(&A).map(Value::number), Some(1));
    drop(second);
    assert_eq!(A.with(Value::number), 1);
    drop(entered);
    reader.join().unwrap();
    alive.all_ended();
}

/// A weak context is upgraded while the last strong one goes.
pub(crate) fn upgrade_against_last_drop() {
    let alive = Alive::default();
    let context = Context::empty().with(&A, alive.value(1));
    let weak = context.downgrade();
    let upgrader = spawn(move || {
        if let Some(context) = weak.upgrade() {
            assert_eq!(context.get(&A).map(Value::number), Some(1));
        }
    });
    drop(context);
    upgrader.join().unwrap();
    alive.all_ended();
}

/// A weak context is upgraded while the stack leaves what it shows, and its parent stays.
pub(crate) fn upgrade_against_leave() {
    let alive = Alive::default();
    let outer = B.enter(alive.value(1));
    let inner = A.enter(alive.value(2));
    let weak = Context::current().downgrade();
    let upgrader = spawn(move || {
        if let Some(context) = weak.upgrade() {
            assert_eq!(context.get(&A).map(Value::number), Some(2));
            assert_eq!(context.get(&B).map(Value::number), Some(1));
        }
    });
    drop(inner);
    assert_eq!(B.with(Value::number), 1);
    drop(outer);
    upgrader.join().unwrap();
    alive.all_ended();
}

/// A stack leaves a shared frame by the short way, which is for plain values, while a weak context
/// goes.
pub(crate) fn plain_value_left_while_known_weakly() {
    let entered = N.enter(1);
    let weak = Context::current().downgrade();
    let upgrader = spawn(move || {
        if let Some(context) = weak.upgrade() {
            assert_eq!(context.get(&N), Some(&1));
        }
    });
    assert_eq!(N.get(), 1);
    drop(entered);
    upgrader.join().unwrap();
}
