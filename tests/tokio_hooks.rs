//! Tokio's task hooks: tasks that carry without being asked. Only under
//! `RUSTFLAGS="--cfg tokio_unstable"`.
#![cfg(all(feature = "tokio", tokio_unstable))]

use stackholm::tokio_hooks::carry_into_tasks;
use stackholm::{Context, ContextExt, Var};
use std::sync::Arc;
use tokio::runtime::{Builder, Runtime};
use tokio::task::yield_now;

static N: Var<u32> = Var::new("n");
static NEAR: Var<u32> = Var::new("near").stays_on_stack();
static HELD: Var<Arc<()>> = Var::new("held");

fn runtime(threads: usize) -> Runtime {
    carry_into_tasks(Builder::new_multi_thread().worker_threads(threads)).build().unwrap()
}

#[test]
fn without_the_hooks_a_plain_task_starts_empty() {
    let plain = Builder::new_multi_thread().worker_threads(1).build().unwrap();
    let task = N.sync_scope(1, || plain.spawn(async { N.is_bound() }));
    assert!(!plain.block_on(task).unwrap());
}

#[test]
fn plain_tasks_carry_at_each_poll_and_so_do_theirs() {
    let runtime = runtime(2);
    let tasks: Vec<_> = (0..50)
        .map(|n| {
            let task = async move {
                for _ in 0..5 {
                    assert_eq!((N.get(), NEAR.is_bound()), (n, false));
                    N.set(99).unwrap();
                    yield_now().await;
                }
                assert_eq!(tokio::spawn(async { N.get() }).await.unwrap(), n);
            };
            N.sync_scope(n, || NEAR.sync_scope(1, || runtime.spawn(task)))
        })
        .collect();
    tasks.into_iter().for_each(|task| runtime.block_on(task).unwrap());
    let bare = runtime.spawn(async { Context::current().is_empty() });
    assert!(runtime.block_on(bare).unwrap(), "the workers are clean");
}

#[test]
fn what_was_wrapped_or_detached_keeps_to_that() {
    let runtime = runtime(1);
    N.sync_scope(1, || {
        let detached = runtime.spawn(async { N.is_bound() }.detached());
        assert!(!runtime.block_on(detached).unwrap());
        let other = runtime.spawn(async { N.get() }.in_context(Context::empty().with(&N, 2)));
        assert_eq!(runtime.block_on(other).unwrap(), 2);
    });
}

#[test]
fn a_task_that_ends_or_panics_lets_its_values_go_and_leaves_its_worker_clean() {
    let (runtime, held) = (runtime(1), Arc::new(()));
    let task =
        HELD.sync_scope(Arc::clone(&held), || runtime.spawn(async { assert!(HELD.is_bound()) }));
    runtime.block_on(task).unwrap();
    let task = HELD.sync_scope(Arc::clone(&held), || {
        runtime.spawn(async { std::panic::resume_unwind(Box::new(1)) })
    });
    assert!(runtime.block_on::<_>(task).map(|()| ()).is_err());
    let clean = runtime.spawn(async { Context::current().is_empty() });
    assert!(runtime.block_on(clean).unwrap());
    drop(runtime);
    assert_eq!(Arc::strong_count(&held), 1);
}
