//! The programs that people bring along, mostly from task-locals, each as it was written.

use crate::common::{Count, Counted, finish, pause, poll};
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, join_all};
use futures_util::stream::{FuturesUnordered, StreamExt};
use stackholm::{Checkpoint, Context, ContextExt, Misuse, Scope, Var};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;

static OUTER: Var<u8> = Var::new("outer");
static INNER: Var<u8> = Var::new("inner");
static TENANT: Var<&str> = Var::with_default("tenant", || "default");
static LEVEL: Var<u8> = Var::with_default("level", || 0);

async fn both() -> (Option<u8>, Option<u8>) {
    (OUTER.try_get().ok(), INNER.try_get().ok())
}

#[test]
fn a_scope_made_in_the_argument_of_another_nests_in_it() {
    assert!(finish(OUTER.scope(1, INNER.scope(2, async { OUTER.is_bound() }))));
    assert_eq!(finish(OUTER.scope(1, INNER.scope(2, both()))), (Some(1), Some(2)));
    // The nearest one wins, and an outer one of the place where it is made is not seen.
    let nested = OUTER.sync_scope(9, || OUTER.scope(1, INNER.scope(2, OUTER.scope(3, both()))));
    assert_eq!(finish(nested), (Some(3), Some(2)));
    assert_eq!(finish(OUTER.scope(1, Checkpoint::wrap(both()))), (Some(1), None));
    assert_eq!(
        finish(Scope::new().set(&OUTER, 1).wrap(Checkpoint::prepare().set(&INNER, 2).wrap(both()))),
        (Some(1), Some(2))
    );
}

#[test]
fn a_helper_that_returns_a_scope_sees_what_its_caller_binds_around_it() {
    fn helper<F: Future>(future: F) -> impl Future<Output = F::Output> {
        INNER.scope(2, future)
    }
    let seen = OUTER.sync_scope(0, || OUTER.scope(1, helper(both())));
    assert_eq!(finish(seen), (Some(1), Some(2)));
}

#[test]
fn joined_jobs_that_were_bound_elsewhere_see_the_tenant_they_are_joined_for() {
    let jobs: Vec<_> = (0..2).map(|i| INNER.scope(i, async { TENANT.get() })).collect();
    assert_eq!(finish(TENANT.scope("acme", join_all(jobs))), ["acme"; 2]);
    let jobs: FuturesUnordered<_> =
        (0..2).map(|i| INNER.scope(i, async { TENANT.get() })).collect();
    assert_eq!(finish(TENANT.scope("acme", jobs.collect::<Vec<_>>())), ["acme"; 2]);
}

/// A service of one's own, as a middleware of actix or tower is written.
trait Serve {
    fn call(&self) -> BoxFuture<'static, (Option<u8>, Option<u8>)>;
}

struct Handler;

impl Serve for Handler {
    fn call(&self) -> BoxFuture<'static, (Option<u8>, Option<u8>)> {
        both().boxed()
    }
}

struct Bind<S>(&'static Var<u8>, u8, S);

impl<S: Serve> Serve for Bind<S> {
    fn call(&self) -> BoxFuture<'static, (Option<u8>, Option<u8>)> {
        Box::pin(self.0.scope(self.1, self.2.call()))
    }
}

#[test]
fn middlewares_written_as_services_show_each_its_variable() {
    assert_eq!(finish(Bind(&OUTER, 1, Bind(&INNER, 2, Handler)).call()), (Some(1), Some(2)));
    assert_eq!(finish(Bind(&INNER, 2, Bind(&OUTER, 1, Handler)).call()), (Some(1), Some(2)));
    assert_eq!(finish(Bind(&OUTER, 1, Bind(&OUTER, 2, Handler)).call()), (Some(2), None));
}

#[test]
fn a_scope_that_is_spawned_bare_carries_its_own_binding_and_nothing_else() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let _runtime = runtime.enter();
    let held = Count::default();
    static HELD: Var<Counted> = Var::new("held");
    let task = HELD
        .sync_scope(held.value(), || OUTER.sync_scope(1, || tokio::spawn(INNER.scope(2, both()))));
    assert_eq!(held.alive(), 0, "nothing of the spawner is kept");
    assert_eq!(runtime.block_on(task).unwrap(), (None, Some(2)));
    let task = OUTER.sync_scope(1, || stackholm::tokio::spawn(INNER.scope(2, both())));
    assert_eq!(runtime.block_on(task).unwrap(), (Some(1), Some(2)));
}

#[test]
#[cfg(debug_assertions)]
fn what_is_lost_by_a_bare_spawn_of_a_scope_is_said_to_be() {
    use stackholm::Reason;

    static USER: Var<&str> = Var::new("user");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
    let _runtime = runtime.enter();
    let why = async || USER.require().unwrap_err().reason();
    let tasks = USER.sync_scope("ada", || {
        [
            tokio::spawn(INNER.scope(2, why())),
            tokio::spawn(
                OUTER.scope(1, async move { INNER.scope(2, Checkpoint::wrap(why())).await }),
            ),
            tokio::spawn(INNER.scope(2, why()).detached()),
            tokio::spawn(INNER.scope(2, why().detached())),
        ]
    });
    for (task, bare) in tasks.into_iter().zip([true, true, false, false]) {
        let reason = runtime.block_on(task).unwrap();
        assert_eq!(
            (matches!(reason, Reason::NotHanded(_)), matches!(reason, Reason::Detached(_))),
            (bare, !bare)
        );
    }
}

#[test]
fn what_is_set_in_an_open_checkpoint_is_there_at_the_next_poll_and_nowhere_else() {
    let job = Checkpoint::wrap(async {
        INNER.set(OUTER.get() + 1).unwrap();
        pause().await;
        INNER.set(INNER.get() + 1).unwrap();
        pause().await;
        INNER.get()
    });
    assert_eq!(finish(OUTER.scope(1, async { (job.await, INNER.is_bound()) })), (3, false));
}

#[test]
fn a_scope_keeps_what_it_saw_at_its_first_poll() {
    let mut job = Box::pin(INNER.scope(2, async {
        let first = both().await;
        pause().await;
        (first, both().await)
    }));
    assert!(OUTER.sync_scope(1, || poll(&mut job)).is_pending());
    let later = OUTER.sync_scope(7, || poll(&mut job));
    assert_eq!(later, std::task::Poll::Ready(((Some(1), Some(2)), (Some(1), Some(2)))));
}

/// An async block that leaves its closure is outside of the scope: nothing can tell. The page says
/// so.
#[test]
fn an_async_block_that_leaves_a_sync_scope_is_polled_outside_of_it() {
    assert_eq!(finish(LEVEL.sync_scope(3, || async { LEVEL.get() })), 0);
    assert_eq!(finish(LEVEL.sync_scope(3, || async { LEVEL.get() }.in_current_context())), 3);
    assert_eq!(finish(LEVEL.scope(3, async { LEVEL.get() })), 3);
    let page = include_str!("../../docs/binding.md");
    assert!(page.contains("`sync_scope(value, || async { … })`"), "the page says so");
}

static NAME: Var<&str> = Var::new("name");

async fn guarded(name: &'static str, naps: u32) -> Vec<Option<&'static str>> {
    let _guard = NAME.enter(name);
    let mut seen = vec![];
    for _ in 0..naps {
        pause().await;
        seen.push(NAME.try_get().ok());
    }
    seen
}

async fn bound(name: &'static str, naps: u32) -> Vec<Option<&'static str>> {
    let branch = async {
        let mut seen = vec![];
        for _ in 0..naps {
            pause().await;
            seen.push(NAME.try_get().ok());
        }
        seen
    };
    NAME.scope(name, branch).await
}

/// What happened to guards on this thread.
static MISUSED: Mutex<Vec<(std::thread::ThreadId, Misuse)>> = Mutex::new(Vec::new());

#[test]
fn branches_that_bind_see_their_own_and_guards_over_awaits_in_branches_are_counted_as_misuse() {
    stackholm::on_misuse(|misuse| {
        MISUSED.lock().unwrap().push((std::thread::current().id(), misuse))
    })
    .unwrap();
    let (a, b) = finish(async { tokio::join!(bound("a", 1), bound("b", 3)) }.detached());
    assert_eq!((a, b), (vec![Some("a")], vec![Some("b"); 3]));

    let me = std::thread::current().id();
    let mine = || {
        MISUSED
            .lock()
            .unwrap()
            .iter()
            .filter(|(thread, _)| *thread == me)
            .map(|(_, it)| *it)
            .collect::<Vec<_>>()
    };
    assert_eq!(mine(), []);
    let (a, b) = finish(async { tokio::join!(guarded("a", 1), guarded("b", 3)) }.detached());
    // The branches share one stack, as callees would: this is what the page warns of.
    assert_eq!((a, b), (vec![Some("b")], vec![Some("b"), None, None]));
    assert_eq!(mine(), [Misuse::LeftWithInner, Misuse::NotHere]);
    assert!(Context::current().is_empty());
    // Each branch on a stack of its own.
    let apart = async {
        tokio::join!(Checkpoint::wrap(guarded("a", 1)), Checkpoint::wrap(guarded("b", 3)))
    };
    assert_eq!(finish(apart.detached()), (vec![Some("a")], vec![Some("b"); 3]));
}

#[test]
fn a_future_lets_go_of_all_it_holds_when_it_is_ready() {
    static HELD: Var<Counted> = Var::new("held");
    let (outside, inside) = (Count::default(), Count::default());
    let captured = inside.value();
    let mut future = Box::pin(HELD.scope(outside.value(), async move {
        let _captured = &captured;
        pause().await;
    }));
    assert!(poll(&mut future).is_pending());
    assert_eq!((outside.alive(), inside.alive()), (1, 1));
    assert!(poll(&mut future).is_ready());
    assert_eq!((outside.alive(), inside.alive()), (0, 0), "the wrapper is still there");
    let again = catch_unwind(AssertUnwindSafe(|| poll(&mut future))).unwrap_err();
    assert!(again.downcast_ref::<&str>().unwrap().contains("after it was ready"));
    assert!(future.as_mut().context().is_empty());
}

#[test]
fn what_is_never_polled_binds_where_it_is_dropped() {
    struct Witness<'a>(&'a Mutex<Vec<(Option<u8>, Option<u8>)>>);
    impl Drop for Witness<'_> {
        fn drop(&mut self) {
            self.0.lock().unwrap().push((OUTER.try_get().ok(), INNER.try_get().ok()));
        }
    }
    let seen = Mutex::new(Vec::new());
    let witness = Witness(&seen);
    let future = OUTER.sync_scope(1, || INNER.scope(2, async { drop(witness) }));
    OUTER.sync_scope(7, || drop(future));
    assert_eq!(*seen.lock().unwrap(), [(Some(7), Some(2))]);
    // Taken out, it is as if it had never been wrapped.
    let unwrapped = INNER.scope(2, Witness(&seen)).into_inner();
    drop(unwrapped);
    assert_eq!(seen.lock().unwrap()[1], (None, None));
}

#[test]
fn a_scope_that_is_never_polled_gives_its_value_back() {
    static HELD: Var<Counted> = Var::new("held");
    let held = Count::default();
    drop(HELD.scope(held.value(), pause()));
    drop(HELD.scope(held.value(), pause()).into_inner());
    drop(Scope::new().set(&HELD, held.value()).wrap(pause()));
    drop(Checkpoint::prepare().set(&HELD, held.value()).wrap(pause()));
    assert_eq!(held.alive(), 0);
}
