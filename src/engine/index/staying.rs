//! Whether a context leads to a binding that stays on its stack, asked so that what hides none need
//! not be looked through.

use crate::engine::index::trie;
use crate::engine::memory::flags::Traits;
use crate::engine::memory::frame::Frame;
use crate::sys::OnceLock;

/// Whether a context was ever taken that leads to a binding that stays on its stack.
static STAYING: OnceLock<()> = OnceLock::new();

pub(in crate::engine) fn is_staying_used() -> bool {
    STAYING.get().is_some()
}

/// Notes that a frame was shared that stays on its stack. Whoever captures it later comes after.
#[cold]
#[inline(never)]
pub(in crate::engine) fn staying_is_used() {
    STAYING.get_or_init(|| ());
}

/// Whether an index leads to a binding that stays on its stack.
///
/// # Safety
/// 1. `frame` is alive, with everything its index leads to.
pub(in crate::engine) unsafe fn leads_to_staying(frame: *const Frame) -> bool {
    let mut found = false;
    // SAFETY: #1.
    unsafe {
        trie::each(frame.cast(), 0, &mut |slot| found |= (*slot.as_frame()).is(Traits::STACK))
    };
    found
}

/// As [`staying_is_used`], if that is what a frame shows that does not count its parent: those
/// below it are shared without being passed.
///
/// # Safety
/// 1. As for [`leads_to_staying`].
pub(in crate::engine) unsafe fn note_staying(frame: *const Frame) {
    // SAFETY: #1.
    if !is_staying_used() && unsafe { leads_to_staying(frame) } {
        staying_is_used();
    }
}
