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
//! - [`OnceLock`], [`Arc`] and [`Mutex`] stay the standard library's: they carry defaults, names,
//!   hooks and the notes of tests, which no model changes while others look. What threads set while
//!   others look is a [`SetOnce`] under a [`Lock`]: the same two, and loom's own in its models.
//! - The chunks of a [`Board`](board::Board) are in a `OnceLock` too; models make them first.
//! - Without the feature `std` a thread-local is a part of a [`Slot`](slot::Slot), and a
//!   [`OnceLock`] is a [`OnceBox`](once_box::OnceBox), which has a model of its own.
//! - The slot of a thread is gone once loom ends the thread; outside loom it answers to the very
//!   end.
//!
//! Every atomic operation and every step that keeps a count right has a name, a [`Site`]. Outside
//! models the names cost nothing: [`ordering`] returns its argument and [`step`] is `true`, at
//! compile time. In a model one site can be weakened, to show that the model notices it (see
//! `loom-tests/README.md` and `shuttle-tests/README.md`).
#![expect(unsafe_code, reason = "the loom and the std allocator are unsafe to call")]

#[cfg(debug_assertions)]
mod addresses;
#[cfg(any(all(feature = "inspect", not(stackholm_shuttle)), stackholm_loom))]
mod board;
#[cfg(feature = "inspect")]
mod clock;
#[cfg(any(stackholm_loom, stackholm_shuttle))]
mod control;
mod debug_notes;
#[cfg(stackholm_loom)]
mod model;
#[cfg(stackholm_loom)]
mod number_board;
#[cfg(stackholm_loom)]
mod once;
#[cfg(any(not(feature = "std"), stackholm_loom))]
mod once_box;
#[cfg(feature = "std")]
mod panics;
mod popcount;
mod reached;
#[cfg(not(any(stackholm_loom, stackholm_shuttle)))]
mod real;
#[cfg(feature = "std")]
mod room;
#[cfg(stackholm_shuttle)]
mod shuttle;
#[cfg(any(not(feature = "std"), doc))]
mod slot;
#[cfg(any(stackholm_loom, stackholm_shuttle))]
mod statics;
#[cfg(all(feature = "std", not(any(stackholm_loom, stackholm_shuttle))))]
mod thread_locals;

#[cfg(all(not(feature = "std"), any(stackholm_loom, stackholm_shuttle)))]
compile_error!("models run with the feature `std`");

#[cfg(stackholm_loom)]
use model as primitives;
#[cfg(not(any(stackholm_loom, stackholm_shuttle)))]
#[cfg(feature = "inspect")]
use real as primitives;
#[cfg(stackholm_shuttle)]
use shuttle as primitives;

#[cfg(debug_assertions)]
pub(crate) use addresses::AddressMap;
pub(crate) use alloc::sync::Arc;
#[cfg(all(feature = "inspect", not(stackholm_shuttle)))]
pub(crate) use board::{Board, Slot as BoardSlot, Word};
#[cfg(feature = "inspect")]
pub(crate) use clock::milliseconds;
#[cfg(any(stackholm_loom, stackholm_shuttle))]
pub(crate) use control::*;
#[cfg(feature = "std")]
pub(crate) use debug_notes::Tally;
pub(crate) use debug_notes::{LastPlace, Notes};
#[cfg(stackholm_loom)]
pub(crate) use once::{Lock, SetOnce};
#[cfg(not(feature = "std"))]
pub(crate) use once_box::OnceBox as OnceLock;
#[cfg(feature = "std")]
pub(crate) use panics::{CallAll, caught};
pub(crate) use popcount::{ask_processor, popcount};
#[cfg(any(stackholm_loom, stackholm_shuttle))]
pub(crate) use primitives::*;
pub(crate) use reached::{Way, reached};
#[cfg(not(any(stackholm_loom, stackholm_shuttle)))]
pub(crate) use real::*;
#[cfg(feature = "std")]
pub(crate) use room::{more_than, push_if_room};
#[cfg(not(feature = "std"))]
pub(crate) use slot::*;
#[cfg(any(not(feature = "std"), doc))]
pub use slot::{FindSlot, Slot};
#[cfg(any(stackholm_loom, stackholm_shuttle))]
pub(crate) use statics::*;
#[cfg(feature = "std")]
pub(crate) use std::process::abort;
#[cfg(all(feature = "inspect", not(stackholm_shuttle)))]
pub(crate) use std::sync::mpsc;
#[cfg(all(feature = "std", not(stackholm_loom)))]
pub(crate) use std::sync::{Mutex as Lock, OnceLock as SetOnce};
#[cfg(feature = "std")]
pub(crate) use std::sync::{Mutex, OnceLock, PoisonError};
#[cfg(all(feature = "std", not(any(stackholm_loom, stackholm_shuttle))))]
pub(crate) use thread_locals::*;

/// Calls foreign code; says whether it returned. A panic of it is caught.
#[cfg(feature = "std")]
pub(crate) fn finishes(f: impl FnOnce()) -> bool {
    caught(f).is_some()
}

/// Calls foreign code. If it panics, nobody catches that.
#[cfg(not(feature = "std"))]
pub(crate) fn finishes(f: impl FnOnce()) -> bool {
    f();
    true
}

/// Whether this is a build for exhaustive models. Structures are smaller there: they show as much
/// as large ones and cost less.
pub(crate) const MODELLED: bool = cfg!(stackholm_loom);

/// Whether the primitives are those of a model, which are larger than the standard library's.
pub(crate) const WATCHED: bool = cfg!(any(stackholm_loom, stackholm_shuttle));

/// Items that only models have.
#[cfg(any(stackholm_loom, stackholm_shuttle))]
macro_rules! in_models {
    ($($items:item)*) => { $($items)* };
}
#[cfg(not(any(stackholm_loom, stackholm_shuttle)))]
macro_rules! in_models {
    ($($items:item)*) => {};
}
pub(crate) use in_models;

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

/// What the models of this crate need to show that they would notice. Empty outside models; no
/// promise.
pub(crate) mod proof {
    #[cfg(stackholm_loom)]
    pub use super::number_board::NumberBoard;
    #[cfg(stackholm_loom)]
    pub use super::once_box::OnceBox;
    #[cfg(all(debug_assertions, feature = "std"))]
    pub use super::reached::take_ways;
    #[cfg(any(stackholm_loom, stackholm_shuttle))]
    pub use super::{
        Site,
        control::{
            blocks, has_failed, model_begins, model_failed, model_reuses, sites_reached, weakened,
        },
    };
}
