//! A value that is counted by itself, apart from any chain.

use crate::engine::build::general::*;
use crate::engine::memory::flags::*;
use crate::engine::memory::frame::*;
use crate::engine::memory::key::{Key, RawKey};
use crate::engine::reclaim::refcount::retain;

use super::strong::draft;
use crate::engine::reclaim::release_list::ReleaseList;
use crate::sync::{Site, step};
use std::panic::Location;

/// A counted value without its parents.
#[repr(transparent)]
pub(in crate::engine) struct SharedValue(pub(in crate::engine) *const Frame);

// SAFETY: values are `Send + Sync`, and what is read of the frame through a count of the value is
// immutable.
unsafe impl Send for SharedValue {}

// SAFETY: as above.
unsafe impl Sync for SharedValue {}

impl Clone for SharedValue {
    fn clone(&self) -> Self {
        if step(Site::HeldTakes) {
            // SAFETY: we have a count, so the frame is alive.
            retain(unsafe { &(*self.0).values });
        }
        SharedValue(self.0)
    }
}

impl Drop for SharedValue {
    fn drop(&mut self) {
        let ending = ReleaseList::new();
        // SAFETY: the count is ours.
        unsafe { ending.release_value(self.0) };
        ending.finish();
    }
}

/// One binding of a checkpoint that is prepared before it is entered: a variable, and a value of its
/// type that is counted on its own.
#[derive(Clone)]
pub(crate) struct PreparedBinding<'v> {
    pub(in crate::engine) key: &'v RawKey,
    pub(in crate::engine) value: SharedValue,
    pub(in crate::engine) place: &'static Location<'static>,
}

impl<'v> PreparedBinding<'v> {
    pub(crate) fn new<T: Send + Sync>(
        key: &'v Key<T>,
        value: T,
        place: &'static Location<'static>,
    ) -> Self {
        let draft = FrameSpec {
            role: Role::Binding,
            bits: Traits::NONE,
            id: key.head().id(),
            kind: key.head().kind,
            ..draft(&None, key.name(), place)
        };
        // SAFETY: the kind is that of `T`; the one count of the value is the handle's.
        let value = unsafe {
            let frame = draft.build();
            Frame::init(frame, value);
            (*frame).set_state(Lifecycle::VALUE_SHARED);
            SharedValue(frame)
        };
        PreparedBinding { key: key.raw(), value, place }
    }

    /// The name of its variable.
    pub(crate) fn name(&self) -> &str {
        self.key.head().name.as_str()
    }

    /// Where in the source it was made.
    pub(crate) fn place(&self) -> &'static Location<'static> {
        self.place
    }
}
