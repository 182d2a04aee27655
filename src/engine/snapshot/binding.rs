//! One binding that a snapshot shows.
//!
//! It borrows the snapshot, which keeps the frame and its value (L1), and takes no count of its
//! own.

use super::resolved::Resolved;
use crate::engine::memory::frame::*;
use crate::engine::memory::key::Key;
use core::fmt;
use core::marker::PhantomData;
use core::panic::Location;
use core::ptr::{self};

/// One binding that a context shows.
#[derive(Clone, Copy)]
pub(crate) struct BindingRef<'a> {
    pub(in crate::engine) resolved: Resolved,
    pub(in crate::engine) snapshot: PhantomData<&'a ()>,
}

// SAFETY: as a reference to a snapshot.
unsafe impl Send for BindingRef<'_> {}

// SAFETY: as above.
unsafe impl Sync for BindingRef<'_> {}

impl<'a> BindingRef<'a> {
    /// A pointer that reaches the value, as one made of a reference to the frame would not.
    pub(in crate::engine) fn as_raw(&self) -> *const Frame {
        self.resolved.0
    }

    pub(in crate::engine) fn frame(&self) -> &'a Frame {
        // SAFETY: the snapshot is borrowed for 'a and keeps the frame.
        unsafe { &*self.resolved.0 }
    }

    pub(crate) fn name(&self) -> &'a str {
        self.frame().name()
    }

    pub(crate) fn place(&self) -> &'static Location<'static> {
        self.frame().place
    }

    pub(crate) fn is_of<T>(&self, key: &Key<T>) -> bool {
        self.frame().id == key.peek()
    }

    /// Whether both are one and the same binding.
    pub(crate) fn same(&self, other: &BindingRef<'_>) -> bool {
        // SAFETY: both frames are kept by their snapshots.
        unsafe { ptr::eq(Frame::source(self.resolved.0), Frame::source(other.resolved.0)) }
    }

    /// The value, if its variable was declared to be shown.
    pub(crate) fn shown(&self) -> Option<impl fmt::Debug + use<'a>> {
        struct Value<'a>(Shown, PhantomData<&'a ()>);
        impl fmt::Debug for Value<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                // SAFETY: the snapshot is borrowed and keeps the value.
                unsafe { self.0.fmt(f) }
            }
        }
        // SAFETY: the binding reaches everywhere: its value is there while the snapshot is.
        unsafe { Frame::show(self.resolved.0) }.map(|shown| Value(shown, PhantomData::<&'a ()>))
    }
}
