//! Cancellation: the first cause stays, nothing is left behind, and each call comes once.

#[path = "common/bomb.rs"]
mod bomb;
#[path = "counting/mod.rs"]
mod counting;

use stackholm::cancel::{self, CancelExt, Cause};
use stackholm::tokio_util::{TokenCancelled, token, with_token};
use stackholm::{ContextExt, deadline, thread};
use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Barrier, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

fn cause() -> String {
    cancel::cause().expect("it was cancelled").to_string()
}

#[test]
fn of_two_cancels_the_first_cause_stays_and_the_second_returns_false() {
    cancel::scope(|handle| {
        assert!(cancel::cause().is_none());
        let line = line!() + 1;
        assert!(handle.cancel("first"));
        assert!(!handle.cancel("second"));
        assert_eq!(cause(), "first");
        assert_eq!(cancel::cause().unwrap().cancelled_at().line(), line);
        cancel::scope(|inner| {
            assert!(!inner.cancel("third"), "it was cancelled with the outer one");
            cancel::scope(|_| assert_eq!(cause(), "first"));
            let on_thread = thread::spawn(cancel::cause).join().unwrap().unwrap();
            assert!(on_thread.ptr_eq(&handle.cause().unwrap()));
        });
    });
    assert!(cancel::cause().is_none());
}

#[test]
fn an_inner_scope_that_was_cancelled_first_keeps_its_cause_and_the_outer_one_has_its_own() {
    cancel::scope(|outer| {
        cancel::scope(|inner| {
            assert!(inner.cancel("inner"));
            assert!(!outer.is_cancelled());
            assert!(outer.cancel("outer"));
            assert_eq!(cause(), "inner");
        });
        assert_eq!(cause(), "outer");
    });
}

#[test]
fn a_cause_that_is_set_after_the_scope_ended_is_not_seen_outside() {
    let handle = cancel::scope(|handle| handle.clone());
    assert!(handle.cancel("late"));
    assert!(cancel::cause().is_none());
    cancel::scope(|_| assert!(cancel::cause().is_none()));
}

#[test]
fn all_who_ask_while_two_cancel_are_told_one_cause() {
    for _ in 0..100 {
        let barrier = Barrier::new(4);
        let causes: Mutex<Vec<Cause>> = Mutex::default();
        cancel::scope(|outer| {
            cancel::scope(|inner| {
                let work = stackholm::Context::current();
                std::thread::scope(|threads| {
                    for handle in [outer, inner] {
                        threads.spawn(|| {
                            barrier.wait();
                            handle.cancel("one of them");
                        });
                    }
                    for _ in 0..2 {
                        threads.spawn(|| {
                            barrier.wait();
                            work.run(|| {
                                let first = loop {
                                    if let Some(cause) = cancel::cause() {
                                        break cause;
                                    }
                                    std::thread::yield_now();
                                };
                                let mut causes = causes.lock().unwrap();
                                causes.extend([first, cancel::cause().unwrap()]);
                            });
                        });
                    }
                });
            });
        });
        let causes = causes.into_inner().unwrap();
        assert_eq!(causes.len(), 4);
        assert!(causes.iter().all(|cause| cause.ptr_eq(&causes[0])));
    }
}

/// Counts how often it is woken.
#[derive(Default)]
struct Woken(AtomicUsize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, SeqCst);
    }
}

#[test]
fn a_million_short_scopes_under_a_long_one_leave_nothing_behind() {
    let rounds = |n: usize| {
        for _ in 0..n {
            cancel::scope(|_| assert!(!cancel::is_cancelled()));
        }
        for _ in 0..n / 10 {
            cancel::scope(|_| {
                let _stop = cancel::on_cancel(|_| ());
                let wait = pin!(cancel::cancelled());
                assert!(wait.poll(&mut Context::from_waker(Waker::noop())).is_pending());
            });
        }
    };
    cancel::scope(|handle| {
        rounds(100);
        let before = counting::counts().live;
        rounds(1_000_000);
        assert_eq!(counting::counts().live, before);
        handle.cancel("at last");
    });
}

#[test]
fn scopes_may_be_nested_a_hundred_thousand_deep_and_end() {
    let mut entered = Vec::new();
    let (outermost, cancellable) = cancel::cancellable();
    entered.push(cancellable.enter());
    for _ in 0..100_000 {
        entered.push(cancel::cancellable().1.enter());
    }
    assert!(!cancel::is_cancelled());
    outermost.cancel("all");
    assert_eq!(cause(), "all");
    while entered.pop().is_some() {}
    assert!(!cancel::is_cancelled());
}

#[test]
fn a_callback_is_called_once_at_once_if_late_and_never_if_stopped() {
    let calls = Arc::new(AtomicUsize::new(0));
    let count = || {
        let calls = Arc::clone(&calls);
        move |cause: &Cause| {
            assert_eq!(cause.to_string(), "why");
            calls.fetch_add(1, SeqCst);
        }
    };
    cancel::scope(|outer| {
        cancel::scope(|inner| {
            let stays = cancel::on_cancel(count());
            let stopped = cancel::on_cancel(count());
            assert!(stopped.stop());
            drop(cancel::on_cancel(count()));
            outer.cancel("why");
            assert_eq!(calls.load(SeqCst), 1);
            assert!(!inner.cancel("not this"));
            assert!(!stays.stop(), "it was called");
            let late = cancel::on_cancel(count());
            assert_eq!(calls.load(SeqCst), 2, "at once");
            assert!(!late.stop());
        });
    });
    assert!(!cancel::on_cancel(|_| panic!("nobody can cancel here")).stop());
    assert_eq!(calls.load(SeqCst), 2);
}

#[test]
fn a_callback_that_panics_keeps_no_other_from_its_call_and_one_that_registers_is_served() {
    let calls = Arc::new(AtomicUsize::new(0));
    let count = || {
        let calls = Arc::clone(&calls);
        move |_: &Cause| {
            calls.fetch_add(1, SeqCst);
        }
    };
    cancel::scope(|handle| {
        let _before = cancel::on_cancel(count());
        let _panics = cancel::on_cancel(|_| panic!("in a callback"));
        let (nested, context) = (count(), stackholm::Context::current());
        let _registers = cancel::on_cancel(move |_| {
            context.run(|| assert!(!cancel::on_cancel(nested).stop()));
        });
        let _after = cancel::on_cancel(count());
        let cancelled = catch_unwind(AssertUnwindSafe(|| handle.cancel("why")));
        let panic = cancelled.unwrap_err();
        assert_eq!(panic.downcast_ref::<&str>(), Some(&"in a callback"));
        assert_eq!(calls.load(SeqCst), 3);
        assert_eq!(cause(), "why");
    });
}

#[test]
fn callbacks_whose_panics_panic_as_they_are_dropped_keep_no_other_from_its_call() {
    let called = Arc::new(AtomicUsize::new(0));
    cancel::scope(|handle| {
        let _first = cancel::on_cancel(|_| bomb::explode());
        let _second = cancel::on_cancel(|_| bomb::explode());
        let calls = Arc::clone(&called);
        let _after = cancel::on_cancel(move |_| {
            calls.fetch_add(1, SeqCst);
        });
        let cancelled = catch_unwind(AssertUnwindSafe(|| handle.cancel("why")));
        // The first panic goes on, with what it carries.
        std::mem::forget(cancelled.unwrap_err());
        assert_eq!(called.load(SeqCst), 1);
    });
}

/// A cause that panics as it is dropped.
#[derive(Debug)]
struct Explosive;

impl std::fmt::Display for Explosive {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("explosive")
    }
}

impl std::error::Error for Explosive {}

impl Drop for Explosive {
    fn drop(&mut self) {
        panic!("as a cause is dropped");
    }
}

/// The call of a scope is the last to have a scope inside of it, whose cause is dropped with it.
#[test]
fn a_cause_that_panics_as_it_is_dropped_keeps_no_callback_of_an_outer_scope_away() {
    let stop: Arc<Mutex<Option<cancel::Stop>>> = Arc::default();
    let called = Arc::new(AtomicUsize::new(0));
    cancel::scope(|outer| {
        let theirs = Arc::clone(&stop);
        let _first = cancel::on_cancel(move |_| drop(theirs.lock().unwrap().take()));
        let (inner, cancellable) = cancel::cancellable();
        cancellable.run(|| *stop.lock().unwrap() = Some(cancel::on_cancel(|_| {})));
        let calls = Arc::clone(&called);
        let _last = cancel::on_cancel(move |_| {
            calls.fetch_add(1, SeqCst);
        });
        assert!(inner.cancel(Explosive));
        drop(inner);
        let cancelled = catch_unwind(AssertUnwindSafe(|| outer.cancel("outer")));
        assert!(cancelled.is_err(), "the first panic goes on");
    });
    assert_eq!(called.load(SeqCst), 1, "the last callback ran");
}

#[test]
fn who_waits_in_an_inner_scope_is_woken_once_by_a_cancel_of_the_outer_one() {
    let woken = Arc::new(Woken::default());
    let waker = Waker::from(Arc::clone(&woken));
    cancel::scope(|outer| {
        cancel::scope(|_| {
            let mut wait = pin!(cancel::cancelled());
            for _ in 0..2 {
                assert!(wait.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
            }
            outer.cancel("why");
            assert_eq!(woken.0.load(SeqCst), 1);
            let Poll::Ready(cause) = wait.poll(&mut Context::from_waker(&waker)) else {
                panic!("it was cancelled")
            };
            assert_eq!(cause.to_string(), "why");
        });
    });
}

#[test]
fn no_cancel_is_lost_between_a_look_and_the_registration() {
    for _ in 0..2_000 {
        let (handle, cancellable) = cancel::cancellable();
        let waits = thread::spawn(move || {
            smol::block_on(cancellable.wrap(async { cancel::cancelled().await.to_string() }))
        });
        handle.cancel("now");
        assert_eq!(waits.join().unwrap(), "now");
    }
}

#[test]
fn scopes_that_are_written_in_each_others_arguments_nest() {
    let (outer, outside) = cancel::cancellable();
    let (_inner, inside) = cancel::cancellable();
    let mut work = pin!(outside.wrap(inside.wrap(pending::<()>().until_cancelled())));
    let mut poll = || work.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    assert!(poll().is_pending());
    outer.cancel("why");
    let Poll::Ready(Err(cancelled)) = poll() else { panic!("it was cancelled") };
    assert_eq!(cancelled.cause().to_string(), "why");
}

#[test]
fn check_tells_a_deadline_that_is_over_as_the_cause_and_a_cancel_before_that() {
    deadline::within(Duration::ZERO).named("request").run(|| {
        let cancelled = cancel::check().unwrap_err();
        let expired = cancelled.cause().error().downcast_ref::<deadline::Expired>().unwrap();
        assert_eq!(expired.name(), Some("request"));
        assert_eq!(cancelled.cause().cancelled_at(), expired.place());
        assert!(!cancel::is_cancelled());
        cancel::scope(|handle| {
            handle.cancel("the client is gone");
            let cancelled = cancel::check().unwrap_err();
            let source = std::error::Error::source(&cancelled).unwrap();
            assert_eq!(source.to_string(), "the client is gone");
        });
    });
}

#[test]
fn detached_work_is_cancelled_by_nobody() {
    cancel::scope(|handle| {
        handle.cancel("why");
        assert!(!thread::spawn_detached(cancel::is_cancelled).join().unwrap());
        let seen = async { cancel::is_cancelled() }.detached();
        assert!(!smol::block_on(seen));
    });
}

#[tokio::test]
async fn a_token_of_tokio_util_cancels_a_scope_and_what_it_has_spawned() {
    let theirs = CancellationToken::new();
    let work = with_token(theirs.clone(), async {
        let job = stackholm::tokio::spawn(pending::<()>().until_cancelled());
        (job.await.unwrap().unwrap_err(), cancel::cause().unwrap())
    });
    let task = tokio::spawn(work);
    theirs.cancel();
    let (of_job, of_work) = task.await.unwrap();
    assert!(of_job.cause().ptr_eq(&of_work));
    assert!(of_work.error().is::<TokenCancelled>());
}

#[test]
fn a_scope_cancels_a_token_of_tokio_util_as_long_as_the_link_lives() {
    cancel::scope(|handle| {
        let linked = token();
        let child = linked.child_token();
        let unlinked = (*token()).clone();
        handle.cancel("why");
        assert!(linked.is_cancelled() && child.is_cancelled());
        assert!(!unlinked.is_cancelled());
        assert!(token().is_cancelled(), "made when it was cancelled");
    });
    assert!(!token().is_cancelled());
}
