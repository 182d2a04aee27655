//! Frames that ended on this thread, kept for the next ones of their size.
//!
//! Most frames are entered and left on one thread, in a rhythm; their blocks go to and fro here
//! without asking the allocator. Each thread keeps a few of each size and gives them back when it
//! ends. Blocks may come from other threads: a block belongs to whoever frees it.
//!
//! The scopes that ended last are kept apart, and as they were: if one is entered again in the same
//! place, as in a loop, nearly all of it is as it must be (see `flat`).

use super::frame::{Frame, Kind};
use super::serial::Serial;
use crate::sync::{self, MODELLED, Site, Way, at_thread_end, reached, reuse, step, thread_slot};
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

/// How many blocks of one size are kept: enough for a usual depth of nesting, and one cache line
/// for their list. A thread that has used all sizes so often keeps 230 KiB; with three sizes it is
/// some ten.
const MOST: usize = if MODELLED { 1 } else { 7 };

/// How many scopes are kept as they were: as many variables may take turns in a loop, and of two
/// scopes inside each other, whose places hang on where their frames happen to lie, one in so many
/// pairs meets.
const LAST: usize = if MODELLED { 16 } else { 64 };

#[repr(C, align(64))]
struct Pool {
    /// The scopes that ended last, see [`place_of`].
    last: [Last; LAST],
    classes: [Class; CLASSES],
    /// Whether the thread will end the pool; not before the first block is kept, and not after its
    /// end.
    armed: Cell<Option<bool>>,
}

/// A scope that is kept as it was when it ended, and while it is entered once more. None lies in
/// two cache lines.
///
/// What is asked of it stands here and not in the frame, which may have gone from the cache: so a
/// block that is only written is not waited for.
#[repr(align(32))]
pub(in crate::engine) struct Last {
    /// Null while it is entered.
    frame: Cell<*mut Frame>,
    /// Its own serial number, which its guard knew; no other frame ever has it.
    serial: Cell<Serial>,
    /// The serial number of the frame that its index was taken from, or [`Serial::NO_FRAME`].
    below: Cell<Serial>,
    /// The bytes of its block before it, and the class of that.
    before: Cell<u32>,
    class: Cell<u32>,
}

/// Blocks of one size, for the same reason in a list apart from them.
struct Class {
    /// The one that was kept last, apart from the others: a block that goes to and fro is found
    /// without a number.
    first: Cell<*mut u8>,
    number: Cell<usize>,
    others: [Cell<*mut u8>; MOST - 1],
}

thread_slot! {
    static POOL: Pool = Pool {
        last: [const { Last::new() }; LAST],
        classes: [const { Class::new() }; CLASSES],
        armed: Cell::new(None),
    };
}

at_thread_end! { fn arm(POOL) => end }

/// Which class a small block belongs to: frames with so many bytes before them.
#[inline]
pub(in crate::engine) fn class(before: usize, kind: &Kind) -> Option<usize> {
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

/// Where a scope of that id on that frame is kept: variables that take turns on one frame do not
/// meet, and a variable that is bound on several frames seldom meets itself. In a model it always
/// does, wherever its frames lie.
#[inline(always)]
fn place_of(id: usize, parent: *const Frame) -> usize {
    let parent = if MODELLED { 0 } else { parent.addr() / size_of::<Frame>().next_power_of_two() };
    (id ^ parent) % LAST
}

/// Takes the scope of that id that ended last on this thread on `parent`, which has the number
/// `below`, if it is kept: with its own number, which is its guard's once more.
#[inline(always)]
pub(in crate::engine) fn take_kept(
    id: usize,
    parent: *const Frame,
    below: Serial,
) -> Option<(*mut Frame, Serial)> {
    if !reuse() {
        return None;
    }
    let take = |pool: &Pool| {
        let last = &pool.last[place_of(id, parent)];
        let frame = last.frame.get();
        // A number is of one frame alone, from when it is built until it is built anew.
        if frame.is_null() || last.below.get() != below && step(Site::AgainLooks) {
            reached(if frame.is_null() { Way::NoneAgain } else { Way::AgainElsewhere });
            return None;
        }
        // SAFETY: what is kept is ours.
        if unsafe { (*frame).id } != id {
            return None;
        }
        last.frame.set(ptr::null_mut());
        reached(Way::Again);
        Some((frame, last.serial.get()))
    };
    POOL.try_with(take).ok().flatten()
}

/// Keeps a scope that [`take_kept`] gave, if nothing else was kept in its place since.
///
/// # Safety
/// 1. `frame` has that serial number; nobody uses it any more, and it is as it was.
#[inline(always)]
pub(in crate::engine) unsafe fn keep_for_reentry(frame: *const Frame, serial: Serial) -> bool {
    // SAFETY: #1.
    let place = unsafe { place_of((*frame).id, (*frame).parent) };
    let keep = |pool: &Pool| {
        let last = &pool.last[place];
        let is_it = last.serial.get() == serial || !step(Site::KeepLooks);
        if is_it {
            last.frame.set(frame.cast_mut());
        }
        is_it
    };
    reuse() && POOL.try_with(keep) == Ok(true)
}

/// Whether the scope that has that number was kept before it was entered, for a walk.
///
/// # Safety
/// 1. `frame` is alive.
#[cfg(debug_assertions)]
pub(in crate::engine) unsafe fn was_kept(frame: *const Frame, serial: Serial) -> bool {
    // SAFETY: #1.
    let place = unsafe { place_of((*frame).id, (*frame).parent) };
    POOL.try_with(|pool| pool.last[place].serial.get() == serial) == Ok(true)
}

/// A block of that class that ended on this thread; null if there is none.
#[inline]
fn take(class: usize) -> *mut u8 {
    POOL.try_with(|pool| pool.classes[class].pop()).unwrap_or(ptr::null_mut())
}

/// As [`take`], for a scope of that id on that frame: the block of the last one serves if it fits.
#[inline]
pub(in crate::engine) fn take_for(id: usize, parent: *const Frame, class: usize) -> *mut u8 {
    let take = |pool: &Pool| {
        let last = &pool.last[place_of(id, parent)];
        let frame = last.frame.get();
        if !frame.is_null() && last.class.get() as usize == class {
            last.frame.set(ptr::null_mut());
            // SAFETY: what is kept is ours, and lies so many bytes after the start of its block.
            unsafe {
                unwatch(frame);
                frame.cast::<u8>().sub(last.before.get() as usize)
            }
        } else {
            pool.classes[class].pop()
        }
    };
    POOL.try_with(take).unwrap_or(ptr::null_mut())
}

/// A new block of that class.
#[cold]
#[inline(never)]
pub(in crate::engine) fn allocate_class(class: usize) -> *mut u8 {
    // SAFETY: the size of a class is not zero.
    unsafe { sync::allocate(rounded(class)) }
}

/// A block for a frame of that kind with so many bytes before it.
pub(in crate::engine) fn allocate(before: usize, kind: &Kind) -> *mut u8 {
    let Some(class) = class(before, kind).or_else(|| large_class(before, kind)) else {
        // SAFETY: a frame is not of size zero.
        return unsafe { sync::allocate(layout(before, kind)) };
    };
    let kept = take(class);
    if kept.is_null() { allocate_class(class) } else { kept }
}

/// Where the block of a frame starts.
///
/// # Safety
/// 1. `frame` is one, or was and nothing was written there since.
#[inline]
unsafe fn start(frame: *mut Frame) -> *mut u8 {
    // SAFETY: #1.
    unsafe { frame.cast::<u8>().sub((*frame).before.bytes()) }
}

fn layout(before: usize, kind: &Kind) -> Layout {
    let size = before + kind.offset + kind.size;
    let align = kind.align.max(align_of::<Frame>());
    Layout::from_size_align(size, align).expect("a frame of a size that can be allocated")
}

/// Keeps a scope that ended as it is, for it may be entered again, in a block of that class.
/// `below` is the serial number of the frame that its index was taken from, [`Serial::NO_FRAME`] if
/// there was none.
///
/// # Safety
/// 1. Nobody uses `frame` any more, its guard included; it has that serial number, and all its
///    counts are one.
#[inline]
pub(in crate::engine) unsafe fn remember(
    frame: *mut Frame,
    class: usize,
    serial: Serial,
    below: Serial,
) {
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
            let (at, of) = (
                last.before.replace((*frame).before.bytes() as u32),
                last.class.replace(class as u32),
            );
            let before = last.frame.replace(frame);
            if !before.is_null() {
                unwatch(before);
                give(before.cast::<u8>().sub(at as usize), of as usize);
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
pub(in crate::engine) unsafe fn free(frame: *mut Frame) {
    // SAFETY: #1.
    unsafe {
        let (before, kind) = ((*frame).before.bytes(), (*frame).kind);
        let Some(class) = class(before, kind).or_else(|| large_class(before, kind)) else {
            return sync::free(start(frame), layout(before, kind));
        };
        give(start(frame), class);
    }
}

/// Takes a block back.
///
/// # Safety
/// 1. It is of that class, and nobody uses it any more.
#[inline]
unsafe fn give(block: *mut u8, class: usize) {
    if POOL.try_with(|pool| pool.keep(class, block)) != Ok(true) {
        // SAFETY: #1.
        unsafe { free_class(block, class) };
    }
}

/// # Safety
/// As [`give`].
#[cold]
#[inline(never)]
unsafe fn free_class(block: *mut u8, class: usize) {
    // SAFETY: blocks of a class are allocated with its layout.
    unsafe { sync::free(block, rounded(class)) }
}

impl Last {
    const fn new() -> Last {
        Last {
            frame: Cell::new(ptr::null_mut()),
            serial: Cell::new(Serial::UNKNOWN),
            below: Cell::new(Serial::UNKNOWN),
            before: Cell::new(0),
            class: Cell::new(0),
        }
    }
}

impl Class {
    const fn new() -> Class {
        let others = [const { Cell::new(ptr::null_mut()) }; MOST - 1];
        Class { first: Cell::new(ptr::null_mut()), number: Cell::new(0), others }
    }

    /// The block that was kept last; null if there is none.
    #[inline]
    fn pop(&self) -> *mut u8 {
        let first = self.first.get();
        if !first.is_null() {
            let number = self.number.get();
            let next = number.checked_sub(1).and_then(|last| self.others.get(last));
            self.number.set(number.saturating_sub(1));
            self.first.set(next.map_or(ptr::null_mut(), Cell::get));
        }
        first
    }

    /// Keeps one more, if there is room.
    #[inline]
    fn push(&self, block: *mut u8) -> bool {
        let first = self.first.get();
        if !first.is_null() {
            let number = self.number.get();
            let Some(place) = self.others.get(number) else { return false };
            place.set(first);
            self.number.set(number + 1);
        }
        self.first.set(block);
        true
    }
}

impl Pool {
    #[inline]
    fn keep(&self, class: usize, block: *mut u8) -> bool {
        self.is_armed() && self.classes[class].push(block)
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

/// Ends what a model watches of a scope that was kept as it was. Outside models there is nothing to
/// end.
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
        last.serial.set(Serial::UNKNOWN);
        let frame = last.frame.replace(ptr::null_mut());
        if !frame.is_null() {
            // SAFETY: what is kept is ours, and lies so many bytes after the start of its block.
            unsafe {
                unwatch(frame);
                free_class(
                    frame.cast::<u8>().sub(last.before.get() as usize),
                    last.class.get() as usize,
                );
            }
        }
    }
    for (class, list) in pool.classes.iter().enumerate() {
        loop {
            let block = list.pop();
            if block.is_null() {
                break;
            }
            // SAFETY: what is kept is of that class and ours.
            unsafe { free_class(block, class) };
        }
    }
}
