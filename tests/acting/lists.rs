//! What a thread holds. What is left of it is dropped as the thread ends, one list after the other.

use crate::player::{Player, here};
use crate::reached::{LEFT_LATE, OUT_OF_ORDER};
use crate::value::Value;
use stackholm::embed::Stack;
use stackholm::{Context, Entered, Kept, Prepared, Var, WeakContext};
use std::cell::RefCell;
use std::pin::Pin;
use std::thread::LocalKey;

thread_local! {
    pub(crate) static GUARDS: RefCell<Vec<Guard>> = const { RefCell::new(Vec::new()) };
    pub(crate) static CONTEXTS: RefCell<Vec<Context>> = const { RefCell::new(Vec::new()) };
    pub(crate) static WEAK: RefCell<Vec<WeakContext>> = const { RefCell::new(Vec::new()) };
    pub(crate) static KEPT: RefCell<Vec<Kept<'static, Value>>> = const { RefCell::new(Vec::new()) };
    pub(crate) static PREPARED: RefCell<Vec<Prepared<'static>>> =
        const { RefCell::new(Vec::new()) };
    pub(crate) static STACKS: RefCell<Vec<Task<Stack>>> = const { RefCell::new(Vec::new()) };
    pub(crate) static FUTURES: RefCell<Vec<Task<Job>>> = const { RefCell::new(Vec::new()) };
}

pub(crate) type Job = Pin<Box<dyn Future<Output = ()>>>;

/// What has a stack, and the number of that.
pub(crate) struct Task<T> {
    pub(crate) number: usize,
    pub(crate) task: T,
}

/// A guard, and where it was entered.
pub(crate) struct Guard {
    _entered: Entered,
    stack: usize,
    number: usize,
}

impl Guard {
    pub(crate) fn new(player: &Player, entered: Entered) -> Guard {
        Guard { _entered: entered, stack: player.stack(), number: player.number() }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if here(Player::stack) != self.stack {
            LEFT_LATE.add();
        }
        let is_inside = |other: &Guard| other.stack == self.stack && other.number > self.number;
        if GUARDS.borrowed(|guards| guards.iter().any(is_inside)) == Some(true) {
            OUT_OF_ORDER.add();
        }
    }
}

/// The most that a list holds.
const MOST: usize = 8;

/// A list of what a thread holds. Who acts may find it borrowed or gone: it is empty then, and what
/// is put into it is dropped.
pub(crate) trait List<T> {
    fn borrowed<R>(&'static self, f: impl FnOnce(&mut Vec<T>) -> R) -> Option<R>;

    /// Takes one out.
    fn draw(&'static self, player: &Player) -> Option<T> {
        let take = |list: &mut Vec<T>| (!list.is_empty()).then(|| player.below(list.len()));
        self.borrowed(|list| take(list).map(|at| list.swap_remove(at))).flatten()
    }

    /// Takes the last one out.
    fn draw_last(&'static self) -> Option<T> {
        self.borrowed(Vec::pop).flatten()
    }

    /// Puts it in, and drops another one if there are many. Nothing is dropped while the list is
    /// borrowed.
    fn put(&'static self, player: &Player, new: T) {
        let mut new = Some(new);
        let old = self.borrowed(|list| {
            let old = (list.len() >= MOST).then(|| list.swap_remove(player.below(MOST)));
            list.extend(new.take());
            old
        });
        drop((old, new));
    }
}

impl<T> List<T> for LocalKey<RefCell<Vec<T>>> {
    fn borrowed<R>(&'static self, f: impl FnOnce(&mut Vec<T>) -> R) -> Option<R> {
        let borrow =
            |list: &RefCell<Vec<T>>| list.try_borrow_mut().ok().map(|mut list| f(&mut list));
        self.try_with(borrow).ok().flatten()
    }
}

/// Leaves what was entered since something had that number, the last first.
pub(crate) fn leave_all_since(number: usize) {
    let take = |guards: &mut Vec<Guard>| {
        let at = guards.iter().rposition(|guard| guard.number > number)?;
        Some(guards.remove(at))
    };
    while let Some(guard) = GUARDS.borrowed(take).flatten() {
        drop(guard);
    }
}

/// One of the contexts, or an empty one.
pub(crate) fn a_context(player: &Player) -> Context {
    let copy = |contexts: &mut Vec<Context>| {
        (!contexts.is_empty()).then(|| contexts[player.below(contexts.len())].clone())
    };
    CONTEXTS.borrowed(copy).flatten().unwrap_or_default()
}

/// Touches all lists, and the stack of the thread, in one of several orders: they end in the
/// reverse one.
pub(crate) fn touch_all(order: usize) {
    static STACK: Var<u64> = Var::new("stack");
    let touches: [fn(); 8] = [
        || _ = GUARDS.borrowed(|_| ()),
        || _ = CONTEXTS.borrowed(|_| ()),
        || _ = WEAK.borrowed(|_| ()),
        || _ = KEPT.borrowed(|_| ()),
        || _ = PREPARED.borrowed(|_| ()),
        || _ = STACKS.borrowed(|_| ()),
        || _ = FUTURES.borrowed(|_| ()),
        || STACK.sync_scope(1, || ()),
    ];
    // Odd, so that each is touched once.
    let step = 1 + 2 * (order % 4);
    (0..touches.len()).for_each(|i| touches[(i * step + order) % touches.len()]());
}
