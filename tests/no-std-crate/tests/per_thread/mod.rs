//! A slot for each thread, in a thread-local: what an embedder with threads does.

use stackholm::embed::Slot;
use std::ptr::NonNull;

thread_local! {
    static SLOT: Slot = const { Slot::new() };
}

/// The slot of this thread; none from the beginning of its end.
pub fn find() -> Option<NonNull<Slot>> {
    SLOT.try_with(|slot| NonNull::from(slot)).ok()
}
