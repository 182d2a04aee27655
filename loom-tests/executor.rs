//! A small work-stealing executor that embeds `embed::Stack`: one file, the same in models, in
//! random schedules and on real threads.
//!
//! A task is a future with a stack of its own. One word, the *stage* of the task, decides who may
//! touch the two: the worker that moves it from *ready* to *polling* owns both until it moves it
//! on. So only the worker that polls swaps the stack in and out, and the next one to poll has seen
//! that.
//!
//! The lines that an author of a runtime may copy are marked `stackholm:`. The rest is a plain
//! small executor: each worker has a queue behind a lock and takes from the others when its own is
//! empty.
#![expect(unsafe_code, reason = "the future of a task is handed from thread to thread")]

#[cfg(not(stackholm_loom))]
mod facade {
    // The names are the same.
    #[cfg(stackholm_shuttle)]
    use shuttle as std;
    pub(super) use std::sync::Mutex;
    pub(super) use std::sync::atomic::{AtomicUsize, Ordering::*};
    pub(super) use std::thread::yield_now;

    /// As loom's, without the check.
    pub(super) struct UnsafeCell<T>(core::cell::UnsafeCell<T>);

    impl<T> UnsafeCell<T> {
        pub(super) fn new(value: T) -> Self {
            UnsafeCell(core::cell::UnsafeCell::new(value))
        }
        pub(super) fn with_mut<R>(&self, f: impl FnOnce(*mut T) -> R) -> R {
            f(self.0.get())
        }
    }
}

#[cfg(stackholm_loom)]
mod facade {
    pub(super) use loom::cell::UnsafeCell;
    pub(super) use loom::sync::Mutex;
    pub(super) use loom::sync::atomic::{AtomicUsize, Ordering::*};
    pub(super) use loom::thread::yield_now;
}

use facade::*;
use stackholm::Context;
use stackholm::embed::Stack;
use std::collections::VecDeque;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{self, Poll, Wake, Waker};

/// In no queue, waiting to be woken.
const WAITING: usize = 0;
/// In one queue, once.
const READY: usize = 1;
/// With the worker that polls it.
const POLLING: usize = 2;
/// Being polled, and woken in that time: it is polled again.
const WOKEN: usize = 3;
/// To be dropped by the worker that has it, or finds it in its queue.
const CANCELLED: usize = 4;
/// Dropped.
const DONE: usize = 5;

type Job = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What only the worker that polls may touch.
struct Body {
    stack: Stack,
    job: Option<Job>,
}

/// A task, and the handle to cancel it.
pub(crate) struct Task {
    stage: AtomicUsize,
    body: UnsafeCell<Body>,
    pool: Weak<Pool>,
}

// SAFETY: the body is touched by the one thread that brought the stage to polling; stacks and jobs
// are `Send`.
unsafe impl Send for Task {}
// SAFETY: as above.
unsafe impl Sync for Task {}

/// The workers' queues, and how many tasks are not done.
pub(crate) struct Pool {
    queues: Vec<Mutex<VecDeque<Arc<Task>>>>,
    alive: AtomicUsize,
    next: AtomicUsize,
}

impl Pool {
    pub(crate) fn new(workers: usize) -> Arc<Pool> {
        let queues = (0..workers).map(|_| Mutex::new(VecDeque::new())).collect();
        Arc::new(Pool { queues, alive: AtomicUsize::new(0), next: AtomicUsize::new(0) })
    }

    /// Spawns a task in what is visible here and now.
    pub(crate) fn spawn(
        self: &Arc<Self>,
        job: impl Future<Output = ()> + Send + 'static,
    ) -> Arc<Task> {
        self.spawn_in(Context::current(), job)
    }

    /// Spawns a task in a context.
    pub(crate) fn spawn_in(
        self: &Arc<Self>,
        context: Context,
        job: impl Future<Output = ()> + Send + 'static,
    ) -> Arc<Task> {
        self.alive.fetch_add(1, Relaxed);
        let task = Arc::new(Task {
            stage: AtomicUsize::new(READY),
            // stackholm: the stack of a task begins with the context it was spawned in. No
            // allocation.
            body: UnsafeCell::new(Body { stack: Stack::on(context), job: Some(Box::pin(job)) }),
            pool: Arc::downgrade(self),
        });
        self.push(task.clone());
        task
    }

    fn push(&self, task: Arc<Task>) {
        let queue = self.next.fetch_add(1, Relaxed) % self.queues.len();
        self.queues[queue].lock().unwrap().push_back(task);
    }

    /// The oldest task of a worker's own queue, else of another's.
    fn take(&self, worker: usize) -> Option<Arc<Task>> {
        let workers = self.queues.len();
        (0..workers).find_map(|i| self.queues[(worker + i) % workers].lock().unwrap().pop_front())
    }

    /// Works until all tasks are done.
    pub(crate) fn work(&self, worker: usize) {
        // Acquire: pairs with the Release in `end`; who sees that all are done sees what they did.
        while self.alive.load(Acquire) != 0 {
            match self.take(worker) {
                Some(task) => task.poll(),
                None => yield_now(),
            }
        }
    }
}

impl Task {
    /// Polls the task, which the caller took from a queue.
    fn poll(self: Arc<Self>) {
        // Acquire: pairs with the Release of whoever had the task before; its stack is as it was
        // left there.
        if self.stage.compare_exchange(READY, POLLING, Acquire, Acquire).is_err() {
            return self.end();
        }
        let waker = Waker::from(self.clone());
        let done = self.body.with_mut(|body| {
            // SAFETY: the stage is polling, and it was this thread that brought it there.
            let Body { stack, job } = unsafe { &mut *body };
            let job = job.as_mut().expect("the job of a task that is not done");
            // stackholm: swapped in for the poll, swapped out after, even if it panics.
            let polled = catch_unwind(AssertUnwindSafe(|| {
                stack.run(|| job.as_mut().poll(&mut task::Context::from_waker(&waker)))
            }));
            !matches!(polled, Ok(Poll::Pending))
        });
        if done {
            return self.end();
        }
        // Release: pairs with the Acquire above; only now others may have the stack.
        match self.stage.compare_exchange(POLLING, WAITING, AcqRel, Acquire) {
            Ok(_) => {}
            Err(WOKEN) if self.stage.compare_exchange(WOKEN, READY, AcqRel, Acquire).is_ok() => {
                self.push()
            }
            Err(_) => self.end(),
        }
    }

    /// Drops the job, on its own stack, and then the stack. The caller has the task.
    fn end(&self) {
        // Acquire: as in `poll`.
        self.stage.swap(DONE, AcqRel);
        self.body.with_mut(|body| {
            // SAFETY: whoever ends a task has it: it polled it, found it cancelled in its queue, or
            // cancelled it while it was waiting.
            let Body { stack, job } = unsafe { &mut *body };
            let job = job.take();
            // stackholm: the drop of a job sees the task's own context, as its polls did.
            let _ = catch_unwind(AssertUnwindSafe(|| stack.run(|| drop(job))));
            // stackholm: what the task entered and never left ends with its stack.
            let _ = catch_unwind(AssertUnwindSafe(|| drop(std::mem::take(stack))));
        });
        if let Some(pool) = self.pool.upgrade() {
            // Release: pairs with the Acquire in `work`.
            pool.alive.fetch_sub(1, Release);
        }
    }

    fn push(self: Arc<Self>) {
        if let Some(pool) = self.pool.upgrade() {
            pool.push(self);
        }
    }

    /// Cancels the task: it is dropped now if it waits, else by the worker that has it or finds it
    /// in its queue.
    pub(crate) fn cancel(&self) {
        let mut stage = self.stage.load(Acquire);
        while stage < CANCELLED {
            match self.stage.compare_exchange(stage, CANCELLED, AcqRel, Acquire) {
                Ok(WAITING) => return self.end(),
                Ok(_) => return,
                Err(now) => stage = now,
            }
        }
    }
}

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        let mut stage = self.stage.load(Acquire);
        loop {
            let woken = match stage {
                WAITING => READY,
                POLLING => WOKEN,
                _ => return,
            };
            match self.stage.compare_exchange(stage, woken, AcqRel, Acquire) {
                Ok(WAITING) => return self.push(),
                Ok(_) => return,
                Err(now) => stage = now,
            }
        }
    }
}

/// Gives way once: ready at the second poll.
pub(crate) struct GiveWay(bool);

pub(crate) fn give_way() -> GiveWay {
    GiveWay(false)
}

impl Future for GiveWay {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<()> {
        if std::mem::replace(&mut self.0, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}
