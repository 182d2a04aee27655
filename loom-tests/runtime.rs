//! Models of the executor: no task ever sees another's value, however it moves and ends.

use crate::executor::{Pool, give_way};
use crate::support::{Alive, Model, Value};
use loom::thread::spawn;
use stackholm::{Context, Var};

static A: Var<Value> = Var::new("a");

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

#[test]
fn tasks_migrate_and_see_their_own() {
    Model::bounded("tasks_migrate_and_see_their_own", 2, || {
        let (alive, pool) = (Alive::default(), Pool::new(1));
        pool.spawn_in(Context::empty().with(&A, alive.value(1)), async {
            assert_eq!(A.with(Value::number), 1);
            give_way().await;
            assert_eq!(A.with(Value::number), 1);
        });
        work(&pool);
        assert_eq!(alive.now(), 0);
    })
    .check();
}

#[test]
fn a_task_is_cancelled_while_it_is_polled() {
    Model::bounded("a_task_is_cancelled_while_it_is_polled", 2, || {
        let (alive, pool) = (Alive::default(), Pool::new(1));
        let task = pool.spawn_in(Context::empty().with(&A, alive.value(1)), async {
            assert_eq!(A.with(Value::number), 1);
        });
        let canceller = spawn(move || task.cancel());
        pool.work(0);
        canceller.join().unwrap();
        drop(pool);
        assert_eq!(alive.now(), 0);
    })
    .check();
}

#[test]
fn a_task_that_panics_leaves_the_worker_and_the_task_it_spawned_as_they_were() {
    Model::bounded("a_task_that_panics_leaves_the_worker_and_the_task_it_spawned_as_they_were", 2, || {
        let (alive, pool) = (Alive::default(), Pool::new(1));
        let inner = pool.clone();
        pool.spawn_in(Context::empty().with(&A, alive.value(1)), async move {
            inner.spawn(async { assert_eq!(A.with(Value::number), 1) });
            // Not `panic!`: that would tell the engine that the model has failed.
            std::panic::resume_unwind(Box::new("on purpose"));
        });
        work(&pool);
        assert_eq!(alive.now(), 0);
    })
    .check();
}
