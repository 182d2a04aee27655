//! The stack that is current on this thread, and the reads that are out.
//!
//! The slot needs no destructor, so it answers at any time of a thread's life (R14). What a thread leaves behind
//! on its own stack is ended by a second slot that does have one, armed by the first frame.
//!
//! A read that runs foreign code puts a record on the machine's stack. Should that code leave the frames that were
//! there when the read began, the record keeps them until the read ends (R6); frames that came later end at once.

use super::counts::Ending;
use super::frame::Frame;
use super::key::Key;
use super::link::Link;
use super::spine::{Begins, Closed, Leaving, Seen, Sight, Spine, retire};
use crate::sync::{Ordering::Relaxed, StaticAtomicUsize, at_thread_end, thread_slot};
use std::cell::Cell;
use std::panic::Location;
use std::ptr;

pub(crate) struct Current {
    spine: Spine,
    borrows: Borrows,
    serials: Serials,
    nested: Cell<u32>,
    queue: Ending,
    armed: Cell<bool>,
}

thread_slot! {
    static CURRENT: Current = Current {
        spine: Spine::new(),
        borrows: Borrows::new(),
        serials: Serials::new(),
        nested: Cell::new(0),
        queue: Ending::new(),
        armed: Cell::new(false),
    };
}

at_thread_end! { fn arm() => end_of_thread }

/// Leaves what the thread has not left itself. Values that bind others as they go are followed a few times.
fn end_of_thread() {
    for _ in 0..8 {
        let ending = Ending::new();
        let floor = with(|current| current.spine.clear(&current.borrows, &ending));
        ending.finish();
        if floor.flatten().is_none() && with(|current| current.spine.is_bare()) != Some(false) {
            return;
        }
    }
}

/// `None` when the thread is so far gone that its slot is, which only happens under loom.
#[inline]
fn with<R>(f: impl FnOnce(&Current) -> R) -> Option<R> {
    CURRENT.try_with(f).ok()
}

/// As [`with`], for what has no sensible answer without the slot.
#[inline]
fn must<R>(f: impl FnOnce(&Current) -> R) -> R {
    with(f).expect("the thread's slot needs no destructor")
}

/// Numbers that are never given twice: a block for each thread or stack, taken on first use.
pub(crate) struct Serials(Cell<u64>);

static BLOCKS: StaticAtomicUsize = StaticAtomicUsize::new(0);

impl Serials {
    pub(crate) const fn new() -> Self {
        Serials(Cell::new(0))
    }

    #[inline]
    pub(crate) fn next(&self) -> u64 {
        let serial = self.0.get();
        let serial = if serial & 0xFFFF_FFFF == 0 { Self::block() } else { serial };
        self.0.set(serial + 1);
        serial
    }

    #[cold]
    fn block() -> u64 {
        // Relaxed: the number says everything. After 2^32 blocks they come again; a guard would have to be
        // forgotten that long for its number to mean another frame, and then it leaves that one.
        ((BLOCKS.fetch_add(1, Relaxed) as u64 + 1) << 32) | 1
    }
}

/// The reads of this thread that run foreign code just now, innermost first.
pub(crate) struct Borrows(Cell<*const Borrow>);

struct Borrow {
    outer: *const Borrow,
    /// The innermost of the frames that were there when the read began and are still on the stack.
    top: Cell<*const Frame>,
    /// Those that have been left since, from the first one outwards.
    kept: Cell<*const Frame>,
    number: Cell<usize>,
}

impl Borrows {
    pub(crate) const fn new() -> Self {
        Borrows(Cell::new(ptr::null()))
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.0.get().is_null()
    }

    /// Whether a read keeps a frame that is being left; `parent` is then the next one to look out for.
    #[inline]
    pub(super) fn keep(&self, frame: *const Frame, parent: *const Frame) -> bool {
        !self.is_empty() && self.keep_slowly(frame, parent)
    }

    #[cold]
    fn keep_slowly(&self, frame: *const Frame, parent: *const Frame) -> bool {
        let mut keeper: Option<&Borrow> = None;
        let mut next = self.0.get();
        while !next.is_null() {
            // SAFETY: records are on the list for as long as they are on the machine's stack.
            let borrow = unsafe { &*next };
            if borrow.top.get() == frame {
                borrow.top.set(parent);
                keeper = Some(borrow);
            }
            next = borrow.outer;
        }
        // The outermost of them ends last.
        let Some(keeper) = keeper else { return false };
        if keeper.number.get() == 0 {
            keeper.kept.set(frame);
        }
        keeper.number.set(keeper.number.get() + 1);
        true
    }
}

/// Ends a read: on return and on panic.
struct EndOfRead<'a>(&'a Borrow, &'a Borrows);

impl Drop for EndOfRead<'_> {
    #[inline]
    fn drop(&mut self) {
        self.1.0.set(self.0.outer);
        if self.0.number.get() != 0 {
            end_kept(self.0);
        }
    }
}

#[cold]
fn end_kept(borrow: &Borrow) {
    let ending = Ending::new();
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

/// Calls `f` with what a variable is bound to on the current stack, or gives `f` back and says what there is.
#[inline]
pub(crate) fn read<T, R, F: FnOnce(&T) -> R>(key: &Key<T>, f: F) -> Result<R, (F, Seen)> {
    let id = key.peek();
    let mut f = Some(f);
    let read = with(|current| {
        let sight = current.spine.glance(id).map_or_else(|| current.spine.look_unless_plain(id), Ok);
        let sight = match sight {
            Ok(sight) => sight,
            Err(seen) => return Err(seen),
        };
        let f = f.take().expect("is taken once");
        Ok(current.lend(sight, f))
    });
    match read {
        Some(Ok(result)) => Ok(result),
        Some(Err(seen)) => Err((f.take().expect("was not taken"), seen)),
        None => Err((f.take().expect("was not taken"), Seen::Absent)),
    }
}

impl Current {
    #[inline]
    fn lend<T, R>(&self, sight: Sight, f: impl FnOnce(&T) -> R) -> R {
        let borrow = Borrow {
            outer: self.borrows.0.get(),
            top: Cell::new(self.spine.top()),
            kept: Cell::new(ptr::null()),
            number: Cell::new(0),
        };
        self.borrows.0.set(&raw const borrow);
        let _end = EndOfRead(&borrow, &self.borrows);
        // SAFETY: the frame has the id of a key of `T`; the record keeps what the stack may let go meanwhile.
        f(unsafe { &*sight.value::<T>() })
    }

    #[inline]
    fn arm(&self) {
        if !self.armed.get() {
            self.armed.set(true);
            arm();
        }
    }

    #[inline]
    fn begins(&self, sealed: bool) -> (Begins, u64) {
        self.arm();
        let serial = self.serials.next();
        (if sealed { Begins::Sealed(serial) } else { Begins::Open(serial) }, serial)
    }
}

/// What a variable is bound to on the current stack, without its value.
#[inline]
pub(crate) fn see<T>(key: &Key<T>) -> Seen {
    let id = key.peek();
    with(|current| {
        let sight = current.spine.glance(id).map_or_else(|| current.spine.look_unless_plain(id), Ok);
        // SAFETY: what is seen is on the current stack.
        sight.map_or_else(|seen| seen, |sight| unsafe { sight.seen() })
    })
    .unwrap_or(Seen::Absent)
}

pub(crate) fn history<T>(key: &Key<T>) -> Vec<Seen> {
    with(|current| current.spine.history(key.peek())).unwrap_or_default()
}

/// Begins a sealed checkpoint with one binding; the number is for [`leave`].
#[inline]
pub(crate) fn enter<T>(key: &Key<T>, value: T, place: &'static Location<'static>) -> u64 {
    must(|current| {
        let (begins, serial) = current.begins(true);
        current.spine.bind(key, value, begins, place);
        serial
    })
}

/// Runs `f` with the spine of this thread and a way to begin on it. `f` must not run foreign code.
pub(crate) fn on_spine<R>(f: impl FnOnce(&Spine, &dyn Fn(bool) -> (Begins, u64)) -> R) -> R {
    must(|current| f(&current.spine, &|sealed| current.begins(sealed)))
}

/// Begins an open checkpoint in which `context` takes the place of all that was visible.
pub(crate) fn adopt(context: Option<Link>, place: &'static Location<'static>) -> u64 {
    must(|current| {
        let (_, serial) = current.begins(false);
        current.spine.adopt(context, serial, place);
        serial
    })
}

/// Changes the innermost checkpoint, if it is open. `f` must not run foreign code.
pub(crate) fn change<R>(f: impl FnOnce(&Spine, &Borrows, &Ending) -> R) -> Result<R, Closed> {
    let ending = Ending::new();
    let done = must(|current| {
        current.spine.is_open()?;
        current.arm();
        Ok(f(&current.spine, &current.borrows, &ending))
    });
    ending.finish();
    done
}

/// Whether the innermost checkpoint can be changed.
pub(crate) fn is_open() -> Result<(), Closed> {
    with(|current| current.spine.is_open()).unwrap_or(Err(Closed::NoCheckpoint))
}

/// A number for a frame on a stack that is not current.
pub(crate) fn serial() -> u64 {
    with(|current| current.serials.next()).unwrap_or_else(|| Serials::new().next())
}

/// Leaves the checkpoint with that number and all inside it. Runs foreign code.
#[inline]
pub(crate) fn leave(serial: u64) -> Leaving {
    let ending = Ending::new();
    let leaving = with(|current| {
        if current.borrows.is_empty() {
            if let Some(frame) = current.spine.take_alone(serial) {
                return Err(frame);
            }
        }
        Ok(current.spine.leave(serial, &current.borrows, &ending))
    });
    match leaving {
        Some(Err(alone)) => {
            // SAFETY: the frame was the stack's alone and has left it.
            unsafe { super::counts::end_value(alone, false) };
            Leaving::InOrder
        }
        Some(Ok(leaving)) => {
            ending.finish();
            leaving
        }
        None => Leaving::NotHere,
    }
}

#[inline]
pub(crate) fn capture() -> Option<Link> {
    with(|current| current.spine.capture()).flatten()
}

/// Runs `f` with `own` as the current stack: swapped in before, swapped out after, even if `f` panics.
#[inline]
pub(crate) fn run_on<R>(own: &mut Own, f: impl FnOnce() -> R) -> R {
    struct Back<'a>(&'a Spine, &'a Spine);
    impl Drop for Back<'_> {
        #[inline]
        fn drop(&mut self) {
            self.0.swap(self.1);
        }
    }
    must(|current| {
        current.arm();
        current.spine.swap(&own.0);
        let _back = Back(&current.spine, &own.0);
        f()
    })
}

/// A spine that is owned as a value. What can be done with a shared reference only reads.
pub(crate) struct Own(Spine);

// SAFETY: `&Own` gives nothing but reads of what is immutable while it is borrowed.
unsafe impl Sync for Own {}

impl Own {
    pub(crate) fn new(spine: Spine) -> Self {
        Own(spine)
    }

    pub(crate) fn get<T>(&self, key: &Key<T>) -> Result<&T, Seen> {
        // SAFETY: the frame has the id of a key of `T`; nothing is left while the spine is borrowed.
        self.0.look(key.peek()).map(|sight| unsafe { &*sight.value() })
    }

    pub(crate) fn see<T>(&self, key: &Key<T>) -> Seen {
        self.0.see(key.peek())
    }

    pub(crate) fn is_open(&self) -> Result<(), Closed> {
        self.0.is_open()
    }

    /// Works on the spine. `f` must not run foreign code; what it lets go ends afterwards.
    pub(crate) fn work<R>(&mut self, f: impl FnOnce(&Spine, &Borrows, &Ending) -> R) -> R {
        let ending = Ending::new();
        let result = f(&self.0, &Borrows::new(), &ending);
        ending.finish();
        result
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        let floor = self.work(|spine, borrows, ending| spine.clear(borrows, ending));
        drop(floor);
    }
}

/// One more list is worked off on this thread.
pub(super) struct Level(u32, u32);

impl Level {
    pub(super) fn is_deepest(&self) -> bool {
        self.0 + 1 == self.1
    }
}

impl Drop for Level {
    fn drop(&mut self) {
        with(|current| current.nested.set(self.0));
    }
}

/// A level further in, unless there are `most` already.
pub(super) fn nest(most: u32) -> Option<Level> {
    with(|current| {
        let nested = current.nested.get();
        (nested < most).then(|| {
            current.nested.set(nested + 1);
            Level(nested, most)
        })
    })
    .unwrap_or_else(|| Some(Level(0, 0)))
}

/// Leaves a list to the deepest level.
pub(super) fn queue(list: &Ending) {
    with(|current| current.queue.append(list));
}

/// What was left to the deepest level.
pub(super) fn queued(list: &Ending) {
    with(|current| list.append(&current.queue));
}

impl Spine {
    /// As [`Spine::look`], after [`Spine::glance`] has found nothing.
    #[inline]
    fn look_unless_plain(&self, id: usize) -> Result<Sight, Seen> {
        if self.is_certainly_absent(id) { Err(Seen::Absent) } else { self.look(id) }
    }

    #[inline]
    fn is_certainly_absent(&self, id: usize) -> bool {
        let top = self.top();
        // SAFETY: the top is alive (S1).
        top.is_null() || unsafe { (*top).root.bitmap } & super::slot::bit(id, 0) == 0
    }
}
