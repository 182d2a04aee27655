//! What the tests of behaviour share: where a body runs, and how it shows that nothing is left.
//!
//! [`everywhere`] runs a body on a fresh thread, a pool thread and a task, and in each of them from
//! an empty stack, inside a throw-away checkpoint, and inside one with a live context. After each
//! run the stack is as before and every value of the [`Tally`] was dropped exactly once.
#![allow(dead_code, reason = "each test binary uses its part")]

use stackholm::{Checkpoint, Context, ContextExt, Var};
use std::any::Any;
use std::cell::RefCell;
use std::panic::{self, AssertUnwindSafe, Location, catch_unwind, resume_unwind};
use std::sync::{Arc, Mutex, Once, OnceLock};
use std::thread;
use tokio::runtime::Runtime;

/// Counts values: how many were made, and how often each was dropped.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally(Arc<Mutex<Vec<u32>>>);

/// A value that its tally counts. Neither `Clone` nor `PartialEq`, as the library asks for neither.
#[derive(Debug)]
pub(crate) struct Counted {
    /// What tells it from others.
    pub(crate) number: u64,
    index: usize,
    tally: Tally,
}

impl Tally {
    /// A new value.
    pub(crate) fn make(&self, number: u64) -> Counted {
        let mut drops = self.0.lock().unwrap();
        drops.push(0);
        Counted { number, index: drops.len() - 1, tally: self.clone() }
    }

    /// How many values were made and not dropped.
    pub(crate) fn alive(&self) -> usize {
        self.0.lock().unwrap().iter().filter(|&&drops| drops == 0).count()
    }

    /// Fails unless every value was dropped exactly once.
    #[track_caller]
    pub(crate) fn assert_nothing_left(&self) {
        let drops = self.0.lock().unwrap();
        assert!(drops.iter().all(|&drops| drops == 1), "each value is dropped once, not {drops:?}");
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.tally.0.lock().unwrap()[self.index] += 1;
    }
}

/// What a variable of counted values reads here.
pub(crate) fn number(var: &Var<Counted>) -> Option<u64> {
    var.try_with(|value| value.number).ok()
}

/// What a variable of counted values reads in a context.
pub(crate) fn number_in(context: &Context, var: &Var<Counted>) -> Option<u64> {
    context.get(var).map(|value| value.number)
}

/// Runs `body` on a fresh thread, a pool thread and a task, in each of them three ways.
pub(crate) fn everywhere(body: impl Fn(&Tally) + Send + Sync + 'static) {
    in_each_place(move || {
        from_an_empty_stack(&body);
        in_a_throw_away_checkpoint(&body);
        beside_a_live_context(&body);
    });
}

/// Runs `body` on a fresh thread, on a pool thread, and in a task that has a stack of its own.
pub(crate) fn in_each_place(body: impl Fn() + Send + Sync + 'static) {
    let on_thread = Arc::new(body);
    let (on_pool, in_task) = (Arc::clone(&on_thread), Arc::clone(&on_thread));
    finish(thread::spawn(move || on_thread()).join());
    let pool_job = pool().spawn_blocking(move || on_pool());
    finish(pool().block_on(pool_job).map_err(|error| error.into_panic()));
    let task = pool().spawn(async move { in_task() }.detached());
    finish(pool().block_on(task).map_err(|error| error.into_panic()));
}

fn finish(ended: Result<(), Box<dyn Any + Send>>) {
    if let Err(panic) = ended {
        resume_unwind(panic);
    }
}

/// The threads that take one job after the other.
pub(crate) fn pool() -> &'static Runtime {
    static POOL: OnceLock<Runtime> = OnceLock::new();
    POOL.get_or_init(|| Runtime::new().expect("a runtime"))
}

fn from_an_empty_stack(body: impl Fn(&Tally)) {
    let tally = Tally::default();
    assert!(Context::current().ptr_eq(&Context::empty()), "a place starts empty");
    body(&tally);
    assert!(Context::current().ptr_eq(&Context::empty()), "the stack is empty again");
    tally.assert_nothing_left();
}

static AROUND: Var<Counted> = Var::new("around");

/// Nothing is captured before the body has ended, so that all frames stay private.
fn in_a_throw_away_checkpoint(body: impl Fn(&Tally)) {
    let tally = Tally::default();
    let checkpoint = Checkpoint::enter();
    AROUND.set(tally.make(1)).unwrap();
    let source = AROUND.source();
    body(&tally);
    assert_eq!((number(&AROUND), AROUND.source()), (Some(1), source));
    assert_eq!(Context::current().len(), 1, "only what was there before");
    AROUND.set(tally.make(2)).expect("the checkpoint is the innermost again");
    drop(checkpoint);
    assert!(Context::current().ptr_eq(&Context::empty()), "the stack is empty again");
    tally.assert_nothing_left();
}

fn beside_a_live_context(body: impl Fn(&Tally)) {
    let tally = Tally::default();
    let checkpoint = Checkpoint::enter();
    AROUND.set(tally.make(1)).unwrap();
    let before = Context::current();
    body(&tally);
    assert!(Context::current().ptr_eq(&before), "the stack is as before");
    drop(checkpoint);
    assert_eq!(number_in(&before, &AROUND), Some(1));
    assert_eq!(tally.alive(), 1, "only what the context keeps");
    drop(before);
    tally.assert_nothing_left();
}

/// The numbers of variables to try: all that fit one or two nodes, and one more than two levels
/// hold.
pub(crate) fn counts() -> impl Iterator<Item = usize> {
    (1..=40).chain([1025])
}

/// One more than three levels of the index hold.
pub(crate) const THREE_LEVELS: usize = 32_769;

/// As many variables, made at run time.
pub(crate) fn variables(count: usize) -> Vec<Var<Counted>> {
    (0..count).map(|i| Var::named(format!("v{i}"))).collect()
}

/// A panic that was caught: what it said, and where.
#[derive(Debug)]
pub(crate) struct Panicked {
    /// Its message.
    pub(crate) message: String,
    /// Its line.
    pub(crate) line: u32,
    /// Its file.
    pub(crate) file: String,
}

/// Catches the panic of `f`, which must panic. Nothing is printed.
#[track_caller]
pub(crate) fn panic_of<R>(f: impl FnOnce() -> R) -> Panicked {
    thread_local! { static CAUGHT: RefCell<Option<Option<Panicked>>> = const { RefCell::new(None) }; }
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let expected = CAUGHT.with_borrow(Option::is_some);
            if !expected {
                return usual(info);
            }
            let place = info.location().expect("a place");
            let message = info.payload().downcast_ref::<String>().cloned().unwrap_or_default();
            let panicked = Panicked { message, line: place.line(), file: place.file().to_string() };
            CAUGHT.set(Some(Some(panicked)));
        }));
    });
    CAUGHT.set(Some(None));
    let ended = catch_unwind(AssertUnwindSafe(f));
    let caught = CAUGHT.take().flatten();
    assert!(ended.is_err(), "a panic was expected");
    caught.expect("the hook was called")
}

/// Runs `f`, which must panic by [`bang`], without printing anything.
#[track_caller]
pub(crate) fn catch_bang<R>(f: impl FnOnce() -> R) {
    let payload = catch_unwind(AssertUnwindSafe(f)).err().expect("a bang was expected");
    assert!(payload.is::<Bang>(), "the panic that arrives is the one that was raised");
}

/// What [`bang`] raises.
pub(crate) struct Bang;

/// Panics without calling the hook.
pub(crate) fn bang() -> ! {
    resume_unwind(Box::new(Bang))
}

/// The place of the caller.
#[track_caller]
pub(crate) fn here() -> &'static Location<'static> {
    Location::caller()
}
