//! A turn: the time in which another stack is current, for a poll or for `embed::Stack::run`.
//!
//! The rule: both words of the current raw stack are swapped out before the turn and back after it,
//! on return and on panic. If reads are running, or the new stack continues the work of this one, a
//! record on the list of reads marks the border (see `read_guard`). Guards that were dropped in the
//! turn without being on its stack are left after it (see `late`). A turn begins and ends on one
//! thread; the stack may have its next one on another.

use super::current::{Current, must};
use super::leave::Leaving;
use super::owned::{OwnedStack, run_elsewhere};
use super::raw::RawStack;
use crate::engine::memory::serial::Serial;
use crate::engine::reclaim::departures::Departures;
use crate::engine::reclaim::read_guard::Suspended;
use core::cell::Cell;
use core::mem::MaybeUninit;

/// Runs `f` with `own` as the current stack: swapped in before, swapped out after, even if `f`
/// panics.
#[inline]
pub(crate) fn run_on<R>(own: &mut OwnedStack, f: impl FnOnce() -> R) -> R {
    run_begun(own, || OwnedStack::new(RawStack::held()), f, |f| f())
}

/// As [`run_on`]; if `own` has not begun, it is first made what `begin` gives. If another stack is
/// in its place, `elsewhere` gets `f`, and all else is up to it; a stack that is in its own place
/// pays nothing for that.
#[inline]
pub(crate) fn run_begun<R, F: FnOnce() -> R>(
    own: &mut OwnedStack,
    begin: impl FnOnce() -> OwnedStack,
    f: F,
    elsewhere: impl FnOnce(F) -> R,
) -> R {
    must(|current| {
        let (raw, mut under) = (&current.raw, MaybeUninit::uninit());
        if current.reads.has_any() || own.raw().through() != 0 {
            // SAFETY: it stays in place until the turn ends, which takes it off the list.
            if unsafe { prepare(current, own, begin, &mut under) } {
                return run_elsewhere(f, elsewhere);
            }
        }
        let _turn = Turn(current);
        raw.run_as(own.raw(), f)
    })
}

/// Before a turn in which reads are running, or whose stack continues the work of this one: makes a
/// stack that has not begun, and marks the border on the list of reads. Says whether another stack is
/// in its place; then it has done nothing.
///
/// # Safety
/// 1. `under` stays where it is until the list of reads is put back.
#[cold]
#[inline(never)]
unsafe fn prepare(
    current: &Current,
    own: &mut OwnedStack,
    begin: impl FnOnce() -> OwnedStack,
    under: &mut MaybeUninit<Suspended>,
) -> bool {
    if own.raw().is_waiting() {
        if cfg!(feature = "companions") && own.raw().is_elsewhere() {
            return true;
        }
        begin_on(own, begin);
    }
    let under = under.write(current.reads.under(current.raw.ends(), current.late.number()));
    // SAFETY: #1.
    unsafe { current.reads.push(under) };
    false
}

/// The time in which another stack is current. Its drop comes after that stack was swapped out: on
/// return and on panic.
struct Turn<'a>(&'a Current);

impl Drop for Turn<'_> {
    #[inline]
    fn drop(&mut self) {
        // Mostly the list was empty and still is.
        if self.0.reads.has_any() {
            self.0.swapped_out();
        }
    }
}

impl Current {
    /// Notes a guard that was dropped here, while its checkpoint is on another stack.
    #[cold]
    pub(in crate::engine) fn remember(&self, serial: Serial) {
        self.late.push(serial, self.reads.late_before());
        self.reads.note_late();
    }

    /// After a turn: puts the list of reads back, and leaves what guards were dropped for in it.
    #[cold]
    #[inline(never)]
    fn swapped_out(&self) {
        let before = self.reads.put_back();
        if self.late.number() != before {
            self.leave_late(before);
        }
    }

    /// After a turn: leaves the checkpoints whose guards were dropped in it; the first `before` on
    /// the list were dropped before it. Those that are not on the current stack may be on one
    /// beneath. Runs foreign code.
    #[cold]
    fn leave_late(&self, before: usize) {
        /// Goes on if the drop of a value panics.
        struct Rest<'a> {
            current: &'a Current,
            before: usize,
            number: Cell<usize>,
        }
        impl Rest<'_> {
            fn leave(&self) {
                while self.number.get() > 0 {
                    self.number.set(self.number.get() - 1);
                    self.current.leave_late_one(self.before);
                }
            }
        }
        impl Drop for Rest<'_> {
            fn drop(&mut self) {
                self.leave();
                let Current { raw, reads, late, .. } = self.current;
                if !raw.is_lent() {
                    late.clear();
                } else if late.number() != 0 {
                    reads.note_late();
                }
            }
        }
        let number = Cell::new(self.late.number_after(before));
        let rest = Rest { current: self, before, number };
        rest.leave();
    }

    fn leave_late_one(&self, before: usize) {
        let Some(serial) = self.late.take_after(before) else { return };
        let leaving = self.raw.leave(serial, &Departures::under(&self.reads));
        if leaving == Leaving::NotHere {
            self.late.push(serial, before);
        }
    }
}

#[cold]
#[inline(never)]
fn begin_on(own: &mut OwnedStack, begin: impl FnOnce() -> OwnedStack) {
    *own = begin();
}
