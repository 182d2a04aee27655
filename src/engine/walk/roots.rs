//! The roots of a walk: all that has counts of frames, named by whoever has it.
//!
//! The rule: the walk knows of a count only if its owner was named here. All of it is read on one
//! thread while no other one works on the same frames.

use crate::engine::index::trie;
use crate::engine::memory::flags::*;
use crate::engine::memory::frame::*;
use crate::engine::memory::reentry;
use crate::engine::reclaim::base::base;
use crate::engine::snapshot::combine::Placed;
use crate::engine::snapshot::strong::Snapshot;
use crate::engine::snapshot::value::PreparedBinding;
use crate::engine::snapshot::weak::WeakSnapshot;
use crate::engine::stack::current;
use alloc::vec::Vec;

/// All that has counts of frames.
#[derive(Clone, Default)]
pub struct Roots {
    pub(super) snapshots: Vec<*const Frame>,
    pub(super) weak: Vec<*const Frame>,
    pub(super) values: Vec<*const Frame>,
    /// Top and floor of each stack.
    pub(super) stacks: Vec<(*const Frame, *const Frame)>,
    /// What reads keep of frames that were left: the first one, and how many.
    pub(super) kept: Vec<(*const Frame, usize)>,
}

impl Roots {
    pub(crate) fn name_snapshot(&mut self, snapshot: &Snapshot) {
        self.snapshots.push(snapshot.as_raw());
    }

    pub(crate) fn name_weak(&mut self, weak: &WeakSnapshot) {
        self.weak.push(weak.as_raw());
    }

    pub(crate) fn name_prepared(&mut self, binding: &PreparedBinding<'_>) {
        self.values.push(binding.value.0);
    }

    pub(crate) fn name_placed(&mut self, placed: &Placed) {
        self.values.push(placed.as_raw());
    }

    /// The stack that is current here, with the reads that are running on it.
    pub(crate) fn name_current(&mut self) {
        current::resolve(|raw, reads| {
            self.stacks.push((raw.top.get(), raw.floor()));
            reads.each_kept(&mut |first, number| self.kept.push((first, number)));
        });
    }

    /// All that others are.
    pub fn add(&mut self, others: &Roots) {
        self.snapshots.extend(&others.snapshots);
        self.weak.extend(&others.weak);
        self.values.extend(&others.values);
        self.stacks.extend(&others.stacks);
        self.kept.extend(&others.kept);
    }

    /// What the first stack that was named is made of, with what it inherited.
    ///
    /// # Safety
    /// As [`check`](Self::check).
    pub unsafe fn shapes(&self) -> Vec<&'static str> {
        let mut shapes = Vec::new();
        let Some(&(top, floor)) = self.stacks.first() else { return shapes };
        let (mut frame, mut is_own) = (top, true);
        if !top.is_null() {
            let mut short = false;
            // SAFETY: #1.
            unsafe {
                trie::each(top.cast(), 0, &mut |slot| {
                    short |= (*slot.as_frame()).is(Traits::SHORT_REACH)
                })
            };
            shapes.extend(short.then_some("short reach"));
        }
        while !frame.is_null() {
            // SAFETY: #1; what is not detached keeps its parent.
            let this = unsafe { &*frame };
            is_own &= frame != floor;
            // SAFETY: a frame that begins a checkpoint of a stack has a serial number.
            let serial =
                (is_own && this.is(Traits::BOUNDARY)).then(|| unsafe { this.origin.get().serial });
            // SAFETY: #1.
            let was_kept = |serial| unsafe { reentry::was_kept(frame, serial) };
            let all = [
                ("compaction", this.role == Role::Compacted),
                ("batch", this.before.is_head()),
                ("prepared", this.role == Role::Alias),
                ("whole", this.is(Traits::FULL_INDEX)),
                ("entered again", serial.is_some_and(was_kept)),
                ("inherited", !is_own || this.role == Role::Adopt),
                ("known weakly", self.weak.contains(&frame)),
            ];
            shapes
                .extend(all.into_iter().filter(|(_, is_there)| *is_there).map(|(shape, _)| shape));
            let next = match this.role {
                Role::Adopt => {
                    // SAFETY: #1; the value of such a frame is there.
                    let snapshot = unsafe { &*Frame::value::<Option<Snapshot>>(frame) };
                    snapshot.as_ref().map(Snapshot::as_raw)
                }
                _ if is_own => Some(this.parent),
                // SAFETY: #1; what was inherited is shared, and keeps its base alone.
                _ => Some(unsafe { base(frame) }.as_frame()),
            };
            is_own &= this.role != Role::Adopt;
            frame = next.unwrap_or(core::ptr::null());
        }
        shapes
    }
}
