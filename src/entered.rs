//! `Entered`: the guard that leaves a checkpoint.
//!
//! It holds a serial number, not a pointer: a drop that is late, or on another stack, finds no
//! checkpoint of that number on the current stack and touches nothing there (R5).

use crate::engine::{Leaving, Serial, current};
use crate::misuse::{Misuse, report};
use core::fmt;
use core::marker::PhantomData;

/// Leaves a checkpoint, and all inside it, when it is dropped.
///
/// A guard stays on its thread. If it is not dropped in order:
///
/// - Moved into a wrapped future or closure and dropped there, it leaves its checkpoint when the
///   poll or the call ends and its own stack is current again. Until then its checkpoint, and the
///   stack of the future, stay as they are. (Of the guards dropped in one such poll or call at most
///   1024 do so; the others do nothing.)
/// - Dropped while its stack is neither the current one nor waits beneath it, or after its
///   checkpoint was left, it does nothing.
/// - If it is forgotten, its checkpoint is left with the next outer one, or when the thread or the
///   task ends.
///
/// None of this panics; [`on_misuse`](crate::on_misuse) is told of the drops.
///
/// Dropping the innermost guard is O(1). Any other one looks at each checkpoint of the stack until
/// it finds its own: O(depth of nesting).
#[must_use = "the checkpoint is left when this is dropped; bind it to a name"]
pub struct Entered {
    serial: Serial,
    #[expect(dead_code, reason = "it is there for its type")]
    stays: GuardsStayOnTheirThread,
}

/// Makes a guard neither `Send` nor `Sync`: it belongs to the stack of its thread. The compiler
/// names this type when it refuses a future that holds a guard over an await.
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
        // This cannot fail: a checkpoint that is not on the current stack is not touched. The drop
        // of a value may panic; by then the stack is in order.
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
