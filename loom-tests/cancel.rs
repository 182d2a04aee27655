//! Cancels, while other threads ask and begin to wait.

use crate::support::models;
use loom::thread::{spawn, yield_now};
use stackholm::cancel;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::task::{Context, Poll, Wake, Waker};

models! {
    cancelled_while_somebody_asks {
        control_cause_seen: CauseIsSeen => "race",
        control_cause_set: CauseIsSet => "race",
    }
    two_cancel_while_somebody_asks {}
    cancelled_while_a_callback_registers {
        control_registers_and_looks: WhoWaitsLooks => "assertion",
    }
    cancelled_while_a_callback_is_stopped {}
    cancelled_while_somebody_begins_to_wait {}
}

/// The outer scope is cancelled while the work inside the inner one asks.
pub(crate) fn cancelled_while_somebody_asks() {
    cancel::scope(|outer| {
        let theirs = outer.clone();
        let other = spawn(move || assert!(theirs.cancel("why")));
        cancel::scope(|_| {
            // The other thread looks before it sets, so loom does not come back to here by itself.
            yield_now();
            if let Some(cause) = cancel::cause() {
                assert_eq!(cause.to_string(), "why");
            }
            other.join().unwrap();
            assert_eq!(cancel::cause().unwrap().to_string(), "why");
        });
    });
}

/// The inner scope and the one around it are cancelled at once: whoever has an answer keeps it.
pub(crate) fn two_cancel_while_somebody_asks() {
    cancel::scope(|outer| {
        cancel::scope(|inner| {
            let (outer, inner) = (outer.clone(), inner.clone());
            let others =
                [spawn(move || outer.cancel("outer")), spawn(move || inner.cancel("inner"))];
            yield_now();
            let first = cancel::cause();
            let [outer, inner] = others.map(|other| other.join().unwrap());
            let last = cancel::cause().unwrap();
            assert!(first.is_none_or(|first| first.ptr_eq(&last)));
            assert!(outer, "nobody else cancels it");
            assert_eq!(last.to_string(), if inner { "inner" } else { "outer" });
        });
    });
}

/// A callback that registers while the outer scope is cancelled is called, and once.
pub(crate) fn cancelled_while_a_callback_registers() {
    let calls = Arc::new(AtomicUsize::new(0));
    cancel::scope(|outer| {
        let theirs = outer.clone();
        let other = spawn(move || theirs.cancel("why"));
        cancel::scope(|_| {
            yield_now();
            let count = Arc::clone(&calls);
            let _stop = cancel::on_cancel(move |_| {
                count.fetch_add(1, Relaxed);
            });
            assert!(other.join().unwrap());
            assert_eq!(calls.load(Relaxed), 1);
        });
    });
}

/// A callback that is stopped while the scope is cancelled: it was called, or it was stopped.
pub(crate) fn cancelled_while_a_callback_is_stopped() {
    let calls = Arc::new(AtomicUsize::new(0));
    cancel::scope(|handle| {
        let (theirs, count) = (handle.clone(), Arc::clone(&calls));
        let stop = cancel::on_cancel(move |_| {
            count.fetch_add(1, Relaxed);
        });
        let other = spawn(move || theirs.cancel("why"));
        yield_now();
        let was_stopped = stop.stop();
        assert!(other.join().unwrap());
        assert_eq!(calls.load(Relaxed), usize::from(!was_stopped));
    });
}

/// Counts how often it is woken.
#[derive(Default)]
struct Woken(AtomicUsize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Relaxed);
    }
}

/// Who finds nothing and waits is woken.
pub(crate) fn cancelled_while_somebody_begins_to_wait() {
    let woken = Arc::new(Woken::default());
    let waker = Waker::from(Arc::clone(&woken));
    cancel::scope(|handle| {
        let theirs = handle.clone();
        let other = spawn(move || theirs.cancel("why"));
        let mut wait = pin!(cancel::cancelled());
        yield_now();
        let first = wait.as_mut().poll(&mut Context::from_waker(&waker));
        assert!(other.join().unwrap());
        if first.is_pending() {
            assert_eq!(woken.0.load(Relaxed), 1);
            let again = wait.as_mut().poll(&mut Context::from_waker(&waker));
            assert!(matches!(again, Poll::Ready(cause) if cause.to_string() == "why"));
        }
    });
}
