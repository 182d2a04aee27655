//! The fields that are visible from one point: bindings of variables that are declared to be
//! logged.

use super::current;
use crate::engine::index::trie;
use crate::engine::memory::flags::Traits;
use crate::engine::memory::frame::{Frame, Log, Role};
use crate::engine::memory::slot::{INHERITED, Slot};
use crate::engine::snapshot::resolved::{Resolution, Resolved};
use crate::engine::snapshot::strong::{Snapshot, shown};
use crate::engine::snapshot::weak::WeakSnapshot;
use crate::field::Field;
use alloc::vec::Vec;
use core::ptr;

/// One field: a binding whose variable is logged. Its value is there while `f` of [`here`] or
/// [`of`] runs.
pub(crate) struct Found<'a> {
    frame: &'a Frame,
    log: &'static Log,
    value: *const u8,
}

impl Found<'_> {
    pub(crate) fn key(&self) -> &str {
        self.log.key.unwrap_or(self.frame.name())
    }

    /// How many bytes of text it takes at most.
    pub(crate) fn most(&self) -> usize {
        self.log.most
    }

    /// Whether two looks from one point may find two different things.
    pub(crate) fn changes(&self) -> bool {
        self.log.changes || self.frame.is(Traits::SHORT_REACH)
    }

    /// Fills the field. Runs foreign code.
    pub(crate) fn put(&self, field: Field<'_>) {
        // SAFETY: the function belongs to the type of the value, which is there.
        unsafe { (self.log.put)(self.value, field) }
    }
}

/// Frames that were met, without an allocation if they are few.
struct Met {
    few: [*const Frame; 32],
    number: usize,
    many: Vec<*const Frame>,
}

impl Met {
    fn new() -> Self {
        Met { few: [ptr::null(); 32], number: 0, many: Vec::new() }
    }

    fn push(&mut self, frame: *const Frame) {
        match self.few.get_mut(self.number) {
            Some(place) if self.many.is_empty() => *place = frame,
            Some(_) => self.many.push(frame),
            None => {
                self.many.extend(self.few);
                self.many.push(frame);
                self.number = 0;
                return;
            }
        }
        self.number += usize::from(self.many.is_empty());
    }

    /// In the order in which their variables were first used.
    fn sorted(&mut self) -> &[*const Frame] {
        let met =
            if self.many.is_empty() { &mut self.few[..self.number] } else { &mut self.many[..] };
        // SAFETY: what was met is alive.
        met.sort_unstable_by_key(|frame| unsafe { (**frame).id });
        met
    }
}

/// Whether a slot leads to what may be a field, if it is visible: of an alias only its source
/// knows, which may be gone if it is not.
///
/// # Safety
/// 1. The slot leads to a live frame.
unsafe fn may_be_field(slot: Slot) -> bool {
    // SAFETY: #1.
    unsafe {
        let frame = slot.as_frame();
        match (*frame).role {
            Role::Binding => (*frame).kind.log.is_some(),
            Role::Alias => true,
            _ => false,
        }
    }
}

/// # Safety
/// 1. `frame` was found visible, and its value stays while `f` runs.
unsafe fn tell(frame: *const Frame, f: &mut dyn FnMut(&Found<'_>)) {
    // SAFETY: #1.
    unsafe {
        let source = Frame::source(frame);
        (*source).watch.reads();
        let kind = (*source).kind;
        if let Some(log) = kind.log {
            let value = source.cast::<u8>().wrapping_add(kind.offset);
            f(&Found { frame: &*frame, log, value });
        }
    }
}

/// Whether nothing at all is visible on the current stack.
#[inline]
pub(crate) fn is_unbound() -> bool {
    current::with(|current| current.raw.top.get().is_null()).unwrap_or(true)
}

/// Calls `f` with each field that is visible on the current stack, in the order in which the
/// variables were first used. Says whether what is seen is all that a context from here shows, and
/// nothing else.
///
/// `f` may run foreign code, which may enter and leave.
pub(crate) fn here(f: &mut dyn FnMut(&Found<'_>)) -> bool {
    current::with(|current| {
        let top = current.raw.top.get();
        if top.is_null() {
            return true;
        }
        let (mut met, mut whole) = (Met::new(), true);
        // SAFETY: the top is alive, with everything its index leads to (S1), and the record keeps
        // what the stack may let go meanwhile.
        current.reads.during(top, || unsafe {
            trie::each(top.cast(), current.raw.crossing(), &mut |slot| {
                if !may_be_field(slot) {
                    return;
                }
                whole &= !(*slot.as_frame()).is(Traits::SHORT_REACH);
                let seen = match current.raw.resolve(slot) {
                    Err(Resolution::NotCarried(_)) => current.lookup((*slot.as_frame()).id),
                    other => other,
                };
                if let Ok(Resolved(frame)) = seen {
                    met.push(frame);
                }
            });
            for frame in met.sorted() {
                tell(*frame, f);
            }
        });
        whole
    })
    .unwrap_or(true)
}

/// Calls `f` with each field that a context shows, in the order in which the variables were first
/// used.
pub(crate) fn of(link: &Snapshot, f: &mut dyn FnMut(&Found<'_>)) {
    let mut met = Met::new();
    // SAFETY: the link keeps the frame, what its index leads to, and the values it shows (L1).
    unsafe {
        trie::each(link.root(), INHERITED, &mut |slot| {
            if may_be_field(slot) {
                if let Ok(Resolved(frame)) = shown(slot) {
                    met.push(frame);
                }
            }
        });
        for frame in met.sorted() {
            tell(*frame, f);
        }
    }
}

impl WeakSnapshot {
    /// Whether it is a handle on the very same point as `link`. Its own count keeps the address
    /// from being that of any other.
    pub(crate) fn is(&self, link: &Snapshot) -> bool {
        ptr::eq(self.as_raw(), link.as_raw())
    }
}
