//! What the crate does without the standard library: what needs no slot, what it answers where
//! there is none, and what it does with one. Each function panics at the first thing that is wrong.
#![no_std]

extern crate alloc;

use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::mem::forget;
use core::pin::pin;
use core::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use core::task::{self, Poll, Waker};
use stackholm::embed::{Slot, Stack};
use stackholm::{Checkpoint, Context, ContextExt, Globals, Misuse, Scope, Shared, Source, Var};

static USER: Var<&str> = Var::new("user");
static DEPTH: Var<u32> = Var::with_default("depth", || 7);
static LIMIT: Var<u32> = Var::new("limit");
static TX: Var<u32> = Var::new("tx").stays_on_stack();
static REQUEST: Var<u64> = Var::new("request").logged();

/// The example of the crate's page, which is not compiled there: with `std` there is no slot.
#[cfg(doctest)]
#[doc = include_str!("../../../src/sys/slot.md")]
struct Example;

/// A value that counts how many of its kind are alive.
pub struct Counted(Arc<AtomicUsize>);

impl Counted {
    fn new(alive: &Arc<AtomicUsize>) -> Self {
        alive.fetch_add(1, SeqCst);
        Counted(alive.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
    }
}

static COUNTED: Var<Counted> = Var::new("counted");

/// How often a guard was dropped whose checkpoint is not here.
static NOT_HERE: AtomicUsize = AtomicUsize::new(0);

fn polled<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    loop {
        let mut cx = task::Context::from_waker(Waker::noop());
        if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
            return output;
        }
    }
}

async fn next_poll() {
    let mut is_first = true;
    core::future::poll_fn(|_| {
        if core::mem::take(&mut is_first) { Poll::Pending } else { Poll::Ready(()) }
    })
    .await;
}

/// A stack that is passed by hand, and contexts that are built: neither asks for a slot.
pub fn without_a_current_stack() {
    let alive = Arc::new(AtomicUsize::new(0));
    let mut stack = Stack::new();
    assert_eq!(stack.get(&USER), None);
    assert!(stack.set(&USER, "too early").is_err());
    let kept = stack.checkpoint(|stack| {
        stack.set(&USER, "ada").unwrap();
        stack.set(&COUNTED, Counted::new(&alive)).unwrap();
        let kept = stack.scope(&DEPTH, 1, |stack| {
            assert_eq!((stack.get(&USER), stack.get(&DEPTH)), (Some(&"ada"), Some(&1)));
            assert!(stack.set(&DEPTH, 2).is_err(), "a scope is sealed");
            stack.capture()
        });
        assert_eq!(stack.get(&DEPTH), None);
        stack.set(&USER, "grace").unwrap();
        kept
    });
    assert_eq!(stack.get(&USER), None);
    assert_eq!((kept.get(&USER), kept.get(&DEPTH)), (Some(&"ada"), Some(&1)));
    assert_eq!(alive.load(SeqCst), 1, "the context keeps it");
    let mut other = Stack::on(kept.clone());
    assert_eq!(other.get(&USER), Some(&"ada"));
    other.set(&USER, "other").unwrap();
    assert_eq!(kept.get(&USER), Some(&"ada"));
    drop(kept);
    assert_eq!(alive.load(SeqCst), 1, "the stack keeps it");
    drop(other);
    assert_eq!(alive.load(SeqCst), 0);

    let base = Context::build().set(&USER, "base").set(&LIMIT, 3).done();
    let derived = base.with(&USER, "derived").without(&LIMIT);
    assert_eq!((base.get(&USER), base.get(&LIMIT)), (Some(&"base"), Some(&3)));
    assert_eq!((derived.get(&USER), derived.get(&LIMIT)), (Some(&"derived"), None));
    let many: Vec<Var<u32>> = (0..200).map(|n| Var::named(n.to_string())).collect();
    let all = many.iter().zip(0..).fold(Context::build(), |all, (var, n)| all.set(var, n)).done();
    assert!(many.iter().zip(0..).all(|(var, n)| all.get(var) == Some(&n)));
    assert_eq!(all.iter().count(), 200);
}

/// What is answered where nothing can be current.
pub fn where_there_is_no_slot() {
    let misused = NOT_HERE.load(SeqCst);
    assert!(!USER.is_bound());
    assert!(USER.try_get().is_err());
    assert!(USER.require().is_err());
    assert_eq!(DEPTH.get(), 7);
    LIMIT.set_global(10);
    assert_eq!((LIMIT.get(), LIMIT.source()), (10, Source::Global));
    assert!(LIMIT.require().is_err());
    LIMIT.clear_global();
    assert!(USER.set("nobody").is_err());
    assert!(Context::current().is_empty());

    let alive = Arc::new(AtomicUsize::new(0));
    let guard = COUNTED.enter(Counted::new(&alive));
    assert_eq!(alive.load(SeqCst), 0, "what is entered ends at once");
    assert!(!COUNTED.is_bound());
    drop(guard);
    assert_eq!(NOT_HERE.load(SeqCst), misused + 1);
    assert!(USER.sync_scope("ada", || USER.try_get()).is_err());
    let mut stack = Stack::on(Context::build().set(&USER, "ada").done());
    assert!(stack.run(|| USER.try_get()).is_err());
    assert_eq!(stack.get(&USER), Some(&"ada"));
    assert!(polled(USER.scope("ada", async { USER.try_get() })).is_err());
}

/// Registers the slot, and sees that only one way to find it is ever taken.
///
/// # Safety
/// As [`Slot::register`].
pub unsafe fn register(find: stackholm::embed::FindSlot) {
    // SAFETY: the caller's.
    unsafe {
        Slot::register(find).expect("it is the first");
        assert!(Slot::register(|| None).is_err());
    }
    counts_misuse();
}

/// Counts guards that are dropped where their checkpoint is not.
pub fn counts_misuse() {
    let count = |misuse| {
        if misuse == Misuse::NotHere {
            NOT_HERE.fetch_add(1, SeqCst);
        }
    };
    // Another test may have been first, with the same hook.
    let _ = stackholm::on_misuse(count);
}

/// What is bound, read, handed over and left where there is a slot.
pub fn where_there_is_a_slot() {
    assert!(Context::current().is_empty());
    let alive = Arc::new(AtomicUsize::new(0));
    let misused = NOT_HERE.load(SeqCst);
    let captured = USER.sync_scope("ada", || {
        assert_eq!(USER.get(), "ada");
        COUNTED.sync_scope(Counted::new(&alive), || {
            assert!(COUNTED.is_bound());
            Scope::new().set(&DEPTH, 1).set(&LIMIT, 2).run(|| {
                assert_eq!((DEPTH.get(), LIMIT.get(), USER.get()), (1, 2, "ada"));
                Context::current()
            })
        })
    });
    assert_eq!((USER.is_bound(), DEPTH.get()), (false, 7));
    assert_eq!(alive.load(SeqCst), 1, "the context keeps it");
    assert_eq!(captured.run(|| (USER.get(), LIMIT.get())), ("ada", 2));
    drop(captured);
    assert_eq!(alive.load(SeqCst), 0);

    Checkpoint::run(|| {
        USER.set("set").unwrap();
        COUNTED.set(Counted::new(&alive)).unwrap();
        let handed = async {
            assert_eq!(USER.get(), "set");
            USER.set("its own").unwrap();
            next_poll().await;
            assert_eq!(USER.get(), "its own");
            TX.scope(1, async { TX.get() }).await
        }
        .in_current_context();
        let detached = async { USER.try_get() }.detached();
        USER.set("set anew").unwrap();
        COUNTED.unset().unwrap();
        assert!(!COUNTED.is_bound());
        assert_eq!(polled(handed), 1);
        assert!(polled(detached).is_err());
        assert_eq!(USER.get(), "set anew");
    });
    assert_eq!(alive.load(SeqCst), 0);

    let mut stack = Stack::inherit();
    stack.run(|| {
        let _entered = USER.enter("on a stack");
        assert_eq!(USER.get(), "on a stack");
    });
    assert!(!USER.is_bound());
    let outer = USER.enter("outer");
    let inner = USER.enter("inner");
    drop(outer);
    assert!(!USER.is_bound(), "the inner one is left with it");
    drop(inner);
    assert_eq!(NOT_HERE.load(SeqCst), misused + 1);

    let pinned = LIMIT.sync_scope(1, || {
        LIMIT.set_global(5);
        Globals::current()
    });
    LIMIT.set_global(6);
    assert_eq!((pinned.run(|| LIMIT.get()), LIMIT.get()), (5, 6));
    LIMIT.clear_global();
    let line: String = REQUEST.sync_scope(3, || stackholm::fields::Fields::current().to_string());
    assert_eq!(line, "request=3");
    let cell: Shared<Box<u32>> = Shared::from(Box::new(1));
    cell.update(|n| Box::new(**n + 1));
    assert_eq!(cell.with(|n| **n), 2);
    assert!(Context::current().is_empty());
}

/// A chain that keeps many values ends without as many calls inside each other.
pub fn a_long_chain_ends_on_a_small_machine_stack() {
    struct Keeps(#[expect(dead_code, reason = "it is only kept")] Context);
    static KEEPS: Var<Keeps> = Var::new("keeps");
    let mut context = Context::empty();
    for _ in 0..if cfg!(miri) { 200 } else { 20_000 } {
        context = Context::empty().with(&KEEPS, Keeps(context));
    }
    drop(context);
}

/// What is left over in a slot ends with it.
pub fn enter_and_forget(alive: &Arc<AtomicUsize>) {
    forget(COUNTED.enter(Counted::new(alive)));
    assert_eq!((COUNTED.is_bound(), alive.load(SeqCst)), (true, 1));
}
