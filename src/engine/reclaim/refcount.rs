//! Who keeps a frame.
//!
//! `strong` keeps a frame with its base, `values` its value alone, `weak` its memory (I4 to I6 of
//! `Frame`). Retaining is relaxed: the caller already owns a count, or obtained the frame through a
//! happens-before edge. Releasing is a release, and whoever releases the last count acquires before
//! it looks at or drops anything: so all uses of a value happen before its drop.

use crate::engine::index::trie;
use crate::engine::memory::flags::Lifecycle;
use crate::engine::memory::frame::Frame;
use crate::engine::memory::slot::Slot;
use crate::sys::{AtomicU32, Ordering::*, Site, abort, ordering, step};

/// More counts than a program can hold; beyond it the process ends, as with `Arc`.
const MANY: u32 = u32::MAX / 2;

#[inline]
pub(in crate::engine) fn retain(count: &AtomicU32) {
    // Relaxed: the caller has the frame already; nothing is published by taking one more.
    one_more_than(count.fetch_add(1, ordering(Site::TakeCount, Relaxed)));
}

/// Makes two counts of the one that a frame was built with: one for the stack, and one for the
/// first snapshot.
#[inline]
pub(in crate::engine) fn share_with_stack(strong: &AtomicU32) {
    // Relaxed: nobody else knows the frame yet; others obtain it through a later happens-before
    // edge.
    strong.store(2, ordering(Site::FirstCapture, Relaxed));
}

/// Releases a count; says whether it was the last.
#[inline]
#[must_use]
pub(in crate::engine) fn release(count: &AtomicU32) -> bool {
    release_all(count, 1)
}

/// Releases so many counts; says whether they were the last.
#[inline]
#[must_use]
fn release_all(count: &AtomicU32, number: u32) -> bool {
    // Release: pairs with the Acquire below in whoever releases the last one; our uses happen
    // before the drop.
    if count.fetch_sub(number, ordering(Site::GiveCount, Release)) != number && step(Site::LastEnds)
    {
        return false;
    }
    // Acquire: pairs with the Release above in all who released theirs before.
    count.load(ordering(Site::LastCount, Acquire));
    true
}

/// Releases so many counts, without a write if there are no others; says whether they were the
/// last. Not for `strong`: a weak snapshot may retain that at any time.
#[inline]
#[must_use]
pub(in crate::engine) fn release_unique(count: &AtomicU32, number: u32) -> bool {
    // Acquire: pairs with the Release of those who gave theirs; what is left is ours, and nobody
    // can take another.
    count.load(ordering(Site::SoleCount, Acquire)) == number || release_all(count, number)
}

/// Releases a `strong` count if it is the only one; says whether it was.
#[inline]
#[must_use]
pub(in crate::engine) fn release_if_unique(strong: &AtomicU32) -> bool {
    // Acquire: pairs with the Release of the contexts that went before, whose reads happen before
    // the end.
    strong.compare_exchange(1, 0, ordering(Site::SoleStrong, Acquire), Relaxed).is_ok()
        || !step(Site::LeaveLooks)
}

/// Releases a `strong` count unless it is the last; says whether it was released. Another thread
/// may free the frame as soon as it is, so only the count is borrowed: an atomic is a cell, and a
/// reference to one does not promise that it stays.
#[inline]
#[must_use]
pub(in crate::engine) fn release_to_others(strong: &AtomicU32) -> bool {
    let is_last = |n| n == 1 && step(Site::LeftToLooks);
    // Release: pairs with the Acquire in whoever gives the last one; our uses happen before the
    // end.
    strong
        .fetch_update(ordering(Site::GiveToOthers, Release), Relaxed, |n| {
            (!is_last(n)).then(|| n - 1)
        })
        .is_ok()
}

/// Whether nobody else keeps a frame whose last `strong` count was released just now.
#[inline]
pub(in crate::engine) fn is_unique(frame: &Frame) -> bool {
    // Acquire: pairs with the Release of those who gave theirs; what is left is ours, and nobody
    // can take another.
    let is_unique = frame.values.load(ordering(Site::SoleValue, Acquire)) == 1
        && frame.weak.load(ordering(Site::SoleWeak, Acquire)) == 1;
    is_unique || !step(Site::SoleLooks)
}

/// Whether only the frame above keeps this one, with its value, and that frame is ending.
#[inline]
pub(in crate::engine) fn is_only_kept_from_above(frame: &Frame) -> bool {
    // Acquire: pairs with the Release of a stack that had left the frame above alone, and then gave
    // this one back.
    let is_only = frame.strong.load(ordering(Site::AboveStrong, Acquire)) == 1;
    (is_only || !step(Site::TogetherLooks)) && is_only_value(frame)
}

/// Whether nobody keeps the value of a dead frame apart from it.
#[inline]
pub(in crate::engine) fn is_only_value(frame: &Frame) -> bool {
    // Acquire: pairs with the Release of those who gave theirs; what is left is ours, and nobody
    // can take another.
    frame.values.load(ordering(Site::OnlyValue, Acquire)) == 1 || !step(Site::TogetherLooks)
}

/// Retains `strong` for a weak snapshot, unless the last count is gone.
pub(in crate::engine) fn retain_if_alive(strong: &AtomicU32) -> bool {
    // Relaxed: the frame's fields were visible to whoever made the weak snapshot; the count says
    // only "not gone".
    let one_more = |n| (n != 0 || !step(Site::UpgradeLooks)).then(|| one_more_than(n));
    strong.fetch_update(ordering(Site::Upgrade, Relaxed), Relaxed, one_more).is_ok()
}

/// One count more, if a program can hold so many; else the process ends.
#[inline]
fn one_more_than(n: u32) -> u32 {
    if n > MANY {
        abort();
    }
    n + 1
}

/// Counts the value that `slot` leads to.
///
/// # Safety
/// 1. `slot` leads to a live frame.
/// 2. If it is not inherited, this thread owns the stack that the frame is on.
pub(in crate::engine) unsafe fn retain_value(slot: Slot) {
    // SAFETY: #1.
    let frame = unsafe { &*slot.as_frame() };
    // An inherited frame is shared, or its value is: its counts are in use, and its cells are not
    // ours to look at.
    if slot.is_inherited() && step(Site::HoldLooks)
        || frame.in_state(Lifecycle::SHARED | Lifecycle::VALUE_SHARED)
    {
        retain(&frame.values);
    } else {
        frame.set_state(Lifecycle::VALUE_SHARED);
        // Relaxed: only this thread knows the frame; others obtain it through a later
        // happens-before edge.
        frame.values.store(2, ordering(Site::FirstHold, Relaxed));
    }
}

/// Counts every value that `frame` shows, but its own.
///
/// # Safety
/// 1. `frame` is alive, not yet shared and has a full index.
/// 2. As [`retain_value`], for all it shows; `inherited` says that all of it is.
pub(in crate::engine) unsafe fn retain_all(frame: *const Frame, inherited: usize) {
    // SAFETY: #1 and #2.
    unsafe {
        trie::each(frame.cast(), inherited, &mut |slot| {
            if slot.as_frame() != frame {
                retain_value(slot);
            }
        });
        (*frame).set_state(Lifecycle::HOLDS_VALUES);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs the test named in a process of its own; says whether that process was aborted.
    fn is_aborted(test: &str, count: impl FnOnce()) -> bool {
        const CHILD: &str = "STACKHOLM_CHILD";
        if std::env::var_os(CHILD).is_some() {
            count();
            std::process::exit(0);
        }
        let mut child = std::process::Command::new(std::env::current_exe().unwrap());
        let child = child.args(["--exact", test, "--nocapture"]).env(CHILD, "1").output().unwrap();
        !child.status.success() && child.status.code().is_none_or(|code| code < 0)
    }

    #[test]
    #[cfg_attr(miri, ignore = "starts a process")]
    fn a_weak_context_cannot_take_more_counts_than_there_are() {
        let name = "engine::reclaim::refcount::tests::a_weak_context_cannot_take_more_counts_than_there_are";
        assert!(is_aborted(name, || assert!(!retain_if_alive(&AtomicU32::new(MANY + 1)))));
    }

    #[test]
    #[cfg_attr(miri, ignore = "starts a process")]
    fn nobody_takes_more_counts_than_there_are() {
        let name = "engine::reclaim::refcount::tests::nobody_takes_more_counts_than_there_are";
        assert!(is_aborted(name, || retain(&AtomicU32::new(MANY + 1))));
    }

    #[test]
    fn counts_up_to_the_bound_are_taken() {
        let count = AtomicU32::new(MANY);
        assert!(retain_if_alive(&count));
        assert_eq!(count.into_inner(), MANY + 1);
        assert!(!retain_if_alive(&AtomicU32::new(0)));
    }
}
