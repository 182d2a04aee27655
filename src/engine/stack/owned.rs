//! A stack that is owned as a value: by a future, by a thread to be, or by a runtime.
//!
//! It can be sent to another thread. Through a shared reference it can only be read, and so it can
//! be shared as well.

use super::raw::{Closed, RawStack};
use crate::engine::memory::key::Key;
use crate::engine::reclaim::departures::Departures;
use crate::engine::snapshot::resolved::Resolution;

/// A raw stack that is owned as a value. What can be done with a shared reference only reads.
pub(crate) struct OwnedStack {
    raw: RawStack,
}

// SAFETY: `&OwnedStack` gives nothing but reads of what is immutable while it is borrowed.
unsafe impl Sync for OwnedStack {}

impl OwnedStack {
    pub(in crate::engine) fn raw(&mut self) -> &RawStack {
        &self.raw
    }

    pub(crate) fn new(raw: RawStack) -> Self {
        OwnedStack { raw }
    }

    pub(crate) fn get<T>(&self, key: &Key<T>) -> Result<&T, Resolution> {
        // SAFETY: the frame has the id of a key of `T`; nothing is left while the raw stack is
        // borrowed.
        self.raw.lookup(key.peek()).map(|resolved| unsafe { &*resolved.value() })
    }

    pub(crate) fn see<T>(&self, key: &Key<T>) -> Resolution {
        self.raw.see(key.peek())
    }

    pub(crate) fn is_open(&self) -> Result<(), Closed> {
        self.raw.is_open()
    }

    /// Works on the raw stack. `f` must not run foreign code; what it lets go ends afterwards.
    pub(crate) fn work<R>(&mut self, f: impl FnOnce(&RawStack, &Departures<'_>) -> R) -> R {
        f(&self.raw, &Departures::free())
    }

    /// Leaves what was entered on the stack, down to what it inherited, if anything was. The drop
    /// of what comes back runs foreign code.
    pub(crate) fn leave_all(&mut self) -> Option<Departures<'static>> {
        if self.raw.is_bare() || self.raw.leave_to_contexts() {
            return None;
        }
        let departures = Departures::free();
        while !self.raw.is_bare() {
            self.raw.pop_some(&departures);
        }
        Some(departures)
    }
}

impl Drop for OwnedStack {
    fn drop(&mut self) {
        // Declared before what may panic as it goes, so that it is dropped after it and all the
        // same. The result of a call would be lost.
        let _floor;
        let departures = Departures::free();
        _floor = self.raw.clear(&departures);
    }
}

/// Gives `f` to the stack that is in the place of the one that was to run it.
#[cold]
#[inline(never)]
pub(in crate::engine) fn run_elsewhere<R, F: FnOnce() -> R>(
    f: F,
    elsewhere: impl FnOnce(F) -> R,
) -> R {
    elsewhere(f)
}
