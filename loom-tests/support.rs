//! How a model is run, and the values that its bindings have.
#![expect(unsafe_code, reason = "a static of the library has an end in models only")]

use stackholm::proof::{
    Site, blocks, end_of_execution, has_failed, model_begins, model_failed, model_reuses, weakened,
};
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Once};

/// A model by name, and in how many orders it must run at least: one that shrinks to fewer shows
/// less than it says.
#[derive(Clone, Copy)]
pub(crate) struct Model {
    pub(crate) name: &'static str,
    orders: usize,
    run: fn(),
}

/// No model has nearly so many orders. A weakened one that never comes to an end fails by this.
const MOST_ORDERS: usize = 100_000;

/// Models of so many operations that not every order of them is looked at each time: how often a
/// thread may be stopped where it could go on. `shared_node_used_again_in_every_order` looks at
/// all.
const STOPS: &[(&str, usize)] = &[
    ("shared_node_used_again_while_missed", 3),
    ("global_swapped_while_read", 3),
    ("globals_set_together_while_read", 2),
    ("globals_updated_by_two", 2),
    ("global_first_set_by_two", 2),
];

impl Model {
    pub(crate) const fn new(name: &'static str, orders: usize, run: fn()) -> Self {
        Model { name, orders, run }
    }

    /// Runs it in every order.
    pub(crate) fn check(self) {
        let orders = self.explore(|| {});
        assert!(
            orders >= self.orders,
            "{}: {orders} orders, it must have {} at least",
            self.name,
            self.orders
        );
    }

    /// Runs it as a program runs, in which freed blocks are kept for the next frames.
    pub(crate) fn check_reusing(self) {
        self.explore(model_reuses);
    }

    /// Runs it with one site weakened; panics with the kind of its failure.
    pub(crate) fn check_without(self, site: Site) {
        weakened(site, || self.check_broken());
    }

    /// Runs a model that must fail; panics with the kind of its failure.
    pub(crate) fn check_broken(self) {
        if catch_unwind(AssertUnwindSafe(|| self.explore(|| {}))).is_err() {
            panic!("{}", FIRST.get().unwrap_or(OTHER));
        }
    }

    /// Says in how many orders it ran.
    fn explore(self, first: fn()) -> usize {
        let stops = STOPS.iter().find(|(name, _)| *name == self.name).map(|(_, stops)| *stops);
        self.explore_up_to(MOST_ORDERS, stops, first)
    }

    /// Runs a model of [`STOPS`] in every order.
    pub(crate) fn check_all(self) {
        self.explore_up_to(MOST_ORDERS * 10, None, || {});
    }

    fn explore_up_to(self, most: usize, stops: Option<usize>, first: fn()) -> usize {
        listen();
        FIRST.set(None);
        let (orders, run) = (Arc::new(AtomicUsize::new(0)), self.run);
        // What stands in the environment for loom changes nothing.
        let mut builder = loom::model::Builder::new();
        builder.max_branches = 20_000;
        (builder.max_permutations, builder.max_duration, builder.preemption_bound) =
            (None, None, stops);
        (builder.checkpoint_file, builder.expect_explicit_explore) = (None, false);
        let counted = orders.clone();
        builder.check(move || {
            let before = counted.fetch_add(1, Relaxed);
            assert!(before < most, "too many orders");
            // The ends of threads come after that of a model.
            assert!(before == 0 || blocks() == 0, "blocks that were not given back");
            model_begins();
            first();
            run();
            assert!(!has_failed(), "a task has failed, and its executor caught that");
            // SAFETY: the model is over, and all that it spawned.
            unsafe { end_of_execution() };
        });
        assert_eq!(blocks(), 0, "blocks that were not given back");
        let orders = orders.load(Relaxed);
        println!("{}: {orders} orders", self.name);
        orders
    }
}

/// The kinds of failures, and what the messages of each say. The first three are those of the watch
/// that the engine is under, see `README.md`.
const KINDS: [(&str, &[&str]); 6] = [
    ("race", &["Causality violation"]),
    // The last one: by a thread that goes on though the execution is over, and nothing is left.
    (
        "used after its end",
        &["used after its end", "read after its end", "ended twice", "lazy_static during shutdown"],
    ),
    ("count below zero", &["a count was given back that nobody had"]),
    ("leak", &["leaked", "not given back"]),
    ("wrong number alive", &["wrong number of values alive"]),
    (LIMIT, &["Model exceeded", "deadlock", "too many orders"]),
];

/// What stands before the kind of a failure where a process says it.
pub(crate) const VERDICT: &str = "verdict: ";

/// An assertion of a model.
const ASSERTION: &str = "assertion";

/// The model did not come to an end. No control may fail by that.
const LIMIT: &str = "limit";

/// None of these: a fault of the model, or of loom.
const OTHER: &str = "other";

/// Whether a weakened site that has that effect was noticed.
pub(crate) fn is_noticed(kind: &str) -> bool {
    kind == ASSERTION || KINDS.iter().any(|(name, _)| *name == kind && kind != LIMIT)
}

fn kind_of(message: &str, file: &str) -> &'static str {
    let known = KINDS.iter().find(|(_, says)| says.iter().any(|part| message.contains(part)));
    known.map_or(if file.contains("loom-tests") { ASSERTION } else { OTHER }, |(kind, _)| kind)
}

std::thread_local! {
    /// The kind of the first failure of the model that runs on this thread.
    static FIRST: Cell<Option<&'static str>> = const { Cell::new(None) };
}

/// Tells the engine when a model has failed, so that it does not touch loom while the failure
/// unwinds, and notes the kind of the failure.
fn listen() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            model_failed();
            if FIRST.get().is_none() {
                let message = info.payload_as_str().unwrap_or("");
                let kind = kind_of(message, info.location().map_or("", |place| place.file()));
                FIRST.set(Some(kind));
                // At once: what a count too few does to the memory may end the process while the
                // failure unwinds.
                println!("{VERDICT}{kind}");
            }
            before(info);
        }));
    });
}

/// Declares models as tests, and controls: the same model with one site weakened, which must fail,
/// and in that way.
macro_rules! models {
    ($($model:ident { $($control:ident: $site:ident => $kind:literal,)* })+) => {
        mod checks {
            $(
                #[test]
                fn $model() {
                    crate::table::model(stringify!($model)).check();
                }
                $(
                    #[test]
                    #[should_panic(expected = $kind)]
                    fn $control() {
                        crate::table::model(stringify!($model)).check_without(stackholm::proof::Site::$site);
                    }
                )*
            )+
        }
    };
}
pub(crate) use models;

/// How many values of a model are alive.
#[derive(Clone, Default)]
pub(crate) struct Alive(Arc<AtomicUsize>);

impl Alive {
    pub(crate) fn value(&self, number: u32) -> Value {
        self.0.fetch_add(1, Relaxed);
        Value { number, alive: self.0.clone(), ended: AtomicBool::new(false), keeps: None }
    }

    /// A value that owns something else, which ends with it.
    pub(crate) fn keeping(&self, number: u32, keeps: impl Send + Sync + 'static) -> Value {
        let mut value = self.value(number);
        value.keeps = Some(Box::new(keeps));
        value
    }

    #[track_caller]
    pub(crate) fn are(&self, number: usize) {
        assert_eq!(self.0.load(Relaxed), number, "wrong number of values alive");
    }

    #[track_caller]
    pub(crate) fn all_ended(&self) {
        self.are(0);
    }
}

/// A value that knows whether it is alive. Races with its end are for the engine's own watch to
/// notice.
pub(crate) struct Value {
    number: u32,
    alive: Arc<AtomicUsize>,
    ended: AtomicBool,
    keeps: Option<Box<dyn Send + Sync>>,
}

impl Value {
    #[track_caller]
    pub(crate) fn number(&self) -> u32 {
        assert!(!self.ended.load(Relaxed), "read after its end");
        self.number
    }
}

impl Drop for Value {
    fn drop(&mut self) {
        if !has_failed() {
            assert!(!self.ended.swap(true, Relaxed), "ended twice");
            self.alive.fetch_sub(1, Relaxed);
        }
    }
}
