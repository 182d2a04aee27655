//! The facade of atomics, cells that are watched, allocation, thread-locals and the processor
//! (`popcount`). Nothing else in the crate uses them directly.
//!
//! Everything below `engine/` takes its primitives from here, so that under `--cfg stackholm_loom`
//! the same algorithms run on loom's, and under `--cfg stackholm_shuttle` on shuttle's, which go
//! through larger programs by chance. Where those have no counterpart there is a stand-in that says
//! what it does not model:
//!
//! - Atomics in a `static` ([`StaticAtomicUsize`]) are looked up by name in a set that each
//!   execution makes anew.
//! - The process-wide values stand behind a lock of the standard library, which is taken on trust.
//!   One atomic edge stands in, with what the lock promises: whoever loads a value sees all that
//!   came before its swap.
//! - [`OnceLock`], [`Arc`] and [`Mutex`] stay the standard library's: they carry defaults, names,
//!   hooks and the notes of tests, which no model changes while others look. What threads set while
//!   others look is a [`SetOnce`] under a [`Lock`]: the same two, and loom's own in its models.
//! - The chunks of a [`Board`](board::Board) are in a `OnceLock` too; models make them first.
//! - The slot of a thread is gone once loom ends the thread; outside loom it answers to the very
//!   end.
//!
//! Every atomic operation and every step that keeps a count right has a name, a [`Site`]. Outside
//! models the names are nothing: [`ordering`] gives back what it got and [`step`] says yes, at compile
//! time. In a model one site can be weakened, to show that it would notice (see
//! `loom-tests/README.md` and `shuttle-tests/README.md`).
#![expect(unsafe_code, reason = "the loom and the std allocator are unsafe to call")]

#[cfg(any(all(feature = "inspect", not(stackholm_shuttle)), stackholm_loom))]
mod board;
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
#[cfg(not(any(stackholm_loom, stackholm_shuttle)))]
#[cfg(feature = "inspect")]
use real as primitives;
#[cfg(stackholm_shuttle)]
use shuttle as primitives;

#[cfg(all(feature = "inspect", not(stackholm_shuttle)))]
pub(crate) use board::{Board, Word};
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

/// Whether this is a build for exhaustive models, where small structures show as much as large ones
/// and cost less.
pub(crate) const MODELLED: bool = cfg!(stackholm_loom);

/// Whether the primitives know more than the standard library's do, and are larger.
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
    /// Not 0 if there ever was a value; spares the readers of a cell that was never used the rest.
    used: StaticAtomicUsize,
}

impl<T: 'static> ArcCell<T> {
    pub(crate) const fn empty() -> Self {
        ArcCell { value: SwapCell::empty(), used: StaticAtomicUsize::new(0) }
    }

    /// Whether there ever was a value.
    #[inline]
    pub(crate) fn is_used(&self) -> bool {
        // Relaxed: it says only "worth a look"; the load of the value acquires. Whoever happens
        // after a swap sees 1, by coherence, and whoever does not may see the cell as it was
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

/// What the models of this crate need to show that they would notice. Empty outside models; no
/// promise.
pub(crate) mod proof {
    #[cfg(stackholm_loom)]
    pub use super::board::NumberBoard;
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
