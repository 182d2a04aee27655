//! Values that outlive where they were bound: kept by a handle, or bound again elsewhere.
//!
//! Each use has one `values` count (I5 of `Frame`) and no `strong` count, so it keeps nothing else
//! alive. Values of short reach are dropped with their checkpoint, whoever counts them, and so are
//! never kept: what a snapshot shows has full reach, and [`RawStack::keep`] checks.

use super::enter::Boundary;
use super::raw::RawStack;
use crate::engine::build::general::*;
use crate::engine::index::edit::Edit;
use crate::engine::memory::flags::*;
use crate::engine::memory::frame::*;
use crate::engine::memory::free_list;
use crate::engine::memory::key::Key;
use crate::engine::reclaim::departures::Departures;
use crate::engine::reclaim::refcount::retain_value;
use crate::engine::snapshot::binding::BindingRef;
use crate::engine::snapshot::resolved::{Resolution, Resolved};
use crate::engine::snapshot::strong::Snapshot;
use crate::engine::snapshot::value::SharedValue;
use core::marker::PhantomData;
use core::panic::Location;

/// A counted value of a known type. Invariant: K1 — the frame was found by the id of a key of `T`,
/// has the value itself and reaches everywhere.
pub(crate) struct Kept<T>(SharedValue, PhantomData<T>);

impl<T> Kept<T> {
    #[inline]
    pub(crate) fn get(&self) -> &T {
        // SAFETY: the count keeps the value while `self` is borrowed, and by K1 it is a `T`.
        unsafe { &*Resolved((self.0).0).plain_value() }
    }
}

impl<T> Clone for Kept<T> {
    fn clone(&self) -> Self {
        Kept(self.0.clone(), PhantomData)
    }
}

impl RawStack {
    /// Keeps the value that a variable is bound to here, unless it is of short reach.
    pub(crate) fn keep<T>(&self, key: &Key<T>) -> Result<Kept<T>, Resolution> {
        // SAFETY: S1; what is seen is on this stack or was inherited. The value of an alias is
        // counted by it, so it may be retained once more; `retain_value` is told by the tag of the
        // slot whether the frame is this stack's to look at.
        unsafe {
            let slot = self.find_at(self.top.get(), key.peek()).ok_or(Resolution::Absent)?;
            let frame = self.resolve(slot)?.0;
            if (*frame).is(Traits::SHORT_REACH) {
                return Err(Resolution::NotCarried((*frame).place));
            }
            match (*frame).role {
                Role::Alias => Ok(Kept(SharedValue::once_more(frame), PhantomData)),
                _ => {
                    retain_value(slot);
                    Ok(Kept(SharedValue(frame), PhantomData))
                }
            }
        }
    }

    /// Binds in the innermost checkpoint, which is open, what `entry` shows: the same value, made
    /// at the same place.
    pub(crate) fn bind_again(&self, entry: &BindingRef<'_>, departures: &Departures<'_>) {
        let frame = entry.frame();
        self.clear_way(frame.id, Kind::of::<SharedValue>(), departures);
        let name = frame.counted_name();
        let spec = FrameSpec {
            role: Role::Alias,
            id: frame.id,
            kind: Kind::of::<SharedValue>(),
            edit: Edit::Put,
            ..self.spec(Boundary::Nothing, &name, frame.place)
        };
        // SAFETY: as in `bind_prepared`; the id of the alias is that of the frame with the value,
        // and the entry has full reach, so the new frame has too. The snapshot behind the entry
        // keeps the value.
        unsafe {
            let again =
                spec.build_with(|before, kind| self.aside(|| free_list::allocate(before, kind)));
            Frame::init(again, SharedValue::once_more(entry.as_raw()));
            self.top.set(again);
        }
    }

    /// Masks in the innermost checkpoint, which is open, the variable that `entry` binds.
    pub(crate) fn mask_again(
        &self,
        entry: &BindingRef<'_>,
        place: &'static Location<'static>,
        departures: &Departures<'_>,
    ) {
        let frame = entry.frame();
        self.clear_way(frame.id, Kind::of::<SharedValue>(), departures);
        let name = frame.counted_name();
        let spec = FrameSpec {
            role: Role::Mask,
            id: frame.id,
            edit: Edit::Put,
            ..self.spec(Boundary::Nothing, &name, place)
        };
        // SAFETY: as in `mask`.
        self.top.set(unsafe {
            spec.build_with(|before, kind| self.aside(|| free_list::allocate(before, kind)))
        });
    }
}

impl Snapshot {
    /// Keeps the value that a variable is bound to in this context.
    pub(crate) fn keep<T>(&self, key: &Key<T>) -> Option<Kept<T>> {
        // SAFETY: the snapshot keeps the frame (L1), which was found by the key and has full reach.
        self.entry(key)
            .map(|entry| Kept(unsafe { SharedValue::once_more(entry.as_raw()) }, PhantomData))
    }
}
