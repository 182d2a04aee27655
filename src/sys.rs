//! The facade of atomics, cells that are watched, allocation, thread-locals and the processor
//! (`popcount`). Nothing else in the crate uses them directly.
//!
//! Everything in `engine/` and `shared/` takes its primitives from here. So under
//! `--cfg stackholm_loom` the same algorithms run on loom's primitives, and under
//! `--cfg stackholm_shuttle` on those of shuttle, which runs larger programs in random schedules.
//! Where those have no counterpart there is a stand-in, and this is what it does not model:
//!
//! - Atomics in a `static` ([`StaticAtomicUsize`]) are looked up by name in a set that each
//!   execution makes anew.
//! - The process-wide values are behind a lock of the standard library or, with the feature
//!   `arc-swap`, in a cell of that crate; both are taken on trust. In a model one atomic stands in
//!   that gives what they promise: whoever loads a value sees all that came before its swap.
//! - [`OnceLock`], [`Arc`] and [`Mutex`] stay the standard library's, also in models: they hold
//!   defaults, names, hooks and the notes of tests, which no model changes while another thread
//!   reads them. What is changed while others read is in a [`SetOnce`] or a [`Lock`]: in loom's
//!   models these are loom's own, elsewhere the standard library's.
//! - The slot of a thread is gone once loom ends the thread; outside loom it answers to the very
//!   end.
//!
//! Every atomic operation and every step that keeps a count right has a name, a [`Site`]. Outside
//! models the names cost nothing: [`ordering`] returns its argument and [`step`] is `true`, at
//! compile time. In a model one site can be weakened, to show that the model notices it (see
//! `loom-tests/README.md` and `shuttle-tests/README.md`).
#![expect(unsafe_code, reason = "the loom and the std allocator are unsafe to call")]

#[cfg(any(stackholm_loom, stackholm_shuttle))]
mod control;
mod debug_notes;
#[cfg(stackholm_loom)]
mod model;
#[cfg(stackholm_loom)]
mod once;
mod popcount;
mod reached;
#[cfg(not(any(stackholm_loom, stackholm_shuttle)))]
mod real;
#[cfg(stackholm_shuttle)]
mod shuttle;
#[cfg(any(stackholm_loom, stackholm_shuttle))]
mod statics;
#[cfg(not(any(stackholm_loom, stackholm_shuttle)))]
mod swap;

#[cfg(stackholm_loom)]
use model as primitives;
#[cfg(stackholm_shuttle)]
use shuttle as primitives;

#[cfg(any(stackholm_loom, stackholm_shuttle))]
pub(crate) use control::*;
pub(crate) use debug_notes::{LastPlace, Notes, Tally};
#[cfg(stackholm_loom)]
pub(crate) use once::{Lock, SetOnce};
pub(crate) use popcount::{ask_processor, popcount};
#[cfg(any(stackholm_loom, stackholm_shuttle))]
pub(crate) use primitives::*;
pub(crate) use reached::{Way, reached};
#[cfg(not(any(stackholm_loom, stackholm_shuttle)))]
pub(crate) use real::*;
#[cfg(any(stackholm_loom, stackholm_shuttle))]
pub(crate) use statics::*;
pub(crate) use std::sync::{Arc, Mutex, OnceLock, PoisonError};
#[cfg(not(stackholm_loom))]
pub(crate) use std::sync::{Mutex as Lock, OnceLock as SetOnce};

/// Whether this is a build for exhaustive models. Structures are smaller there: they show as much
/// as large ones and cost less.
pub(crate) const MODELLED: bool = cfg!(stackholm_loom);

/// Whether the primitives are those of a model, which are larger than the standard library's.
pub(crate) const WATCHED: bool = cfg!(any(stackholm_loom, stackholm_shuttle));

macro_rules! sites {
    ($($(#[doc = $says:literal])+ $name:ident,)+) => {
        /// Every atomic operation of the crate, and every step that keeps a count or a stack right,
        /// by name.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        #[cfg_attr(not(any(stackholm_loom, stackholm_shuttle)), expect(unreachable_pub, dead_code, reason = "models reach it, and have sites of their own"))]
        pub enum Site {
            $($(#[doc = $says])+ $name,)+
        }

        #[cfg(any(stackholm_loom, stackholm_shuttle))]
        impl Site {
            /// All of them.
            pub const ALL: &'static [Site] = &[$(Site::$name,)+];
        }
    };
}

mod sites;
#[cfg_attr(
    not(any(stackholm_loom, stackholm_shuttle)),
    expect(unreachable_pub, reason = "models reach it")
)]
pub use sites::Site;

/// A shared pointer that can be swapped while others read it.
pub(crate) struct ArcCell<T: 'static> {
    value: SwapCell<T>,
    /// Not 0 if there ever was a value. Readers of a cell that was never used look at nothing else.
    used: StaticAtomicUsize,
}

impl<T: 'static> ArcCell<T> {
    pub(crate) const fn empty() -> Self {
        ArcCell { value: SwapCell::empty(), used: StaticAtomicUsize::new(0) }
    }

    /// Whether there ever was a value.
    #[inline]
    pub(crate) fn is_used(&self) -> bool {
        // Relaxed: it only says whether the value is worth a load, which acquires. A reader that
        // happens after a swap sees 1, by coherence. Any other reader may see the cell as it was
        // before.
        self.used.load(ordering(Site::CellUsed, Ordering::Relaxed)) != 0
    }

    pub(crate) fn load(&self) -> Option<Arc<T>> {
        if self.is_used() { self.value.load() } else { None }
    }

    pub(crate) fn swap(&self, value: Option<Arc<T>>) -> Option<Arc<T>> {
        let old = self.value.swap(value);
        self.is_in_use();
        old
    }

    fn is_in_use(&self) {
        // Relaxed: see `is_used`.
        self.used.store(1, ordering(Site::CellIsUsed, Ordering::Relaxed));
    }
}

/// For the models of this crate: how they weaken a site and see that it is noticed. Outside models
/// it has only the ways that debug builds count. It may change with any release.
pub(crate) mod proof {
    #[cfg(debug_assertions)]
    pub use super::reached::take_ways;
    #[cfg(any(stackholm_loom, stackholm_shuttle))]
    pub use super::{
        Site,
        control::{
            blocks, has_failed, model_begins, model_failed, model_reuses, sites_reached, weakened,
        },
    };
}
