//! A look at a stack that is idle, with the feature `inspect`: what is immutable of its frames is
//! copied while its owner is kept from it.

use super::raw::RawStack;
use super::records::{FLOOR, ID, IDLE, READING, Record, STATE, TOP, board};
use crate::engine::index::trie;
use crate::engine::memory::flags::Traits;
use crate::engine::memory::frame::{Frame, Role};
use crate::engine::memory::name_words::{NAME, name_in_words, name_of, number};
use crate::engine::memory::note::At;
use crate::engine::snapshot::strong::Snapshot;
use crate::sys::Word;
use alloc::borrow::Cow;
use alloc::vec::Vec;
use core::mem::ManuallyDrop;
use core::panic::Location;
use core::ptr;

/// So many checkpoints, and bindings, of one stack are copied.
pub(crate) const MOST: usize = 32;

/// A name and a place, and whether it is a sealed checkpoint.
#[derive(Clone, Copy)]
struct Copied {
    name: [Word; NAME],
    place: &'static Location<'static>,
    is_sealed: bool,
}

/// What was copied of one stack: the first ones, and how many there are.
struct Copies {
    copied: [Option<Copied>; MOST],
    number: usize,
}

impl Copies {
    const fn new() -> Self {
        Copies { copied: [None; MOST], number: 0 }
    }

    /// # Safety
    /// 1. `frame` is alive.
    unsafe fn push(&mut self, frame: *const Frame) {
        // SAFETY: #1; only what is immutable is looked at.
        let this = unsafe { &*frame };
        if let Some(slot) = self.copied.get_mut(self.number) {
            let name = name_in_words(this.name(), this.is(Traits::OWNED_NAME));
            *slot = Some(Copied { name, place: this.place, is_sealed: this.is(Traits::SEALED) });
        }
        self.number += 1;
    }

    fn told(self) -> Told {
        let one = |copied: Copied| {
            // SAFETY: the words were made of a name.
            let name = unsafe { name_of(&copied.name) };
            (name, copied.place, copied.is_sealed)
        };
        Told { some: self.copied.into_iter().flatten().map(one).collect(), number: self.number }
    }
}

/// What there is of one stack: the first ones, name, place, and whether sealed, and how many.
pub(crate) struct Told {
    pub(crate) some: Vec<(Cow<'static, str>, &'static Location<'static>, bool)>,
    pub(crate) number: usize,
}

/// What an idle stack has: its checkpoints, innermost first, and what is visible on it.
pub(crate) struct Idle {
    pub(crate) checkpoints: Told,
    pub(crate) bindings: Told,
    /// A snapshot of it, if one was asked for.
    pub(crate) snapshot: Option<Snapshot>,
}

/// Looks at the stack with that record and number, if it is idle and still there. Its owner waits
/// for the copy. A snapshot runs nothing either; whoever drops it may be the last to have its
/// values.
pub(crate) fn look(record: usize, id: usize, snapshot: bool) -> Option<Idle> {
    /// Lets the owner go on.
    struct Back(&'static Record);
    impl Drop for Back {
        fn drop(&mut self) {
            self.0.set(STATE, number(IDLE));
        }
    }
    let (mut checkpoints, mut bindings) = (Copies::new(), Copies::new());
    let slot = board().slot(record);
    if !slot.exchange(STATE, number(IDLE), number(READING)) {
        return None;
    }
    let back = Back(slot);
    if slot.word(ID).addr() != id {
        return None;
    }
    let top: *const Frame = slot.word(TOP).cast_const().cast();
    let floor: *const Frame = slot.word(FLOOR).cast_const().cast();
    // The frames are the owner's, whose stack it stays.
    let raw = ManuallyDrop::new(RawStack::of_ends((top, floor)));
    // SAFETY: the owner has put the words of its stack there as it gave the record back, and does
    // not touch the stack before it has taken it again: what was alive then is alive (S1).
    let snapshot = unsafe {
        each_checkpoint(&raw, &mut |frame| checkpoints.push(frame));
        if !top.is_null() {
            trie::each(top.cast(), raw.crossing(), &mut |slot| {
                let frame = slot.as_frame();
                let is_seen = !slot.is_inherited() || !(*frame).is(Traits::SHORT_REACH);
                if matches!((*frame).role, Role::Binding | Role::Alias) && is_seen {
                    bindings.push(frame);
                }
            });
        }
        if snapshot { raw.capture(At::NOWHERE) } else { None }
    };
    drop(back);
    Some(Idle { checkpoints: checkpoints.told(), bindings: bindings.told(), snapshot })
}

/// # Safety
/// 1. Nobody changes the stack meanwhile.
unsafe fn each_checkpoint(raw: &RawStack, f: &mut dyn FnMut(*const Frame)) {
    let mut frame = raw.top.get();
    // SAFETY: #1, S1.
    unsafe {
        while !frame.is_null() && !ptr::eq(frame, raw.floor()) {
            if (*frame).is(Traits::BOUNDARY) {
                f(frame);
            }
            frame = (*frame).parent;
        }
    }
}
