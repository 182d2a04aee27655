//! Values that are counted on their own, without the frames below them.
//!
//! The rule (I5): each [`SharedValue`] is one `values` count, which keeps the value and the memory
//! of its frame and nothing else. A count may be retained and released on any thread; the last one
//! drops the value there. A [`PreparedBinding`] pairs such a value with the variable whose type it
//! has, so no safe code can bind it to another one.

use super::strong::spec;
use crate::engine::build::general::*;
use crate::engine::memory::flags::*;
use crate::engine::memory::frame::*;
use crate::engine::memory::key::{Key, RawKey};
use crate::engine::reclaim::refcount::retain;
use crate::engine::reclaim::release_list::ReleaseList;
use crate::sys::{Site, step};
use core::mem::ManuallyDrop;
use core::panic::Location;

/// A counted value, without the frames below it.
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

impl SharedValue {
    /// One more count of a frame's own value; of a mask, of the frame alone.
    ///
    /// # Safety
    /// 1. `frame` is alive, and its `values` count is in use: it is shared, or its value is.
    pub(in crate::engine) unsafe fn counted_again(frame: *const Frame) -> SharedValue {
        // By #1 there is a count; it is not ours to release.
        let theirs = ManuallyDrop::new(SharedValue(frame));
        SharedValue::clone(&theirs)
    }

    /// One more count of the value that `frame` shows.
    ///
    /// # Safety
    /// 1. `frame` is alive, a binding or an alias, and its value is counted already: it was reached
    ///    through a snapshot, or is that of an alias. The pointer reaches the value: it was not made of
    ///    a reference to the frame.
    pub(in crate::engine) unsafe fn once_more(frame: *const Frame) -> SharedValue {
        // SAFETY: #1.
        unsafe {
            let source = Frame::source(frame);
            retain(&(*source).values);
            SharedValue(source)
        }
    }
}

/// One binding of a checkpoint that is prepared before it is entered: a variable, and a counted
/// value of its type.
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
        let spec = FrameSpec {
            role: Role::Binding,
            bits: Traits::NONE,
            id: key.head().id(),
            kind: key.head().kind,
            ..spec(&None, key.name(), place)
        };
        // SAFETY: the kind is that of `T`; the one count of the value is the handle's.
        let value = unsafe {
            let frame = spec.build();
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
