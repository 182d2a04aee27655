//! Models of the executor: no task ever sees another's value, on whatever worker it runs and ends.

use crate::executor::{Pool, give_way};
use crate::support::{Alive, Value, models};
use loom::thread::spawn;
use stackholm::{Context, Var};

static A: Var<Value> = Var::new("a");
static B: Var<Value> = Var::new("b");

models! {
    tasks_migrate_and_see_their_own {
        control_worker_is_left_as_it_was: SwapsBack => "used after its end",
    }
    a_task_is_cancelled_while_it_is_polled {
        control_cancelled_task_gives_its_context: GiveCount => "race",
        control_cancelled_task_takes_its_context: CloneTakes => "used after its end",
    }
    a_task_that_panics_leaves_the_worker_and_the_task_it_spawned_as_they_were {
        control_spawned_task_takes_its_context: CaptureTakes => "used after its end",
        control_worker_is_left_as_it_was_by_a_panic: SwapsBack => "used after its end",
    }
}

/// Two workers, one of them this thread, until all is done.
fn work(pool: &std::sync::Arc<Pool>) {
    let theirs = pool.clone();
    let other = spawn(move || {
        theirs.work(1);
        assert!(!A.is_bound());
    });
    pool.work(0);
    assert!(!A.is_bound());
    other.join().unwrap();
}

/// A task binds, captures and gives way, and is polled on by either worker.
pub(crate) fn tasks_migrate_and_see_their_own() {
    let (alive, pool) = (Alive::default(), Pool::new(1));
    let inside = alive.clone();
    pool.spawn_in(Context::empty().with(&A, alive.value(1)), async move {
        assert_eq!(A.with(Value::number), 1);
        std::mem::forget(B.enter(inside.value(2)));
        let captured = Context::current();
        give_way().await;
        assert_eq!((A.with(Value::number), B.with(Value::number)), (1, 2));
        assert_eq!(captured.get(&B).map(Value::number), Some(2));
    });
    work(&pool);
    alive.all_ended();
}

/// A task is cancelled before, in or after its only poll, by a thread that has its context too.
pub(crate) fn a_task_is_cancelled_while_it_is_polled() {
    let (alive, pool) = (Alive::default(), Pool::new(1));
    let context = Context::empty().with(&A, alive.value(1));
    let inside = alive.clone();
    let task = pool.spawn_in(context.clone(), async move {
        std::mem::forget(B.enter(inside.value(2)));
        assert_eq!((A.with(Value::number), B.with(Value::number)), (1, 2));
    });
    let canceller = spawn(move || {
        task.cancel();
        assert_eq!(context.get(&A).map(Value::number), Some(1));
    });
    pool.work(0);
    assert!(!A.is_bound());
    canceller.join().unwrap();
    drop(pool);
    alive.all_ended();
}

/// A task spawns another, which inherits, and panics.
pub(crate) fn a_task_that_panics_leaves_the_worker_and_the_task_it_spawned_as_they_were() {
    let (alive, pool) = (Alive::default(), Pool::new(1));
    let inner = pool.clone();
    pool.spawn_in(Context::empty().with(&A, alive.value(1)), async move {
        inner.spawn(async { assert_eq!(A.with(Value::number), 1) });
        // Not `panic!`: that would tell the engine that the model has failed.
        std::panic::resume_unwind(Box::new("on purpose"));
    });
    work(&pool);
    alive.all_ended();
}
