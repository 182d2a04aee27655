//! Ends: of threads that forgot to leave, and of values that drop others.

use crate::support::{Alive, Value, models};
use loom::sync::mpsc::{Sender, channel};
use loom::thread::spawn;
use stackholm::{Context, Var};
use std::cell::Cell;

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
    values_end_where_there_is_no_slot {
        control_overflow_enter: OverflowEnter => "wrong number alive",
        control_overflow_done: OverflowDone => "wrong number alive",
        control_overflow_push: OverflowPush => "race",
        control_overflow_look: OverflowLook => "race",
        control_overflow_take: OverflowTake => "race",
        control_overflow_stays: OverflowStays => "wrong number alive",
    }
}

#[test]
#[ignore = "takes minutes"]
fn values_end_in_every_order() {
    crate::table::model("values_end_where_there_is_no_slot").check_all();
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

/// What a thread lets go of when its slot is gone, and says so.
struct Last {
    context: Cell<Option<Context>>,
    gone: Cell<Option<Sender<()>>>,
}

impl Drop for Last {
    fn drop(&mut self) {
        assert!(!A.is_bound(), "the slot is gone");
        drop(self.context.take());
        if let Some(gone) = self.gone.take() {
            // Whoever waits for it is there.
            let _ = gone.send(());
        }
    }
}

loom::thread_local! {
    static LAST: Last = Last { context: Cell::new(None), gone: Cell::new(None) };
}

/// Two threads let go of contexts where no thread counts how many lists nest. In one of them a
/// value holds a context: of three lists that are worked off, one at a time, some are left to the
/// other thread, or to the list around them.
pub(crate) fn values_end_where_there_is_no_slot() {
    let alive = Alive::default();
    let (gone, all_gone) = channel();
    let ends = |context| {
        let (gone, first) = (gone.clone(), alive.value(0));
        spawn(move || {
            // A thread's end takes away only what the thread has used.
            drop(Context::empty().with(&A, first));
            LAST.with(|last| {
                last.context.set(Some(context));
                last.gone.set(Some(gone));
            });
        });
    };
    let inner = Context::empty().with(&A, alive.value(1));
    ends(Context::empty().with(&B, alive.keeping(2, inner)));
    ends(Context::empty().with(&C, alive.value(3)));
    all_gone.recv().unwrap();
    all_gone.recv().unwrap();
    alive.all_ended();
}
