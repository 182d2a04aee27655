//! Ends: of threads that forgot to leave, and of values that drop others.

use crate::support::{Alive, Value, models};
use loom::thread::spawn;
use stackholm::{Context, Var};

static A: Var<Value> = Var::new("a");
static B: Var<Value> = Var::new("b");
static C: Var<Value> = Var::new("c");

models! {
    thread_ends_with_frames_entered {
        control_thread_end: ThreadEnds => "leak",
        control_thread_end_sole: SoleStrong => "race",
    }
    value_releases_a_context {
        control_value_releases_release: GiveCount => "race",
        control_queue: QueueIsDone => "wrong number alive",
    }
}

/// A thread ends with frames that nobody left; one of them is shared with a thread that reads on.
pub(crate) fn thread_ends_with_frames_entered() {
    let alive = Alive::default();
    let theirs = alive.clone();
    let other = spawn(move || {
        std::mem::forget(B.enter(theirs.value(1)));
        std::mem::forget(A.enter(theirs.value(2)));
        let context = Context::current();
        std::mem::forget(A.enter(theirs.value(3)));
        context
    });
    // The end of the thread comes after it can be joined: here it races with what follows.
    let context = other.join().unwrap();
    assert_eq!(context.get(&A).map(Value::number), Some(2));
    assert_eq!(context.get(&B).map(Value::number), Some(1));
}

/// A value owns the context of another, which owns one too; two threads let go of the outermost at
/// once.
pub(crate) fn value_releases_a_context() {
    let alive = Alive::default();
    let innermost = Context::empty().with(&A, alive.value(1));
    let middle = Context::empty().with(&B, alive.keeping(2, innermost.clone()));
    let outermost = Context::empty().with(&C, alive.keeping(3, middle));
    let theirs = outermost.clone();
    let other = spawn(move || {
        assert_eq!(theirs.get(&C).map(Value::number), Some(3));
        drop(theirs);
    });
    drop(outermost);
    assert_eq!(innermost.get(&A).map(Value::number), Some(1));
    drop(innermost);
    other.join().unwrap();
    alive.all_ended();
}
