//! How deep lists of frames that end may nest.
//!
//! A value whose drop releases a context brings a list of its own while one is being worked off. A
//! few lists nest on the machine's stack, so that most values are dropped at once; what would nest
//! deeper is queued for the deepest one. Levels and queue are one thread's own. Where a thread has
//! no place to count, as without a slot, the process does: see [`overflow`](super::overflow).

use super::overflow::OVERFLOW;
use super::release_list::ReleaseList;
use crate::sys::thread_slot;
use core::cell::Cell;

struct Levels {
    nested: Cell<u32>,
    queue: ReleaseList,
}

thread_slot! {
    static LEVELS: Levels = Levels { nested: Cell::new(0), queue: ReleaseList::new() };
}

/// `None` if the thread-local has been destroyed, as under loom, and where there is no slot.
fn with<R>(f: impl FnOnce(&Levels) -> R) -> Option<R> {
    LEVELS.try_with(f).ok()
}

/// One more list is worked off: one of those that nest on this thread, or of all that the process
/// counts.
pub(in crate::engine) enum Level {
    OfThread { outer: u32, is_deepest: bool },
    OfProcess,
}

impl Level {
    pub(in crate::engine) fn is_deepest(&self) -> bool {
        matches!(self, Level::OfThread { is_deepest: true, .. })
    }

    /// The list is worked off. If it is not, the level goes on: the list has what others left.
    pub(in crate::engine) fn is_done(&self, list: &ReleaseList) -> bool {
        match self {
            Level::OfThread { outer, .. } => {
                with(|slot| slot.nested.set(*outer));
                true
            }
            Level::OfProcess => OVERFLOW.is_done(list),
        }
    }
}

/// Enters one more level for `list`. If there are `most` already the list is queued, on this thread
/// for the deepest of them, and in the process for whoever is done first.
pub(in crate::engine) fn nest(list: &ReleaseList, most: u32) -> Option<Level> {
    let level = with(|slot| {
        let outer = slot.nested.get();
        if outer == most {
            slot.queue.append(list);
            return None;
        }
        slot.nested.set(outer + 1);
        Some(Level::OfThread { outer, is_deepest: outer + 1 == most })
    });
    level.unwrap_or_else(|| {
        let enters = OVERFLOW.begins(most) || OVERFLOW.leave(list, most);
        enters.then_some(Level::OfProcess)
    })
}

/// Takes over what was queued for the deepest level.
pub(in crate::engine) fn queued(list: &ReleaseList) {
    with(|slot| list.append(&slot.queue));
}
