//! Hand-over: a captured context never changes, whatever its source does next.

use crate::support::{Alive, Value, models};
use loom::thread::spawn;
use stackholm::{Checkpoint, Context, Var};

static A: Var<Value> = Var::new("a");
static B: Var<Value> = Var::new("b");

models! {
    source_goes_on {
        control_source_goes_on_release: GiveCount => "race",
    }
    receiver_changes_its_own {
        control_receiver_release: GiveCount => "race",
        control_receiver_gives_values: EndGivesValues => "wrong number alive",
    }
    prepared_for_two {
        control_prepared_counts: HeldTakes => "used after its end",
        control_prepared_sole: SoleCount => "race",
    }
}

/// The source sets, captures, sets again and leaves, while the receiver of the first context reads
/// on.
pub(crate) fn source_goes_on() {
    let alive = Alive::default();
    let checkpoint = Checkpoint::enter();
    A.set(alive.value(1)).unwrap();
    let first = Context::current();
    let receiver = spawn(move || {
        assert_eq!(first.get(&A).map(Value::number), Some(1));
        drop(first);
    });
    A.set(alive.value(2)).unwrap();
    let second = Context::current();
    drop(checkpoint);
    assert_eq!(second.get(&A).map(Value::number), Some(2));
    drop(second);
    receiver.join().unwrap();
    alive.all_ended();
}

/// The receiver enters the context, sets, captures and leaves, while the source leaves too.
pub(crate) fn receiver_changes_its_own() {
    let alive = Alive::default();
    let entered = B.enter(alive.value(1));
    let context = Context::current();
    let theirs = alive.clone();
    let receiver = spawn(move || {
        let captured = context.run(|| {
            A.set(theirs.value(2)).unwrap();
            Context::current()
        });
        drop(context);
        assert!(!B.is_bound());
        assert_eq!(captured.get(&A).map(Value::number), Some(2));
        assert_eq!(captured.get(&B).map(Value::number), Some(1));
    });
    assert!(!A.is_bound());
    drop(entered);
    receiver.join().unwrap();
    alive.all_ended();
}

/// A checkpoint is prepared once and entered on two threads; its values end with the last of all.
pub(crate) fn prepared_for_two() {
    let alive = Alive::default();
    let prepared = std::sync::Arc::new(Checkpoint::prepare().set(&A, alive.value(1)));
    let theirs = prepared.clone();
    let other = spawn(move || {
        let context = theirs.run(Context::current);
        drop(theirs);
        assert_eq!(context.get(&A).map(Value::number), Some(1));
    });
    prepared.run(|| assert_eq!(A.with(Value::number), 1));
    drop(prepared);
    other.join().unwrap();
    alive.all_ended();
}
