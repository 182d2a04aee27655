//! A stack that is owned as a value, by a future, a thread to be or a runtime.

use super::raw::{Closed, Spine};
use crate::engine::memory::key::Key;
use crate::engine::reclaim::read_guard::Parting;
use crate::engine::snapshot::resolved::Seen;

/// A spine that is owned as a value. What can be done with a shared reference only reads.
pub(crate) struct Own {
    spine: Spine,
}

// SAFETY: `&Own` gives nothing but reads of what is immutable while it is borrowed.
unsafe impl Sync for Own {}

impl Own {
    pub(in crate::engine) fn spine(&mut self) -> &Spine {
        &self.spine
    }

    pub(crate) fn new(spine: Spine) -> Self {
        Own { spine }
    }

    pub(crate) fn get<T>(&self, key: &Key<T>) -> Result<&T, Seen> {
        // SAFETY: the frame has the id of a key of `T`; nothing is left while the spine is
        // borrowed.
        self.spine.look(key.peek()).map(|sight| unsafe { &*sight.value() })
    }

    pub(crate) fn see<T>(&self, key: &Key<T>) -> Seen {
        self.spine.see(key.peek())
    }

    pub(crate) fn is_open(&self) -> Result<(), Closed> {
        self.spine.is_open()
    }

    /// Works on the spine. `f` must not run foreign code; what it lets go ends afterwards.
    pub(crate) fn work<R>(&mut self, f: impl FnOnce(&Spine, &Parting<'_>) -> R) -> R {
        f(&self.spine, &Parting::free())
    }

    /// Leaves what was entered on the stack, down to what it inherited, if anything was. The drop
    /// of what comes back runs foreign code.
    pub(crate) fn leave_all(&mut self) -> Option<Parting<'static>> {
        if self.spine.is_bare() || self.spine.leave_to_contexts() {
            return None;
        }
        let parting = Parting::free();
        while !self.spine.is_bare() {
            self.spine.pop_some(&parting);
        }
        Some(parting)
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        // Declared before what may panic as it goes, so that it is dropped after it and all the
        // same. The result of a call would be lost.
        let _floor;
        let parting = Parting::free();
        _floor = self.spine.clear(&parting);
    }
}
