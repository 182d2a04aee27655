//! Compares each count with what was named.

use super::roots::Roots;
use crate::engine::index::trie;
use crate::engine::memory::flags::*;
use crate::engine::memory::frame::*;
use crate::engine::reclaim::base::{base, counted_besides, counts_parent};
use crate::engine::snapshot::strong::Snapshot;
use crate::sys::AddressMap;
use crate::sys::{AtomicU32, Ordering::SeqCst};
use alloc::string::ToString;
use alloc::vec::Vec;

/// What must be true of a frame.
#[derive(Clone, Copy, Default)]
struct Found {
    strong: u32,
    values: u32,
    weak: u32,
    /// It is on a stack, or kept with its parents.
    is_kept: bool,
    /// What its value keeps has been counted.
    is_opened: bool,
}

impl Roots {
    /// Compares the counts of all that is kept; says how many frames that are.
    ///
    /// # Panics
    /// If one is not what it must be.
    ///
    /// # Safety
    /// 1. What was named is as it was then, no other thread works on it, and nothing else has a
    ///    count of any of it.
    pub unsafe fn check(&self) -> usize {
        let mut walk = Walk { found: AddressMap::default(), next: Vec::new() };
        // SAFETY: #1; what has a count is alive, or its memory is.
        unsafe {
            for frame in &self.snapshots {
                walk.found(*frame).strong += 1;
                walk.keep(*frame);
            }
            for frame in &self.weak {
                walk.found(*frame).weak += 1;
            }
            for frame in &self.values {
                walk.retain_value(*frame);
            }
            for (top, floor) in &self.stacks {
                walk.stack(*top, *floor);
            }
            for (first, number) in &self.kept {
                walk.read(*first, *number);
            }
            while let Some(frame) = walk.next.pop() {
                walk.inside(frame);
            }
            for (frame, found) in walk.memory() {
                check_frame(frame, found);
            }
            // S1 and L1.
            let shown =
                self.stacks.iter().flat_map(|(top, floor)| [top, floor]).chain(&self.snapshots);
            for frame in shown.filter(|frame| !frame.is_null()) {
                walk.check_shown(*frame);
            }
        }
        walk.found.len()
    }
}

struct Walk {
    found: AddressMap<Frame, Found>,
    /// Frames that are kept, or their value is, and are still to be looked into.
    next: Vec<*const Frame>,
}

impl Walk {
    fn found(&mut self, frame: *const Frame) -> &mut Found {
        self.found.entry(frame).or_default()
    }

    /// A frame that is on a stack, or kept with its parents.
    fn keep(&mut self, frame: *const Frame) {
        if !core::mem::replace(&mut self.found(frame).is_kept, true) {
            // One for all of `strong` (I5).
            self.found(frame).values += 1;
            self.next.push(frame);
        }
    }

    /// One count of a value.
    fn retain_value(&mut self, frame: *const Frame) {
        self.found(frame).values += 1;
        if !self.found[&frame].is_kept {
            self.next.push(frame);
        }
    }

    /// # Safety
    /// 1. These are the ends of a stack.
    unsafe fn stack(&mut self, top: *const Frame, floor: *const Frame) {
        let (mut frame, mut counted) = (top, false);
        // SAFETY: #1.
        unsafe {
            while !frame.is_null() {
                let this = &*frame;
                let is_shared = this.in_state(Lifecycle::SHARED);
                assert!(is_shared || frame != floor, "I4: a floor is shared");
                // The stack has a count of its own unless the frame above has one.
                self.found(frame).strong += u32::from(is_shared && !counted);
                self.keep(frame);
                if frame == floor {
                    break;
                }
                counted = is_shared && counts_parent(frame);
                frame = this.parent;
            }
        }
        assert_eq!(frame, floor, "S1: a stack ends at its floor");
    }

    /// # Safety
    /// 1. A read keeps so many frames from `first` on, as the stack did before.
    unsafe fn read(&mut self, first: *const Frame, number: usize) {
        let mut frame = first;
        for _ in 0..number {
            // SAFETY: #1.
            let this = unsafe { &*frame };
            self.found(frame).strong += u32::from(this.in_state(Lifecycle::SHARED));
            self.keep(frame);
            frame = this.parent;
        }
    }

    /// What a frame counts that is kept, or whose value is.
    ///
    /// # Safety
    /// 1. Its value has a count.
    unsafe fn inside(&mut self, frame: *const Frame) {
        // SAFETY: #1; the state says what is counted.
        unsafe {
            let (this, is_kept) = (&*frame, self.found[&frame].is_kept);
            let state = this.state.get();
            if is_kept && state.has_any(Lifecycle::SHARED) {
                let base = base(frame).as_frame();
                if !base.is_null() {
                    assert!(
                        (*base).in_state(Lifecycle::SHARED),
                        "I7: the base of a shared frame is shared"
                    );
                    self.found(base).strong += 1;
                    self.keep(base);
                }
                if this.hides() {
                    counted_besides(frame, &mut |shown| self.retain_value(shown));
                }
                assert_eq!(
                    this.is(Traits::FULL_INDEX),
                    state.has_any(Lifecycle::HOLDS_VALUES),
                    "I5: what has a full index and is shared counts values"
                );
                if this.is(Traits::FULL_INDEX) {
                    trie::each(frame.cast(), 0, &mut |slot| {
                        if slot.as_frame() != frame {
                            self.retain_value(slot.as_frame());
                        }
                    });
                }
            }
            if this.gone.get() || core::mem::replace(&mut self.found(frame).is_opened, true) {
                return;
            }
            match this.role {
                Role::Alias => self.retain_value(*Frame::value(frame)),
                Role::Reveal if this.kind.size != 0 => self.retain_value(*Frame::value(frame)),
                Role::Adopt => {
                    if let Some(snapshot) = &*Frame::value::<Option<Snapshot>>(frame) {
                        self.found(snapshot.as_raw()).strong += 1;
                        self.keep(snapshot.as_raw());
                    }
                }
                _ => {}
            }
        }
    }

    /// All that was found, with the counts of memory.
    ///
    /// # Safety
    /// 1. The memory of all of it is there.
    unsafe fn memory(&mut self) -> Vec<(*const Frame, Found)> {
        let all: Vec<_> = self.found.keys().copied().collect();
        for frame in all {
            let found = self.found(frame);
            // One for all of `values` (I6).
            found.weak += u32::from(found.values != 0);
            // SAFETY: #1; what lies in the block of another keeps that.
            if let Some(head) = unsafe { Frame::head(frame) } {
                self.found(head).weak += 1;
            }
        }
        self.found.iter().map(|(frame, found)| (*frame, *found)).collect()
    }

    /// # Safety
    /// 1. `frame` is kept.
    unsafe fn check_shown(&self, frame: *const Frame) {
        // SAFETY: #1.
        unsafe {
            trie::check(frame.cast(), 0, 0, None);
            trie::each(frame.cast(), 0, &mut |slot| {
                let found = self.found.get(&slot.as_frame());
                assert!(
                    found.is_some_and(|found| found.values != 0),
                    "S1: what is shown is counted"
                );
            });
        }
    }
}

/// # Safety
/// 1. The memory of `frame` is there.
unsafe fn check_frame(frame: *const Frame, found: Found) {
    let now = |count: &AtomicU32| count.load(SeqCst);
    // SAFETY: #1; counts and state are there as long as the memory.
    let this = unsafe { &*frame };
    let (role, id, state) = (this.role, this.id, this.state.get());
    let named = format_args!("{role:?} of {id}, {state:?}").to_string();
    // A head may be there for the others in its block alone; those that ended with it have given
    // nothing back.
    assert_eq!(now(&this.weak), found.weak, "I6: `weak` of {named}");
    if found.values == 0 {
        // What nobody shared ends without a note.
        let is_private_head = this.before.is_head() && !state.has_any(Lifecycle::SHARED);
        assert!(
            is_private_head || state.has_any(Lifecycle::VALUE_GONE | Lifecycle::BATCH_GONE),
            "I5: a value without a count has not ended: {named}"
        );
        return;
    }
    // A stack may have left it to those who keep its value.
    let gone = if found.is_kept { Lifecycle::STRONG_GONE } else { Lifecycle::NONE };
    assert_eq!(
        state.among(
            Lifecycle::LEFT
                | Lifecycle::VALUE_ONLY
                | Lifecycle::VALUE_GONE
                | Lifecycle::BATCH_GONE
                | gone
        ),
        Lifecycle::NONE,
        "what is kept has not ended: {named}"
    );
    assert_eq!(now(&this.values), found.values, "I5: `values` of {named}");
    match (found.is_kept, state.has_any(Lifecycle::SHARED)) {
        (true, true) => assert_eq!(now(&this.strong), found.strong, "I4: `strong` of {named}"),
        (false, true) => {
            assert_eq!(now(&this.strong), 0, "I4: nobody keeps the parents of {named}")
        }
        (_, false) => {
            assert_eq!((now(&this.strong), found.strong), (1, 0), "I8: `strong` of {named}");
            assert!(
                found.values == 1 || state.has_any(Lifecycle::VALUE_SHARED),
                "I8: a value that is counted is VALUE_SHARED: {named}"
            );
        }
    }
}
