//! What the documents of Python's `xlocal` promise, sentence by sentence, and the faults it must
//! not bring back.
//!
//! The original's attributes are variables here, its managers are scopes, its greenlets are tasks.

use futures_util::future::join;
use futures_util::stream::StreamExt;
use stackholm::{Checkpoint, Context, ContextExt, Reason, Scope, Var};
use std::panic::catch_unwind;
use std::pin::pin;
use std::sync::{Arc, Barrier};
use std::task::Poll;
use std::thread;
use tokio::task::yield_now;

#[test]
fn an_invoked_function_cannot_change_the_binding_of_the_one_that_invoked_it() {
    static X: Var<i32> = Var::new("x");
    fn invoked() {
        assert!(X.set(2).is_err() && X.unset().is_err() && X.pop().is_err() && X.reset().is_err());
        X.sync_scope(3, || assert_eq!(X.get(), 3));
        Checkpoint::run(|| {
            X.set(4).unwrap();
            X.unset().unwrap();
            assert!(!X.is_bound());
        });
        std::mem::forget(X.enter(5));
    }
    let outer = X.enter(0);
    X.sync_scope(1, || {
        Scope::new().run(invoked);
        assert_eq!(X.get(), 1, "what it forgot ended with the block it was called in");
    });
    assert_eq!(X.get(), 0);
    outer.leave();
    assert!(!X.is_bound());
}

#[test]
fn a_binding_exists_in_a_block_and_everything_it_calls_and_nowhere_else() {
    static X: Var<i32> = Var::new("x");
    fn output() -> Option<i32> {
        X.try_get().ok()
    }
    assert_eq!(output(), None);
    X.sync_scope(1, || assert_eq!((X.get(), output()), (1, Some(1))));
    assert_eq!(output(), None);
}

#[test]
fn a_binding_does_not_leak_from_a_block_that_panics() {
    static X: Var<i32> = Var::new("x");
    let outcome =
        catch_unwind(|| Scope::new().set(&X, 1).run(|| X.sync_scope(2, || panic!("on purpose"))));
    assert!(outcome.is_err());
    assert!(!X.is_bound());
}

#[test]
fn a_binding_does_not_leak_to_other_threads() {
    static X: Var<i32> = Var::new("x");
    X.sync_scope(1, || {
        assert!(thread::spawn(|| X.try_get()).join().unwrap().is_err());
        assert_eq!(X.get(), 1);
    });
}

#[tokio::test]
async fn a_binding_does_not_leak_to_other_tasks() {
    static X: Var<i32> = Var::new("x");
    let holds = X.scope(1, async {
        for _ in 0..3 {
            yield_now().await;
            assert_eq!(X.get(), 1);
        }
        tokio::spawn(async { X.is_bound() }).await.unwrap()
    });
    let looks = async {
        for _ in 0..3 {
            assert!(!X.is_bound());
            yield_now().await;
        }
    };
    let (leaked, ()) = join(holds, looks).await;
    assert!(!leaked);
}

#[test]
fn a_manager_binds_nothing_before_it_is_entered() {
    static X: Var<i32> = Var::new("x");
    let manager = Scope::new().set(&X, 1);
    assert!(!X.is_bound());
    manager.run(|| assert_eq!(X.get(), 1));
    assert!(!X.is_bound());
}

#[test]
fn one_manager_sets_several_attributes_at_once_and_resets_them_together() {
    static X: Var<i32> = Var::new("x");
    static Y: Var<&str> = Var::new("y");
    static Z: Var<bool> = Var::new("z");
    let _outer = Y.enter("outer");
    Scope::new().set(&X, 1).set(&Y, "inner").set(&Z, true).run(|| {
        assert_eq!((X.get(), Y.get(), Z.get()), (1, "inner", true));
    });
    assert_eq!((X.is_bound(), Y.get(), Z.is_bound()), (false, "outer", false));
}

#[test]
fn outside_the_block_reading_is_an_error_that_names_the_variable() {
    static X: Var<i32> = Var::new("x");
    X.sync_scope(1, || {});
    let missing = X.try_get().unwrap_err();
    assert_eq!((missing.name(), missing.reason()), ("x", Reason::Unbound));
    assert!(missing.to_string().contains("`x`"));
    let panic = catch_unwind(|| X.get()).unwrap_err();
    // Debug builds say more.
    let panic = *panic.downcast::<String>().unwrap();
    assert!(panic.starts_with("the variable `x` ") && panic.ends_with("has no default"), "{panic}");
}

#[test]
fn setting_directly_is_not_allowed() {
    static X: Var<i32> = Var::new("x");
    assert_eq!(X.set(1).unwrap_err().into_value(), 1);
    X.sync_scope(2, || {
        let error = X.set(3).unwrap_err();
        assert_eq!(error.error().sealed_at().map(|place| place.file()), Some(file!()));
        assert_eq!((error.into_value(), X.get()), (3, 2));
    });
    assert!(!X.is_bound());
}

#[test]
fn another_module_reuses_the_function_with_a_binding_of_its_own() {
    static X: Var<i32> = Var::new("x");
    fn output() -> String {
        format!("hello world {}", X.get())
    }
    assert_eq!(X.sync_scope(1, output), "hello world 1");
    assert_eq!(X.sync_scope(3, output), "hello world 3");
}

#[test]
fn other_threads_set_and_read_an_object_of_their_own_at_the_same_time() {
    static X: Var<usize> = Var::new("x");
    fn called_concurrently() -> usize {
        X.get()
    }
    let all_in = Barrier::new(8);
    thread::scope(|scope| {
        for own in 0..8 {
            let all_in = &all_in;
            scope.spawn(move || {
                X.sync_scope(own, || {
                    all_in.wait();
                    assert_eq!(called_concurrently(), own);
                    all_in.wait();
                })
            });
        }
    });
    assert!(!X.is_bound());
}

#[test]
fn other_tasks_set_and_read_an_object_of_their_own_at_the_same_time() {
    static X: Var<usize> = Var::new("x");
    async fn called_concurrently() -> usize {
        yield_now().await;
        X.get()
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    let tasks: Vec<_> =
        (0..100).map(|own| runtime.spawn(X.scope(own, called_concurrently()))).collect();
    for (own, task) in tasks.into_iter().enumerate() {
        assert_eq!(runtime.block_on(task).unwrap(), own);
    }
}

#[derive(Debug, PartialEq)]
struct Request(usize);

static REQUEST: Var<Arc<Request>> = Var::new("request");

/// The helper that wraps a handler's execution, and is given to whatever spawns.
fn with_request<R>(handler: impl FnOnce() -> R, request: Arc<Request>) -> impl FnOnce() -> R {
    move || REQUEST.sync_scope(request, handler)
}

#[test]
fn a_handler_in_a_spawned_thread_sees_the_request_it_was_spawned_for() {
    let request = Arc::new(Request(1));
    let seen = thread::spawn(with_request(|| REQUEST.get(), request.clone())).join().unwrap();
    assert!(Arc::ptr_eq(&seen, &request));
    assert!(!REQUEST.is_bound());
}

#[tokio::test]
async fn several_spawns_run_at_once_and_each_carries_its_own_request() {
    let handlers: Vec<_> = (0..20)
        .map(|number| {
            let handler = async {
                let first = REQUEST.get();
                yield_now().await;
                assert_eq!(REQUEST.get(), first);
                first
            };
            tokio::spawn(REQUEST.scope(Arc::new(Request(number)), handler))
        })
        .collect();
    for (number, handler) in handlers.into_iter().enumerate() {
        assert_eq!(*handler.await.unwrap(), Request(number));
    }
}

#[test]
fn what_was_memorised_is_the_exact_object_and_a_property_is_the_one_of_here() {
    struct Renderer {
        memorised: Arc<Request>,
    }
    impl Renderer {
        fn request(&self) -> Arc<Request> {
            REQUEST.get()
        }
    }
    let first = Arc::new(Request(1));
    let renderer = REQUEST.sync_scope(first.clone(), || Renderer { memorised: REQUEST.get() });
    for number in [2, 3] {
        let read = || (renderer.request().0, renderer.memorised.0);
        let here = REQUEST.sync_scope(Arc::new(Request(number)), read);
        let elsewhere = thread::scope(|scope| {
            scope.spawn(with_request(read, Arc::new(Request(number)))).join().unwrap()
        });
        assert_eq!([here, elsewhere], [(number, 1); 2]);
    }
    assert!(Arc::ptr_eq(&renderer.memorised, &first));
}

#[tokio::test]
async fn new_execution_units_do_not_inherit_implicitly() {
    static X: Var<i32> = Var::new("x");
    X.scope(1, async {
        assert!(!thread::spawn(|| X.is_bound()).join().unwrap());
        assert!(!tokio::spawn(async { X.is_bound() }).await.unwrap());
        assert!(!tokio::task::spawn_blocking(|| X.is_bound()).await.unwrap());
    })
    .await;
}

#[tokio::test]
async fn a_spawn_is_wrapped_to_carry_explicitly() {
    static X: Var<i32> = Var::new("x");
    X.scope(1, async {
        assert_eq!(stackholm::thread::spawn(|| X.get()).join().unwrap(), 1);
        assert_eq!(thread::spawn(Context::current().wrap(|| X.get())).join().unwrap(), 1);
        assert_eq!(tokio::spawn(async { X.get() }.in_current_context()).await.unwrap(), 1);
        assert_eq!(
            tokio::task::spawn_blocking(Context::current().wrap(|| X.get())).await.unwrap(),
            1
        );
        let chosen = Context::current().with(&X, 2);
        assert_eq!(tokio::spawn(async { X.get() }.in_context(chosen)).await.unwrap(), 2);
        assert_eq!(X.get(), 1);
    })
    .await;
}

#[test]
fn two_objects_with_the_same_attribute_are_two() {
    let (ours, theirs) = (Var::named("x"), Var::named("x"));
    ours.sync_scope(1, || {
        assert!(!theirs.is_bound());
        theirs.sync_scope(2, || assert_eq!((ours.get(), theirs.get()), (1, 2)));
    });
}

#[test]
fn fault_one_manager_is_entered_again_and_inside_itself() {
    static X: Var<i32> = Var::new("x");
    let manager = Checkpoint::prepare().set(&X, 1);
    let between = || X.sync_scope(2, || manager.run(|| X.get()));
    for _ in 0..2 {
        assert_eq!(manager.run(|| (X.get(), between(), X.get())), (1, 1, 1));
        assert!(!X.is_bound());
    }
}

#[test]
fn fault_one_context_is_entered_again_and_inside_itself() {
    static X: Var<i32> = Var::new("x");
    let manager = Context::empty().with(&X, 1);
    let deep = manager.run(|| X.sync_scope(2, || manager.run(|| X.get())));
    assert_eq!((deep, X.is_bound()), (1, false));
    let (outer, inner) = (manager.enter(), manager.enter());
    inner.leave();
    assert_eq!(X.get(), 1);
    outer.leave();
    assert!(!X.is_bound());
}

#[tokio::test]
async fn fault_a_generator_does_not_show_its_binding_to_its_consumer() {
    static X: Var<u32> = Var::new("x");
    /// Binds anew for each item and keeps the guard over the yield, as a generator's `with` does.
    fn generator() -> impl futures_util::Stream<Item = u32> {
        let (mut next, mut entered) = (0, None);
        futures_util::stream::poll_fn(move |_| {
            next += 1;
            drop(entered.take());
            assert!(!X.is_bound(), "nor does the consumer show its own to the generator");
            entered = Some(X.enter(next));
            Poll::Ready((next < 4).then(|| X.get()))
        })
    }
    let mut items = Box::pin(generator().detached());
    for expected in [Some(1), Some(2), Some(3), None] {
        assert_eq!(items.next().await, expected);
        assert!(!X.is_bound());
        let consumers = X.enter(100);
        yield_now().await;
        assert_eq!(X.get(), 100);
        consumers.leave();
    }
    // And once more, with the consumer's own binding around each item.
    let mut items = pin!(generator().detached());
    let _consumers = X.enter(100);
    while items.next().await.is_some() {
        assert_eq!(X.get(), 100);
    }
}

#[tokio::test]
async fn fault_a_generator_that_is_never_finished_leaves_nothing_behind() {
    static X: Var<Arc<()>> = Var::new("x");
    let value = Arc::new(());
    let theirs = value.clone();
    let mut items =
        Box::pin(X.scope(theirs, futures_util::stream::repeat(()).map(|()| X.is_bound())));
    assert_eq!(items.next().await, Some(true));
    assert!(!X.is_bound());
    assert_eq!(Arc::strong_count(&value), 2);
    drop(items);
    assert_eq!(Arc::strong_count(&value), 1);
}

#[tokio::test]
async fn fault_tasks_that_end_in_another_order_than_they_began_keep_their_own() {
    static X: Var<u32> = Var::new("x");
    let task = |own: u32, turns| {
        X.scope(own, async move {
            for turn in 0..turns {
                let inner = X.enter(own * 100 + turn);
                yield_now().await;
                assert_eq!(X.get(), own * 100 + turn);
                drop(inner);
                assert_eq!(X.get(), own);
            }
            X.get()
        })
    };
    assert_eq!(join(task(1, 9), join(task(2, 2), task(3, 5))).await, (1, (2, 3)));
    assert!(!X.is_bound());
}
