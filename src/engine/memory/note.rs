//! The word of a frame that a view from outside needs, with the feature `inspect`; without it,
//! nothing. What it is for stands in `reclaim/seen.rs`.

#[cfg(not(feature = "inspect"))]
pub(crate) use off::At;
#[cfg(not(feature = "inspect"))]
pub(in crate::engine) use off::Seen;
#[cfg(feature = "inspect")]
pub(crate) use on::At;
#[cfg(feature = "inspect")]
pub(in crate::engine) use on::Seen;

#[cfg(feature = "inspect")]
mod on {
    use crate::sys::{WatchedCell, Word};
    use core::panic::Location;
    use core::ptr;

    /// Where something is captured, if that is known.
    #[derive(Clone, Copy)]
    pub(crate) struct At(pub(in crate::engine) Word);

    impl At {
        /// By the library itself, for a moment.
        pub(crate) const NOWHERE: At = At(ptr::null_mut());

        #[inline]
        pub(crate) fn of(place: &'static Location<'static>) -> At {
            At(ptr::from_ref(place).cast_mut().cast())
        }
    }

    /// The word of a frame: null, a place, or the number of a record and [`RECORD`].
    pub(in crate::engine) struct Seen(WatchedCell<Word>);

    /// The bit that tells a record from a place.
    const RECORD: usize = 1;

    const _: () = assert!(align_of::<Location<'static>>() > RECORD);

    impl Seen {
        #[inline]
        pub(in crate::engine) fn new() -> Seen {
            Seen(WatchedCell::new(ptr::null_mut()))
        }

        /// The frame is captured for the first time.
        #[inline]
        pub(in crate::engine) fn captured(&self, at: At) {
            self.0.set(at.0);
        }

        /// Its record, if there is one.
        #[inline]
        pub(in crate::engine) fn record(&self) -> Option<usize> {
            let word = self.0.get().addr();
            (word & RECORD != 0).then_some(word >> 1)
        }

        /// What stands there: a place, or null, if there is no record.
        pub(in crate::engine) fn place(&self) -> Word {
            self.0.get()
        }

        /// It has a record from now on.
        pub(in crate::engine) fn is_in(&self, record: usize) {
            self.0.set(ptr::without_provenance_mut(record << 1 | RECORD));
        }
    }
}

#[cfg(not(feature = "inspect"))]
mod off {
    use core::panic::Location;

    #[derive(Clone, Copy)]
    pub(crate) struct At;

    impl At {
        pub(crate) const NOWHERE: At = At;

        #[inline(always)]
        pub(crate) fn of(_: &'static Location<'static>) -> At {
            At
        }
    }

    pub(in crate::engine) struct Seen;

    impl Seen {
        #[inline(always)]
        pub(in crate::engine) fn new() -> Seen {
            Seen
        }

        #[inline(always)]
        pub(in crate::engine) fn captured(&self, _: At) {}
    }
}
