//! Tokio's `task::Builder`, which gives names to tasks: by the core wrapper. Only under
//! `RUSTFLAGS="--cfg tokio_unstable"`.
#![cfg(tokio_unstable)]

use stackholm::{Context, ContextExt, Reason, Scope, Var};
use tokio::runtime::{Builder as RuntimeBuilder, Runtime};
use tokio::task::{Builder, JoinHandle, LocalSet, yield_now};

static N: Var<u32> = Var::new("n");
static ON_STACK: Var<u32> = Var::new("on_stack").stays_on_stack();
static IN_CHECKPOINT: Var<u32> = Var::new("in_checkpoint").stays_in_checkpoint();

/// What a job sees of each reach, whether it may set, and why it does not see the second.
type Seen = ([bool; 3], bool, Option<Reason>);

const BARE: Seen = ([false; 3], false, Some(Reason::Unbound));
const DETACHED: Seen = ([false; 3], true, Some(Reason::Unbound));

fn look() -> Seen {
    let bound = [N.is_bound(), ON_STACK.is_bound(), IN_CHECKPOINT.is_bound()];
    (bound, N.set(9).is_ok(), ON_STACK.try_get().err().map(|missing| missing.reason()))
}

async fn look_later() -> Seen {
    yield_now().await;
    look()
}

fn runtime() -> Runtime {
    RuntimeBuilder::new_multi_thread().worker_threads(1).build().unwrap()
}

/// Spawns inside a scope of all reaches; says what the job saw, once the scope is over.
fn seen(runtime: &Runtime, spawn: impl FnOnce(Builder<'static>) -> JoinHandle<Seen>) -> Seen {
    let bind = Scope::new().set(&N, 1).set(&ON_STACK, 2).set(&IN_CHECKPOINT, 3);
    let task = bind.run(|| {
        let _entered = runtime.enter();
        spawn(Builder::new().name("named"))
    });
    runtime.block_on(task).unwrap()
}

fn assert_carried((bound, may_set, reason): Seen) {
    assert_eq!((bound, may_set), ([true, false, false], true));
    assert!(matches!(reason, Some(Reason::NotCarried(_))), "{reason:?}");
}

#[test]
fn a_named_task_carries_detaches_or_starts_empty_as_it_was_wrapped() {
    let runtime = runtime();
    assert_eq!(seen(&runtime, |task| task.spawn(look_later()).unwrap()), BARE);
    assert_carried(seen(&runtime, |task| task.spawn(look_later().in_current_context()).unwrap()));
    assert_eq!(seen(&runtime, |task| task.spawn(look_later().detached()).unwrap()), DETACHED);
    let on = runtime.handle();
    assert_carried(seen(&runtime, |task| {
        task.spawn_on(look_later().in_current_context(), on).unwrap()
    }));
}

#[test]
fn a_named_blocking_job_carries_detaches_or_starts_empty_as_it_was_wrapped() {
    let runtime = runtime();
    assert_eq!(seen(&runtime, |job| job.spawn_blocking(look).unwrap()), BARE);
    assert_carried(seen(&runtime, |job| {
        job.spawn_blocking(Context::current().wrap(look)).unwrap()
    }));
    assert_eq!(
        seen(&runtime, |job| job.spawn_blocking(Context::empty().wrap(look)).unwrap()),
        DETACHED
    );
}

#[test]
fn a_named_local_task_carries_or_detaches_as_it_was_wrapped() {
    let (runtime, local) = (runtime(), LocalSet::new());
    let bind = Scope::new().set(&N, 1).set(&ON_STACK, 2).set(&IN_CHECKPOINT, 3);
    let [carrying, detached] = bind.run(|| {
        let named = || Builder::new().name("named");
        [
            named().spawn_local_on(look_later().in_current_context(), &local).unwrap(),
            named().spawn_local_on(look_later().detached(), &local).unwrap(),
        ]
    });
    N.sync_scope(5, || {
        assert_carried(local.block_on(&runtime, carrying).unwrap());
        assert_eq!(local.block_on(&runtime, detached).unwrap(), DETACHED);
    });
}
