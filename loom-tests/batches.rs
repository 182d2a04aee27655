//! Scopes of several bindings, whose frames share one block: the thread that releases the last of
//! them frees it, once.
//!
//! Under loom an index node has two ways, so such a scope is one of two variables with ids that
//! follow each other. Each model counts the blocks, to be sure that it is about one.

use crate::support::{Alive, Value, models};
use loom::sync::atomic::{AtomicBool, Ordering::Relaxed};
use loom::thread::spawn;
use stackholm::embed::Stack;
use stackholm::proof::blocks;
use stackholm::{Context, Entered, Scope, Var};
use std::future::{Future, pending};
use std::sync::{Arc, Mutex};
use std::task::{self, Waker};

static A: Var<Value> = Var::new("a");
static B: Var<Value> = Var::new("b");
/// Needs no drop, so that what hides it counts what is below.
static N: Var<u32> = Var::new("n");

models! {
    several_left_while_read {
        control_several_left_takes_below: LeaveTakesBelow => "used after its end",
        control_several_left_gives_block: InnerGivesBlock => "leak",
        control_several_left_release: GiveCount => "race",
    }
    several_left_on_what_was_inherited {
        control_several_inherited_takes_below: LeaveTakesBelow => "used after its end",
    }
    several_left_in_a_read {
        control_several_read_strong: AboveStrong => "race",
        control_several_read_looks: TogetherLooks => "race",
    }
    several_shortened_while_left {
        control_several_shortened_gives_block: InnerGivesBlock => "leak",
        control_several_shortened_value: OnlyValue => "race",
        control_several_shortened_looks: TogetherLooks => "used after its end",
        control_several_shortened_release: GiveCount => "race",
        control_several_shortened_sole: SoleCount => "race",
    }
    several_kept_one_by_one {
        control_several_kept_gives_block: InnerGivesBlock => "leak",
        control_several_kept_release: GiveCount => "race",
    }
    several_below_a_whole_index {
        control_several_below_gives_block: InnerGivesBlock => "leak",
        control_several_below_release: GiveCount => "race",
        control_several_below_sole: SoleCount => "race",
    }
    several_known_weakly_while_left {
        control_several_weakly_looks: UpgradeLooks => "used after its end",
        control_several_weakly_takes: DowngradeTakes => "used after its end",
    }
    stack_dropped_while_read {
        control_stack_dropped_release: GiveToOthers => "race",
        control_stack_dropped_looks: LeftToLooks => "wrong number alive",
    }
    future_dropped_while_read {
        control_future_dropped_release: GiveToOthers => "race",
        control_future_dropped_looks: LeftToLooks => "wrong number alive",
    }
}

/// Enters a scope of two variables, in one block.
fn enter(alive: &Alive, a: u32, b: u32) -> Entered {
    let before = blocks();
    let entered = Scope::new().set(&A, alive.value(a)).set(&B, alive.value(b)).enter();
    assert_eq!(blocks(), before + 1, "both lie in one block");
    entered
}

/// Enters a scope of two variables, in one block, on a scope of the first of them.
fn enter_above(alive: &Alive, n: u32, b: u32) -> Entered {
    let before = blocks();
    let entered = Scope::new().set(&N, n).set(&B, alive.value(b)).enter();
    assert_eq!(blocks(), before + 1, "both lie in one block");
    entered
}

fn shows_above(context: &Context, n: u32, b: u32) {
    assert_eq!((context.get(&N), context.get(&B).map(Value::number)), (Some(&n), Some(b)));
}

fn shows(context: &Context, a: u32, b: u32) {
    assert_eq!(context.get(&A).map(Value::number), Some(a));
    assert_eq!(context.get(&B).map(Value::number), Some(b));
}

/// A stack leaves all of a shared scope at once while another thread reads it; what is below stays
/// a while.
pub(crate) fn several_left_while_read() {
    let alive = Alive::default();
    let outer = N.enter(1);
    let inner = enter_above(&alive, 2, 3);
    let context = Context::current();
    let reader = spawn(move || shows_above(&context, 2, 3));
    drop(inner);
    assert_eq!(N.get(), 1);
    assert!(!B.is_bound());
    drop(outer);
    reader.join().unwrap();
    alive.all_ended();
}

/// As before, on a stack that owns the last count of what it inherited.
pub(crate) fn several_left_on_what_was_inherited() {
    let alive = Alive::default();
    let mut stack = Stack::on(Context::empty().with(&N, 1));
    let reader = stack.run(|| {
        let entered = enter_above(&alive, 2, 3);
        let context = Context::current();
        let reader = spawn(move || shows_above(&context, 2, 3));
        drop(entered);
        assert!(!B.is_bound());
        reader
    });
    assert_eq!(stack.get(&N), Some(&1));
    drop(stack);
    reader.join().unwrap();
    alive.all_ended();
}

/// A read keeps the frames while their scope is left: the stack gives back each by itself, while
/// the last context of all of them ends.
pub(crate) fn several_left_in_a_read() {
    let alive = Alive::default();
    let entered = enter(&alive, 1, 2);
    let context = Context::current();
    let reader = spawn(move || shows(&context, 1, 2));
    A.with(|one| {
        drop(entered);
        assert_eq!(one.number(), 1);
    });
    reader.join().unwrap();
    alive.all_ended();
}

/// A shortened context keeps the value of the outer frame alone, and gives it back while the stack,
/// the last to know the inner one, leaves the scope.
pub(crate) fn several_shortened_while_left() {
    let alive = Alive::default();
    let entered = enter(&alive, 1, 2);
    let context = Context::current().with(&B, alive.value(3)).with(&B, alive.value(4));
    // Orders nothing. Without it loom does not try to let the reader end first: it takes what a
    // thread does to a count for independent of another thread's load, if the thread has loaded the
    // count itself since.
    let given = Arc::new(AtomicBool::new(false));
    let seen = given.clone();
    let reader = spawn(move || {
        shows(&context, 1, 4);
        drop(context);
        given.store(true, Relaxed);
    });
    assert_eq!(B.with(Value::number), 2);
    seen.load(Relaxed);
    drop(entered);
    reader.join().unwrap();
    alive.all_ended();
}

/// Two shortened contexts keep one value each, of one block, and give it back at once.
pub(crate) fn several_kept_one_by_one() {
    let alive = Alive::default();
    let entered = enter(&alive, 1, 2);
    let context = Context::current();
    let ours = context.with(&A, alive.value(3)).with(&A, alive.value(4));
    let theirs = context.with(&B, alive.value(5)).with(&B, alive.value(6));
    drop((context, entered));
    let reader = spawn(move || shows(&theirs, 1, 6));
    shows(&ours, 4, 2);
    drop(ours);
    reader.join().unwrap();
    alive.all_ended();
}

/// The frames are the stack's alone: only the value of the outer one is counted, by a scope with a
/// whole index that was captured.
pub(crate) fn several_below_a_whole_index() {
    let alive = Alive::default();
    let entered = enter(&alive, 1, 2);
    let inner = [B.enter(alive.value(3)), B.enter(alive.value(4))];
    let context = Context::current();
    inner.into_iter().rev().for_each(drop);
    let reader = spawn(move || shows(&context, 1, 4));
    assert_eq!(B.with(Value::number), 2);
    drop(entered);
    reader.join().unwrap();
    alive.all_ended();
}

/// A weak context rises, or keeps no more than the block, while the stack leaves the scope.
pub(crate) fn several_known_weakly_while_left() {
    let alive = Alive::default();
    let entered = enter(&alive, 1, 2);
    let weak = Context::current().downgrade();
    let upgrader = spawn(move || {
        if let Some(context) = weak.upgrade() {
            shows(&context, 1, 2);
        }
    });
    drop(entered);
    upgrader.join().unwrap();
    alive.all_ended();
}

/// A stack is dropped with what it entered, all of it captured, while another thread drops the only
/// context.
pub(crate) fn stack_dropped_while_read() {
    let alive = Alive::default();
    let mut stack = Stack::new();
    let context = stack.run(|| {
        std::mem::forget(enter(&alive, 1, 2));
        Context::current()
    });
    let reader = spawn(move || shows(&context, 1, 2));
    assert_eq!(stack.get(&A).map(Value::number), Some(1));
    drop(stack);
    reader.join().unwrap();
    alive.all_ended();
}

/// A future is dropped in the middle of its scope, which is on a scope of others, while another
/// thread drops the context that it captured there.
pub(crate) fn future_dropped_while_read() {
    let alive = Alive::default();
    let outer = N.enter(1);
    let captured = Arc::new(Mutex::new(None));
    let place = captured.clone();
    let (scope, before) = (Scope::new().set(&N, 2).set(&B, alive.value(3)), blocks());
    let mut future = Box::pin(scope.wrap(async move {
        *place.lock().unwrap() = Some(Context::current());
        pending::<()>().await;
    }));
    assert!(future.as_mut().poll(&mut task::Context::from_waker(Waker::noop())).is_pending());
    assert_eq!(blocks(), before + 1, "both lie in one block, which the first poll made");
    let context = captured.lock().unwrap().take().expect("it was captured");
    let reader = spawn(move || shows_above(&context, 2, 3));
    drop(future);
    assert_eq!(N.get(), 1);
    drop(outer);
    reader.join().unwrap();
    alive.all_ended();
}
