//! `Entered`: the guard that leaves a checkpoint.
//!
//! It knows its checkpoint by number and trusts no pointer, so that dropping it late or on another
//! stack finds nothing and corrupts nothing (R5).

use crate::engine::{Leaving, Serial, current};
use crate::misuse::{Misuse, report};
use std::fmt;
use std::marker::PhantomData;

/// Leaves a checkpoint, and all inside it, when it is dropped.
///
/// Stays on its thread. Moved into a wrapped future or closure and dropped there, it leaves its
/// checkpoint when the poll or the call ends and its own stack is current again; until then the
/// stack of the future is untouched. Dropped while its stack is not one of those that wait beneath
/// the current one, or after its checkpoint was left, it does nothing. Forgotten, its checkpoint is
/// left with the next outer one, or when the thread or the task ends. None of this panics;
/// [`on_misuse`](crate::on_misuse) counts it. (Of more than 1024 guards dropped in one turn of
/// another stack, the others do nothing.)
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
