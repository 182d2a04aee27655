//! Late guards: guards that were dropped while another stack than their own was current.
//!
//! The rule (R5): each is remembered by the serial number of its checkpoint, which is left when the
//! turn above its stack ends. If the checkpoint is on none of the stacks beneath, it is forgotten
//! when the thread's own stack is current again. The list is one thread's own.

use crate::engine::memory::serial::Serial;
use std::cell::Cell;
use std::mem::ManuallyDrop;

/// How many are remembered at most. Any more of one turn do nothing.
const MOST: usize = 1024;

/// The checkpoints to be left. It needs no destructor: it is empty whenever the thread's own stack
/// is current.
pub(in crate::engine) struct LateGuards {
    number: Cell<usize>,
    serials: Cell<ManuallyDrop<Vec<Serial>>>,
}

impl LateGuards {
    pub(in crate::engine) const fn new() -> Self {
        LateGuards { number: Cell::new(0), serials: Cell::new(ManuallyDrop::new(Vec::new())) }
    }

    fn with<R>(&self, f: impl FnOnce(&mut Vec<Serial>) -> R) -> R {
        // The global allocator is foreign code: it finds an empty list, and what it adds goes.
        let empty = || ManuallyDrop::new(Vec::new());
        let mut serials = ManuallyDrop::into_inner(self.serials.replace(empty()));
        let result = f(&mut serials);
        if serials.is_empty() {
            // Nothing would free its memory when the thread ends.
            serials = Vec::new();
        }
        // After the last call of the allocator before the list is back: the number is of this list.
        self.number.set(serials.len());
        let added = self.serials.replace(ManuallyDrop::new(serials));
        drop(ManuallyDrop::into_inner(added));
        result
    }

    #[inline]
    pub(in crate::engine) fn number(&self) -> usize {
        self.number.get()
    }

    pub(in crate::engine) fn push(&self, serial: Serial) {
        self.with(|serials| {
            if serials.len() < MOST {
                serials.push(serial);
            }
        });
    }

    /// The first one after that many.
    pub(in crate::engine) fn take_after(&self, before: usize) -> Option<Serial> {
        self.with(|serials| (before < serials.len()).then(|| serials.remove(before)))
    }

    /// Forgets all of them.
    pub(in crate::engine) fn clear(&self) {
        self.with(|serials| *serials = Vec::new());
    }
}
