//! A frame: one binding, or one other event of a stack, in one allocation.
//!
//! ```text
//! block: [ child nodes … | root slots, first one last ] Frame { root, counts, … } [ value ]
//! ```
//! The frames of a batch lie in one block: the members first, then the index of the head, which
//! alone has one (see `stack/batch.rs`).
//!
//! Everything but the cells and the counts is immutable once the frame has been built. The cells
//! belong to the stack that owns the frame; another thread looks at them only after it has released
//! the last count.

use super::flags::{Lifecycle, Position, Traits};
pub(in crate::engine) use super::name::Name;
use super::note::Seen;
use super::serial::Serial;
use super::slot::Node;
use crate::field::{Field, Project};
use crate::sys::{AtomicU32, WATCHED, Watch, WatchedCell};
use core::fmt;
use core::panic::Location;

/// How the value of a frame is laid out, dropped and, if its variable allows it, shown and logged.
pub(crate) struct Kind {
    pub(in crate::engine) size: usize,
    pub(in crate::engine) align: usize,
    /// Where the value lies, from the frame.
    pub(in crate::engine) offset: usize,
    /// Bytes of a frame with its value; out of all bounds if the value needs an alignment of its
    /// own.
    pub(in crate::engine) extent: usize,
    drop: Option<unsafe fn(*mut u8)>,
    show: Option<Show>,
    pub(in crate::engine) log: Option<&'static Log>,
}

type Show = unsafe fn(*const u8, &mut fmt::Formatter<'_>) -> fmt::Result;

/// How a value becomes a field of logs.
pub(in crate::engine) struct Log {
    pub(in crate::engine) key: Option<&'static str>,
    pub(in crate::engine) most: usize,
    pub(in crate::engine) changes: bool,
    /// Safety: #1 as of [`Shown::fmt`].
    pub(in crate::engine) put: unsafe fn(*const u8, Field<'_>),
}

impl Kind {
    pub(crate) const fn of<T>() -> &'static Kind {
        const {
            &Kind {
                size: size_of::<T>(),
                align: align_of::<T>(),
                offset: size_of::<Frame>().next_multiple_of(align_of::<T>()),
                extent: if align_of::<T>() > align_of::<Frame>() {
                    usize::MAX / 2
                } else {
                    size_of::<Frame>() + size_of::<T>()
                },
                drop: if core::mem::needs_drop::<T>() { Some(drop_value::<T>) } else { None },
                show: None,
                log: None,
            }
        }
    }

    /// Whether values of this kind need no drop.
    #[inline]
    pub(in crate::engine) fn is_plain(&self) -> bool {
        self.drop.is_none()
    }

    pub(crate) const fn shown<T: fmt::Debug>() -> &'static Kind {
        const { &Kind { show: Some(show_value::<T>), ..*Kind::of::<T>() } }
    }

    pub(crate) const fn logged<T, P: Project<T>>() -> &'static Kind {
        const { &Kind { log: Some(Log::of::<T, P>()), ..*Kind::of::<T>() } }
    }

    pub(crate) const fn shown_and_logged<T: fmt::Debug, P: Project<T>>() -> &'static Kind {
        const { &Kind { log: Some(Log::of::<T, P>()), ..*Kind::shown::<T>() } }
    }

    pub(super) const fn is_shown(&self) -> bool {
        self.show.is_some()
    }
}

impl Log {
    const fn of<T, P: Project<T>>() -> &'static Log {
        const { &Log { key: P::KEY, most: P::MOST, changes: P::CHANGES, put: put_value::<T, P> } }
    }
}

/// # Safety
/// 1. `value` is a live `T`, aligned, that may be read from this thread.
unsafe fn put_value<T, P: Project<T>>(value: *const u8, field: Field<'_>) {
    // SAFETY: #1.
    P::put(unsafe { &*value.cast::<T>() }, field);
}

/// # Safety
/// 1. `value` is a `T`, aligned, and never used again.
unsafe fn drop_value<T>(value: *mut u8) {
    // SAFETY: #1.
    unsafe { value.cast::<T>().drop_in_place() }
}

/// # Safety
/// 1. `value` is a live `T`, aligned, that may be read from this thread.
unsafe fn show_value<T: fmt::Debug>(value: *const u8, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    // SAFETY: #1.
    fmt::Debug::fmt(unsafe { &*value.cast::<T>() }, f)
}

/// What a frame says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(in crate::engine) enum Role {
    /// A checkpoint begins; no variable is bound by it.
    Mark,
    /// One variable has the value that lies behind the frame.
    Binding,
    /// One variable reads as if never bound.
    Mask,
    /// One variable has the value of another frame, which this one counts.
    Alias,
    /// A context takes the place of everything that was visible; the frame counts it.
    Adopt,
    /// One variable shows what was bound further out, or nothing.
    Reveal,
    /// Compaction frame: replaces all frames of its checkpoint and counts every visible value.
    Compacted,
}

/// One word that is needed for one thing at a time.
#[derive(Clone, Copy)]
pub(in crate::engine) union Origin {
    /// Of a frame that begins a checkpoint: its serial number.
    pub(in crate::engine) serial: Serial,
    /// Of the others on a stack: the frame that begins their checkpoint; null below the first one.
    pub(in crate::engine) marker: *const Frame,
    /// Of a frame that is being released: the next one.
    pub(in crate::engine) next: *const Frame,
}

/// Invariants: I4 — `strong` counts the snapshots at this frame, the shared frames that have it as
/// their base, and one for the stack if this frame is shared and the frame above it on the stack
/// does not count it.
/// I5 — `values` counts the frames and handles that keep this value without the frame's base, and
/// one for all of `strong`.
/// I6 — `weak` counts the weak snapshots, one for all of `values`, and, if this is the head of a
/// batch, each member.
/// I7 — the base of a shared frame is shared (see `base`).
/// I8 — a frame that is neither `SHARED` nor `VALUE_SHARED` belongs to one stack alone; its counts
/// are all one, but for what `weak` counts in the same block.
#[repr(C, align(8))]
pub(in crate::engine) struct Frame {
    pub(in crate::engine) root: Node,
    pub(in crate::engine) strong: AtomicU32,
    pub(in crate::engine) values: AtomicU32,
    pub(in crate::engine) weak: AtomicU32,
    /// Bytes of the block before the frame; of a member of a batch, the bytes to its head.
    pub(in crate::engine) before: Position,
    /// Frames since the last one with a full index.
    pub(in crate::engine) segment: u16,
    /// Frames since the one that begins this checkpoint.
    pub(in crate::engine) run: u16,
    pub(in crate::engine) role: Role,
    pub(in crate::engine) bits: Traits,
    pub(in crate::engine) state: WatchedCell<Lifecycle>,
    /// The value was dropped before its frame.
    pub(in crate::engine) gone: WatchedCell<bool>,
    pub(in crate::engine) parent: *const Frame,
    pub(in crate::engine) kind: &'static Kind,
    pub(in crate::engine) name: *const str,
    pub(in crate::engine) place: &'static Location<'static>,
    pub(in crate::engine) origin: WatchedCell<Origin>,
    /// For a view from outside; without the feature `inspect`, nothing.
    pub(in crate::engine) seen: Seen,
    /// Next to the value: a read on another core fetches one cache line for both.
    pub(in crate::engine) id: usize,
    /// Written when the value is written or dropped, read when it is read.
    pub(in crate::engine) watch: Watch,
    /// Read when what is immutable of the frame is read.
    pub(in crate::engine) body: Watch,
}

/// The cells of a frame hold plain numbers that no foreign code sees half-made; values are `Sync`,
/// and what `Sync` types do about a panic in their middle is theirs.
impl core::panic::RefUnwindSafe for Frame {}

const _: () = assert!(
    WATCHED || size_of::<usize>() != 8 || size_of::<Frame>() == 88 + size_of::<Seen>(),
    "a binding of a u64 among eight takes 160 bytes"
);

impl Frame {
    /// A frame that nobody shares: a binding, with an empty index.
    #[inline]
    pub(in crate::engine) fn new(
        id: usize,
        parent: *const Frame,
        kind: &'static Kind,
        name: *const str,
        place: &'static Location<'static>,
        origin: Origin,
        before: Position,
    ) -> Frame {
        Frame {
            root: Node::EMPTY,
            strong: AtomicU32::new(1),
            values: AtomicU32::new(1),
            weak: AtomicU32::new(1),
            before,
            segment: 1,
            run: 0,
            role: Role::Binding,
            bits: Traits::NONE,
            state: WatchedCell::new(Lifecycle::NONE),
            gone: WatchedCell::new(false),
            parent,
            kind,
            name,
            place,
            origin: WatchedCell::new(origin),
            seen: Seen::new(),
            id,
            watch: Watch::new(),
            body: Watch::new(),
        }
    }

    /// Where the value of a frame lies.
    ///
    /// # Safety
    /// 1. `frame` is alive and its value is a `T`.
    #[inline]
    pub(in crate::engine) unsafe fn value<T>(frame: *const Frame) -> *const T {
        const { assert!(size_of::<Frame>() <= isize::MAX as usize / 2) };
        let offset = const { size_of::<Frame>().next_multiple_of(align_of::<T>()) };
        // SAFETY: by #1 the block goes on with a `T` at that offset.
        unsafe { frame.cast::<u8>().add(offset).cast() }
    }

    /// Writes the value of a frame that was just built.
    ///
    /// # Safety
    /// 1. `frame` was built with the kind of `T`, and nobody else knows it yet.
    #[inline]
    pub(in crate::engine) unsafe fn init<T>(frame: *mut Frame, value: T) {
        // SAFETY: #1.
        unsafe {
            (*frame).watch.writes();
            Frame::value::<T>(frame).cast_mut().write(value);
        }
    }

    /// Ends the value. Runs foreign code.
    ///
    /// # Safety
    /// 1. `frame` is alive, and this is the only use of the value, now and later.
    #[inline]
    pub(in crate::engine) unsafe fn drop_value(frame: *const Frame) {
        // SAFETY: #1.
        let this = unsafe { &*frame };
        if let Some(drop) = this.kind.drop {
            this.watch.writes();
            // SAFETY: the kind is that of the value; #1.
            unsafe { drop(frame.cast::<u8>().add(this.kind.offset).cast_mut()) };
        }
    }

    /// The frame in whose block this one lies, if it has none of its own.
    ///
    /// # Safety
    /// 1. The block of `frame` is there.
    #[inline]
    pub(in crate::engine) unsafe fn head(frame: *const Frame) -> Option<*const Frame> {
        // SAFETY: #1; the head lies so many bytes further on in the same block.
        unsafe {
            let before = (*frame).before;
            before.is_member().then(|| frame.cast::<u8>().add(before.bytes()).cast())
        }
    }

    /// Whether it has a slot for its base.
    #[inline]
    pub(in crate::engine) fn hides(&self) -> bool {
        self.before.has_any(Position::HIDES)
    }

    pub(in crate::engine) fn name(&self) -> &str {
        // SAFETY: the name is static or counted by this frame.
        unsafe { &*self.name }
    }

    /// The name of the variable that it is of, counted once more if it is a counted string.
    pub(in crate::engine) fn counted_name(&self) -> Name {
        if self.is(Traits::OWNED_NAME) {
            // SAFETY: the name is that of an `Arc`, of which the frame has a count; one more is
            // taken for the caller.
            unsafe {
                crate::sys::Arc::increment_strong_count(self.name);
                Name::Shared(crate::sys::Arc::from_raw(self.name))
            }
        } else {
            // SAFETY: a name that is not counted is static.
            Name::Static(unsafe { &*self.name })
        }
    }

    /// Whether it has at least one of these traits.
    #[inline]
    pub(in crate::engine) fn is(&self, traits: Traits) -> bool {
        self.bits.has_any(traits)
    }

    /// Whether at least one of these is so.
    #[inline]
    pub(in crate::engine) fn in_state(&self, states: Lifecycle) -> bool {
        self.state.get().has_any(states)
    }

    #[inline]
    pub(in crate::engine) fn set_state(&self, more: Lifecycle) {
        self.state.set(self.state.get() | more);
    }

    /// The frame that begins the checkpoint of this one; null below the first.
    ///
    /// # Safety
    /// 1. `frame` is alive and on a stack, or was until a compaction frame took its place.
    #[inline]
    pub(in crate::engine) unsafe fn marker(frame: *const Frame) -> *const Frame {
        // SAFETY: #1; the bit says which of the two the origin is.
        unsafe {
            let this = &*frame;
            if this.is(Traits::BOUNDARY) { frame } else { this.origin.get().marker }
        }
    }

    /// The frame that has the value: itself, or the one it is an alias of.
    ///
    /// # Safety
    /// 1. `frame` is alive and a binding or an alias.
    pub(in crate::engine) unsafe fn source(frame: *const Frame) -> *const Frame {
        // SAFETY: an alias keeps the frame that it stands for.
        unsafe {
            match (*frame).role {
                Role::Alias => *Frame::value::<*const Frame>(frame),
                _ => frame,
            }
        }
    }

    /// Shows the value, if its variable was declared to allow it. Runs foreign code.
    ///
    /// # Safety
    /// 1. `frame` is alive, a binding or an alias of one, and its value has not ended.
    pub(in crate::engine) unsafe fn show(frame: *const Frame) -> Option<Shown> {
        // SAFETY: #1.
        let (source, kind) = unsafe {
            let source = Frame::source(frame);
            (source, (*source).kind)
        };
        kind.show.map(|show| Shown { show, value: source.cast::<u8>().wrapping_add(kind.offset) })
    }
}

/// A value that may be shown.
#[derive(Clone, Copy)]
pub(in crate::engine) struct Shown {
    show: Show,
    value: *const u8,
}

impl Shown {
    /// # Safety
    /// 1. The value that this was made of has not ended.
    pub(in crate::engine) unsafe fn fmt(self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // SAFETY: #1; the function belongs to the type of the value.
        unsafe { (self.show)(self.value, f) }
    }
}
