//! What tests of futures and hand-over share: values that are counted, witnesses, and polling by
//! hand.

#![allow(dead_code, reason = "each test file uses its part")]

use stackholm::{Checkpoint, Context, Var};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::task::{Context as TaskContext, Poll, Waker};
use std::{future, thread};

static BYSTANDER: Var<&str> = Var::new("bystander");

/// Runs a test from an empty stack, inside a checkpoint, and inside one that a context holds;
/// nothing is left.
pub(crate) fn three_ways(test: impl Fn()) {
    let leaves_nothing = || {
        let before = Context::current();
        test();
        assert_eq!(before, Context::current(), "the stack is as before");
    };
    leaves_nothing();
    Checkpoint::run(|| {
        BYSTANDER.set("near").unwrap();
        leaves_nothing();
        let held = Context::current();
        leaves_nothing();
        Checkpoint::run(leaves_nothing);
        assert_eq!(held.get(&BYSTANDER), Some(&"near"));
    });
}

/// How many values are alive that were made from it.
#[derive(Clone, Default)]
pub(crate) struct Count(Arc<AtomicUsize>);

impl Count {
    pub(crate) fn value(&self) -> Counted {
        self.0.fetch_add(1, SeqCst);
        Counted(self.clone())
    }

    pub(crate) fn alive(&self) -> usize {
        self.0.load(SeqCst)
    }
}

/// A value that is counted until it is dropped. Not `Clone`.
pub(crate) struct Counted(Count);

impl Drop for Counted {
    fn drop(&mut self) {
        let before = self.0.0.fetch_sub(1, SeqCst);
        assert_ne!(before, 0, "dropped once");
    }
}

/// What witnesses saw, in order.
#[derive(Clone, Default)]
pub(crate) struct Record(Arc<Mutex<Vec<Option<u32>>>>);

impl Record {
    /// A value that writes down, when it is dropped, what `var` is then.
    pub(crate) fn witness(&self, var: &'static Var<u32>) -> Witness {
        Witness { var, record: self.clone() }
    }

    pub(crate) fn take(&self) -> Vec<Option<u32>> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

pub(crate) struct Witness {
    var: &'static Var<u32>,
    record: Record,
}

impl Drop for Witness {
    fn drop(&mut self) {
        let seen = self.var.try_get().ok();
        self.record.0.lock().unwrap().push(seen);
    }
}

/// Pending once. Whoever drives it by hand needs no wake; an executor gets one.
pub(crate) async fn pause() {
    let mut paused = false;
    future::poll_fn(|cx| {
        if std::mem::replace(&mut paused, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Polls once, here and now.
pub(crate) fn poll<F: Future + ?Sized>(future: &mut Pin<Box<F>>) -> Poll<F::Output> {
    future.as_mut().poll(&mut TaskContext::from_waker(Waker::noop()))
}

/// Polls to the end, here and now.
pub(crate) fn finish<F: Future>(future: F) -> F::Output {
    let mut future = Box::pin(future);
    loop {
        if let Poll::Ready(output) = poll(&mut future) {
            return output;
        }
    }
}

/// A task that may be polled on any thread.
pub(crate) type Task<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Polls once on a new thread, which is clean before and after.
pub(crate) fn poll_elsewhere<T: Send>(task: &mut Task<T>) -> Poll<T> {
    thread::scope(|scope| {
        scope
            .spawn(|| {
                let polled = poll(task);
                assert!(Context::current().is_empty(), "the thread is clean");
                polled
            })
            .join()
            .unwrap()
    })
}

/// Polls to the end, each time on a new thread; says how many it took.
pub(crate) fn finish_elsewhere<T: Send>(mut task: Task<T>) -> (T, usize) {
    for polls in 1.. {
        if let Poll::Ready(output) = poll_elsewhere(&mut task) {
            return (output, polls);
        }
    }
    unreachable!("ends")
}
