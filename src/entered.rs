//! `Entered`: the guard that leaves a checkpoint.
//!
//! It knows its checkpoint by number and trusts no pointer, so that dropping it late, twice over or
//! on another stack finds nothing and does nothing (R5).

use crate::chain::{Leaving, Serial, current};
use crate::misuse::{Misuse, report};
use std::fmt;
use std::marker::PhantomData;

/// Leaves a checkpoint, and all inside it, when it is dropped.
///
/// Stays on its thread. Dropped late or on another stack, as in a wrapped future, it does nothing;
/// forgotten, its checkpoint is left with the next outer one, or when the thread or the task ends.
/// None of this panics; [`on_misuse`](crate::on_misuse) counts it.
///
/// Dropping the innermost guard is O(1). Any other one looks at each checkpoint of the stack until
/// it finds its own: O(depth of nesting).
#[must_use = "the checkpoint is left when this is dropped; bind it to a name"]
pub struct Entered {
    serial: Serial,
    #[expect(dead_code, reason = "it is there for its type")]
    stays: GuardsStayOnTheirThread,
}

/// Makes a guard neither `Send` nor `Sync`: it belongs to the stack of its thread. Its name stands
/// in what the compiler says to a future that holds one over an await.
struct GuardsStayOnTheirThread(PhantomData<*mut ()>);

impl Entered {
    #[inline]
    pub(crate) fn new(serial: Serial) -> Self {
        Entered { serial, stays: GuardsStayOnTheirThread(PhantomData) }
    }

    /// Leaves now.
    pub fn leave(self) {}
}

impl Drop for Entered {
    #[inline]
    fn drop(&mut self) {
        // Nothing of ours can fail here: what is not on the current stack is not touched. A value's
        // own drop may panic, after the stack is in order.
        match current::leave(self.serial) {
            Leaving::InOrder => {}
            Leaving::WithInner => report(Misuse::LeftWithInner),
            Leaving::NotHere => report(Misuse::NotHere),
        }
    }
}

impl fmt::Debug for Entered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entered").finish_non_exhaustive()
    }
}
