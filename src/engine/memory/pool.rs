//! What a thread keeps of frames that ended: free blocks by size class, and scopes that can be
//! entered again.
//!
//! The rule: whatever is kept here belongs to this thread alone, and all of it is freed when the
//! thread ends. From then on the thread keeps nothing. No other thread ever looks here.

use super::frame::Frame;
use super::serial::Serial;
use super::size_class::*;
use crate::sys::{MODELLED, at_thread_end, thread_slot};
use core::cell::Cell;
use core::ptr;

/// How many blocks of one size are kept: enough for a usual depth of nesting, and one cache line
/// for their list. A thread that has filled the lists of all sizes keeps 230 KiB; with three sizes
/// it keeps about ten.
pub(in crate::engine) const MOST: usize = if MODELLED { 1 } else { 7 };

/// How many ended scopes are kept: as many variables can take turns in a loop. Two nested scopes
/// collide with probability 1/`SCOPES`, because the place is hashed from the parent's address.
pub(in crate::engine) const SCOPES: usize = if MODELLED { 16 } else { 64 };

#[repr(C, align(64))]
pub(in crate::engine) struct Pool {
    /// The scopes that ended last; see `place_of` in `reentry`.
    pub(in crate::engine) scopes: [KeptScope; SCOPES],
    pub(in crate::engine) classes: [Class; CLASSES],
    /// Whether the thread will end the pool; not before the first block is kept, and not after its
    /// end.
    armed: Cell<Option<bool>>,
}

/// A scope that is kept as it was when it ended, and while it is entered again. None lies in two
/// cache lines.
///
/// The fields that a look-up reads are repeated here, so that a hit does not wait for the frame's
/// own cache line, which may be cold.
#[repr(align(32))]
pub(in crate::engine) struct KeptScope {
    /// Null while it is entered.
    pub(in crate::engine) frame: Cell<*mut Frame>,
    /// Its own serial number, which its guard knew. No other frame ever has it (N1).
    pub(in crate::engine) serial: Cell<Serial>,
    /// The serial number of the frame that its index was taken from, or [`Serial::NO_FRAME`].
    pub(in crate::engine) below: Cell<Serial>,
    /// The bytes of its block before it, and the class of that.
    pub(in crate::engine) before: Cell<u32>,
    pub(in crate::engine) class: Cell<u32>,
}

/// Free blocks of one size. Their pointers are kept here and not in the blocks, for the same
/// reason.
pub(in crate::engine) struct Class {
    /// The block that was freed last, apart from the others: the common `pop` needs no index.
    first: Cell<*mut u8>,
    number: Cell<usize>,
    others: [Cell<*mut u8>; MOST - 1],
}

thread_slot! {
    pub(in crate::engine) static POOL: Pool = Pool {
        scopes: [const { KeptScope::new() }; SCOPES],
        classes: [const { Class::new() }; CLASSES],
        armed: Cell::new(None),
    };
}

at_thread_end! { fn arm(POOL) => end }

impl KeptScope {
    const fn new() -> KeptScope {
        KeptScope {
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
    pub(in crate::engine) fn pop(&self) -> *mut u8 {
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
    pub(in crate::engine) fn push(&self, block: *mut u8) -> bool {
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
    pub(in crate::engine) fn keep(&self, class: usize, block: *mut u8) -> bool {
        self.is_armed() && self.classes[class].push(block)
    }

    #[inline]
    pub(in crate::engine) fn is_armed(&self) -> bool {
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
pub(in crate::engine) unsafe fn unwatch(frame: *mut Frame) {
    // SAFETY: #1.
    unsafe { ptr::drop_in_place(frame) };
}

/// Gives all blocks back; from now on this thread keeps none.
fn end(pool: &Pool) {
    pool.armed.set(Some(false));
    for kept in &pool.scopes {
        kept.serial.set(Serial::UNKNOWN);
        let frame = kept.frame.replace(ptr::null_mut());
        if !frame.is_null() {
            // SAFETY: what is kept is ours, and lies so many bytes after the start of its block.
            unsafe {
                unwatch(frame);
                free_class(
                    frame.cast::<u8>().sub(kept.before.get() as usize),
                    kept.class.get() as usize,
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
