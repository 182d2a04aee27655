//! Where checkpoints were entered that were never left by their own guards, with the feature
//! `inspect`: an outer one, or the end of their thread, has left them.
//!
//! A table of places and counts that only grows, up to its bound. Anybody may add to it and read it
//! at any time.

use super::raw::RawStack;
use crate::engine::memory::frame::Frame;

impl RawStack {
    /// Notes the checkpoints that are left together with an outer one, which `end` is the frame
    /// below of.
    pub(in crate::engine) fn note_unclosed(&self, end: *const Frame) {
        if !cfg!(feature = "inspect") {
            return;
        }
        let mut marker = self.marker();
        // SAFETY: markers of frames on this stack are on it too (S1).
        unsafe {
            while !marker.is_null() && marker != end {
                note((*marker).place);
                let outside = (*marker).parent;
                if outside == end || outside == self.floor() {
                    return;
                }
                marker = Frame::marker(outside);
            }
        }
    }
}

#[cfg(not(feature = "inspect"))]
fn note(_: &'static core::panic::Location<'static>) {}

#[cfg(feature = "inspect")]
pub(crate) use table::{note, unclosed};

#[cfg(feature = "inspect")]
mod table {
    use crate::engine::memory::watches::is_watching;
    use crate::sys::{Ordering::*, Site, StaticAtomicUsize, StaticPointer, ordering};
    use core::panic::Location;
    use core::ptr;

    struct Row {
        place: StaticPointer<Location<'static>>,
        times: StaticAtomicUsize,
    }

    /// So many places are told apart; the last row has all others.
    const ROWS: usize = 64;

    static TABLE: [Row; ROWS] = [const {
        Row { place: StaticPointer::new(ptr::null_mut()), times: StaticAtomicUsize::new(0) }
    }; ROWS];

    pub(crate) fn note(place: &'static Location<'static>) {
        if !is_watching() {
            return;
        }
        let place = ptr::from_ref(place).cast_mut();
        let is_mine = |row: &&Row| {
            // Relaxed: what it leads to is static, and was there before all threads.
            let set = row.place.compare_exchange(
                ptr::null_mut(),
                place,
                ordering(Site::UnclosedPlace, Relaxed),
                Relaxed,
            );
            set.is_ok() || set == Err(place)
        };
        let row = TABLE[..ROWS - 1].iter().find(is_mine).unwrap_or(&TABLE[ROWS - 1]);
        // Relaxed: a count.
        row.times.fetch_add(1, ordering(Site::UnclosedTimes, Relaxed));
    }

    /// Each place, and how often; `None` is all for which there was no row.
    pub(crate) fn unclosed() -> Vec<(Option<&'static Location<'static>>, usize)> {
        let row = |row: &Row| {
            // Relaxed: see `note`.
            let place = row.place.load(ordering(Site::UnclosedLook, Relaxed));
            // SAFETY: null, or made of a static reference to what is never written.
            let place = unsafe { place.cast_const().as_ref() };
            // Relaxed: a count.
            (place, row.times.load(ordering(Site::UnclosedCount, Relaxed)))
        };
        TABLE.iter().map(row).filter(|(_, times)| *times != 0).collect()
    }
}
