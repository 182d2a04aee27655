//! Binds, reads, captures and polls as a page does: one thread, and tasks that are polled in turn.

use stackholm::{Checkpoint, Context, ContextExt, InContext, Var};
use std::cell::RefCell;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{self, Poll, Waker};

static USER: Var<&str> = Var::new("user");
static SEEN: Var<u32> = Var::with_default("seen", || 0);

type Task = Pin<Box<dyn Future<Output = ()>>>;

thread_local! {
    static TASKS: RefCell<Vec<Task>> = const { RefCell::new(Vec::new()) };
    static LOG: RefCell<Vec<&'static str>> = const { RefCell::new(Vec::new()) };
}

/// As `spawn_local` of a browser: the task is polled later, by nobody's caller.
fn spawn_local(task: impl Future<Output = ()> + 'static) {
    TASKS.with_borrow_mut(|tasks| tasks.push(Box::pin(task)));
}

/// What the page does when an event comes: polls each task once. Says how many are not ready.
#[unsafe(no_mangle)]
pub extern "C" fn turn() -> usize {
    let tasks = TASKS.take();
    let mut cx = task::Context::from_waker(Waker::noop());
    let waiting = tasks.into_iter().filter_map(|mut task| {
        task.as_mut().poll(&mut cx).is_pending().then_some(task)
    });
    let waiting: Vec<_> = waiting.collect();
    TASKS.with_borrow_mut(|tasks| tasks.extend(waiting));
    TASKS.with_borrow(Vec::len)
}

async fn next_turn() {
    let mut is_waiting = true;
    poll_fn(|_| if std::mem::take(&mut is_waiting) { Poll::Pending } else { Poll::Ready(()) }).await;
}

async fn handler() {
    assert_eq!(SEEN.get(), 0);
    SEEN.set(1).expect("a wrapped future begins in an open checkpoint");
    next_turn().await;
    assert_eq!(SEEN.get(), 1, "what it set is there at the next poll");
    LOG.with_borrow_mut(|log| log.push(USER.get()));
}

/// Spawns tasks of two users, and one that was handed nothing.
#[unsafe(no_mangle)]
pub extern "C" fn begin() {
    for user in ["ada", "grace"] {
        USER.sync_scope(user, || spawn_local(handler().in_current_context()));
    }
    USER.sync_scope("eve", || {
        spawn_local(async {
            next_turn().await;
            assert!(!USER.is_bound(), "spawned bare");
        });
    });
    assert!(!USER.is_bound());
}

/// How many tasks have seen the user that they were handed, and that nothing is left.
#[unsafe(no_mangle)]
pub extern "C" fn end() -> usize {
    assert!(Context::current().is_empty());
    let log = LOG.take();
    assert_eq!(log, ["ada", "grace"]);
    let base = Context::build().set(&USER, "base").set(&SEEN, 5).done();
    assert_eq!(base.run(|| (USER.get(), SEEN.get())), ("base", 5));
    Checkpoint::run(|| {
        USER.set("set").expect("it is open");
        let wrapped: InContext<_> = async { USER.get() }.in_current_context();
        let mut cx = task::Context::from_waker(Waker::noop());
        assert_eq!(std::pin::pin!(wrapped).poll(&mut cx), Poll::Ready("set"));
    });
    log.len()
}
