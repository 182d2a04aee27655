//! The spans and scoped subscribers of tracing go along with each hop.
#![cfg(all(feature = "tracing", feature = "rayon", feature = "tokio", feature = "http-body"))]

use stackholm::{ContextExt, Hop, Var};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;
use tracing::{Span, dispatcher, info_span};
use tracing_subscriber::registry;

static USER: Var<&str> = Var::new("user");

/// Runs `f` in a span, with a subscriber that is the default of this thread alone.
fn in_span<R>(f: impl FnOnce(&Span) -> R) -> R {
    let _ = stackholm::tracing::carry_spans();
    tracing::subscriber::with_default(registry(), || {
        let span = info_span!("request");
        let result = span.in_scope(|| f(&span));
        assert!(Span::current().is_none());
        result
    })
}

/// Whether a subscriber is there at all.
fn has_subscriber() -> bool {
    dispatcher::get_default(|dispatch| !dispatch.is::<tracing::subscriber::NoSubscriber>())
}

#[test]
fn the_current_span_and_the_scoped_subscriber_are_seen_on_the_other_side_and_not_after() {
    in_span(|span| {
        let seen = || (Span::current(), has_subscriber());
        let here = (span.clone(), true);
        assert_eq!(stackholm::thread::spawn(seen).join().unwrap(), here);
        assert_eq!(stackholm::rayon::join(seen, || ()).0, here);
        assert_eq!(Hop::current().run(seen), here);
        let mut items = std::iter::repeat_with(seen).in_current_context();
        assert_eq!(thread::spawn(move || items.next().unwrap()).join().unwrap(), here);
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
        let _entered = runtime.enter();
        let task = stackholm::tokio::spawn(async move {
            tokio::task::yield_now().await;
            seen()
        });
        let job = stackholm::tokio::spawn_blocking(seen);
        let bare = tokio::spawn(async move { seen() });
        runtime.block_on(async {
            assert_eq!(task.await.unwrap(), here);
            assert_eq!(job.await.unwrap(), here);
            let (after, subscriber) = bare.await.unwrap();
            assert!(after.is_none() && !subscriber, "the worker has neither");
        });
        assert_eq!(Span::current(), *span);
    });
}

#[test]
fn what_is_detached_is_in_no_span_also_on_the_same_thread() {
    in_span(|span| {
        let inner = info_span!("inner").entered();
        let mut items = std::iter::repeat_with(Span::current).detached();
        assert!(items.next().unwrap().is_none());
        assert_eq!(Span::current(), *inner, "both are entered again");
        drop(inner);
        assert_eq!(Span::current(), *span);
        assert!(stackholm::thread::spawn_detached(Span::current).join().unwrap().is_none());
    });
}

#[test]
fn each_of_a_thousand_tasks_is_in_its_own_span_and_a_panic_leaves_none_behind() {
    in_span(|_| {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
        let _entered = runtime.enter();
        let tasks: Vec<_> = (0..1000)
            .map(|number| {
                let span = info_span!("task");
                let own = span.id();
                span.in_scope(|| {
                    stackholm::tokio::spawn(async move {
                        for _ in 0..4 {
                            assert_eq!(Span::current().id(), own);
                            tokio::task::yield_now().await;
                        }
                        assert_ne!(number % 100, 0, "one in a hundred panics");
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
                assert!(tokio::spawn(async { Span::current().is_none() }).await.unwrap());
            }
        });
    });
}

#[test]
fn a_cancelled_task_is_dropped_in_its_span() {
    struct SaysItsEnd(mpsc::Sender<Option<tracing::Id>>);
    impl Drop for SaysItsEnd {
        fn drop(&mut self) {
            self.0.send(Span::current().id()).unwrap();
        }
    }
    in_span(|span| {
        let (send, ends) = mpsc::channel();
        let witness = SaysItsEnd(send);
        let future = async move {
            let _witness = witness;
            std::future::pending::<()>().await;
        }
        .in_current_context();
        thread::spawn(move || drop(future)).join().unwrap();
        assert_eq!(ends.recv_timeout(Duration::from_secs(60)).unwrap(), span.id());
    });
}

#[test]
fn without_a_subscriber_nothing_is_carried_so_that_tracing_goes_on_to_log() {
    let _ = stackholm::tracing::carry_spans();
    USER.sync_scope("ada", || {
        let was_set = dispatcher::has_been_set();
        let seen = stackholm::thread::spawn(|| (has_subscriber(), dispatcher::has_been_set()));
        // Other tests of this process set some; this one sets none.
        let (there, is_set) = seen.join().unwrap();
        assert!(!there && (was_set || !is_set || dispatcher::has_been_set()));
    });
}
