//! Frames that leave their stack, and the reads that may keep them a little longer.
//!
//! A read that runs foreign code puts a record on the machine's stack. Should that code leave the
//! frames that were there when the read began, the record keeps them until the read ends (R6);
//! frames that came later end at once.

use super::refcount::retain;
use super::release_list::ReleaseList;
use crate::engine::index::trie;
use crate::engine::memory::flags::*;
use crate::engine::memory::frame::*;
use crate::engine::memory::slot::Slot;
use crate::sync::{Way, reached};
use std::cell::Cell;
use std::ptr;

/// What goes with the frames that leave a stack. Its drop ends them, which runs foreign code: by
/// then the stack must be as it is to stay.
pub(crate) struct Departures<'a> {
    reads: Option<&'a ReadGuards>,
    ending: ReleaseList,
    /// A frame that stays on the stack without its value, which is still to be dropped; null if
    /// there is none.
    emptied: Cell<*const Frame>,
}

impl<'a> Departures<'a> {
    /// For the current stack of this thread, whose reads may keep frames.
    #[inline]
    pub(in crate::engine) fn under(reads: &'a ReadGuards) -> Self {
        Departures {
            reads: Some(reads),
            ending: ReleaseList::new(),
            emptied: Cell::new(ptr::null()),
        }
    }

    /// For a stack that no read can be out from.
    pub(in crate::engine) fn free() -> Self {
        Departures { reads: None, ending: ReleaseList::new(), emptied: Cell::new(ptr::null()) }
    }

    /// Whether no read is out.
    pub(in crate::engine) fn is_unwatched(&self) -> bool {
        self.reads.is_none_or(ReadGuards::is_empty)
    }

    /// Whether a read keeps a frame that is being left; `parent` is then the next one to look out
    /// for.
    #[inline]
    pub(in crate::engine) fn keep(&self, frame: *const Frame, parent: *const Frame) -> bool {
        self.reads.is_some_and(|reads| reads.keep(frame, parent))
    }

    pub(in crate::engine) fn ending(&self) -> &ReleaseList {
        &self.ending
    }

    /// Whether [`end_value`](Self::end_value) may be called: no read is out, and it was not called
    /// before.
    pub(in crate::engine) fn can_end_value(&self) -> bool {
        self.is_unwatched() && self.emptied.get().is_null()
    }

    /// Ends the value of a frame that stays on the stack, when the stack is as it is to stay.
    ///
    /// # Safety
    /// 1. `frame` is alive and on the stack that this is for; nobody else knows it, and nothing
    ///    shows its value any more.
    /// 2. [`can_end_value`](Self::can_end_value) says so.
    pub(in crate::engine) unsafe fn end_value(&self, frame: *const Frame) {
        debug_assert!(self.emptied.get().is_null());
        // SAFETY: #1.
        unsafe { (*frame).gone.set(true) };
        self.emptied.set(frame);
    }
}

impl Drop for Departures<'_> {
    #[inline]
    fn drop(&mut self) {
        /// Goes on if the drop of the first value panics.
        struct Rest<'a>(&'a ReleaseList);
        impl Drop for Rest<'_> {
            #[inline]
            fn drop(&mut self) {
                self.0.finish();
            }
        }
        let _rest = Rest(&self.ending);
        if !self.emptied.get().is_null() {
            drop_emptied(self.reads, self.emptied.get());
        }
    }
}

/// Drops a value whose frame stays. The drop may leave that frame, which a read's record then keeps
/// as long as it runs; a stack without reads cannot be reached meanwhile.
#[cold]
#[inline(never)]
fn drop_emptied(reads: Option<&ReadGuards>, frame: *const Frame) {
    // SAFETY: #1 and #2 of `end_value`.
    let value = || unsafe { Frame::drop_value(frame) };
    match reads {
        Some(reads) => reads.during(frame, value),
        None => value(),
    }
}

/// The reads of this thread that run foreign code just now, and the stacks that were swapped in
/// there, innermost first.
///
/// Each is a record on the machine's stack; [`READ`] says that it is a [`ReadGuard`], else it is an
/// [`Suspended`].
pub(crate) struct ReadGuards(Cell<*const u8>);

/// The lowest bit of a pointer to a read.
const READ: usize = 1;

/// The end of the list where a guard was dropped late, which is to be seen as the current stack is
/// swapped out. Else the end is null. No record lies there.
const LATE: *const u8 = ptr::without_provenance(2);

/// Both ends of a stack: its innermost frame, and the word for its floor.
pub(in crate::engine) type Ends = (*const Frame, *const Frame);

/// What another stack was swapped in over.
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

    /// Whether no read of the current stack is out.
    #[inline]
    pub(in crate::engine) fn is_empty(&self) -> bool {
        self.0.get().addr() & READ == 0
    }

    /// Whether a read keeps a frame that is being left; `parent` is then the next one to look out
    /// for.
    #[inline]
    pub(in crate::engine) fn keep(&self, frame: *const Frame, parent: *const Frame) -> bool {
        !self.is_empty() && self.keep_slowly(frame, parent)
    }

    #[cold]
    fn keep_slowly(&self, frame: *const Frame, parent: *const Frame) -> bool {
        let mut keeper: Option<&ReadGuard> = None;
        let mut next = self.0.get();
        // What was swapped in beneath belongs to another stack: what leaves this one is nothing to
        // its reads.
        while let Some(borrow) = as_read(next) {
            // SAFETY: records are on the list for as long as they are on the machine's stack.
            let borrow = unsafe { &*borrow };
            if borrow.top.get() == frame {
                borrow.top.set(parent);
                keeper = Some(borrow);
            }
            next = borrow.outer.get();
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

    /// Gives what it keeps to the read inside it, which keeps what was left before.
    fn hand_over(&self, inner: &ReadGuard) {
        let number = self.number.replace(0);
        if number != 0 && inner.number.get() == 0 {
            inner.kept.set(self.kept.get());
        }
        inner.number.set(inner.number.get() + number);
    }
}

#[cold]
fn end_kept(borrow: &ReadGuard) {
    let ending = ReleaseList::new();
    let mut frame = borrow.kept.get();
    for _ in 0..borrow.number.get() {
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
        let borrow = ReadGuard {
            outer: Cell::new(self.0.get()),
            top: Cell::new(top),
            kept: Cell::new(ptr::null()),
            number: Cell::new(0),
        };
        self.0.set(borrow.as_record());
        let _end = EndOfRead(&borrow, self);
        f()
    }
}

#[cfg(debug_assertions)]
impl ReadGuards {
    /// What the reads of this stack keep, for a walk.
    pub(in crate::engine) fn each_kept(&self, f: &mut dyn FnMut(*const Frame, usize)) {
        let mut next = self.0.get();
        while let Some(borrow) = as_read(next) {
            // SAFETY: records are on the list for as long as they are on the machine's stack.
            let borrow = unsafe { &*borrow };
            f(borrow.kept.get(), borrow.number.get());
            next = borrow.outer.get();
        }
    }
}

impl ReadGuards {
    /// Puts the list back as it was before the stack was swapped in that is swapped out now, but for
    /// reads that have ended since: those are not on it any more. Says how many guards that were
    /// dropped late were remembered then.
    pub(in crate::engine) fn put_back(&self) -> usize {
        // What is out above the record is suspended, on a coroutine: it is of the stack that goes.
        let end = self.end_of_reads().get();
        // SAFETY: the record was put on the list before the stack was swapped in, and lies on the
        // machine's stack until this returns (#1 of `push`). If none was, the list was empty.
        let under = if end == LATE { None } else { unsafe { end.cast::<Suspended>().as_ref() } };
        self.0.set(under.map_or(ptr::null(), |under| under.outer.get()));
        under.map_or(0, |under| under.late)
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

    /// A record of the stack that another one is swapped in over.
    #[inline]
    pub(in crate::engine) fn under(&self, ends: Ends, late: usize) -> Suspended {
        Suspended { ends, outer: Cell::new(self.0.get()), late }
    }

    /// Puts such a record on the list: from now on what leaves the current stack is nothing to the
    /// reads beneath.
    ///
    /// # Safety
    /// 1. It stays where it is until the list is put back, by [`put_back`](Self::put_back).
    #[inline]
    pub(in crate::engine) unsafe fn push(&self, under: *const Suspended) {
        self.0.set(under.cast());
    }

    /// The stacks beneath the current one, the nearest first. They are suspended: nothing leaves
    /// them meanwhile.
    pub(in crate::engine) fn beneath(&self) -> impl Iterator<Item = Ends> {
        let mut next = self.0.get();
        std::iter::from_fn(move || {
            while let Some(borrow) = as_read(next) {
                // SAFETY: records are on the list for as long as they are on the machine's stack.
                next = unsafe { (*borrow).outer.get() };
            }
            if next == LATE {
                return None;
            }
            // SAFETY: as above; what is no read is what a stack was swapped in over, or the end.
            let under = unsafe { next.cast::<Suspended>().as_ref() }?;
            next = under.outer.get();
            Some(under.ends)
        })
    }
}

/// Puts a frame that has left its stack on the list. Values of short reach end here, whoever keeps
/// the frame.
///
/// # Safety
/// 1. `frame` was on a stack of the caller and is not any more.
pub(in crate::engine) unsafe fn retire(frame: *const Frame, ending: &ReleaseList) {
    // SAFETY: #1; what a compaction frame shows of its own checkpoint left the stack when it took its place.
    unsafe {
        let shared = (*frame).in_state(Lifecycle::SHARED | Lifecycle::VALUE_SHARED);
        if shared && (*frame).role == Role::Compacted {
            each_own(frame, &mut |slot| end_apart(slot.as_frame(), ending));
        } else if shared {
            ends_here(frame);
        }
        ending.push(frame);
    }
}

/// Calls `f` with what a compaction frame shows of its own checkpoint.
///
/// # Safety
/// 1. `digest` is one, and of a stack of the caller.
unsafe fn each_own(compaction: *const Frame, f: &mut dyn FnMut(Slot)) {
    // SAFETY: #1; what was not inherited is of the caller's stack too.
    unsafe {
        let marker = (*compaction).origin.get().marker;
        trie::each(compaction.cast(), 0, &mut |slot| {
            if !slot.is_inherited() && Frame::marker(slot.as_frame()) == marker {
                f(slot);
            }
        });
    }
}

/// Ends the values of short reach that go with `frame` as `digest` takes its place, and that
/// `digest` does not show.
///
/// # Safety
/// 1. `frame` is on a stack of the caller, in the checkpoint that `digest` belongs to.
pub(in crate::engine) unsafe fn end_unless_seen(
    frame: *const Frame,
    compaction: *const Frame,
    ending: &ReleaseList,
) {
    // SAFETY: #1, which holds for what an older compaction frame shows of this checkpoint too.
    unsafe {
        let unseen = |old: *const Frame| {
            trie::find(compaction.cast(), (*old).id).is_none_or(|slot| slot.as_frame() != old)
        };
        if (*frame).role == Role::Compacted {
            each_own(frame, &mut |slot| {
                if unseen(slot.as_frame()) {
                    end_apart(slot.as_frame(), ending);
                }
            });
        } else if (*frame).in_state(Lifecycle::SHARED | Lifecycle::VALUE_SHARED) && unseen(frame) {
            end_apart(frame, ending);
        }
    }
}

/// Ends the value of a frame, if it is of short reach, apart from the counts of the frame: those
/// stay as they are.
///
/// # Safety
/// 1. `frame` is of a stack of the caller, and shared or held.
unsafe fn end_apart(frame: *const Frame, ending: &ReleaseList) {
    // SAFETY: #1; a count of its own keeps the frame until the list has come to it.
    unsafe {
        if ends_here(frame) {
            reached(Way::ShortEndsApart);
            retain(&(*frame).values);
            (*frame).set_state(Lifecycle::VALUE_ONLY);
            ending.push(frame);
        }
    }
}

/// Whether the value of a frame ends as its stack leaves it; notes that it is going.
///
/// # Safety
/// 1. `frame` is of a stack of the caller.
unsafe fn ends_here(frame: *const Frame) -> bool {
    // SAFETY: #1.
    let this = unsafe { &*frame };
    let ends = this.is(Traits::SHORT_REACH)
        && matches!(this.role, Role::Binding | Role::Alias)
        && !this.gone.get();
    if ends {
        this.gone.set(true);
        this.set_state(Lifecycle::LEFT);
    }
    ends
}
