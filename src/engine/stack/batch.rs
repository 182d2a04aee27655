//! A batch: the frames of a scope of several bindings, side by side in one block, with one index.
//!
//! ```text
//! block: [ Frame, value | Frame, value | … | root slots ] Frame { root, counts, … } [ value ]
//! ```
//! They are entered together and left together, and no snapshot is ever taken at an outer one. So
//! only the innermost, the head, needs an index. Each of the others, the members, has a `weak`
//! count of the head (I6): the last of all to end frees the block, on whatever thread.

use super::batch_plan::{BatchLayout, BatchPlan, room};
use super::enter::Boundary;
use super::raw::RawStack;
use crate::engine::build::policy::outgrown;
use crate::engine::build::single::{copy, mark};
use crate::engine::index::trie::{self, slots_bytes};
use crate::engine::memory::flags::*;
use crate::engine::memory::frame::*;
use crate::engine::memory::free_list;
use crate::engine::memory::key::{Head, Key};
use crate::engine::memory::slot::{Node, SPECIAL, Slot, bit, get, put, quick_rank};
use crate::sys::{AtomicU32, Way, reached};
use core::panic::Location;

/// Frames that are being made.
struct Batch {
    /// Where the next one is to lie.
    next: *mut Frame,
    head: *mut Frame,
    /// Bytes of the block before the head.
    before: Position,
    number: u32,
    left: u32,
    bitmap: u32,
    segment: u16,
    /// [`Position::ALL_CARRIED`], unless one of them is not.
    carried: Position,
    /// What the next one has to know of its checkpoint.
    bits: Traits,
    origin: Origin,
    run: u16,
}

/// Makes the bindings and masks of one scope, one after the other.
pub(in crate::engine) struct BatchWriter<'a> {
    raw: &'a RawStack,
    begins: Boundary,
    batch: Option<Batch>,
}

impl RawStack {
    /// Begins a scope of that shape with the bindings that `plan` names.
    ///
    /// # Safety
    /// 1. The bindings are made at once, by what this gives: those that `plan` names, in its order,
    ///    and of the types that `shape` was made of.
    #[inline]
    pub(in crate::engine) unsafe fn binder(
        &self,
        begins: Boundary,
        shape: BatchLayout,
        plan: impl FnOnce(&mut BatchPlan),
    ) -> BatchWriter<'_> {
        let batch =
            if shape.number < 2 || !shape.fits { None } else { self.batch(begins, shape, plan) };
        let begins = if batch.is_some() { Boundary::Nothing } else { begins };
        BatchWriter { raw: self, begins, batch }
    }

    #[inline]
    fn batch(
        &self,
        begins: Boundary,
        shape: BatchLayout,
        plan: impl FnOnce(&mut BatchPlan),
    ) -> Option<Batch> {
        let from = self.top.get();
        let mut old = 0;
        if !from.is_null() {
            // SAFETY: the top is alive (S1).
            let from = unsafe { &*from };
            let is_long = outgrown(from.segment, from.root.entries);
            if !from.is(Traits::SINGLE_NODE) || is_long {
                if is_long {
                    reached(Way::BatchOutgrown);
                }
                return None;
            }
            old = from.root.bitmap;
        }
        let mut planned = BatchPlan { from, old, new: 0, fits: true, last: Kind::of::<()>() };
        plan(&mut planned);
        planned.fits.then(|| self.begin_batch(begins, shape, &planned))
    }

    #[inline(never)]
    fn begin_batch(&self, begins: Boundary, shape: BatchLayout, plan: &BatchPlan) -> Batch {
        let (&BatchPlan { from, old, new, last, .. }, BatchLayout { number, outer, .. }) =
            (plan, shape);
        let bitmap = old | new;
        let hides = if old & new == 0 { Position::NONE } else { Position::HIDES };
        let before = outer
            + slots_bytes(bitmap.count_ones() as usize + usize::from(hides != Position::NONE));
        let block = self.aside(|| free_list::allocate(before, last));
        // SAFETY: the block has the head after that many bytes, with room for its slots below.
        // What was visible stays below the new frames (S1).
        unsafe {
            let head = block.add(before).cast::<Frame>();
            let segment = if from.is_null() { 0 } else { (*from).segment };
            take_over(from, old, head, new, self.crossing());
            let (bits, origin, run) = self.place_in(begins);
            let (next, before, left) = (block.cast(), Position::of(before) | hides, number);
            Batch {
                next,
                head,
                before,
                number,
                left,
                bitmap,
                segment,
                carried: Position::ALL_CARRIED,
                bits,
                origin,
                run,
            }
        }
    }
}

/// Copies the slots of `from` to where they belong in an index that has room for those of `new` as
/// well, which may take the place of old ones. They get the tag.
///
/// # Safety
/// 1. `from` is null or alive, and its index is one node with that bitmap.
/// 2. Below `to` there is room for the slots.
unsafe fn take_over(from: *const Frame, old: u32, to: *mut Frame, new: u32, tag: usize) {
    // SAFETY: #1 and #2.
    unsafe {
        if new & new.wrapping_neg() > old {
            // All new ones come after the old ones, as with variables that are used in the order of
            // their first use.
            let many = if from.is_null() { 0 } else { (*from).root.entries as usize };
            copy(from, to, 0, 0, many);
            if tag != 0 {
                mark(to, 0, many, tag);
            }
            return;
        }
        let (mut all, mut i, mut j) = (old | new, 0, 0);
        while all != 0 {
            let bit = all & all.wrapping_neg();
            if old & bit != 0 {
                if new & bit == 0 {
                    put(to.cast(), j, get(from.cast(), i).with(tag));
                }
                i += 1;
            }
            (all, j) = (all ^ bit, j + 1);
        }
    }
}

impl BatchWriter<'_> {
    /// Binds a variable.
    #[inline]
    pub(in crate::engine) fn bind<T>(
        &mut self,
        key: &Key<T>,
        value: T,
        place: &'static Location<'static>,
    ) {
        match &mut self.batch {
            None => self.raw.bind(
                key,
                value,
                core::mem::replace(&mut self.begins, Boundary::Nothing),
                place,
            ),
            Some(batch) => {
                key.bound_at(place);
                let frame = batch.frame(self.raw, key.head(), place, room::<T>());
                // SAFETY: the frame was made with the kind of `T`, of our top, which stays below.
                unsafe { Frame::init(frame, value) };
                self.raw.top.set(frame);
            }
        }
    }

    /// Masks a variable.
    pub(in crate::engine) fn mask<T>(&mut self, key: &Key<T>, place: &'static Location<'static>) {
        self.raw.mask(key, core::mem::replace(&mut self.begins, Boundary::Nothing), place);
    }

    /// Begins the scope all the same, if nothing was bound.
    #[inline]
    pub(in crate::engine) fn finish(self, place: &'static Location<'static>) {
        if self.begins != Boundary::Nothing {
            self.raw.mark(self.begins, place);
        }
    }
}

impl Batch {
    /// The next frame, without its value.
    #[inline(never)]
    fn frame(
        &mut self,
        raw: &RawStack,
        head: &Head,
        place: &'static Location<'static>,
        room: usize,
    ) -> *mut Frame {
        let Name::Static(name) = head.name else { unreachable!("the plan has seen it") };
        let id = head.peek();
        let parent = raw.top.get();
        let (bits, origin, run) =
            (self.bits | head.reach | Traits::SINGLE_NODE, self.origin, self.run);
        let is_short = head.reach != Traits::NONE;
        if is_short {
            self.carried = Position::NONE;
        }
        self.left -= 1;
        let is_head = self.left == 0;
        let frame = if is_head { self.head } else { self.next };
        let before = if is_head {
            Position::HEAD | self.carried | self.before
        } else {
            Position::MEMBER | Position::of_few(self.head.addr() - self.next.addr())
        };
        // SAFETY: the block has room for what was planned, in this order; nobody else knows it yet.
        unsafe {
            frame.write(Frame {
                run,
                bits,
                ..Frame::new(id, parent, head.kind, name, place, origin, before)
            });
            if is_head {
                let this = &mut *frame;
                this.root = Node { bitmap: self.bitmap, entries: self.bitmap.count_ones() };
                this.weak = AtomicU32::new(self.number);
                this.segment = self.segment.saturating_add(self.number as u16);
            }
            self.next = self.next.byte_add(room);
            self.run = run.saturating_add(1);
            if bits.has_any(Traits::BOUNDARY) {
                self.bits = self.bits.among(Traits::SEALED);
                self.origin = Origin { marker: frame };
            }
            let special = if is_short { SPECIAL } else { 0 };
            put(self.head.cast(), quick_rank(self.bitmap, bit(id, 0)), Slot::frame(frame, special));
            if is_head {
                trie::check(frame.cast(), 0, 0, None);
            }
            frame
        }
    }
}
