//! Who plays a program on one thread: its dice, how much it may still do, and on which stack it is.

use crate::reached::PANIC_CAUGHT;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::thread;

/// Nothing here is dropped, so it is there until the thread is gone, for the values that act as it
/// ends. A thread that plays no program has nothing left to do, and what is dropped there is quiet.
pub(crate) struct Player {
    dice: Cell<u64>,
    left: Cell<usize>,
    depth: Cell<usize>,
    stack: Cell<usize>,
    numbers: Cell<usize>,
    may_panic: Cell<bool>,
    ends: Cell<bool>,
    exchanges: Cell<bool>,
    allocator: Cell<Allocator>,
}

thread_local! {
    static PLAYER: Player = const {
        Player {
            dice: Cell::new(1),
            left: Cell::new(0),
            depth: Cell::new(0),
            stack: Cell::new(0),
            numbers: Cell::new(0),
            may_panic: Cell::new(false),
            ends: Cell::new(false),
            exchanges: Cell::new(false),
            allocator: Cell::new(Allocator::Quiet),
        }
    };
}

/// What the global allocator does on a thread, beside its work.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Allocator {
    Quiet,
    /// Acts, and leaves what it has entered before it returns.
    Leaves,
    /// Acts, and does not care.
    Keeps,
    /// Acts just now, within one that leaves.
    WillLeave,
}

/// What the player of this thread does.
pub(crate) fn here<R>(does: impl FnOnce(&Player) -> R) -> R {
    PLAYER.with(does)
}

/// So deep does what acts lead to what acts.
const DEEPEST: usize = 12;

impl Player {
    pub(crate) fn begin(&self, seed: u64, steps: usize, exchanges: bool, allocator: Allocator) {
        self.dice.set(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        self.left.set(steps);
        self.may_panic.set(true);
        self.exchanges.set(exchanges);
        self.allocator.set(allocator);
    }

    /// From here on what is left of the thread ends. A destructor of a thread-local that panics
    /// ends the process.
    pub(crate) fn end(&self) {
        self.may_panic.set(false);
        self.ends.set(true);
    }

    pub(crate) fn ends(&self) -> bool {
        self.ends.get()
    }

    pub(crate) fn exchanges(&self) -> bool {
        self.exchanges.get()
    }

    /// Marsaglia's xorshift.
    pub(crate) fn below(&self, many: usize) -> usize {
        let mut dice = self.dice.get();
        dice ^= dice << 13;
        dice ^= dice >> 7;
        dice ^= dice << 17;
        self.dice.set(dice);
        (dice.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize % many
    }

    pub(crate) fn one_in(&self, many: usize) -> bool {
        self.below(many) == 0
    }

    /// How many operations it may still do.
    pub(crate) fn left(&self) -> usize {
        self.left.get()
    }

    /// Takes one of the operations that are left.
    pub(crate) fn takes_one(&self) -> bool {
        let left = self.left.get();
        self.left.set(left.saturating_sub(1));
        left > 0
    }

    /// Runs `f` one level deeper, or not at all if that is too deep or nothing is left to do.
    pub(crate) fn deeper(&self, f: impl FnOnce()) -> bool {
        let depth = self.depth.get();
        let goes = depth < DEEPEST && self.left.get() > 0;
        if goes {
            let _back = Back::after(&self.depth, depth + 1);
            f();
        }
        goes
    }

    /// A number that nothing on this thread had.
    pub(crate) fn number(&self) -> usize {
        self.numbers.set(self.numbers.get() + 1);
        self.numbers.get()
    }

    /// The number of the stack that is current.
    pub(crate) fn stack(&self) -> usize {
        self.stack.get()
    }

    /// Runs `f`, which makes the stack of that number current.
    pub(crate) fn on_stack<R>(&self, number: usize, f: impl FnOnce() -> R) -> R {
        let _back = Back::after(&self.stack, number);
        f()
    }

    pub(crate) fn allocator(&self) -> Allocator {
        self.allocator.get()
    }

    /// Runs `f` for the allocator, which must not panic and is not asked to act again in it.
    pub(crate) fn in_allocator(&self, f: impl FnOnce()) {
        let _calm = Back::after(&self.may_panic, false);
        let leaves = self.allocator.get() == Allocator::Leaves;
        let now = if leaves { Allocator::WillLeave } else { Allocator::Quiet };
        let _back = Back::after(&self.allocator, now);
        f();
    }

    pub(crate) fn may_panic(&self) -> bool {
        self.may_panic.get() && !thread::panicking()
    }
}

/// Puts back what was there before.
struct Back<'a, T: Copy>(&'a Cell<T>, T);

impl<'a, T: Copy> Back<'a, T> {
    fn after(cell: &'a Cell<T>, now: T) -> Self {
        Back(cell, cell.replace(now))
    }
}

impl<T: Copy> Drop for Back<'_, T> {
    fn drop(&mut self) {
        self.0.set(self.1);
    }
}

/// What a program panics with. Anything else is a fault.
struct Bang;

/// Panics without calling the hook.
pub(crate) fn bang() -> ! {
    resume_unwind(Box::new(Bang))
}

/// What `f` returns, unless the program panicked in it.
pub(crate) fn caught<R>(f: impl FnOnce() -> R) -> Option<R> {
    match catch_unwind(AssertUnwindSafe(f)) {
        Ok(returned) => Some(returned),
        Err(payload) if payload.is::<Bang>() => {
            PANIC_CAUGHT.add();
            None
        }
        Err(fault) => resume_unwind(fault),
    }
}
