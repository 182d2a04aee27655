//! What a look-up gives: whether a variable is bound, masked or not carried, seen from one point of
//! a stack or of a context.

use crate::engine::memory::flags::Traits;
use crate::engine::memory::frame::{Frame, Role};
use crate::engine::memory::slot::Slot;
use core::panic::Location;

/// What a look-up found.
#[derive(Clone, Copy)]
pub(crate) enum Resolution {
    Bound(&'static Location<'static>),
    Masked(&'static Location<'static>),
    /// It is bound, but does not reach here.
    NotCarried(&'static Location<'static>),
    Absent,
}

/// A frame that a look-up found: a binding or an alias that reaches here.
#[derive(Clone, Copy)]
pub(in crate::engine) struct Resolved(pub(in crate::engine) *const Frame);

/// What a slot shows. A binding of short reach is asked of `reaches`: whether it reaches to where it
/// is looked at.
///
/// # Safety
/// 1. `slot` leads to a live frame.
#[inline]
pub(in crate::engine) unsafe fn resolve(
    slot: Slot,
    reaches: impl FnOnce(&Frame) -> bool,
) -> Result<Resolved, Resolution> {
    // SAFETY: #1.
    let frame = unsafe { &*slot.as_frame() };
    match frame.role {
        Role::Mask => Err(Resolution::Masked(frame.place)),
        _ if frame.is(Traits::SHORT_REACH) && !reaches(frame) => {
            Err(Resolution::NotCarried(frame.place))
        }
        _ => Ok(Resolved(slot.as_frame())),
    }
}

impl Resolved {
    /// # Safety
    /// 1. The stack or the snapshot that it was found in still has the frame.
    #[inline]
    pub(in crate::engine) unsafe fn resolution(self) -> Resolution {
        // SAFETY: #1.
        Resolution::Bound(unsafe { (*self.0).place })
    }

    /// # Safety
    /// 1. The stack or the snapshot that it was found in still has the frame.
    /// 2. It was found by the id of a key of `T`.
    #[inline]
    pub(in crate::engine) unsafe fn value<T>(self) -> *const T {
        // SAFETY: #1; by #2 the value is a `T`.
        unsafe {
            let source = Frame::source(self.0);
            Resolved(source).plain_value()
        }
    }

    /// As [`Resolved::value`], of a frame that is no alias.
    ///
    /// # Safety
    /// As [`Resolved::value`].
    #[inline]
    pub(in crate::engine) unsafe fn plain_value<T>(self) -> *const T {
        // SAFETY: as in `value`.
        unsafe {
            (*self.0).watch.reads();
            Frame::value(self.0)
        }
    }
}
