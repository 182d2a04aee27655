//! The plan of a batch, made before anything is allocated: how many bytes its types need, and
//! whether its variables have slots of their own in one node.
//!
//! The rule: what was planned is what is written, in the same order. The unsafe trait `BindingList`
//! says so (see `bindings`).

use crate::engine::memory::flags::*;
use crate::engine::memory::frame::*;
use crate::engine::memory::key::Key;
use crate::engine::memory::slot::{bit, get, rank};

/// What a scope binds, as far as its type says.
#[derive(Clone, Copy)]
pub(crate) struct BatchLayout {
    pub(in crate::engine) number: u32,
    /// Bytes of the frames but the last one, and of all.
    pub(in crate::engine) outer: usize,
    all: usize,
    pub(in crate::engine) fits: bool,
}

impl BatchLayout {
    pub(crate) const NOTHING: BatchLayout = BatchLayout { number: 0, outer: 0, all: 0, fits: true };

    /// And one more binding.
    pub(crate) const fn and<T>(self) -> BatchLayout {
        BatchLayout {
            number: self.number + 1,
            outer: self.all,
            all: self.all + room::<T>(),
            fits: self.fits && align_of::<T>() <= align_of::<Frame>() && self.all < Position::MOST,
        }
    }

    /// And one more mask.
    pub(crate) const fn and_mask(self) -> BatchLayout {
        BatchLayout { fits: false, ..self }
    }
}

/// The bytes of a frame with such a value, among others.
pub(in crate::engine) const fn room<T>() -> usize {
    (size_of::<Frame>() + size_of::<T>()).next_multiple_of(align_of::<Frame>())
}

/// What a scope is going to bind, and whether one node of an index has room for it.
pub(crate) struct BatchPlan {
    pub(in crate::engine) from: *const Frame,
    /// What is visible, and what is going to be.
    pub(in crate::engine) old: u32,
    pub(in crate::engine) new: u32,
    pub(in crate::engine) fits: bool,
    pub(in crate::engine) last: &'static Kind,
}

impl BatchPlan {
    /// One more binding.
    #[inline]
    pub(crate) fn binds<T>(&mut self, key: &Key<T>) {
        let head = key.head();
        let id = head.id();
        let bit = bit(id, 0);
        self.fits &= self.new & bit == 0 && matches!(head.name, Name::Static(_));
        if self.old & bit != 0 {
            self.fits &= self.leads_to(bit, id);
        }
        self.new |= bit;
        self.last = head.kind;
    }

    /// Whether the slot of that bit is that of `id`, not of another variable.
    #[cold]
    fn leads_to(&self, bit: u32, id: usize) -> bool {
        // SAFETY: the bit is one of the index of `from`, the top of a stack, which leads to frames
        // alone.
        unsafe { (*get(self.from.cast(), rank(self.old, bit)).as_frame()).id == id }
    }
}
