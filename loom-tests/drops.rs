//! Values that act as they are dropped: on any thread, with the stack that is current there.

use crate::support::{Alive, Value, models};
use loom::thread::spawn;
use stackholm::{Checkpoint, Context, Entered, Var};
use std::cell::RefCell;
use std::mem::ManuallyDrop;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

static A: Var<Value> = Var::new("a");
static B: Var<Value> = Var::new("b");
static N: Var<u32> = Var::new("n");

models! {
    value_enters_as_it_ends {
        control_value_enters_release: GiveCount => "race",
        control_value_enters_acquire: LastCount => "race",
    }
    value_leaves_as_it_ends {
        control_value_leaves_takes_parent: LeaveTakesParent => "used after its end",
        control_value_leaves_leave_looks: LeaveLooks => "used after its end",
    }
    value_sets_as_it_ends {
        control_value_sets_release: GiveCount => "race",
    }
    value_panics_as_it_ends {
        control_value_panics_rest_is_done: RestIsDone => "wrong number alive",
        control_value_panics_release: GiveCount => "race",
    }
}

/// Does something as it is dropped.
struct AtEnd<F: Fn()>(F);

impl<F: Fn()> Drop for AtEnd<F> {
    fn drop(&mut self) {
        if !stackholm::proof::has_failed() {
            (self.0)();
        }
    }
}

/// A value enters a scope and captures it as it ends, on the thread of its stack or that of its
/// last context.
pub(crate) fn value_enters_as_it_ends() {
    let alive = Alive::default();
    let captured = Arc::new(Mutex::new(None));
    let (place, inside) = (captured.clone(), alive.clone());
    let acts = AtEnd(move || {
        let context = B.sync_scope(inside.value(2), || {
            assert_eq!((A.is_bound(), B.with(Value::number)), (false, 2));
            Context::current()
        });
        *place.lock().unwrap() = Some(context);
    });
    let entered = A.enter(alive.keeping(1, acts));
    let context = Context::current();
    let other = spawn(move || {
        assert_eq!(context.get(&A).map(Value::number), Some(1));
        drop(context);
        assert!(!B.is_bound());
    });
    drop(entered);
    assert!(!A.is_bound() && !B.is_bound());
    other.join().unwrap();
    let context = captured.lock().unwrap().take().expect("the value has ended");
    assert_eq!(context.get(&B).map(Value::number), Some(2));
    drop(context);
    alive.all_ended();
}

loom::thread_local! {
    /// What a value leaves as it ends, if that is on the thread that entered it. Loom must not be
    /// touched by what a model that failed left there.
    static GUARD: RefCell<Option<ManuallyDrop<Entered>>> = RefCell::new(None);
}

/// Leaves it; says whether it was there.
fn leave_below() -> bool {
    let guard = GUARD.with(RefCell::take).map(ManuallyDrop::into_inner);
    let was_there = guard.is_some();
    drop(guard);
    was_there
}

/// A value leaves the scope below its own as it ends, if it ends on the thread of its stack; else
/// nothing.
pub(crate) fn value_leaves_as_it_ends() {
    let alive = Alive::default();
    let below = B.enter(alive.value(1));
    GUARD.with(|guard| guard.replace(Some(ManuallyDrop::new(below))));
    let acts = AtEnd(|| {
        let was_bound = B.is_bound();
        assert_eq!(leave_below(), was_bound);
    });
    let entered = A.enter(alive.keeping(2, acts));
    let context = Context::current();
    let other = spawn(move || {
        assert_eq!(context.get(&A).map(Value::number), Some(2));
        assert_eq!(context.get(&B).map(Value::number), Some(1));
    });
    drop(entered);
    assert!(!A.is_bound());
    leave_below();
    assert!(!B.is_bound());
    other.join().unwrap();
    alive.all_ended();
}

/// A value changes the checkpoint that it ends in: that of its own stack, or that of whoever has
/// the last context.
pub(crate) fn value_sets_as_it_ends() {
    let alive = Alive::default();
    let set = Arc::new(AtomicUsize::new(0));
    let (times, inside) = (set.clone(), alive.clone());
    let acts = AtEnd(move || {
        B.set(inside.value(2)).expect("it is open");
        times.fetch_add(1, Relaxed);
    });
    let checkpoint = Checkpoint::enter();
    let entered = A.enter(alive.keeping(1, acts));
    let context = Context::current();
    let other = spawn(move || {
        let checkpoint = Checkpoint::enter();
        drop(context);
        let set = B.is_bound();
        drop(checkpoint);
        assert!(!B.is_bound());
        set
    });
    drop(entered);
    let ours = B.is_bound();
    drop(checkpoint);
    assert!(!B.is_bound());
    let theirs = other.join().unwrap();
    assert_eq!((usize::from(ours) + usize::from(theirs), set.load(Relaxed)), (1, 1));
    alive.all_ended();
}

/// The drop of a value panics on the thread that gives its last count; what is below ends all the
/// same, and so does what that thread does next.
pub(crate) fn value_panics_as_it_ends() {
    let alive = Alive::default();
    // Not `panic!`: that would tell the engine that the model has failed.
    let panics = AtEnd(|| resume_unwind(Box::new("on purpose")));
    let ours = Context::empty().with(&B, alive.value(1)).with(&A, alive.keeping(2, panics));
    let theirs = ours.clone();
    let other = spawn(move || {
        assert_eq!(theirs.get(&B).map(Value::number), Some(1));
        let panicked = catch_unwind(AssertUnwindSafe(|| drop(theirs))).is_err();
        N.sync_scope(3, || assert_eq!((N.get(), A.is_bound()), (3, false)));
        panicked
    });
    assert_eq!(ours.get(&A).map(Value::number), Some(2));
    let ours = catch_unwind(AssertUnwindSafe(|| drop(ours))).is_err();
    assert_ne!(other.join().unwrap(), ours, "one of them has ended it");
    alive.all_ended();
}
