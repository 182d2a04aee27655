//! A raw stack: two pointers, and the steps that move them.
//!
//! `top` is the innermost frame, `floor` the first one that is not the stack's own: null, or the
//! frame of the context that the stack was made for. While nothing is above the floor, the raw
//! stack owns one count of it; otherwise it owns what I4 and I8 say. No step runs foreign code
//! unless it says so: what ends is put on a list for the caller to work off. One thread at a time
//! has a raw stack; its shared frames may be read by others meanwhile.

use crate::engine::memory::flags::*;
use crate::engine::memory::frame::*;
use crate::engine::memory::slot::INHERITED;
use crate::engine::reclaim::read_guard::Ends;
use crate::engine::snapshot::strong::Snapshot;
use crate::sys::{Site, step};
use core::cell::Cell;
use core::panic::Location;
use core::ptr;

/// Why the innermost checkpoint cannot be changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Closed {
    /// There is none.
    NoCheckpoint,
    /// It is sealed, and was entered there.
    Sealed(&'static Location<'static>),
}

/// Invariants: S1 — `top` is alive, and so is everything below it down to the floor. S2 — a stack
/// that begins in a checkpoint of its own is marked [`OPEN`] and may be changed while `top` is the
/// floor.
pub(crate) struct RawStack {
    pub(in crate::engine) top: Cell<*const Frame>,
    /// The floor, and in its lowest bits [`OPEN`], [`THROUGH`] and [`BARE`].
    floor: Cell<*const Frame>,
}

/// The bit of a floor that says that the stack begins in a checkpoint of its own.
const OPEN: usize = 1;

/// The bit of a floor that says that this stack continues the work of the one beneath it, so that
/// bindings of reach "stack" stay visible. Without [`OPEN`], that the stack has not begun: whoever
/// runs it first makes it; and with [`BARE`], that another one is in its place.
const THROUGH: usize = 2;

/// The bit of a floor that says that no context was handed over to the work here: the stack began
/// with nothing, or continues work to which nothing was handed over. Only debug builds note the
/// latter.
const BARE: usize = 4;

// SAFETY: a raw stack owns its frames (I8) or counts them (I4); values are `Send + Sync`.
unsafe impl Send for RawStack {}

impl RawStack {
    /// The raw stack of a thread.
    pub(in crate::engine) const fn new() -> Self {
        RawStack { top: Cell::new(ptr::null()), floor: Cell::new(ptr::null()) }
    }

    /// The raw stack of a stack that is held as a value, with nothing on it.
    pub(crate) const fn held() -> Self {
        RawStack { top: Cell::new(ptr::null()), floor: Cell::new(ptr::without_provenance(BARE)) }
    }

    /// A raw stack that begins with what `context` shows, in an open checkpoint of its own.
    pub(crate) fn on(context: Option<Snapshot>) -> Self {
        let floor = context.map_or(ptr::null(), Snapshot::into_raw);
        RawStack { top: Cell::new(floor), floor: Cell::new(floor.map_addr(|at| at | OPEN)) }
    }

    /// A raw stack that whoever runs it first is to make.
    pub(crate) fn waiting() -> Self {
        let raw = Self::held();
        raw.floor.set(ptr::without_provenance(THROUGH));
        raw
    }

    /// A raw stack that another one is in the place of; its owner knows which.
    #[cfg(feature = "companions")]
    pub(crate) fn elsewhere() -> Self {
        let raw = Self::held();
        raw.floor.set(ptr::without_provenance(THROUGH | BARE));
        raw
    }

    /// Whether another one is in its place; asked of one that is [waiting](Self::is_waiting).
    pub(in crate::engine) fn is_elsewhere(&self) -> bool {
        self.floor.get().addr() & BARE != 0
    }

    #[inline]
    pub(in crate::engine) fn is_waiting(&self) -> bool {
        self.floor.get().addr() & (OPEN | THROUGH) == THROUGH
    }

    /// As [`RawStack::on`], for a stack that continues the work from which `context` was just
    /// captured.
    pub(in crate::engine) fn going_on(context: Option<Snapshot>, received: bool) -> Self {
        let through =
            if context.as_ref().is_some_and(Snapshot::may_have_staying) { THROUGH } else { 0 };
        let bare = if received { 0 } else { BARE };
        let raw = Self::on(context);
        raw.floor.set(raw.floor.get().map_addr(|at| at | through | bare));
        raw
    }

    /// Runs `f` while this raw stack is what `own` is, and puts both back after, even if `f`
    /// panics.
    ///
    /// Until then what `own` holds is out of date, and nobody may look: the caller has it for
    /// itself.
    #[inline]
    pub(in crate::engine) fn run_as<R>(&self, own: &RawStack, f: impl FnOnce() -> R) -> R {
        struct Back<'a> {
            here: &'a RawStack,
            own: &'a RawStack,
            before: Ends,
        }
        impl Drop for Back<'_> {
            #[inline]
            fn drop(&mut self) {
                // The floor is the same: only the end of a stack takes it away. The top may be
                // another one at the same address, and a pointer to the one that was there is not
                // a pointer to it: so the top is written back whether or not it looks the same.
                self.own.top.set(self.here.top.get());
                if step(Site::SwapsBack) {
                    self.here.set_ends(self.before);
                }
            }
        }
        let _back = Back { here: self, own, before: self.ends() };
        self.set_ends(own.ends());
        f()
    }

    /// Runs `f`, which may call foreign code in the middle of a change, and hides the stack from
    /// it.
    ///
    /// The global allocator may be anybody's. What it enters here and forgets is never dropped. A
    /// stack that is held as a value is hidden by one: guards that are dropped meanwhile may be of
    /// the stacks beneath.
    #[cold]
    #[inline(never)]
    pub(in crate::engine) fn aside<R>(&self, f: impl FnOnce() -> R) -> R {
        struct Back<'a>(&'a RawStack, Ends);
        impl Drop for Back<'_> {
            fn drop(&mut self) {
                self.0.set_ends(self.1);
            }
        }
        let _back = Back(self, self.ends());
        let nothing = if self.is_lent() { Self::held() } else { Self::new() };
        self.set_ends(nothing.ends());
        f()
    }

    /// Both words, in two loads: one 16-byte load right after two 8-byte stores would defeat
    /// store-to-load forwarding.
    #[inline]
    pub(in crate::engine) fn ends(&self) -> Ends {
        // SAFETY: a cell may be read; that it is volatile only keeps the loads apart.
        unsafe { (self.top.as_ptr().read_volatile(), self.floor.as_ptr().read_volatile()) }
    }

    #[inline]
    fn set_ends(&self, (top, floor): Ends) {
        self.top.set(top);
        self.floor.set(floor);
    }

    #[inline]
    pub(in crate::engine) fn floor(&self) -> *const Frame {
        self.floor.get().map_addr(|at| at & !(OPEN | THROUGH | BARE))
    }

    /// A stack of this thread that is suspended, to look at.
    pub(in crate::engine) fn of_ends((top, floor): Ends) -> Self {
        RawStack { top: Cell::new(top), floor: Cell::new(floor) }
    }

    /// Whether this stack continues the work of the one beneath it; also if it has not begun.
    #[inline]
    pub(in crate::engine) fn is_through(&self) -> bool {
        self.through() != 0
    }

    /// A number that is not 0 if [`is_through`](Self::is_through) says yes.
    #[inline]
    pub(in crate::engine) fn through(&self) -> usize {
        self.floor.get().addr() & THROUGH
    }

    /// Whether a context was entered here, and takes the place of all that was visible.
    pub(in crate::engine) fn has_entered(&self) -> bool {
        let mut marker = self.marker();
        while !marker.is_null() {
            // SAFETY: markers of frames on this stack are on it too (S1).
            unsafe {
                if (*marker).role == Role::Adopt {
                    return true;
                }
                let outside = (*marker).parent;
                marker = if outside == self.floor() { ptr::null() } else { Frame::marker(outside) };
            }
        }
        false
    }

    /// The frame of reach "stack" that `id` leads to here, and whether it was inherited.
    pub(in crate::engine) fn stays(&self, id: usize) -> Option<(*const Frame, bool)> {
        self.stays_at(self.top.get(), id)
    }

    /// As [`RawStack::stays`], of what was inherited alone.
    pub(in crate::engine) fn stays_below(&self, id: usize) -> Option<*const Frame> {
        self.stays_at(self.floor(), id).map(|(frame, _)| frame)
    }

    fn stays_at(&self, from: *const Frame, id: usize) -> Option<(*const Frame, bool)> {
        // SAFETY: both ends are of this stack and alive (S1); slots that were found lead to live
        // frames.
        unsafe {
            let slot = self.find_at(from, id)?;
            let frame = slot.as_frame();
            ((*frame).is(Traits::STACK) && (*frame).role != Role::Mask)
                .then_some((frame, slot.is_inherited()))
        }
    }

    /// Takes the floor: the stack is empty then, and no checkpoint is open.
    pub(in crate::engine) fn take_floor(&self) -> *const Frame {
        let floor = self.floor();
        self.top.set(ptr::null());
        self.floor.set(ptr::null());
        floor
    }

    #[inline]
    pub(crate) fn is_bare(&self) -> bool {
        self.top.get() == self.floor()
    }

    /// Whether this is the raw stack of a stack that is held as a value, not that of a thread.
    pub(in crate::engine) fn is_lent(&self) -> bool {
        !self.floor.get().is_null()
    }

    /// Whether what is visible here began with a context that was handed over, an empty one
    /// included.
    pub(crate) fn is_received(&self) -> bool {
        self.has_entered() || self.floor.get().addr() & (OPEN | BARE) == OPEN
    }

    /// A tag for what is taken from the top.
    #[inline]
    pub(in crate::engine) fn crossing(&self) -> usize {
        if self.is_bare() { INHERITED } else { 0 }
    }

    /// The frame that begins the innermost checkpoint; null if that is the stack itself, or none.
    #[inline]
    pub(in crate::engine) fn marker(&self) -> *const Frame {
        if self.is_bare() {
            return ptr::null();
        }
        // SAFETY: the top is on this stack (S1).
        unsafe { Frame::marker(self.top.get()) }
    }

    /// Whether the innermost checkpoint may be changed.
    pub(crate) fn is_open(&self) -> Result<(), Closed> {
        if self.is_bare() {
            return if self.floor.get().addr() & OPEN != 0 {
                Ok(())
            } else {
                Err(Closed::NoCheckpoint)
            };
        }
        // SAFETY: S1.
        let top = unsafe { &*self.top.get() };
        if !top.is(Traits::SEALED) {
            return Ok(());
        }
        // SAFETY: sealed checkpoints have a frame that begins them, further out on this stack.
        Err(Closed::Sealed(unsafe { (*self.marker()).place }))
    }
}
