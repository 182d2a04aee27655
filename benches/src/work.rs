//! The core's operations, one turn each, as the races and the instruction counts do them.

use crate::bound::{ABSENT, DEFAULT, GLOBAL, SHARED, VARS, value};
use stackholm::{Checkpoint, Context, ContextExt as _, Entered, Scope};
use std::future::Future;
use std::hint::black_box;
use std::pin::Pin;
use std::task::{Context as Task, Poll, Waker};

/// Binds one variable; the value comes from where the optimiser does not see it.
#[inline(always)]
pub fn enter<const N: usize>() -> Entered {
    VARS[N].enter(black_box(value(N)))
}

/// Enters and leaves.
#[inline(always)]
pub fn enter_and_leave<const N: usize>() -> u64 {
    drop(black_box(enter::<N>()));
    0
}

/// Enters and leaves two scopes, one after the other.
#[inline(always)]
pub fn enter_two_in_turn() -> u64 {
    enter_and_leave::<8>() + enter_and_leave::<9>()
}

/// Reads what is bound.
#[inline(always)]
pub fn read_present() -> u64 {
    VARS[3].with(|number| *number)
}

/// Reads what shares its place in the root of the index. Not by [`read_present`]: one closure that is
/// used twice is compiled as a function of its own, and both reads would be longer.
#[inline(always)]
pub fn read_of_many() -> u64 {
    VARS[3].with(|number| *number)
}

/// Reads what came with a context.
#[inline(always)]
pub fn read_inherited() -> u64 {
    VARS[3].with(|number| *number)
}

/// Reads what was bound when the root of the index had no place for it any more.
#[inline(always)]
pub fn read_bound_late() -> u64 {
    VARS[40].with(|number| *number)
}

/// Reads what is not bound; 1.
#[inline(always)]
pub fn read_absent() -> u64 {
    u64::from(ABSENT.try_with(|number| *number).is_err())
}

/// Reads what has a process-wide value.
#[inline(always)]
pub fn read_global() -> u64 {
    GLOBAL.with(|number| *number)
}

/// Reads what has a default.
#[inline(always)]
pub fn read_default() -> u64 {
    DEFAULT.with(|number| *number)
}

/// Sets a process-wide value; 0.
#[inline(always)]
pub fn set_global() -> u64 {
    drop(GLOBAL.set_global(value(3)));
    0
}

/// Reads a cell that the thread read before.
#[inline(always)]
pub fn read_shared() -> u64 {
    SHARED.with(|number| *number)
}

/// Takes a snapshot of a cell, and lets go.
#[inline(always)]
pub fn load_shared() -> u64 {
    *black_box(SHARED.load())
}

/// Replaces the value of a cell; 0.
#[inline(always)]
pub fn store_shared() -> u64 {
    SHARED.store(value(3));
    0
}

/// Captures and lets go.
#[inline(always)]
pub fn capture() -> u64 {
    drop(black_box(Context::current()));
    0
}

/// Enters, captures, lets go, leaves.
#[inline(always)]
pub fn enter_and_capture<const N: usize>() -> u64 {
    let entered = enter::<N>();
    capture();
    drop(black_box(entered));
    0
}

/// Binds three variables at once.
#[inline(always)]
pub fn scope_of_three() -> u64 {
    let scope = Scope::new()
        .set(&VARS[8], black_box(8))
        .set(&VARS[9], black_box(9))
        .set(&VARS[10], black_box(10));
    drop(black_box(scope.enter()));
    0
}

/// An open checkpoint with one `set` inside.
#[inline(always)]
pub fn checkpoint_and_set() -> u64 {
    let checkpoint = Checkpoint::enter();
    let refused = set();
    drop(black_box(checkpoint));
    refused
}

/// Sets what the innermost checkpoint binds, perhaps once more; 0.
#[inline(always)]
pub fn set() -> u64 {
    u64::from(VARS[8].set(black_box(8)).is_err())
}

/// Hands what is visible to a future, which is dropped.
#[inline(always)]
pub fn hand_over() -> u64 {
    drop(black_box(Busy::new().in_current_context()));
    0
}

/// Enters and leaves on a stack that what is visible was handed to.
#[inline(always)]
pub fn enter_in_a_task() -> u64 {
    stackholm::embed::Stack::inherit().run(enter_and_leave::<8>)
}

/// Never ready. It looks at itself where the optimiser does not see it, and writes nothing.
#[derive(Debug, Default)]
pub struct Busy(u64);

impl Busy {
    /// Not polled yet.
    pub fn new() -> Self {
        Self::default()
    }
}

impl Future for Busy {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Task<'_>) -> Poll<()> {
        if black_box(self.0) == 0 { Poll::Pending } else { Poll::Ready(()) }
    }
}

/// Polls once; 1 if it is not ready.
#[inline(always)]
pub fn poll(future: Pin<&mut (impl Future<Output = ()> + ?Sized)>) -> u64 {
    u64::from(future.poll(&mut Task::from_waker(Waker::noop())).is_pending())
}
