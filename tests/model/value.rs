//! Values that count their drops and run foreign code whenever the engine lets them.

use stackholm::{Context, Var};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering::SeqCst};

/// The number of every default.
pub(crate) const DEFAULT: u64 = u64::MAX;

/// What foreign code enters and leaves, or sets and resets.
static FOREIGN: Var<u64> = Var::new("foreign");
static OTHER: Var<u64> = Var::new("other");

pub(crate) struct Value {
    number: u64,
    drops: Option<Arc<AtomicU8>>,
    /// Where it was bound first, if that is a static.
    var: Option<&'static Var<Value>>,
    _holds: Option<Arc<Context>>,
    /// Is written over by the drop, so that a read after it is noticed.
    alive: bool,
}

impl Value {
    pub(crate) fn new(
        number: u64,
        drops: Arc<AtomicU8>,
        var: Option<&'static Var<Value>>,
        holds: Option<Arc<Context>>,
    ) -> Self {
        Value { number, drops: Some(drops), var, _holds: holds, alive: true }
    }

    pub(crate) fn default() -> Self {
        Value { number: DEFAULT, drops: None, var: None, _holds: None, alive: true }
    }

    pub(crate) fn number(&self) -> u64 {
        assert!(self.alive, "value {} is read after its end", self.number);
        self.number
    }

    fn act(&self) {
        match self.number % 5 {
            1 => drop(Context::current()),
            2 => {
                let _entered = FOREIGN.enter(self.number);
                let context = Context::current();
                assert_eq!(context.get(&FOREIGN), Some(&self.number));
            }
            // Refused where no checkpoint is open; else nothing of it is seen afterwards.
            3 => {
                let _ = (FOREIGN.set(self.number), OTHER.set(self.number), FOREIGN.reset(), OTHER.pop());
            }
            4 => FOREIGN.sync_scope(self.number, || FOREIGN.with(|number| assert_eq!(*number, self.number))),
            _ => {}
        }
    }
}

/// A copy that does not count.
impl Clone for Value {
    fn clone(&self) -> Self {
        self.act();
        Value { number: self.number(), drops: None, var: None, _holds: None, alive: true }
    }
}

impl Drop for Value {
    fn drop(&mut self) {
        let Some(drops) = &self.drops else { return };
        drops.fetch_add(1, SeqCst);
        if std::thread::panicking() {
            // A second panic would end the process before the program can be shrunk.
            return;
        }
        assert!(self.alive, "value {} is dropped twice", self.number);
        if let Some(var) = self.var {
            let seen = var.try_with(Value::number).ok();
            assert_ne!(seen, Some(self.number), "a value's drop does not see its own binding");
        }
        self.act();
        self.alive = false;
    }
}
