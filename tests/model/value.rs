//! Values that count their drops and run foreign code whenever the engine lets them.

use super::met;
use super::world::misuses;
use stackholm::{Context, Entered, Var};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::mem::forget;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering::SeqCst};

/// The number of every default.
pub(crate) const DEFAULT: u64 = u64::MAX;

/// What foreign code enters and leaves, or sets and resets.
static FOREIGN: Var<u64> = Var::new("foreign");
static OTHER: Var<u64> = Var::new("other");

thread_local! {
    /// What values leave as they end, by their numbers, with the number of the oracle.
    static LEAVES: RefCell<BTreeMap<u64, (u64, Entered)>> = const { RefCell::new(BTreeMap::new()) };
    /// What they have left since the oracle was told.
    static LEFT: RefCell<Vec<Left>> = const { RefCell::new(Vec::new()) };
    /// The stack that is current on this thread, and the one that was before, by the numbers of the
    /// oracle.
    static CURRENT: Cell<(u64, u64)> = const { Cell::new((0, 0)) };
    /// Whether a stack is ending whose values enter more.
    static BUSY: Cell<bool> = const { Cell::new(false) };
}

/// What a value has left as it ended.
pub(crate) struct Left {
    pub(crate) uid: u64,
    /// On one of these: what a stack has inherited ends on the stack of whoever drops it.
    pub(crate) stacks: [u64; 2],
    /// Whether it was there.
    pub(crate) found: bool,
    /// Whether inner ones were left with it.
    pub(crate) with_inner: bool,
}

/// The value of that number leaves a guard, if it ends on this thread.
pub(crate) fn leaves(number: u64, uid: u64, guard: Entered) {
    LEAVES.with_borrow_mut(|leaves| leaves.insert(number, (uid, guard)));
}

/// What values have left on this thread.
pub(crate) fn left_by_values() -> Vec<Left> {
    LEFT.take()
}

/// Another stack is current on this thread; says which ones were, for [`current_was`].
pub(crate) fn current_is(uid: u64) -> (u64, u64) {
    CURRENT.replace((uid, CURRENT.get().0))
}

/// And is not any more.
pub(crate) fn current_was(before: (u64, u64)) {
    CURRENT.set(before);
}

/// Which ones are.
pub(crate) fn currents() -> (u64, u64) {
    CURRENT.get()
}

/// Forgets the guards of values that have not ended.
pub(crate) fn forget_guards() {
    LEAVES.take().into_values().for_each(|(_, guard)| forget(guard));
    LEFT.take();
}

/// What values enter as their stack ends.
static LATE: Var<Late> = Var::new("late");

struct Late(Arc<AtomicUsize>);

impl Drop for Late {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
    }
}

thread_local! {
    static LATE_HERE: Arc<AtomicUsize> = Arc::default();
}

/// Runs `f`, which ends a stack: its values enter more as they end, and forget that.
pub(crate) fn while_busy(f: impl FnOnce()) {
    BUSY.set(true);
    f();
    BUSY.set(false);
    assert_eq!(
        LATE_HERE.with(|here| here.load(SeqCst)),
        0,
        "what was entered as the stack ended has ended"
    );
}

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
                met::note("a value enters as it ends");
                let _entered = FOREIGN.enter(self.number);
                let context = Context::current();
                assert_eq!(context.get(&FOREIGN), Some(&self.number));
            }
            // Refused where no checkpoint is open; else nothing of it is seen afterwards.
            3 => {
                if FOREIGN.set(self.number).is_ok() {
                    met::note("a value sets as it ends");
                }
                let _ = (OTHER.set(self.number), FOREIGN.reset(), OTHER.pop());
            }
            4 => FOREIGN.sync_scope(self.number, || {
                FOREIGN.with(|number| assert_eq!(*number, self.number))
            }),
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
        let leaves =
            LEAVES.try_with(|leaves| leaves.borrow_mut().remove(&self.number)).ok().flatten();
        if let Some((uid, guard)) = leaves {
            met::note("a value leaves as it ends");
            let (current, before) = CURRENT.get();
            // Before what that ends leaves in turn.
            let at = LEFT.with_borrow_mut(|left| {
                left.push(Left { uid, stacks: [current, before], found: true, with_inner: false });
                left.len() - 1
            });
            let uncounted = misuses();
            drop(guard);
            // What it ended may have left others, or looked for them in vain; such a one is noted
            // after it.
            LEFT.with_borrow_mut(|left| {
                let inner = |is: fn(&Left) -> bool| {
                    left[at + 1..].iter().filter(|left| is(left)).count() as u64
                };
                let with_inner = misuses().0 - uncounted.0 > inner(|left| left.with_inner);
                let found = misuses().1 - uncounted.1 <= inner(|left| !left.found);
                (left[at].with_inner, left[at].found) = (with_inner, found);
            });
        }
        if BUSY.try_with(Cell::get).unwrap_or(false) {
            let here = LATE_HERE.with(Arc::clone);
            here.fetch_add(1, SeqCst);
            forget(LATE.enter(Late(here)));
        }
        self.alive = false;
    }
}
