//! The spine of a stack: two pointers, and the steps that move them.
//!
//! `top` is the innermost frame, `floor` the first one that is not the stack's own: null, or the frame of the
//! context that the stack was made for. The spine owns one count of the floor while it has nothing above, and
//! what I4 and I8 say otherwise. No step runs foreign code: what ends is put on a list for the caller to finish.

use super::counts::{Ending, Held, give, give_if_sole, hold_all, take};
use super::current::Borrows;
use super::frame::*;
use super::key::Key;
use super::link::Link;
use super::slot::{INHERITED, Slot};
use super::trie::{self, Edit};
use std::cell::Cell;
use std::panic::Location;
use std::ptr;

/// Why the innermost checkpoint cannot be changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Closed {
    /// There is none.
    NoCheckpoint,
    /// It is sealed, and was entered there.
    Sealed(&'static Location<'static>),
}

/// Invariants: S1 — `top` is alive, and so is everything below it down to the floor. S2 — a stack that begins in
/// a checkpoint of its own (`open`) may be changed while `top` is the floor.
pub(crate) struct Spine {
    top: Cell<*const Frame>,
    floor: Cell<*const Frame>,
    open: Cell<bool>,
}

// SAFETY: a spine owns its frames (I8) or counts them (I4); values are `Send + Sync`.
unsafe impl Send for Spine {}

/// What a variable is bound to, seen from one point.
#[derive(Clone, Copy)]
pub(crate) enum Seen {
    Bound(&'static Location<'static>),
    Masked(&'static Location<'static>),
    /// It is bound, but does not reach here.
    NotCarried(&'static Location<'static>),
    Absent,
}

/// A binding or an alias that is seen.
#[derive(Clone, Copy)]
pub(super) struct Sight(pub(super) *const Frame);

impl Sight {
    /// # Safety
    /// 1. What the sight was seen from is still there.
    #[inline]
    pub(super) unsafe fn seen(self) -> Seen {
        // SAFETY: #1.
        Seen::Bound(unsafe { (*self.0).place })
    }

    /// # Safety
    /// 1. What the sight was seen from is still there.   2. It was found by the id of a key of `T`.
    #[inline]
    pub(super) unsafe fn value<T>(self) -> *const T {
        // SAFETY: #1; by #2 the value is a `T`.
        unsafe {
            let source = Frame::source(self.0);
            (*source).watch.reads();
            Frame::value(source)
        }
    }
}

/// What begins with a frame.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Begins {
    /// A checkpoint that may be changed from inside.
    Open(u64),
    /// A checkpoint that may not.
    Sealed(u64),
    /// Nothing: the frame belongs to the checkpoint that is there.
    Nothing,
}

impl Spine {
    pub(crate) const fn new() -> Self {
        Spine { top: Cell::new(ptr::null()), floor: Cell::new(ptr::null()), open: Cell::new(false) }
    }

    /// A spine that begins with what `context` shows, in an open checkpoint of its own.
    pub(crate) fn on(context: Option<Link>) -> Self {
        let floor = context.map_or(ptr::null(), Link::into_raw);
        Spine { top: Cell::new(floor), floor: Cell::new(floor), open: Cell::new(true) }
    }

    #[inline]
    pub(crate) fn swap(&self, other: &Spine) {
        self.top.swap(&other.top);
        self.floor.swap(&other.floor);
        self.open.swap(&other.open);
    }

    #[inline]
    pub(super) fn top(&self) -> *const Frame {
        self.top.get()
    }

    #[inline]
    pub(crate) fn is_bare(&self) -> bool {
        self.top.get() == self.floor.get()
    }

    /// A tag for what is taken from the top.
    #[inline]
    fn crossing(&self) -> usize {
        if self.is_bare() { INHERITED } else { 0 }
    }

    /// The frame that begins the innermost checkpoint; null if that is the stack itself, or none.
    #[inline]
    fn marker(&self) -> *const Frame {
        if self.is_bare() {
            return ptr::null();
        }
        // SAFETY: the top is on this stack (S1).
        unsafe { Frame::marker(self.top.get()) }
    }

    #[inline]
    fn root(frame: *const Frame) -> Option<*const super::slot::Node> {
        (!frame.is_null()).then_some(frame.cast())
    }

    /// Where `id` leads, seen from `frame` of this stack.
    unsafe fn find_at(&self, frame: *const Frame, id: usize) -> Option<Slot> {
        let tag = if frame == self.floor.get() { INHERITED } else { 0 };
        // SAFETY: the caller names a live frame of this stack.
        unsafe { trie::find(Self::root(frame)?, id) }.map(|slot| slot.with(tag))
    }

    /// The frame of a plain binding of `id`, if that is what it is bound to; the fast way of [`Spine::see`].
    #[inline]
    pub(super) fn glance(&self, id: usize) -> Option<Sight> {
        use super::slot::{bit, get, rank};
        let top = self.top.get();
        if top.is_null() {
            return None;
        }
        let bit = bit(id, 0);
        // SAFETY (all): the top is alive, with everything its index leads to (S1); the bit says there is a slot.
        let bitmap = unsafe { (*top).root.bitmap };
        if bitmap & bit == 0 {
            return None;
        }
        let slot = unsafe { get(top.cast(), rank(bitmap, bit)) };
        if !slot.is_plain() {
            return None;
        }
        let frame = slot.as_frame();
        (unsafe { (*frame).id } == id).then_some(Sight(frame))
    }

    /// What `id` is bound to here.
    pub(crate) fn see(&self, id: usize) -> Seen {
        // SAFETY: what is seen is on this stack.
        self.look(id).map_or_else(|seen| seen, |sight| unsafe { sight.seen() })
    }

    /// The frame that `id` is bound by here, or what there is instead.
    pub(super) fn look(&self, id: usize) -> Result<Sight, Seen> {
        // SAFETY: S1.
        match unsafe { self.find_at(self.top.get(), id) } {
            None => Err(Seen::Absent),
            Some(slot) => self.look_at(slot),
        }
    }

    fn look_at(&self, slot: Slot) -> Result<Sight, Seen> {
        // SAFETY: slots that were found lead to live frames; markers are compared, not followed.
        let frame = unsafe { &*slot.as_frame() };
        let here = || !slot.is_inherited() && unsafe { Frame::marker(frame) } == self.marker();
        match frame.role {
            Role::Mask => Err(Seen::Masked(frame.place)),
            _ if frame.is(STACK) && slot.is_inherited() => Err(Seen::NotCarried(frame.place)),
            _ if frame.is(CHECKPOINT) && !here() => Err(Seen::NotCarried(frame.place)),
            _ => Ok(Sight(frame)),
        }
    }

    /// Whether the innermost checkpoint may be changed.
    pub(crate) fn is_open(&self) -> Result<(), Closed> {
        if self.is_bare() {
            return if self.open.get() { Ok(()) } else { Err(Closed::NoCheckpoint) };
        }
        // SAFETY: S1.
        let top = unsafe { &*self.top.get() };
        if !top.is(SEALED) {
            return Ok(());
        }
        // SAFETY: sealed checkpoints have a frame that begins them, further out on this stack.
        Err(Closed::Sealed(unsafe { (*self.marker()).place }))
    }

    /// The numbers of a new frame on top.
    fn draft<'a>(&self, begins: Begins, name: &'a Name, place: &'static Location<'static>) -> Draft<'a> {
        let top = self.top.get();
        let (bits, origin, run) = match begins {
            Begins::Open(serial) => (MARKER, Origin { serial }, 0),
            Begins::Sealed(serial) => (MARKER | SEALED, Origin { serial }, 0),
            Begins::Nothing => {
                let (sealed, run) = if self.is_bare() {
                    (0, 1)
                } else {
                    // SAFETY: S1.
                    unsafe { ((*top).bits & SEALED, (*top).run.saturating_add(1)) }
                };
                (sealed, Origin { marker: self.marker() }, run)
            }
        };
        Draft {
            role: Role::Mark,
            bits,
            id: 0,
            name,
            kind: Kind::of::<()>(),
            place,
            parent: top,
            origin,
            run,
            from: top,
            tag: self.crossing(),
            edit: Edit::Keep,
            to: None,
        }
    }

    /// Binds a variable with a frame on top.
    pub(crate) fn bind<T>(&self, key: &Key<T>, value: T, begins: Begins, place: &'static Location<'static>) {
        let draft = Draft {
            role: Role::Binding,
            id: key.id(),
            kind: key.kind(),
            edit: Edit::Put,
            ..self.draft(begins, key.name(), place)
        };
        let draft = Draft { bits: draft.bits | key.reach_bits(), ..draft };
        // SAFETY: the draft is taken from our top, which stays below; the kind is that of `T`.
        unsafe {
            let frame = draft.build();
            Frame::init(frame, value);
            self.top.set(frame);
        }
    }

    /// Binds a variable to a value that is counted elsewhere.
    pub(crate) fn bind_held<T>(&self, key: &Key<T>, value: &Held, place: &'static Location<'static>) {
        let draft = Draft {
            role: Role::Alias,
            id: key.id(),
            kind: Kind::of::<Held>(),
            edit: Edit::Put,
            ..self.draft(Begins::Nothing, key.name(), place)
        };
        let draft = Draft { bits: draft.bits | key.reach_bits(), ..draft };
        // SAFETY: as in `bind`; the value behind an alias is a `Held`.
        unsafe {
            let frame = draft.build();
            Frame::init(frame, value.clone());
            self.top.set(frame);
        }
    }

    /// Masks a variable.
    pub(crate) fn mask<T>(&self, key: &Key<T>, begins: Begins, place: &'static Location<'static>) {
        let draft = Draft { role: Role::Mask, id: key.id(), edit: Edit::Put, ..self.draft(begins, key.name(), place) };
        // SAFETY: as in `bind`; a mask has no value.
        self.top.set(unsafe { draft.build() });
    }

    /// Begins a checkpoint that binds nothing.
    pub(crate) fn mark(&self, begins: Begins, place: &'static Location<'static>) {
        // SAFETY: as in `bind`; a mark has no value.
        self.top.set(unsafe { self.draft(begins, &NAMELESS, place).build() });
    }

    /// Begins an open checkpoint in which `context` takes the place of all that was visible.
    pub(crate) fn adopt(&self, context: Option<Link>, serial: u64, place: &'static Location<'static>) {
        let from = context.as_ref().map_or(ptr::null(), Link::as_raw);
        let draft = Draft {
            role: Role::Adopt,
            kind: Kind::of::<Option<Link>>(),
            from,
            tag: INHERITED,
            ..self.draft(Begins::Open(serial), &NAMELESS, place)
        };
        // SAFETY: the link keeps what the index is taken from, in the frame or until its values are counted.
        unsafe {
            let frame = draft.build();
            if (*frame).is(WHOLE) {
                hold_all(frame, INHERITED);
                Frame::init::<Option<Link>>(frame, None);
            } else {
                Frame::init(frame, context);
            }
            self.top.set(frame);
        }
    }

    /// Makes room for a change of `id` in the innermost checkpoint, which is open: a frame on top that this change
    /// replaces is left, and the frames of a checkpoint that has changed too often give way to a digest.
    pub(crate) fn clear_way(&self, id: usize, borrows: &Borrows, ending: &Ending) {
        if self.is_bare() {
            return;
        }
        // SAFETY: S1.
        let top = unsafe { &*self.top.get() };
        if top.id == id && !top.is(MARKER) {
            self.pop(borrows, ending);
        } else if outgrown(top.run, top.root.entries) && borrows.is_empty() {
            self.digest(ending);
        }
    }

    /// Binds a variable in the innermost checkpoint, which is open.
    pub(crate) fn set<T>(
        &self,
        key: &Key<T>,
        value: T,
        place: &'static Location<'static>,
        borrows: &Borrows,
        ending: &Ending,
    ) {
        self.clear_way(key.id(), borrows, ending);
        self.bind(key, value, Begins::Nothing, place);
    }

    /// Masks a variable in the innermost checkpoint, which is open.
    pub(crate) fn unset<T>(&self, key: &Key<T>, place: &'static Location<'static>, borrows: &Borrows, ending: &Ending) {
        self.clear_way(key.id(), borrows, ending);
        self.mask(key, Begins::Nothing, place);
    }

    /// Where `id` leads just outside the checkpoint that `marker` begins.
    unsafe fn find_outside(&self, marker: *const Frame, id: usize) -> Option<Slot> {
        // SAFETY (all): the caller names a marker on this stack, or null for the stack's own checkpoint.
        let outside = if marker.is_null() {
            self.floor.get()
        } else if unsafe { (*marker).role } == Role::Adopt {
            let own = unsafe { trie::find(marker.cast(), id) };
            return own;
        } else {
            unsafe { (*marker).parent }
        };
        unsafe { self.find_at(outside, id) }
    }

    /// Where the binding further out than the one at `slot` is.
    fn next_out(&self, slot: Slot, id: usize) -> Option<Slot> {
        if slot.is_inherited() {
            return None;
        }
        // SAFETY: what was not inherited is on this stack, and so is the frame that begins its checkpoint.
        unsafe { self.find_outside(Frame::marker(slot.as_frame()), id) }
    }

    /// Lets a variable show what is bound further out than its nearest binding; says whether there was one.
    pub(crate) fn reveal_next<T>(
        &self,
        key: &Key<T>,
        place: &'static Location<'static>,
        borrows: &Borrows,
        ending: &Ending,
    ) -> bool {
        let id = key.peek();
        // SAFETY: S1.
        let Some(nearest) = (unsafe { self.find_at(self.top.get(), id) }) else { return false };
        let next = self.next_out(nearest, id);
        self.clear_way(id, borrows, ending);
        self.reveal(key, next, place);
        true
    }

    /// Lets a variable show what it did when the innermost checkpoint began.
    pub(crate) fn reveal_outside<T>(
        &self,
        key: &Key<T>,
        place: &'static Location<'static>,
        borrows: &Borrows,
        ending: &Ending,
    ) {
        let id = key.peek();
        self.clear_way(id, borrows, ending);
        // SAFETY: S1; the marker is that of this stack's innermost checkpoint.
        let outside = unsafe { self.find_outside(self.marker(), id) };
        self.reveal(key, outside, place);
    }

    /// Lets a variable lead to a place further out, or nowhere, unless it does already.
    fn reveal<T>(&self, key: &Key<T>, to: Option<Slot>, place: &'static Location<'static>) {
        // SAFETY: S1.
        let now = unsafe { self.find_at(self.top.get(), key.peek()) };
        if now.map(Slot::as_frame) == to.map(Slot::as_frame) {
            return;
        }
        let draft = Draft {
            role: Role::Reveal,
            id: key.id(),
            edit: if to.is_some() { Edit::Put } else { Edit::Remove },
            to,
            ..self.draft(Begins::Nothing, key.name(), place)
        };
        // SAFETY: as in `bind`; what is revealed is further out, and what is removed was found by the caller.
        self.top.set(unsafe { draft.build() });
    }

    /// The bindings and masks of `id` from the nearest one outwards, as far as this stack made them, and the
    /// first one that it inherited.
    pub(crate) fn history(&self, id: usize) -> Vec<Seen> {
        // SAFETY: S1.
        let nearest = unsafe { self.find_at(self.top.get(), id) };
        std::iter::successors(nearest, |slot| self.next_out(*slot, id))
            // SAFETY: what is seen is on this stack.
            .map(|slot| self.look_at(slot).map_or_else(|seen| seen, |sight| unsafe { sight.seen() }))
            .collect()
    }

    /// Takes the innermost frame from the stack; puts on the list what ends with that.
    fn pop(&self, borrows: &Borrows, ending: &Ending) {
        let frame = self.top.get();
        // SAFETY (all): the top is on this stack (S1) and above the floor, as all callers have looked.
        let parent = unsafe { (*frame).parent };
        self.top.set(parent);
        let counts_parent = unsafe { (*frame).state.get() & SHARED != 0 && !(*frame).is(CUT) };
        let counts_parent = counts_parent && !parent.is_null();
        if borrows.keep(frame, parent) {
            if counts_parent {
                take(unsafe { &(*parent).strong });
            }
            return;
        }
        if counts_parent {
            // The count of the parent passes to the stack if the frame ends here, else the stack takes its own.
            if give_if_sole(unsafe { &*frame }) {
                unsafe { (*frame).set_state(DEAD) };
            } else {
                take(unsafe { &(*parent).strong });
            }
        }
        unsafe { retire(frame, ending) };
    }

    /// Leaves the innermost frame, if it alone is the checkpoint with that number and belongs to nobody else (I8).
    #[inline]
    pub(super) fn take_alone(&self, serial: u64) -> Option<*const Frame> {
        if self.is_bare() {
            return None;
        }
        let top = self.top.get();
        // SAFETY: S1; a frame that begins a checkpoint has a serial number.
        unsafe {
            let this = &*top;
            let alone =
                this.is(MARKER) && this.origin.get().serial == serial && this.state.get() & (SHARED | HELD) == 0;
            alone.then(|| {
                self.top.set(this.parent);
                top
            })
        }
    }

    /// Leaves the checkpoint with that serial number and all inside it.
    pub(crate) fn leave(&self, serial: u64, borrows: &Borrows, ending: &Ending) -> Leaving {
        let mut marker = self.marker();
        let mut leaving = Leaving::InOrder;
        loop {
            if marker.is_null() {
                return Leaving::NotHere;
            }
            // SAFETY (all): markers of frames on this stack are on it too (S1).
            if unsafe { (*marker).origin.get().serial } == serial {
                break;
            }
            let outside = unsafe { (*marker).parent };
            if outside == self.floor.get() {
                return Leaving::NotHere;
            }
            marker = unsafe { Frame::marker(outside) };
            leaving = Leaving::WithInner;
        }
        let target = unsafe { (*marker).parent };
        while self.top.get() != target {
            self.pop(borrows, ending);
        }
        leaving
    }

    /// Leaves everything, the floor included; puts on the list what ends with that.
    pub(crate) fn clear(&self, borrows: &Borrows, ending: &Ending) -> Option<Link> {
        while !self.is_bare() {
            self.pop(borrows, ending);
        }
        self.top.set(ptr::null());
        self.open.set(false);
        // SAFETY: a bare spine owns one count of its floor.
        unsafe { Link::from_raw(self.floor.replace(ptr::null())) }
    }

    /// One counted pointer to all that is visible here. From now on these frames are shared.
    pub(crate) fn capture(&self) -> Option<Link> {
        let top = self.top.get();
        if top.is_null() {
            return None;
        }
        // SAFETY (all): frames down to the first shared one are on this stack; it is ours alone to mark them.
        let this = unsafe { &*top };
        if self.is_bare() || this.state.get() & SHARED != 0 {
            take(&this.strong);
        } else {
            self.share();
            // Nobody else knows the frame yet: one count is the stack's, one the context's.
            this.strong.store(2, crate::sync::Ordering::Relaxed);
        }
        unsafe { Link::from_raw(top) }
    }

    /// Marks the frames from the top down to the first one that is shared already, or does not count its parent.
    fn share(&self) {
        let mut frame = self.top.get();
        // The count of a parent that is shared already passes from the stack to the frame above it (I4).
        while frame != self.floor.get() {
            // SAFETY: frames above the floor are on this stack (S1).
            let this = unsafe { &*frame };
            if this.state.get() & SHARED != 0 {
                return;
            }
            this.set_state(SHARED);
            if this.is(WHOLE) && this.state.get() & super::frame::HOLDING == 0 {
                // SAFETY: the frame is only now shared; what it shows is on this stack or was inherited.
                unsafe { hold_all(frame, 0) };
            }
            if this.is(CUT) {
                return;
            }
            frame = this.parent;
        }
    }

    /// Puts one frame in the place of all others of the innermost checkpoint.
    fn digest(&self, ending: &Ending) {
        let (top, marker) = (self.top.get(), self.marker());
        let below = if marker.is_null() { self.floor.get() } else { marker };
        let draft = Draft {
            role: Role::Digest,
            parent: below,
            run: 1,
            ..self.draft(Begins::Nothing, &NAMELESS, Location::caller())
        };
        // SAFETY (all): the index is taken from the top; what it shows is counted before anything is let go.
        let digest = unsafe { draft.build() };
        unsafe { hold_all(digest, 0) };
        unsafe { (*digest).set_state(SHARED) };
        self.top.set(digest);
        let (mut frame, mut counted) = (top, false);
        while frame != below {
            let this = unsafe { &*frame };
            let next = this.parent;
            let shared = this.state.get() & SHARED != 0;
            // What is visible keeps its origin: only what ends goes to the list. A shared frame that the one above
            // it counts is not the stack's to give back (I4).
            if shared && !counted && give(&this.strong) {
                unsafe { ending.end_chain(frame, false) };
            } else if !shared && this.state.get() & HELD != 0 {
                unsafe { ending.give_value(frame) };
            } else if !shared {
                unsafe { ending.push(frame) };
            }
            counted = shared && !this.is(CUT);
            frame = next;
        }
        if counted && !below.is_null() {
            // The lowest of them counted it; from now on the stack does.
            take(unsafe { &(*below).strong });
        }
    }
}

/// What came of leaving.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Leaving {
    InOrder,
    /// Checkpoints inside it were left with it.
    WithInner,
    /// It is not on this stack, or not any more.
    NotHere,
}

static NAMELESS: Name = Name::Static("");

/// Puts a frame that has left its stack on the list. Values of short reach end here, whoever keeps the frame.
///
/// # Safety
/// 1. `frame` was on a stack of the caller and is not any more.
pub(super) unsafe fn retire(frame: *const Frame, ending: &Ending) {
    // SAFETY (all): #1.
    let this = unsafe { &*frame };
    let state = this.state.get();
    if state & (SHARED | HELD) == 0 {
        return unsafe { ending.push(frame) };
    }
    if this.role == Role::Digest {
        unsafe {
            let marker = this.origin.get().marker;
            trie::each(frame.cast(), 0, &mut |slot| {
                let source = slot.as_frame();
                if !slot.is_inherited() && Frame::marker(source) == marker && ends_here(source) {
                    (*source).set_state(ONLY);
                    ending.push(source);
                }
            });
        }
    } else {
        unsafe { ends_here(frame) };
    }
    unsafe { ending.push(frame) };
}

/// Whether the value of a frame ends as its stack leaves it; notes that it is going.
unsafe fn ends_here(frame: *const Frame) -> bool {
    // SAFETY: the caller names a frame of its own stack.
    let this = unsafe { &*frame };
    let ends = this.is(STACK | CHECKPOINT) && this.role == Role::Binding && !this.gone.get();
    if ends {
        this.gone.set(true);
        this.set_state(LEFT);
    }
    ends
}
