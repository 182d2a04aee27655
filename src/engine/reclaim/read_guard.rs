//! Read guards: what a read keeps while the closure that it was given runs.
//!
//! A read that runs foreign code puts a record on the machine's stack, in a list of its thread. The
//! rule (R6): if that code leaves frames that were there when the read began, the record keeps them
//! until the read ends; frames that came later end at once. No other thread sees the list.
//!
//! A stack that is suspended has a record on the same list ([`Suspended`]): reads beneath that do
//! not concern the stack that is current.

use super::release_list::ReleaseList;
use super::retire::retire;
use crate::engine::memory::frame::*;
use crate::sys::{Way, reached};
use core::cell::Cell;
use core::ptr;

/// The reads of this thread that are running foreign code, and the stacks that were suspended in
/// between, innermost first.
///
/// Each is a record on the machine's stack; [`READ`] says that it is a [`ReadGuard`], else it is a
/// [`Suspended`].
pub(crate) struct ReadGuards(Cell<*const u8>);

/// The lowest bit of a pointer to a read.
const READ: usize = 1;

/// The end of the list if a guard was dropped late and nothing else is on the list: so the end of
/// the turn finds it not empty. Else the end is null. There is no record at this address.
const LATE: *const u8 = ptr::without_provenance(2);

/// Both ends of a stack: its innermost frame, and the word for its floor.
pub(in crate::engine) type Ends = (*const Frame, *const Frame);

/// A stack that is suspended while another one is current.
pub(in crate::engine) struct Suspended {
    ends: Ends,
    outer: Cell<*const u8>,
    /// How many guards that were dropped late were remembered then.
    late: usize,
}

/// The read that a pointer to a record leads to, if it is one.
#[inline]
fn as_read(record: *const u8) -> Option<*const ReadGuard> {
    (record.addr() & READ != 0).then(|| record.map_addr(|at| at & !READ).cast())
}

struct ReadGuard {
    outer: Cell<*const u8>,
    /// The innermost of the frames that were there when the read began and are still on the stack.
    top: Cell<*const Frame>,
    /// Those that have been left since, from the first one outwards.
    kept: Cell<*const Frame>,
    number: Cell<usize>,
}

impl ReadGuards {
    pub(crate) const fn new() -> Self {
        ReadGuards(Cell::new(ptr::null()))
    }

    /// Whether no read of the current stack is running.
    #[inline]
    pub(in crate::engine) fn is_empty(&self) -> bool {
        self.0.get().addr() & READ == 0
    }

    /// Whether a read keeps a frame that is being left; its next one to keep is then `parent`.
    #[inline]
    pub(in crate::engine) fn keep(&self, frame: *const Frame, parent: *const Frame) -> bool {
        !self.is_empty() && self.keep_slowly(frame, parent)
    }

    #[cold]
    fn keep_slowly(&self, frame: *const Frame, parent: *const Frame) -> bool {
        let mut keeper: Option<&ReadGuard> = None;
        let mut next = self.0.get();
        // Reads beneath a suspended stack belong to that one: frames that leave the current stack
        // do not concern them.
        while let Some(read) = as_read(next) {
            // SAFETY: records are on the list for as long as they are on the machine's stack.
            let read = unsafe { &*read };
            if read.top.get() == frame {
                read.top.set(parent);
                keeper = Some(read);
            }
            next = read.outer.get();
        }
        // The outermost of them ends last.
        let Some(keeper) = keeper else { return false };
        if keeper.number.get() == 0 {
            keeper.kept.set(frame);
        }
        keeper.number.set(keeper.number.get() + 1);
        reached(if keeper.number.get() == 1 { Way::ReadKeeps } else { Way::ReadKeepsSeveral });
        true
    }
}

/// Ends a read: on return and on panic.
struct EndOfRead<'a>(&'a ReadGuard, &'a ReadGuards);

impl Drop for EndOfRead<'_> {
    #[inline]
    fn drop(&mut self) {
        if ptr::eq(self.1.0.get(), self.0.as_record()) {
            self.1.0.set(self.0.outer.get());
        } else {
            self.1.take_out(self.0);
        }
        if self.0.number.get() != 0 {
            end_kept(self.0);
        }
    }
}

impl ReadGuards {
    /// Takes a read off the list that is not the innermost one: reads on stackful coroutines end in
    /// any order. The read inside it goes on and may still need the frames that this one keeps, so
    /// it gets them.
    #[cold]
    fn take_out(&self, ended: &ReadGuard) {
        let mut next = self.0.get();
        while !next.is_null() && next != LATE {
            let read = as_read(next);
            // SAFETY: records are on the list for as long as they are on the machine's stack; what
            // is no read is the other.
            let outer = unsafe {
                read.map_or_else(|| &(*next.cast::<Suspended>()).outer, |read| &(*read).outer)
            };
            if !ptr::eq(outer.get(), ended.as_record()) {
                next = outer.get();
                continue;
            }
            outer.set(ended.outer.get());
            if let Some(inner) = read {
                // SAFETY: as above.
                ended.hand_over(unsafe { &*inner });
            }
            return;
        }
    }
}

impl ReadGuard {
    /// As it stands on the list.
    #[inline]
    fn as_record(&self) -> *const u8 {
        (&raw const *self).cast::<u8>().map_addr(|at| at | READ)
    }

    /// Hands over what it keeps to the read inside it. That one keeps frames that were left
    /// earlier.
    fn hand_over(&self, inner: &ReadGuard) {
        let number = self.number.replace(0);
        if number != 0 && inner.number.get() == 0 {
            inner.kept.set(self.kept.get());
        }
        inner.number.set(inner.number.get() + number);
    }
}

#[cold]
fn end_kept(read: &ReadGuard) {
    let ending = ReleaseList::new();
    let mut frame = read.kept.get();
    for _ in 0..read.number.get() {
        // SAFETY: the record owns these frames, as the stack did before; each leads to the next.
        unsafe {
            let next = (*frame).parent;
            retire(frame, &ending);
            frame = next;
        }
    }
    ending.finish();
}

impl ReadGuards {
    /// Calls `f` while what can be seen from `top` is kept.
    #[inline]
    pub(in crate::engine) fn during<R>(&self, top: *const Frame, f: impl FnOnce() -> R) -> R {
        let read = ReadGuard {
            outer: Cell::new(self.0.get()),
            top: Cell::new(top),
            kept: Cell::new(ptr::null()),
            number: Cell::new(0),
        };
        self.0.set(read.as_record());
        let _end = EndOfRead(&read, self);
        f()
    }
}

#[cfg(debug_assertions)]
impl ReadGuards {
    /// What the reads of this stack keep, for a walk.
    pub(in crate::engine) fn each_kept(&self, f: &mut dyn FnMut(*const Frame, usize)) {
        let mut next = self.0.get();
        while let Some(read) = as_read(next) {
            // SAFETY: records are on the list for as long as they are on the machine's stack.
            let read = unsafe { &*read };
            f(read.kept.get(), read.number.get());
            next = read.outer.get();
        }
    }
}

impl ReadGuards {
    /// Puts the list back as it was before the stack was swapped in that is swapped out now, but
    /// for reads that have ended since: those are not on it any more. Says how many guards that
    /// were dropped late were remembered then.
    pub(in crate::engine) fn put_back(&self) -> usize {
        // Reads above the record are suspended, on a coroutine: they belong to the stack that goes.
        let under = self.suspended();
        self.0.set(under.map_or(ptr::null(), |under| under.outer.get()));
        under.map_or(0, |under| under.late)
    }

    /// How many guards that were dropped late were remembered when the current turn began.
    pub(in crate::engine) fn late_before(&self) -> usize {
        self.suspended().map_or(0, |under| under.late)
    }

    /// The record of the stack beneath the current one. If there is none, the list was empty when
    /// the current one was swapped in.
    fn suspended(&self) -> Option<&Suspended> {
        let end = self.end_of_reads().get();
        // SAFETY: the record was put on the list before the stack was swapped in, and lies on the
        // machine's stack until that is swapped out (#1 of `push`).
        if end == LATE { None } else { unsafe { end.cast::<Suspended>().as_ref() } }
    }

    /// Where the list goes on after the reads of the current stack.
    fn end_of_reads(&self) -> &Cell<*const u8> {
        let mut end = &self.0;
        while let Some(read) = as_read(end.get()) {
            // SAFETY: records are on the list for as long as they are on the machine's stack.
            end = unsafe { &(*read).outer };
        }
        end
    }

    /// Makes sure that the list is not empty when the current stack is swapped out: a guard was
    /// dropped late.
    #[cold]
    pub(in crate::engine) fn note_late(&self) {
        let end = self.end_of_reads();
        if end.get().is_null() {
            end.set(LATE);
        }
    }

    /// Whether there is anything on the list.
    #[inline]
    pub(in crate::engine) fn has_any(&self) -> bool {
        !self.0.get().is_null()
    }

    /// A record of the current stack, which another one is about to suspend.
    #[inline]
    pub(in crate::engine) fn under(&self, ends: Ends, late: usize) -> Suspended {
        Suspended { ends, outer: Cell::new(self.0.get()), late }
    }

    /// Puts such a record on the list: from now on the reads beneath do not concern the current
    /// stack.
    ///
    /// # Safety
    /// 1. It stays where it is until the list is put back, by [`put_back`](Self::put_back).
    #[inline]
    pub(in crate::engine) unsafe fn push(&self, under: *const Suspended) {
        self.0.set(under.cast());
    }

    /// The stacks beneath the current one, the nearest first. They are suspended: no frame leaves
    /// them.
    pub(in crate::engine) fn beneath(&self) -> impl Iterator<Item = Ends> {
        let mut next = self.0.get();
        core::iter::from_fn(move || {
            while let Some(read) = as_read(next) {
                // SAFETY: records are on the list for as long as they are on the machine's stack.
                next = unsafe { (*read).outer.get() };
            }
            if next == LATE {
                return None;
            }
            // SAFETY: as above; what is no read is a suspended stack, or the end.
            let under = unsafe { next.cast::<Suspended>().as_ref() }?;
            next = under.outer.get();
            Some(under.ends)
        })
    }
}
