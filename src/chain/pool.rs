//! Frames that ended on this thread, kept for the next ones of their size.
//!
//! Most frames are entered and left on one thread, in a rhythm; their blocks go to and fro here without asking the
//! allocator. Each thread keeps a few of each size and gives them back when it ends. Blocks may come from other
//! threads: a block belongs to whoever frees it.
//!
//! The scopes that ended last are kept apart, and as they were: if one is entered again in the same place, as in a loop,
//! nearly all of it is as it must be (see `flat`).

use super::frame::{Frame, Kind};
use crate::sync::{self, MODELLED, Site, at_thread_end, kept, reuse, thread_slot};
use std::alloc::Layout;
use std::cell::Cell;
use std::ptr;

/// Small blocks that are kept differ in size by so many bytes, large ones by more.
const STEP: usize = 16;
const LARGE_STEP: usize = 128;

/// A binding of a few words among 32 others is small.
const SMALL: usize = 512;

/// Larger ones are not kept: a scope of some twenty bindings fits.
const LARGE: usize = 2560;

const SMALL_CLASSES: usize = SMALL / STEP;
const CLASSES: usize = SMALL_CLASSES + (LARGE - SMALL) / LARGE_STEP;

/// How many blocks of one size are kept: enough for a usual depth of nesting. A thread that has used all sizes so often
/// keeps 260 KiB; with three sizes it is some ten.
const MOST: u8 = 8;

/// How many scopes are kept as they were: as many variables may take turns in a loop.
const LAST: usize = 16;

struct Pool {
    /// The scopes that ended last, see [`place_of`].
    last: [Last; LAST],
    classes: [Class; CLASSES],
    /// Whether the thread will end the pool; not before the first block is kept, and not after its end.
    armed: Cell<Option<bool>>,
}

/// A scope that is kept as it was when it ended, and while it is entered once more. None lies in two cache lines.
#[repr(align(32))]
pub(super) struct Last {
    /// Null while it is entered.
    frame: Cell<*mut Frame>,
    /// Its own serial number, which its guard knew; no other frame ever has it.
    serial: Cell<u64>,
    /// The serial number of the frame that its index was taken from, or [`NO_FRAME`].
    below: Cell<u64>,
}

struct Class {
    first: Cell<*mut Kept>,
    number: Cell<u8>,
}

/// A frame that ended, seen as a link of a list: the link takes the place of the counts.
#[repr(C, align(8))]
struct Kept {
    root: super::slot::Node,
    next: *mut Kept,
}

const _: () = assert!(std::mem::offset_of!(Kept, next) == std::mem::offset_of!(Frame, strong), "where the counts are");

/// No frame has this serial number.
pub(super) const UNKNOWN: u64 = 0;
/// No frame has this serial number either.
pub(super) const NO_FRAME: u64 = u64::MAX;

thread_slot! {
    static POOL: Pool = Pool {
        last: [const { Last { frame: Cell::new(ptr::null_mut()), serial: Cell::new(UNKNOWN), below: Cell::new(UNKNOWN) } }; LAST],
        classes: [const { Class { first: Cell::new(ptr::null_mut()), number: Cell::new(0) } }; CLASSES],
        armed: Cell::new(None),
    };
}

at_thread_end! { fn arm(POOL) => end }

/// Which class a small block belongs to: frames with so many bytes before them.
#[inline]
pub(super) fn class(before: usize, kind: &Kind) -> Option<usize> {
    let class = (before + kind.extent - 1) / STEP;
    (reuse() && class < SMALL_CLASSES).then_some(class)
}

/// Which class a block belongs to that is not small, if it is of one that is kept.
#[cold]
#[inline(never)]
fn large_class(before: usize, kind: &Kind) -> Option<usize> {
    let beyond = (before + kind.extent - 1).checked_sub(SMALL)?;
    let class = SMALL_CLASSES + beyond / LARGE_STEP;
    (reuse() && class < CLASSES).then_some(class)
}

#[inline]
fn rounded(class: usize) -> Layout {
    let size = match class.checked_sub(SMALL_CLASSES) {
        None => (class + 1) * STEP,
        Some(large) => SMALL + (large + 1) * LARGE_STEP,
    };
    // SAFETY: the alignment is a power of two, and the sizes are small.
    unsafe { Layout::from_size_align_unchecked(size, align_of::<Frame>()) }
}

/// Where a scope of that id on that frame is kept: variables that take turns on one frame do not meet, and a variable
/// that is bound on several frames seldom meets itself. In a model it always does, wherever its frames lie.
#[inline(always)]
fn place_of(id: usize, parent: *const Frame) -> usize {
    let parent = if MODELLED { 0 } else { parent.addr() / size_of::<Frame>().next_power_of_two() };
    (id ^ parent) % LAST
}

/// Takes the scope of that id that ended last on this thread on `parent`, which has the number `below`, if it is kept:
/// with its own number, which is its guard's once more.
#[inline(always)]
pub(super) fn take_again(id: usize, parent: *const Frame, below: u64) -> Option<(*mut Frame, u64)> {
    if !reuse() {
        return None;
    }
    let take = |pool: &Pool| {
        let last = &pool.last[place_of(id, parent)];
        let frame = last.frame.get();
        // SAFETY: what is kept is ours.
        let is_it = unsafe { !frame.is_null() && (*frame).id == id };
        // A number is of one frame alone, from when it is built until it is built anew.
        if !is_it || last.below.get() != below && kept(Site::AgainLooks) {
            return None;
        }
        last.frame.set(ptr::null_mut());
        Some((frame, last.serial.get()))
    };
    POOL.try_with(take).ok().flatten()
}

/// Keeps a scope that [`take_again`] gave, if nothing else was kept in its place since.
///
/// # Safety
/// 1. `frame` has that serial number; nobody uses it any more, and it is as it was.
#[inline(always)]
pub(super) unsafe fn keep_again(frame: *const Frame, serial: u64) -> bool {
    // SAFETY: #1.
    let place = unsafe { place_of((*frame).id, (*frame).parent) };
    let keep = |pool: &Pool| {
        let last = &pool.last[place];
        let is_it = last.serial.get() == serial || !kept(Site::KeepLooks);
        if is_it {
            last.frame.set(frame.cast_mut());
        }
        is_it
    };
    reuse() && POOL.try_with(keep) == Ok(true)
}

/// A frame of that class that ended on this thread; null if there is none. Of what it was only `before` is left.
#[inline]
pub(super) fn take(class: usize) -> *mut Frame {
    POOL.try_with(|pool| pool.classes[class].pop()).unwrap_or(ptr::null_mut())
}

/// As [`take`], for a scope of that id on that frame: the block of the last one serves if it fits.
#[inline]
pub(super) fn take_for(id: usize, parent: *const Frame, class: usize) -> *mut Frame {
    let take = |pool: &Pool| {
        let last = &pool.last[place_of(id, parent)].frame;
        let frame = last.get();
        // SAFETY: what is kept is ours.
        let fits = unsafe { !frame.is_null() && self::class((*frame).before as usize, (*frame).kind) == Some(class) };
        if fits {
            last.set(ptr::null_mut());
            // SAFETY: as above.
            unsafe { unwatch(frame) };
            frame
        } else {
            pool.classes[class].pop()
        }
    };
    POOL.try_with(take).unwrap_or(ptr::null_mut())
}

/// Whether the block of a frame is of a size that is kept.
#[inline]
pub(super) fn is_small(frame: &Frame) -> bool {
    class(frame.before as usize, frame.kind).is_some()
}

/// A new block of that class.
#[cold]
#[inline(never)]
pub(super) fn allocate_class(class: usize) -> *mut u8 {
    // SAFETY: the size of a class is not zero.
    unsafe { sync::allocate(rounded(class)) }
}

/// A block for a frame of that kind with so many bytes before it.
pub(super) fn allocate(before: usize, kind: &Kind) -> *mut u8 {
    let Some(class) = class(before, kind).or_else(|| large_class(before, kind)) else {
        // SAFETY: a frame is not of size zero.
        return unsafe { sync::allocate(layout(before, kind)) };
    };
    let kept = take(class);
    // SAFETY: a frame lies in a block of its own, after so many bytes.
    if kept.is_null() { allocate_class(class) } else { unsafe { start(kept) } }
}

/// Where the block of a frame starts.
///
/// # Safety
/// 1. `frame` is one, or was and is kept.
#[inline]
pub(super) unsafe fn start(frame: *mut Frame) -> *mut u8 {
    // SAFETY: #1; the number of bytes before it stays when it ends.
    unsafe { frame.cast::<u8>().sub((*frame).before as usize) }
}

fn layout(before: usize, kind: &Kind) -> Layout {
    let size = before + kind.offset + kind.size;
    let align = kind.align.max(align_of::<Frame>());
    Layout::from_size_align(size, align).expect("a frame of a size that can be allocated")
}

/// Keeps a scope that ended as it is, for it may be entered again. `below` is the serial number of the frame that its
/// index was taken from, [`NO_FRAME`] if there was none.
///
/// # Safety
/// 1. Nobody uses `frame` any more, its guard included; it has that serial number, and all its counts are one.
#[inline]
pub(super) unsafe fn remember(frame: *mut Frame, serial: u64, below: u64) {
    // SAFETY: #1; what was kept is ours.
    unsafe {
        let place = place_of((*frame).id, (*frame).parent);
        let kept = POOL.try_with(|pool| {
            if !reuse() || !pool.is_armed() {
                return false;
            }
            let last = &pool.last[place];
            last.serial.set(serial);
            last.below.set(below);
            let before = last.frame.replace(frame);
            if !before.is_null() {
                unwatch(before);
                free(before);
            }
            true
        });
        if kept != Ok(true) {
            free(frame);
        }
    }
}

/// Takes the block of a frame back.
///
/// # Safety
/// 1. Nobody uses `frame` any more.
#[inline(never)]
pub(super) unsafe fn free(frame: *mut Frame) {
    // SAFETY: #1.
    unsafe {
        let (before, kind) = ((*frame).before as usize, (*frame).kind);
        let Some(class) = class(before, kind).or_else(|| large_class(before, kind)) else {
            return sync::free(start(frame), layout(before, kind));
        };
        if POOL.try_with(|pool| pool.keep(class, frame)) != Ok(true) {
            free_class(frame, class);
        }
    }
}

/// # Safety
/// 1. `frame` is of that class and nobody uses it any more.
#[cold]
#[inline(never)]
unsafe fn free_class(frame: *mut Frame, class: usize) {
    // SAFETY: #1; blocks of a class are allocated with its layout.
    unsafe { sync::free(start(frame), rounded(class)) }
}

impl Class {
    #[inline]
    fn pop(&self) -> *mut Frame {
        let first = self.first.get();
        if !first.is_null() {
            // SAFETY: what is kept is ours.
            self.first.set(unsafe { (*first).next });
            self.number.set(self.number.get() - 1);
        }
        first.cast()
    }
}

impl Pool {
    /// # Safety
    /// 1. `frame` is of that class and nobody uses it any more.
    #[inline]
    unsafe fn keep(&self, class: usize, frame: *mut Frame) -> bool {
        let class = &self.classes[class];
        if class.number.get() == MOST || !self.is_armed() {
            return false;
        }
        let kept = frame.cast::<Kept>();
        // SAFETY: #1; the link takes the place of the counts.
        unsafe { (&raw mut (*kept).next).write(class.first.get()) };
        class.first.set(kept);
        class.number.set(class.number.get() + 1);
        true
    }

    #[inline]
    fn is_armed(&self) -> bool {
        self.armed.get().unwrap_or_else(|| {
            self.armed.set(Some(true));
            arm();
            true
        })
    }
}

/// Ends what a model watches of a scope that was kept as it was. Outside models there is nothing to end.
///
/// # Safety
/// 1. `frame` is kept, and is not entered again.
#[inline]
unsafe fn unwatch(frame: *mut Frame) {
    // SAFETY: #1.
    unsafe { ptr::drop_in_place(frame) };
}

/// Gives all blocks back; from now on this thread keeps none.
fn end(pool: &Pool) {
    pool.armed.set(Some(false));
    for last in &pool.last {
        last.serial.set(UNKNOWN);
        let last = last.frame.replace(ptr::null_mut());
        if !last.is_null() {
            // SAFETY: what is kept is ours.
            unsafe {
                unwatch(last);
                free(last);
            }
        }
    }
    for (class, list) in pool.classes.iter().enumerate() {
        loop {
            let frame = list.pop();
            if frame.is_null() {
                break;
            }
            // SAFETY: what is kept is of that class and ours.
            unsafe { free_class(frame, class) };
        }
    }
}
