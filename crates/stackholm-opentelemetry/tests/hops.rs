//! The context of OpenTelemetry goes along with each hop.

use opentelemetry::Context;
use stackholm::{ContextExt, Hop, Var};
use std::sync::mpsc;
use std::thread;

static USER: Var<&str> = Var::new("user");

#[derive(Debug, PartialEq)]
struct Number(u32);

fn number() -> Option<u32> {
    Context::current().get::<Number>().map(|number| number.0)
}

/// Runs `f` where that number is attached, and both are as before after it.
fn at<R>(own: u32, f: impl FnOnce() -> R) -> R {
    let _ = stackholm_opentelemetry::install();
    let before = number();
    let attached = Context::current_with_value(Number(own)).attach();
    let result = f();
    assert_eq!(number(), Some(own));
    drop(attached);
    assert_eq!(number(), before);
    result
}

#[test]
fn both_contexts_are_seen_on_the_other_side_of_one_hop_and_neither_when_detached() {
    at(7, || {
        USER.sync_scope("ada", || {
            let seen = || (number(), USER.try_get().ok());
            let both = (Some(7), Some("ada"));
            assert_eq!(stackholm::thread::spawn(seen).join().unwrap(), both);
            assert_eq!(stackholm::thread::spawn_detached(seen).join().unwrap(), (None, None));
            assert_eq!(stackholm::rayon::join(seen, || ()).0, both);
            let mut items = std::iter::repeat_with(seen).in_current_context();
            assert_eq!(thread::spawn(move || items.next().unwrap()).join().unwrap(), both);
            assert_eq!(std::iter::repeat_with(seen).detached().next().unwrap(), (None, None));
            let runtime = tokio::runtime::Runtime::new().unwrap();
            let _entered = runtime.enter();
            let task = stackholm::tokio::spawn(async move {
                tokio::task::yield_now().await;
                seen()
            });
            let job = stackholm::tokio::spawn_blocking(seen);
            runtime.block_on(async {
                assert_eq!(task.await.unwrap(), both);
                assert_eq!(job.await.unwrap(), both);
                let after = tokio::spawn(async move { seen() });
                assert_eq!(after.await.unwrap(), (None, None), "the worker has neither");
            });
        });
    });
}

#[test]
fn telemetry_that_is_suppressed_where_it_is_handed_over_is_suppressed_there() {
    at(7, || {
        let suppressed = Context::enter_telemetry_suppressed_scope();
        let there = stackholm::thread::spawn(Context::is_current_telemetry_suppressed);
        assert!(there.join().unwrap());
        drop(suppressed);
        let there = stackholm::thread::spawn(Context::is_current_telemetry_suppressed);
        assert!(!there.join().unwrap());
    });
}

#[test]
fn each_of_a_thousand_tasks_has_its_own_and_a_panic_leaves_none_behind() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    let _entered = runtime.enter();
    let tasks: Vec<_> = (1..=1000)
        .map(|own| {
            at(own, || {
                stackholm::tokio::spawn(async move {
                    for _ in 0..4 {
                        assert_eq!(number(), Some(own));
                        tokio::task::yield_now().await;
                    }
                    assert!(own % 100 != 0, "one in a hundred panics");
                })
            })
        })
        .collect();
    runtime.block_on(async {
        let mut failed = 0;
        for task in tasks {
            failed += u32::from(task.await.is_err());
        }
        assert_eq!(failed, 10);
        for _ in 0..8 {
            assert_eq!(tokio::spawn(async { number() }).await.unwrap(), None);
        }
    });
}

#[test]
fn what_a_cancelled_task_drops_ends_in_its_context() {
    struct SaysItsEnd(mpsc::Sender<Option<u32>>);
    impl Drop for SaysItsEnd {
        fn drop(&mut self) {
            self.0.send(number()).unwrap();
        }
    }
    let (send, ends) = mpsc::channel();
    let witness = SaysItsEnd(send);
    let future = at(7, || {
        async move {
            let _witness = witness;
            std::future::pending::<()>().await;
        }
        .in_current_context()
    });
    thread::spawn(move || drop(future)).join().unwrap();
    assert_eq!(ends.recv().unwrap(), Some(7));
}

#[test]
fn a_value_in_their_context_whose_drop_hops_neither_panics_nor_blocks() {
    struct Hops(mpsc::Sender<bool>);
    impl Drop for Hops {
        fn drop(&mut self) {
            let seen = Hop::current().run(|| stackholm::thread::spawn(number).join().is_ok());
            self.0.send(seen).unwrap();
        }
    }
    let _ = stackholm_opentelemetry::install();
    let (send, ends) = mpsc::channel();
    let attached = Context::current_with_value(Hops(send)).attach();
    let hop = Hop::current();
    drop(attached);
    hop.run(|| assert!(Context::current().get::<Hops>().is_some()));
    drop(hop);
    assert!(ends.recv().unwrap());
}

#[test]
fn installing_it_twice_is_an_error() {
    let _ = stackholm_opentelemetry::install();
    assert!(stackholm_opentelemetry::install().is_err());
}
