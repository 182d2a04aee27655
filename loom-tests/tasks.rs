//! Tasks: a stack that is polled on one thread and then on another, and one that is dropped while
//! others run.
//!
//! The word that says whether a worker is polling is part of the model: it belongs to a runtime,
//! not to the library. The library owes the rest: once `run` has returned, nothing of the task is
//! left on the thread, and everything that it entered is on the stack.
#![expect(unsafe_code, reason = "a task hands its stack from thread to thread, as a runtime does")]

use crate::support::{Alive, Value, models};
use loom::cell::UnsafeCell;
use loom::sync::atomic::{AtomicUsize, Ordering::*};
use loom::thread::spawn;
use stackholm::embed::Stack;
use stackholm::{Context, Var};
use std::mem::ManuallyDrop;
use std::sync::Arc;

static A: Var<Value> = Var::new("a");
static B: Var<Value> = Var::new("b");

models! {
    polled_here_then_there {
        control_stack_is_swapped_out: SwapsBack => "assertion",
    }
    woken_before_swapped_out {
        control_woken_stack_is_swapped_out: SwapsBack => "assertion",
    }
    cancelled_while_polled {
        control_cancelled_stack_is_swapped_out: SwapsBack => "used after its end",
    }
}

#[test]
#[should_panic(expected = "race")]
fn control_woken_task_is_free_too_early() {
    crate::support::Model::new("", 1, || woken(Free::WhilePolling)).check_broken();
}

#[test]
#[should_panic(expected = "race")]
fn control_woken_task_is_published_relaxed() {
    crate::support::Model::new("", 1, || woken(Free::Relaxed)).check_broken();
}

#[test]
#[should_panic(expected = "race")]
fn control_cancelled_task_is_dropped_at_once() {
    crate::support::Model::new("", 1, || cancelled(Cancel::AtOnce)).check_broken();
}

const IDLE: usize = 0;
const POLLING: usize = 1;
const WOKEN: usize = 2;
const CANCELLED: usize = 3;

struct Task {
    state: AtomicUsize,
    /// Not dropped with the task: a model that failed must not touch loom any more.
    stack: UnsafeCell<Option<ManuallyDrop<Stack>>>,
}

// SAFETY: who brought the state from idle to polling has the stack; loom checks it.
unsafe impl Send for Task {}
// SAFETY: as above.
unsafe impl Sync for Task {}

impl Task {
    fn new(context: Context) -> Arc<Task> {
        Arc::new(Task {
            state: AtomicUsize::new(IDLE),
            stack: UnsafeCell::new(Some(ManuallyDrop::new(Stack::on(context)))),
        })
    }

    fn run<R>(&self, f: impl FnOnce() -> R) -> R {
        // SAFETY: see `Task`; loom fails the model if two threads are here, or one is not seen by
        // the next.
        self.stack.with_mut(|stack| unsafe { (*stack).as_mut() }.expect("not cancelled").run(f))
    }

    fn end(&self) {
        // SAFETY: as in `run`.
        let stack = self.stack.with_mut(|stack| unsafe { (*stack).take() });
        drop(stack.map(ManuallyDrop::into_inner));
    }
}

/// Two polls on two threads, whichever comes first: what it entered and forgot is there in the
/// other, and on no thread besides.
pub(crate) fn polled_here_then_there() {
    let alive = Alive::default();
    let task = Task::new(Context::empty().with(&A, alive.value(1)));
    let poll = |task: &Task, alive: &Alive| {
        while task.state.compare_exchange(IDLE, POLLING, AcqRel, Acquire).is_err() {
            loom::thread::yield_now();
        }
        let first = task.run(|| {
            assert_eq!(A.with(Value::number), 1);
            let first = !B.is_bound();
            if first {
                std::mem::forget(B.enter(alive.value(2)));
            }
            assert_eq!(B.with(Value::number), 2);
            first
        });
        assert!(!A.is_bound());
        task.state.store(IDLE, Release);
        first
    };
    let (theirs, inside) = (task.clone(), alive.clone());
    let other = spawn(move || {
        let first = poll(&theirs, &inside);
        assert!(!B.is_bound());
        first
    });
    let entered = B.enter(alive.value(3));
    let ours = poll(&task, &alive);
    assert_eq!(B.with(Value::number), 3);
    drop(entered);
    assert_ne!(other.join().unwrap(), ours, "one of them is the first");
    task.end();
    alive.all_ended();
}

/// When a task that was polled may be taken by others.
#[derive(Clone, Copy, PartialEq)]
enum Free {
    /// When its stack is swapped out, with a release.
    AfterPoll,
    /// Not with a release.
    Relaxed,
    /// Already as it is woken.
    WhilePolling,
}

/// The first poll wakes the task on another thread before its stack has been swapped out.
pub(crate) fn woken_before_swapped_out() {
    woken(Free::AfterPoll);
}

fn woken(free: Free) {
    let alive = Alive::default();
    let task = Task::new(Context::empty().with(&A, alive.value(1)));
    task.state.store(POLLING, Relaxed);
    let theirs = task.clone();
    let poll_again = move |task: &Task| {
        task.run(|| assert_eq!((A.with(Value::number), B.with(Value::number)), (1, 2)));
        task.end();
    };
    let other = spawn(move || {
        // The waker: the one who finds the task idle polls it; else the one who polls it does so
        // again.
        match theirs.state.compare_exchange(IDLE, POLLING, Acquire, Acquire) {
            Ok(_) => poll_again(&theirs),
            Err(_) => {
                if theirs.state.compare_exchange(POLLING, WOKEN, AcqRel, Acquire).is_err() {
                    assert_eq!(theirs.state.swap(POLLING, Acquire), IDLE);
                    poll_again(&theirs);
                }
            }
        }
    });
    task.run(|| {
        std::mem::forget(B.enter(alive.value(2)));
        if free == Free::WhilePolling {
            let _ = task.state.compare_exchange(POLLING, IDLE, AcqRel, Acquire);
        }
        assert_eq!(A.with(Value::number), 1);
    });
    assert!(!A.is_bound());
    let order = if free == Free::Relaxed { Relaxed } else { AcqRel };
    if free != Free::WhilePolling
        && task.state.compare_exchange(POLLING, IDLE, order, Acquire) == Err(WOKEN)
    {
        poll_again(&task);
    }
    other.join().unwrap();
    alive.all_ended();
}

/// Who drops a task that is cancelled.
#[derive(Clone, Copy, PartialEq)]
enum Cancel {
    /// Whoever polls it, once it is done; who cancels it, if nobody does.
    InTurn,
    /// Who cancels it.
    AtOnce,
}

/// A task is cancelled while it is polled, before, or after.
pub(crate) fn cancelled_while_polled() {
    cancelled(Cancel::InTurn);
}

fn cancelled(cancel: Cancel) {
    let alive = Alive::default();
    let task = Task::new(Context::empty().with(&A, alive.value(1)));
    let theirs = task.clone();
    let inside = alive.clone();
    let canceller = spawn(move || {
        if theirs.state.swap(CANCELLED, AcqRel) == IDLE || cancel == Cancel::AtOnce {
            theirs.end();
        }
    });
    if task.state.compare_exchange(IDLE, POLLING, AcqRel, Acquire).is_ok() {
        task.run(|| {
            std::mem::forget(B.enter(inside.value(2)));
            assert_eq!(A.with(Value::number), 1);
        });
        if task.state.compare_exchange(POLLING, IDLE, AcqRel, Acquire).is_err() {
            task.end();
        }
    }
    canceller.join().unwrap();
    assert!(!A.is_bound() && !B.is_bound());
    alive.all_ended();
}
