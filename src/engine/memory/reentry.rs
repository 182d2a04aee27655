//! The re-entry cache: scopes that ended on this thread and can be entered again as they were.
//!
//! In a loop the same variable is bound on the same frame again and again, and nearly all of the
//! frame of the last time is already right: its index, its parent, its name. So the frame is kept,
//! and only its value and its place are written anew.
//!
//! The rule: a scope is entered again only if it is of the same variable, and on the frame that its
//! index was copied from. That frame is recognised by its serial number, which no other frame ever
//! has (N1). A scope keeps its own number when it is entered again. The cache is the thread's own,
//! and so is each frame in it: nobody else has a count of it.

use super::frame::Frame;
use super::free_list::{free, give};
use super::pool::*;
use super::serial::Serial;
use crate::sys::{MODELLED, Site, Way, reached, reuse, step};
use core::ptr;

/// Where a scope of that id on that frame is kept: variables that take turns on one frame do not
/// meet, and a variable that is bound on several frames seldom meets itself. In a model it always
/// does, wherever its frames lie.
#[inline(always)]
fn place_of(id: usize, parent: *const Frame) -> usize {
    let parent = if MODELLED { 0 } else { parent.addr() / size_of::<Frame>().next_power_of_two() };
    (id ^ parent) % SCOPES
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
        let kept = &pool.scopes[place_of(id, parent)];
        let frame = kept.frame.get();
        // A number is of one frame alone, from when it is built until it is built anew.
        if frame.is_null() || kept.below.get() != below && step(Site::AgainLooks) {
            reached(if frame.is_null() { Way::NoneAgain } else { Way::AgainElsewhere });
            return None;
        }
        // SAFETY: what is kept is ours.
        if unsafe { (*frame).id } != id {
            return None;
        }
        kept.frame.set(ptr::null_mut());
        reached(Way::Again);
        Some((frame, kept.serial.get()))
    };
    POOL.try_with(take).ok().flatten()
}

/// Puts back a scope that [`take_kept`] gave, unless another one was put in its place since.
///
/// # Safety
/// 1. `frame` has that serial number; nobody uses it any more, and it is as it was.
#[inline(always)]
pub(in crate::engine) unsafe fn keep_for_reentry(frame: *const Frame, serial: Serial) -> bool {
    // SAFETY: #1.
    let place = unsafe { place_of((*frame).id, (*frame).parent) };
    let keep = |pool: &Pool| {
        let kept = &pool.scopes[place];
        let is_it = kept.serial.get() == serial || !step(Site::KeepLooks);
        if is_it {
            kept.frame.set(frame.cast_mut());
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
    POOL.try_with(|pool| pool.scopes[place].serial.get() == serial) == Ok(true)
}

/// A block of that class for a scope of that id on that frame: that of the scope kept there, if it
/// fits.
#[inline]
pub(in crate::engine) fn take_for(id: usize, parent: *const Frame, class: usize) -> *mut u8 {
    let take = |pool: &Pool| {
        let kept = &pool.scopes[place_of(id, parent)];
        let frame = kept.frame.get();
        if !frame.is_null() && kept.class.get() as usize == class {
            kept.frame.set(ptr::null_mut());
            // SAFETY: what is kept is ours, and lies so many bytes after the start of its block.
            unsafe {
                unwatch(frame);
                frame.cast::<u8>().sub(kept.before.get() as usize)
            }
        } else {
            pool.classes[class].pop()
        }
    };
    POOL.try_with(take).unwrap_or(ptr::null_mut())
}

/// Keeps a scope that ended as it is, so that it can be entered again; its block is of that class.
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
            let kept = &pool.scopes[place];
            kept.serial.set(serial);
            kept.below.set(below);
            let (at, of) = (
                kept.before.replace((*frame).before.bytes() as u32),
                kept.class.replace(class as u32),
            );
            let before = kept.frame.replace(frame);
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
