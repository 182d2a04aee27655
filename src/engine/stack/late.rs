//! Late guards: guards that were dropped while another stack than their own was current.
//!
//! The rule (R5): each is remembered by the serial number of its checkpoint, which is left when the
//! turn above its stack ends. If the checkpoint is on none of the stacks beneath, it is forgotten
//! when the thread's own stack is current again. The list is one thread's own.

use crate::engine::memory::serial::Serial;
use alloc::vec::Vec;
use core::cell::Cell;
use core::mem::ManuallyDrop;

/// How many are remembered at most. Any more of one turn do nothing. For one of a later turn the
/// newest of those from before it is forgotten: work that runs in one turn for long may have dropped
/// many guards whose checkpoint was left before, and is on no stack any more. The oldest stay, since
/// with the outermost guard all inside it are left.
const MOST: usize = 1024;

/// The checkpoints to be left. It needs no destructor: it is empty whenever the thread's own stack
/// is current.
pub(in crate::engine) struct LateGuards {
    /// How many were remembered, those that were forgotten since included.
    number: Cell<usize>,
    /// How many of them were forgotten, to make room for others.
    forgotten: Cell<usize>,
    serials: Cell<ManuallyDrop<Vec<Serial>>>,
}

impl LateGuards {
    pub(in crate::engine) const fn new() -> Self {
        LateGuards {
            number: Cell::new(0),
            forgotten: Cell::new(0),
            serials: Cell::new(ManuallyDrop::new(Vec::new())),
        }
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
        self.number.set(self.forgotten.get().wrapping_add(serials.len()));
        let added = self.serials.replace(ManuallyDrop::new(serials));
        drop(ManuallyDrop::into_inner(added));
        result
    }

    /// How many were remembered since the list was cleared. What was remembered since it was `n` is
    /// the same though others are forgotten: see [`take_after`](Self::take_after).
    #[inline]
    pub(in crate::engine) fn number(&self) -> usize {
        self.number.get()
    }

    /// How many there are after the first `before`; a few more, if some of those were forgotten in a
    /// turn further in.
    pub(in crate::engine) fn number_after(&self, before: usize) -> usize {
        self.number.get().saturating_sub(before).min(MOST)
    }

    /// Remembers one more. The first `before` were remembered before the current turn.
    pub(in crate::engine) fn push(&self, serial: Serial, before: usize) {
        self.with(|serials| {
            let older = before.saturating_sub(self.forgotten.get());
            if serials.len() == MOST && (1..=MOST).contains(&older) {
                serials.remove(older - 1);
                self.forgotten.set(self.forgotten.get().wrapping_add(1));
            }
            if serials.len() < MOST {
                serials.push(serial);
            }
        });
    }

    /// The first one after the first `before`. If others were forgotten in a turn further in, that
    /// may be one that was there before: it is not on the current stack and stays on the list.
    pub(in crate::engine) fn take_after(&self, before: usize) -> Option<Serial> {
        let at = before.saturating_sub(self.forgotten.get());
        self.with(|serials| (at < serials.len()).then(|| serials.remove(at)))
    }

    /// Forgets all of them.
    pub(in crate::engine) fn clear(&self) {
        self.with(|serials| {
            *serials = Vec::new();
            self.forgotten.set(0);
        });
    }
}
