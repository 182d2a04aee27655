//! How a scenario is run, and what its threads have in common.

use crate::table::is_control;
use shuttle::rand::{Rng, thread_rng};
use shuttle::scheduler::{PctScheduler, RandomScheduler, ReplayScheduler, Scheduler};
use shuttle::sync::Mutex;
use shuttle::thread::{JoinHandle, sleep, spawn};
use shuttle::{Config, MaxSteps, Runner};
use stackholm::Context;
use stackholm::proof::{blocks, has_failed, model_begins, model_failed};
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Once};
use std::time::Duration;

/// A scenario by name, and in how many schedules it is run.
#[derive(Clone, Copy)]
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) run: fn(),
    pub(crate) schedules: usize,
}

/// Where chance begins. The same each time, so that a change is what makes a difference.
const SEED: u64 = 0x57AC_4011;

/// How often the thread that goes first is changed where none has to wait.
const PREEMPTIONS: usize = 4;

impl Scenario {
    /// Runs it in schedules that choose a thread at each step, and in as many that seldom change.
    pub(crate) fn check(self) {
        if let Ok(file) = std::env::var("STACKHOLM_SCHEDULE") {
            return self.check_by(
                ReplayScheduler::new_from_file(file).expect("a schedule that was printed"),
            );
        }
        let schedules = std::env::var("STACKHOLM_SCHEDULES").ok();
        let schedules = schedules
            .map_or(self.schedules, |number| number.parse().expect("a number of schedules"));
        self.check_by(RandomScheduler::new_from_seed(SEED, schedules));
        self.check_by(PctScheduler::new_from_seed(SEED, PREEMPTIONS, schedules));
    }

    fn check_by(self, scheduler: impl Scheduler + 'static) {
        listen();
        let mut config = Config::new();
        config.stack_size = 1 << 18;
        config.max_steps = MaxSteps::FailAfter(10_000_000);
        config.silence_warnings = true;
        let run = self.run;
        Runner::new(scheduler, config).run(move || {
            BEGUN.fetch_add(1, Relaxed);
            model_begins();
            // On a thread of its own, so that all that threads keep has been given back when it is
            // over.
            spawn(run).join().unwrap();
            assert!(!has_failed(), "a task has failed, see above");
            assert_eq!(blocks(), 0, "blocks of memory that were not given back");
        });
    }
}

/// How many schedules this process has begun.
static BEGUN: AtomicUsize = AtomicUsize::new(0);

/// Ends a control that has been in one schedule for half a minute; a schedule takes milliseconds. What
/// the control has done to the memory may lead a walk in a circle before a check has noticed it.
fn end_if_stuck() {
    let mut begun = 0;
    loop {
        std::thread::sleep(Duration::from_secs(30));
        let before = std::mem::replace(&mut begun, BEGUN.load(Relaxed));
        if begun == before {
            std::process::exit(102);
        }
    }
}

/// Tells the engine when a scenario has failed, so that it goes no further while the failure
/// unwinds. A control ends its process there: the drops that follow would use the memory that it has
/// spoilt, and might never end. A panic on purpose is one by `resume_unwind`, which calls no hook.
fn listen() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        if is_control() {
            std::thread::spawn(end_if_stuck);
        }
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            model_failed();
            before(info);
            if is_control() {
                std::process::exit(101);
            }
        }));
    });
}

/// Declares scenarios as tests, and controls: the same with one site weakened, which must fail.
macro_rules! scenarios {
    ($($scenario:ident { $($control:ident: $site:ident,)* })+) => {
        mod checks {
            $(
                #[test]
                fn $scenario() {
                    crate::table::scenario(stringify!($scenario)).check();
                }
                $(
                    #[test]
                    fn $control() {
                        assert!(crate::table::fails(stackholm::proof::Site::$site, stringify!($scenario)));
                    }
                )*
            )+
        }
    };
}
pub(crate) use scenarios;

/// Any number below `end`.
pub(crate) fn any(end: usize) -> usize {
    thread_rng().gen_range(0..end)
}

/// Lets another thread go on, in the middle of foreign code.
fn turn() {
    if !std::thread::panicking() {
        sleep(Duration::ZERO);
    }
}

/// Runs `f` on so many threads, which know their number, and waits for all.
pub(crate) fn on_threads(number: usize, f: impl Fn(usize) + Clone + Send + 'static) {
    let start = |thread| {
        let f = f.clone();
        spawn(move || f(thread))
    };
    let threads: Vec<JoinHandle<()>> = (0..number).map(start).collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

/// How many values of a scenario are alive.
#[derive(Clone, Default)]
pub(crate) struct Alive(Arc<AtomicUsize>);

impl Alive {
    pub(crate) fn value(&self, number: usize) -> Value {
        self.0.fetch_add(1, Relaxed);
        Value { number, alive: self.0.clone(), ended: AtomicBool::new(false), keeps: None }
    }

    /// A value that owns something else, which ends with it.
    pub(crate) fn keeping(&self, number: usize, keeps: impl Send + Sync + 'static) -> Value {
        let mut value = self.value(number);
        value.keeps = Some(Box::new(keeps));
        value
    }

    /// A value whose drop panics, if that is of no harm.
    pub(crate) fn panicking(&self, number: usize) -> Value {
        self.keeping(number, Bang)
    }

    pub(crate) fn now(&self) -> usize {
        self.0.load(Relaxed)
    }
}

/// A value that knows whether it is alive. Others may go on while it is read, and while it ends.
pub(crate) struct Value {
    number: usize,
    alive: Arc<AtomicUsize>,
    ended: AtomicBool,
    keeps: Option<Box<dyn Send + Sync>>,
}

impl Value {
    #[track_caller]
    pub(crate) fn number(&self) -> usize {
        turn();
        assert!(!self.ended.load(Relaxed), "read after its end");
        self.number
    }
}

impl Drop for Value {
    fn drop(&mut self) {
        turn();
        let ended = self.ended.swap(true, Relaxed);
        assert!(!ended || std::thread::panicking(), "ended twice");
        self.alive.fetch_sub(1, Relaxed);
    }
}

shuttle::thread_local! {
    /// Whether the thread catches what values throw as they end.
    static CATCHES: Cell<bool> = Cell::new(false);
}

/// Owned by a value that panics as it ends.
struct Bang;

/// What it panics with.
struct Harmless;

impl Drop for Bang {
    fn drop(&mut self) {
        if !std::thread::panicking() && CATCHES.try_with(Cell::take).unwrap_or(false) {
            resume_unwind(Box::new(Harmless));
        }
    }
}

/// Calls `f`, in which a value may panic as it ends; then there is no result, and no harm.
pub(crate) fn unharmed<R>(f: impl FnOnce() -> R) -> Option<R> {
    let before = CATCHES.with(|catches| catches.replace(true));
    let result = catch_unwind(AssertUnwindSafe(f));
    CATCHES.with(|catches| catches.set(before));
    match result {
        Ok(result) => Some(result),
        Err(panic) if panic.is::<Harmless>() => None,
        Err(panic) => resume_unwind(panic),
    }
}

/// Things on their way from any thread to any other.
pub(crate) struct Pile<T>(Arc<Mutex<Vec<T>>>);

impl<T> Clone for Pile<T> {
    fn clone(&self) -> Self {
        Pile(self.0.clone())
    }
}

impl<T> Default for Pile<T> {
    fn default() -> Self {
        Pile(Arc::new(Mutex::new(Vec::new())))
    }
}

impl<T> Pile<T> {
    pub(crate) fn put(&self, thing: T) {
        self.0.lock().unwrap().push(thing);
    }

    /// Any one of them, if there is one.
    pub(crate) fn take(&self) -> Option<T> {
        let mut pile = self.0.lock().unwrap();
        let number = pile.len();
        (number > 0).then(|| pile.swap_remove(any(number)))
    }

    pub(crate) fn len(&self) -> usize {
        self.0.lock().unwrap().len()
    }
}

/// A context, and the number that it was captured with.
pub(crate) type Numbered = (usize, Context);
