//! What the documents of Python's `stackholm` promise, sentence by sentence, and the faults it must
//! not bring back.

use futures_util::future::join;
use futures_util::stream::{self, StreamExt};
use stackholm::embed::Stack;
use stackholm::{Checkpoint, Context, ContextExt, Entered, Reason, Var};
use std::collections::BTreeMap;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::rc::{Rc, Weak};
use std::sync::{Arc, Mutex};
use std::task::{self, Poll, Waker};
use std::thread;
use tokio::task::yield_now;

fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let mut cx = task::Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
            return output;
        }
    }
}

/// A service of several layers, as a web framework calls them.
async fn served<R>(layers: u32, handler: impl Fn() -> R) -> R {
    if layers == 0 {
        yield_now_and_then().await;
        return handler();
    }
    Checkpoint::wrap(Box::pin(served(layers - 1, handler))).await
}

async fn yield_now_and_then() {
    let mut polled = false;
    std::future::poll_fn(|_| {
        if std::mem::replace(&mut polled, true) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

/// The storages of the original: one thread, threads, async, and requests through a framework. And
/// two deeper situations: inside a checkpoint, and with a context that lives on.
fn on_every_storage(promise: fn()) {
    promise();
    Stack::new().run(promise);
    thread::spawn(promise).join().unwrap();
    stackholm::thread::spawn(promise).join().unwrap();
    block_on(async { promise() }.detached());
    block_on(served(3, promise));
    Checkpoint::run(promise);
    Checkpoint::run(|| {
        let living = Context::current();
        promise();
        drop(living);
    });
    assert!(Context::current().is_empty(), "nothing is left");
}

/// A value that tells how many of its kind are alive.
#[derive(Clone)]
struct Resource(#[expect(dead_code, reason = "it is only counted")] Arc<()>);

fn resource() -> (Resource, impl Fn() -> usize) {
    let count = Arc::new(());
    (Resource(count.clone()), move || Arc::strong_count(&count) - 1)
}

#[test]
fn contexts_are_managed_flat_and_nested() {
    on_every_storage(|| {
        static A: Var<u32> = Var::new("a");
        let at_once = |value| {
            Checkpoint::run(|| {
                A.set(value).unwrap();
                A.get()
            })
        };
        assert_eq!([at_once(1), at_once(2)], [1, 2], "one after the other");

        let nested = Checkpoint::run(|| {
            A.set(3).unwrap();
            (at_once(4), A.get())
        });
        assert_eq!(nested, (4, 3), "one in the other");
        assert!(!A.is_bound());
    });
}

#[test]
fn resources_are_released_when_their_block_is_left() {
    on_every_storage(|| {
        static HELD: Var<Resource> = Var::new("held");
        let (resource, alive) = resource();
        Checkpoint::run(|| {
            HELD.set(resource).unwrap();
            Checkpoint::run(|| assert_eq!(alive(), 1));
            assert_eq!(alive(), 1, "an inner block releases nothing of the outer one");
        });
        assert_eq!(alive(), 0);
    });
}

#[test]
fn resources_are_released_when_the_block_panics() {
    on_every_storage(|| {
        static HELD: Var<Resource> = Var::new("held");
        let (resource, alive) = resource();
        let block = || {
            Checkpoint::run(|| {
                HELD.set(resource).unwrap();
                panic!("on purpose")
            })
        };
        assert!(catch_unwind(AssertUnwindSafe(block)).is_err());
        assert_eq!(alive(), 0);
        assert!(!HELD.is_bound());
    });
}

#[test]
fn what_is_entered_last_is_left_first() {
    on_every_storage(|| {
        static LEVEL: Var<u32> = Var::new("level");
        let mut guards: Vec<_> = (1..=40).map(|level| LEVEL.enter(level)).collect();
        for level in (1..=40).rev() {
            assert_eq!(LEVEL.get(), level);
            guards.pop().unwrap().leave();
        }
        assert!(!LEVEL.is_bound());
    });
}

#[test]
fn the_changes_of_each_actor_are_isolated() {
    static ACTOR: Var<&str> = Var::new("actor");
    static CHANGES: Var<Mutex<Vec<String>>> = Var::new("changes");

    fn change(what: &str) {
        CHANGES.with(|changes| changes.lock().unwrap().push(format!("{} {what}", ACTOR.get())));
    }
    fn act(actor: &'static str, inner: impl FnOnce()) -> Vec<String> {
        let _actor = ACTOR.enter(actor);
        CHANGES.sync_scope(Mutex::default(), || {
            change("begins");
            inner();
            change("ends");
            CHANGES.with(|changes| changes.lock().unwrap().clone())
        })
    }

    let mut inner = Vec::new();
    let outer = act("ada", || inner = act("the system", || {}));
    assert_eq!(outer, ["ada begins", "ada ends"]);
    assert_eq!(inner, ["the system begins", "the system ends"]);
}

#[test]
fn a_mapping_is_filled_on_the_fly_by_whoever_changes_something() {
    on_every_storage(|| {
        static STATES: Var<Arc<Mutex<BTreeMap<&str, u32>>>> = Var::new("states");
        fn save(field: &'static str, value: u32) {
            STATES.with(|states| states.lock().unwrap().insert(field, value));
            if field == "amount" {
                // What a hook saves in consequence is tracked as well.
                Checkpoint::run(|| save("tax", value / 5));
            }
        }
        let states = Arc::default();
        STATES.sync_scope(Arc::clone(&states), || save("amount", 100));
        assert_eq!(*states.lock().unwrap(), BTreeMap::from([("amount", 100), ("tax", 20)]));
    });
}

/// A walk over all that lies between would be 10¹⁰ steps here, and nobody would wait for this test.
#[test]
fn lookups_are_indexed_and_do_not_walk_the_nesting() {
    static OUTERMOST: Var<u64> = Var::new("outermost");
    static NEAREST: Var<u64> = Var::new("nearest");
    let mut stack = Stack::new();
    stack.run(|| {
        std::mem::forget(OUTERMOST.enter(1));
        for level in 0..100_000 {
            std::mem::forget(NEAREST.enter(level));
        }
        let sum: u64 = (0..100_000).map(|_| OUTERMOST.get()).sum();
        assert_eq!(sum, 100_000);
    });
}

#[test]
fn nested_contexts_share_values_without_a_copy() {
    on_every_storage(|| {
        /// Cannot be cloned: a copy would not compile.
        struct Big([u8; 4096]);
        static BIG: Var<Big> = Var::new("big");
        static SMALL: Var<u8> = Var::new("small");
        let address = || BIG.with(|big| big.0.as_ptr() as usize);

        let _big = BIG.enter(Big([7; 4096]));
        let outside = address();
        let inside = Checkpoint::run(|| SMALL.sync_scope(1, || Checkpoint::run(address)));
        let captured = Context::current();
        assert_eq!(inside, outside);
        assert_eq!(captured.get(&BIG).unwrap().0.as_ptr() as usize, outside);
        assert_eq!(thread::spawn(captured.wrap(address)).join().unwrap(), outside);
    });
}

#[test]
fn a_value_set_in_a_context_is_read_in_it() {
    on_every_storage(|| {
        static A: Var<u32> = Var::new("a");
        Checkpoint::run(|| {
            A.set(1).unwrap();
            assert_eq!(A.get(), 1);
        });
    });
}

#[test]
fn the_values_of_upper_contexts_are_accessible() {
    on_every_storage(|| {
        static A: Var<u32> = Var::new("a");
        static B: Var<u32> = Var::new("b");
        Checkpoint::run(|| {
            A.set(1).unwrap();
            Checkpoint::run(|| {
                B.set(2).unwrap();
                Checkpoint::run(|| assert_eq!((A.get(), B.get()), (1, 2)));
            });
        });
    });
}

#[test]
fn a_change_is_for_the_current_context_only() {
    on_every_storage(|| {
        static A: Var<u32> = Var::new("a");
        static B: Var<u32> = Var::with_default("b", || 0);
        Checkpoint::run(|| {
            A.set(1).unwrap();
            Checkpoint::run(|| {
                A.set(2).unwrap();
                B.set(2).unwrap();
                assert_eq!((A.get(), B.get()), (2, 2));
            });
            assert_eq!((A.get(), B.get()), (1, 0));
            assert!(!B.is_bound(), "what was absent is absent again");
        });
    });
}

#[test]
fn after_the_context_its_values_are_no_longer_accessible() {
    on_every_storage(|| {
        static A: Var<u32> = Var::new("a");
        Checkpoint::run(|| A.set(1).unwrap());
        let missing = A.try_get().unwrap_err();
        assert_eq!((missing.name(), missing.reason()), ("a", Reason::Unbound));
        assert!(catch_unwind(|| A.get()).is_err());
    });
}

#[test]
fn without_an_active_context_a_change_is_an_error_that_gives_the_value_back() {
    static A: Var<String> = Var::new("a");
    let outside = || {
        let error = A.set("kept".into()).unwrap_err();
        assert_eq!(error.error().sealed_at(), None);
        assert_eq!(error.into_value(), "kept");
    };
    outside();
    Checkpoint::run(|| A.set("set".into()).unwrap());
    outside();
    Stack::new().run(outside);
    thread::spawn(outside).join().unwrap();
}

/// The storage for single threads is a value here; no thread-local is asked.
#[test]
fn a_storage_held_as_a_value_keeps_the_same_promises() {
    static A: Var<u32> = Var::new("a");
    let (mut ours, mut theirs) = (Stack::new(), Stack::new());
    ours.checkpoint(|ours| {
        ours.set(&A, 1).unwrap();
        assert_eq!(ours.get(&A), Some(&1));
        ours.checkpoint(|ours| {
            assert_eq!(ours.get(&A), Some(&1));
            ours.set(&A, 2).unwrap();
            assert_eq!(ours.get(&A), Some(&2));
        });
        assert_eq!(ours.get(&A), Some(&1));
        theirs.checkpoint(|theirs| assert_eq!(theirs.get(&A), None));
        assert!(!A.is_bound(), "nor is it the stack of the thread");
    });
    assert_eq!(ours.try_get(&A).unwrap_err().reason(), Reason::NoBinding);
    assert!(ours.set(&A, 3).is_err());
}

#[test]
fn each_thread_stores_contexts_of_its_own() {
    static A: Var<usize> = Var::new("a");
    let step = std::sync::Barrier::new(4);
    thread::scope(|scope| {
        for number in 0..4 {
            let step = &step;
            scope.spawn(move || {
                Checkpoint::run(|| {
                    A.set(number).unwrap();
                    step.wait();
                    Checkpoint::run(|| {
                        A.set(10 + number).unwrap();
                        step.wait();
                        assert_eq!(A.get(), 10 + number);
                    });
                    step.wait();
                    assert_eq!(A.get(), number);
                });
                step.wait();
                assert!(!A.is_bound());
            });
        }
    });
}

#[test]
fn the_coroutines_of_one_task_share_its_context() {
    static A: Var<u32> = Var::new("a");
    async fn callee() {
        assert_eq!(A.get(), 1);
        yield_now_and_then().await;
        A.set(2).unwrap();
    }
    block_on(Checkpoint::wrap(async {
        A.set(1).unwrap();
        callee().await;
        assert_eq!(A.get(), 2, "the callee has no checkpoint of its own, so it changes this one");
        Checkpoint::wrap(async { A.set(3).unwrap() }).await;
        assert_eq!(A.get(), 2);
    }));
    assert!(!A.is_bound());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_task_keeps_its_context_on_whatever_thread_it_goes_on() {
    static A: Var<u32> = Var::new("a");
    let tasks: Vec<_> = (0..50)
        .map(|number| {
            tokio::spawn(Checkpoint::prepare().set(&A, number).wrap(async move {
                for step in 0..20 {
                    yield_now().await;
                    assert_eq!(A.get(), number + 100 * step);
                    A.set(number + 100 * (step + 1)).unwrap();
                }
            }))
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert!(!A.is_bound());
}

#[test]
fn a_request_has_its_context_from_the_first_layer_to_the_last_byte_of_the_response() {
    static REQUEST: Var<u32> = Var::new("request");
    static LAYER: Var<&str> = Var::new("layer");
    let serve = |number| {
        Checkpoint::prepare().set(&REQUEST, number).set(&LAYER, "outer").wrap(async move {
            let body = LAYER.scope("handler", async {
                yield_now_and_then().await;
                stream::iter(0..3).map(|_| (REQUEST.get(), LAYER.get())).in_current_context()
            });
            let body = body.await;
            assert_eq!((REQUEST.get(), LAYER.get()), (number, "outer"));
            body
        })
    };
    let read = |number| async move { serve(number).await.collect::<Vec<_>>().await };
    let (first, second) = block_on(join(read(1), read(2)));
    assert_eq!(first, [(1, "handler"); 3]);
    assert_eq!(second, [(2, "handler"); 3]);
    assert!(Context::current().is_empty());
}

#[tokio::test]
async fn a_request_that_goes_on_in_threads_and_tasks_takes_its_context_along() {
    static REQUEST: Var<u32> = Var::new("request");
    let request = Checkpoint::prepare().set(&REQUEST, 1).wrap(async {
        let blocking = tokio::task::spawn_blocking(Context::current().wrap(|| {
            REQUEST.set(10).unwrap();
            REQUEST.get()
        }));
        let task = tokio::spawn(async { REQUEST.get() }.in_current_context());
        REQUEST.set(2).unwrap();
        let thread = stackholm::thread::spawn(|| REQUEST.get());
        (blocking.await.unwrap(), task.await.unwrap(), thread.join().unwrap(), REQUEST.get())
    });
    assert_eq!(request.await, (10, 1, 2, 2));
    assert!(!REQUEST.is_bound());
}

/// "Beyond block-level restrictions": a guard may be kept by an object or handed up, and ends when
/// it does.
#[test]
fn a_scope_may_begin_in_one_function_and_end_in_another() {
    on_every_storage(|| {
        static A: Var<u32> = Var::new("a");
        struct Session {
            entered: Vec<Entered>,
        }
        impl Session {
            fn open() -> Self {
                Session { entered: vec![Checkpoint::enter()] }
            }
            fn deeper(&mut self) {
                self.entered.push(Checkpoint::enter());
            }
            fn back(&mut self) {
                self.entered.pop();
            }
        }
        let mut session = Session::open();
        A.set(1).unwrap();
        session.deeper();
        A.set(2).unwrap();
        assert_eq!(A.get(), 2);
        session.back();
        assert_eq!(A.get(), 1);
        drop(session);
        assert!(!A.is_bound());
    });
}

/// "Nested within functions or methods": the decorator.
#[test]
fn a_whole_function_may_be_a_context() {
    on_every_storage(|| {
        static A: Var<u32> = Var::new("a");
        let doubled = Checkpoint::around(|by: u32| {
            A.set(A.get() * by).unwrap();
            A.get()
        });
        let _one = A.enter(3);
        assert_eq!((doubled(2), doubled(5), A.get()), (6, 15, 3));
    });
}

#[test]
fn fault_a_variable_set_twice_inside_keeps_the_outer_value_on_exit() {
    on_every_storage(|| {
        static A: Var<u32> = Var::new("a");
        Checkpoint::run(|| {
            A.set(1).unwrap();
            Checkpoint::run(|| {
                A.set(2).unwrap();
                A.set(3).unwrap();
                assert_eq!(A.get(), 3);
            });
            assert_eq!(A.get(), 1);
        });
        assert!(!A.is_bound());
    });
}

#[test]
fn fault_a_pop_in_a_callee_leaves_the_binding_of_the_caller() {
    on_every_storage(|| {
        static A: Var<u32> = Var::new("a");
        fn callee() {
            Checkpoint::run(|| {
                assert!(A.pop().unwrap());
                assert_eq!(A.get(), 1);
                assert!(A.pop().unwrap());
                assert!(!A.is_bound());
                assert!(!A.pop().unwrap());
            });
        }
        let _outer = A.enter(1);
        let _inner = A.enter(2);
        callee();
        assert_eq!(A.get(), 2);
        assert_eq!(
            A.pop().unwrap_err().name(),
            "a",
            "a sealed scope is not the callee's to change"
        );
        assert_eq!(A.get(), 2);
    });
}

#[test]
fn fault_leaving_out_of_order_neither_hides_what_is_current_nor_revives_what_has_ended() {
    on_every_storage(|| {
        static A: Var<u32> = Var::new("a");
        let base = A.enter(0);
        let outer = A.enter(1);
        let inner = A.enter(2);
        outer.leave();
        assert_eq!(A.get(), 0, "the inner one ended with the outer one");
        let later = A.enter(3);
        inner.leave();
        assert_eq!(A.get(), 3, "the current one is still there");
        later.leave();
        assert_eq!(A.get(), 0);
        base.leave();
        assert!(!A.is_bound(), "and nothing came back to life");
    });
}

#[test]
fn fault_leaving_out_of_order_spares_the_variables_around() {
    on_every_storage(|| {
        static A: Var<u32> = Var::new("a");
        static B: Var<u32> = Var::new("b");
        let a = A.enter(1);
        let b = B.enter(1);
        let again = A.enter(2);
        b.leave();
        assert_eq!((A.get(), B.is_bound()), (1, false));
        again.leave();
        assert_eq!(A.get(), 1);
        a.leave();
        assert!(!A.is_bound());
    });
}

#[test]
fn fault_interleaved_tasks_never_read_the_values_of_each_other() {
    static A: Var<u32> = Var::new("a");
    let task = |number: u32, rounds: u32| {
        Checkpoint::prepare().set(&A, number).wrap(async move {
            for round in 0..rounds {
                yield_now_and_then().await;
                assert_eq!(A.get(), number + round);
                let entered = A.enter(1000 + number);
                yield_now_and_then().await;
                assert_eq!(A.get(), 1000 + number, "a guard held over an await");
                entered.leave();
                A.set(number + round + 1).unwrap();
            }
            A.get()
        })
    };
    // They end in the reverse of the order in which they began.
    assert_eq!(block_on(join(task(10, 9), task(20, 3))), (19, 23));
    assert!(!A.is_bound());
}

#[test]
fn fault_recursion_through_a_decorated_function_keeps_its_checkpoint_active() {
    on_every_storage(|| {
        static DEPTH: Var<u32> = Var::with_default("depth", || 0);
        fn dive(left: u32) -> u32 {
            Checkpoint::run(|| {
                let depth = DEPTH.get() + 1;
                DEPTH.set(depth).unwrap();
                let deepest = if left == 0 { depth } else { dive(left - 1) };
                assert_eq!(DEPTH.get(), depth, "its own value after the inner call");
                DEPTH.set(depth).expect("its own checkpoint is still open");
                deepest
            })
        }
        assert_eq!(dive(20), 21);
        assert!(!DEPTH.is_bound());
    });
}

#[test]
fn fault_recursion_through_one_wrapped_closure_keeps_its_checkpoint_active() {
    on_every_storage(|| {
        static DEPTH: Var<u32> = Var::with_default("depth", || 0);
        type Dive = Box<dyn Fn(u32) -> u32>;
        let dive = Rc::new_cyclic(|again: &Weak<Dive>| {
            let again = again.clone();
            Box::new(Checkpoint::around(move |left: u32| {
                let depth = DEPTH.get() + 1;
                DEPTH.set(depth).unwrap();
                let deepest = if left == 0 { depth } else { again.upgrade().unwrap()(left - 1) };
                assert_eq!(DEPTH.get(), depth);
                DEPTH.set(depth).expect("its own checkpoint is still open");
                deepest
            })) as Dive
        });
        assert_eq!(dive(10), 11);
        assert!(!DEPTH.is_bound());
    });
}

#[test]
fn fault_one_manager_is_entered_again_and_inside_itself() {
    on_every_storage(|| {
        static A: Var<u32> = Var::new("a");
        let block = Checkpoint::prepare().set(&A, 1);
        assert!(!A.is_bound(), "nothing is bound before it is entered");
        for _ in 0..2 {
            block.run(|| {
                A.set(2).unwrap();
                block.run(|| assert_eq!(A.get(), 1));
                assert_eq!(A.get(), 2);
            });
            assert!(!A.is_bound());
        }
    });
}

#[test]
fn fault_one_manager_is_entered_on_two_threads_at_once() {
    static A: Var<u32> = Var::new("a");
    let block = Checkpoint::prepare().set(&A, 1);
    let step = std::sync::Barrier::new(2);
    thread::scope(|scope| {
        for own in [2, 3] {
            let (block, step) = (&block, &step);
            scope.spawn(move || {
                block.run(|| {
                    A.set(own).unwrap();
                    step.wait();
                    assert_eq!(A.get(), own);
                    step.wait();
                });
                assert!(!A.is_bound());
            });
        }
    });
}
