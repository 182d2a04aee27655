//! How a model is run, and the values that notice what goes wrong with them.

use stackholm::proof::{Site, blocks, has_failed, model_begins, model_failed, model_reuses, weakened};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Once};

/// A model by name.
#[derive(Clone, Copy)]
pub(crate) struct Model {
    pub(crate) name: &'static str,
    pub(crate) run: fn(),
}

impl Model {
    pub(crate) const fn all(name: &'static str, run: fn()) -> Self {
        Model { name, run }
    }

    /// Runs it in every order; says in how many.
    pub(crate) fn check(self) -> usize {
        self.check_after(|| {})
    }

    /// Runs it as a program runs, in which freed blocks are kept for the next frames.
    pub(crate) fn check_reusing(self) -> usize {
        self.check_after(model_reuses)
    }

    fn check_after(self, first: fn()) -> usize {
        listen();
        let (orders, run) = (Arc::new(AtomicUsize::new(0)), self.run);
        let mut builder = loom::model::Builder::new();
        builder.max_branches = 20_000;
        let counted = orders.clone();
        builder.check(move || {
            // The ends of threads come after that of a model.
            assert!(counted.fetch_add(1, Relaxed) == 0 || blocks() == 0, "blocks that were not given back");
            model_begins();
            first();
            run();
            assert!(!has_failed(), "a task has failed, and its executor caught that");
        });
        assert_eq!(blocks(), 0, "blocks that were not given back");
        let orders = orders.load(Relaxed);
        println!("{}: {orders} orders", self.name);
        orders
    }

    /// Runs it with one site weakened.
    pub(crate) fn check_without(self, site: Site) -> usize {
        weakened(site, || self.check())
    }
}

/// Tells the engine when a model has failed, so that it does not touch loom while the failure unwinds.
fn listen() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            model_failed();
            before(info);
        }));
    });
}

/// Declares models as tests, and controls: the same model with one site weakened, which must fail.
macro_rules! models {
    ($($model:ident { $($control:ident: $site:ident,)* })+) => {
        mod checks {
            $(
                #[test]
                fn $model() {
                    crate::table::model(stringify!($model)).check();
                }
                $(
                    #[test]
                    #[should_panic]
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

    pub(crate) fn now(&self) -> usize {
        self.0.load(Relaxed)
    }
}

/// A value that knows whether it is alive. Races with its end are for the engine's own watch to notice.
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
        if !std::thread::panicking() {
            assert!(!self.ended.swap(true, Relaxed), "ended twice");
            self.alive.fetch_sub(1, Relaxed);
        }
    }
}
