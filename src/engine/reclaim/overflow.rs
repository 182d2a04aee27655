//! Lists of frames that end where no thread keeps count of how deep they nest.
//!
//! So it is without a slot, and as a slot ends: the process counts there. At most so many lists are
//! worked off at once, on whatever threads. What would be one too many is left on a stack, and
//! whoever is done with a list takes over all that was left.
//!
//! # Invariant
//! O1: while a list is left, somebody works off one and will look: whoever leaves a list marks that
//! in the word that counts, unless there is room by now; and whoever is done sees the mark in the
//! change that would have taken back its own count.

use super::release_list::{self, ReleaseList};
use crate::engine::memory::frame::Frame;
use crate::sys::{Ordering, Site, StaticAtomicUsize, StaticPointer, ordering, step};
use core::ptr;

/// Of the word that counts: a list was left.
const IS_LEFT: usize = 1;
/// One that is worked off.
const ONE: usize = 2;

pub(super) struct Overflow {
    working: StaticAtomicUsize,
    left: StaticPointer<Frame>,
}

pub(super) static OVERFLOW: Overflow =
    Overflow { working: StaticAtomicUsize::new(0), left: StaticPointer::new(ptr::null_mut()) };

impl Overflow {
    /// One more list is worked off, unless there are `most` already: then the word gets `mark`.
    fn enter(&self, most: u32, mark: usize) -> bool {
        let has_room = |word: usize| word / ONE < most as usize;
        // Release: pairs with the Acquire in `is_done`: what was left is found there.
        let before = self.working.fetch_update(
            ordering(Site::OverflowEnter, Ordering::Release),
            Ordering::Relaxed,
            |word| Some(if has_room(word) { word + ONE } else { word | mark }),
        );
        before.is_ok_and(has_room)
    }

    /// One more list may be worked off, unless there are `most` already.
    pub(super) fn begins(&self, most: u32) -> bool {
        self.enter(most, 0)
    }

    /// Leaves a list to whoever is done first. If there is room by now, that is the caller, and the
    /// list has all that was left.
    pub(super) fn leave(&self, list: &ReleaseList, most: u32) -> bool {
        let Some((first, last)) = list.take() else { return false };
        let mut top = ptr::null_mut();
        // Release: pairs with the Acquire in `take`: the frames are as their thread left them.
        while let Err(now) = {
            // SAFETY: the frames are on the list of the caller still.
            unsafe { release_list::link(last, top) };
            self.left.compare_exchange(
                top,
                first.cast_mut(),
                ordering(Site::OverflowPush, Ordering::Release),
                Ordering::Relaxed,
            )
        } {
            top = now;
        }
        let enters = self.enter(most, IS_LEFT);
        if enters {
            self.take(list);
        }
        enters
    }

    /// The list of the caller is worked off. If others were left meanwhile, the list has them now,
    /// and the caller goes on.
    pub(super) fn is_done(&self, list: &ReleaseList) -> bool {
        // Acquire: pairs with the Release in `enter`.
        let before = self.working.fetch_update(
            ordering(Site::OverflowDone, Ordering::Acquire),
            Ordering::Relaxed,
            |word| Some(if word & IS_LEFT == 0 { word - ONE } else { word & !IS_LEFT }),
        );
        let stays = before.is_ok_and(|word| word & IS_LEFT != 0) && step(Site::OverflowStays);
        if stays {
            self.take(list);
        }
        !stays
    }

    fn take(&self, list: &ReleaseList) {
        let mut first = self.left.load(ordering(Site::OverflowLook, Ordering::Relaxed));
        while !first.is_null() {
            // Acquire: pairs with the Release in `leave`.
            match self.left.compare_exchange(
                first,
                ptr::null_mut(),
                ordering(Site::OverflowTake, Ordering::Acquire),
                Ordering::Relaxed,
            ) {
                // SAFETY: what was left is alive, on no other list, and ours now.
                Ok(_) => return unsafe { list.append_chain(first) },
                Err(now) => first = now,
            }
        }
    }
}
