//! Panics of foreign code, which must not keep other work from being done.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// Calls foreign code. `None` if it panicked; what the panic carried was dropped.
pub(crate) fn caught<R>(f: impl FnOnce() -> R) -> Option<R> {
    catch_unwind(AssertUnwindSafe(f)).map_err(drop_payload).ok()
}

/// Drops what a panic carries. That is foreign code too: if its drop panics, what that panic carries
/// is dropped in turn. The last of too many such panics leaks what it carries.
fn drop_payload(mut payload: Box<dyn Any + Send>) {
    const MOST: usize = 16;
    for _ in 0..MOST {
        match catch_unwind(AssertUnwindSafe(|| drop(payload))) {
            Ok(()) => return,
            Err(next) => payload = next,
        }
    }
    std::mem::forget(payload);
}

/// Calls foreign code several times, all of it even if some of it panics.
#[derive(Default)]
pub(crate) struct CallAll {
    first_panic: Option<Box<dyn Any + Send>>,
}

impl CallAll {
    pub(crate) fn call(&mut self, f: impl FnOnce()) {
        match catch_unwind(AssertUnwindSafe(f)) {
            Err(payload) if self.first_panic.is_none() => self.first_panic = Some(payload),
            Err(payload) => drop_payload(payload),
            Ok(()) => {}
        }
    }

    /// Goes on with the first panic, if there was one.
    pub(crate) fn finish(self) {
        if let Some(payload) = self.first_panic {
            resume_unwind(payload);
        }
    }
}
