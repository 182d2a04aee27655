//! The variables, and the values that act as they are dropped.

use crate::lists::{List, STACKS, Task};
use crate::operations;
use crate::player::{Player, bang, here};
use crate::reached::{DEFAULT_ACTS, VALUE_ACTS, VALUE_ACTS_LAST, VALUE_PANICS};
use stackholm::embed::Stack;
use stackholm::{Context, Var};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// The last two are of short reach: on their stack, and in their checkpoint.
pub(crate) static VALUES: [Var<Value>; 5] = [
    Var::new("a"),
    Var::new("b"),
    Var::new("c"),
    Var::new("short").stays_on_stack(),
    Var::new("near").stays_in_checkpoint(),
];
pub(crate) static NUMBERS: [Var<u64>; 2] = [Var::new("number"), Var::new("other number")];
pub(crate) static WIDE: Var<Wide> = Var::new("wide");
pub(crate) static LARGE: Var<Large> = Var::new("large");
/// A value whose block is aligned more than usual.
#[repr(align(64))]
pub(crate) struct Wide(pub(crate) Value);

/// A value whose block is too large to be kept for another one.
pub(crate) struct Large(pub(crate) Value, [u8; 3000]);

impl Large {
    pub(crate) fn new(value: Value) -> Large {
        Large(value, [7; 3000])
    }

    fn check(&self) {
        self.0.check();
        assert_eq!((self.1[0], self.1[2999]), (7, 7));
    }
}

/// What a value says while it is alive.
const ALIVE: u64 = 0x5EED_CAFE_5EED_CAFE;

static NOW_ALIVE: AtomicUsize = AtomicUsize::new(0);

/// How many values are alive. They are counted from zero again, so that a program that leaves some
/// is not blamed for those of another one.
pub(crate) fn take_alive() -> usize {
    NOW_ALIVE.swap(0, Relaxed)
}

/// A value that may hold what other values are bound in, and act as it is dropped.
pub(crate) struct Value {
    /// In a block of its own, so that a late read is seen.
    says: Box<u64>,
    acts: bool,
    _context: Option<Context>,
    /// A stack is not `Sync`.
    _stack: Option<Mutex<Task<Stack>>>,
}

impl Value {
    pub(crate) fn new(player: &Player) -> Value {
        let context = player.one_in(8).then(Context::current);
        let stack = player.one_in(24).then(|| STACKS.draw_last()).flatten();
        Value::made(player.one_in(6), context, stack)
    }

    /// One that holds nothing and does nothing.
    pub(crate) fn quiet() -> Value {
        Value::made(false, None, None)
    }

    fn made(acts: bool, context: Option<Context>, stack: Option<Task<Stack>>) -> Value {
        let says = Box::new(ALIVE);
        NOW_ALIVE.fetch_add(1, Relaxed);
        Value { says, acts, _context: context, _stack: stack.map(Mutex::new) }
    }

    pub(crate) fn check(&self) {
        assert_eq!(*self.says, ALIVE, "a value that is read is alive");
    }
}

impl Drop for Value {
    fn drop(&mut self) {
        assert_eq!(std::mem::take(&mut *self.says), ALIVE, "a value is dropped once");
        NOW_ALIVE.fetch_sub(1, Relaxed);
        if self.acts {
            here(|player| {
                let count = if player.ends() { &VALUE_ACTS_LAST } else { &VALUE_ACTS };
                operations::act(player, 3, count);
                if player.left() > 0 && player.one_in(40) && player.may_panic() {
                    VALUE_PANICS.add();
                    bang();
                }
            });
        }
    }
}

/// One of the variables of values.
pub(crate) fn a_var(player: &Player) -> &'static Var<Value> {
    &VALUES[player.below(VALUES.len())]
}

/// Reads a variable that nobody has read before, so that its default is made.
pub(crate) fn read_default() {
    let var = Var::with_default("made", || {
        here(|player| operations::act(player, 2, &DEFAULT_ACTS));
        5
    });
    assert_eq!(var.get(), 5);
}

/// Reads what is bound here.
pub(crate) fn read_all() {
    VALUES.iter().for_each(|var| _ = var.try_with(Value::check));
    let _ = WIDE.try_with(|wide| wide.0.check());
    let _ = LARGE.try_with(|large| large.check());
    let _ = NUMBERS[0].try_get();
}

/// Reads what a context shows.
pub(crate) fn check(context: &Context) {
    VALUES.iter().filter_map(|var| context.get(var)).for_each(Value::check);
    context.get(&WIDE).into_iter().for_each(|wide| wide.0.check());
    context.get(&LARGE).into_iter().for_each(|large| large.check());
    assert!(VALUES[3..].iter().all(|var| context.get(var).is_none()), "these stay");
    assert_eq!(context.len(), context.iter().count());
}
