//! The engine: frames, their index, their counts, and the stack that is current on a thread.
//!
//! The unsafe core of the crate, with a safe face. `docs/engine.md` explains it. A folder uses
//! those before its own:
//!
//! | folder | what it knows |
//! |---|---|
//! | `memory` | what lies in memory: frames, slots, ids, serial numbers, blocks kept for the next frames |
//! | `index` | the persistent index of what is visible at a frame |
//! | `build` | how a frame is laid out and written; it is told its parent and knows no stack |
//! | `reclaim` | who keeps a frame, and how it ends |
//! | `snapshot` | handles that travel, strong and weak; what a look-up gives |
//! | `stack` | what a thread does: enter, set, capture, leave; the stack that is current |
//! | `walk` | debug builds: compares all counts with what is kept |
#![expect(
    unsafe_code,
    reason = "this is the one folder of the crate that needs it, see the invariants in `frame`"
)]

mod build;
mod index;
mod memory;
mod reclaim;
mod snapshot;
mod stack;
#[cfg(debug_assertions)]
mod walk;

pub(crate) use memory::key::{Key, Reach};
pub(crate) use memory::name::Name;
pub(crate) use memory::note::At;
pub(crate) use memory::serial::Serial;
#[cfg(feature = "inspect")]
pub(crate) use memory::watches;
pub(crate) use reclaim::departures::Departures;
pub(crate) use reclaim::seen;
pub(crate) use snapshot::binding::BindingRef;
pub(crate) use snapshot::combine::{Difference, Placed};
pub(crate) use snapshot::resolved::Resolution;
pub(crate) use snapshot::strong::Snapshot;
pub(crate) use snapshot::value::PreparedBinding;
pub(crate) use snapshot::weak::WeakSnapshot;
pub use stack::bindings::Bind;
pub(crate) use stack::bindings::{BindingList, Mask};
pub(crate) use stack::enter::Boundary;
pub(crate) use stack::fields;
#[cfg(feature = "inspect")]
pub(crate) use stack::idle;
pub(crate) use stack::keep::Kept;
pub(crate) use stack::leave::Leaving;
pub(crate) use stack::listed::{self, Listing, Origin};
pub(crate) use stack::lookup::Miss;
pub(crate) use stack::owned::OwnedStack;
pub(crate) use stack::raw::{Closed, RawStack};
#[cfg(feature = "inspect")]
pub(crate) use stack::unclosed::unclosed;
#[cfg(debug_assertions)]
pub use walk::Roots;

/// What is done to the stack that is current on this thread.
pub(crate) mod current {
    pub(crate) use super::stack::current::*;
    pub(crate) use super::stack::read::*;
    pub(crate) use super::stack::turn::*;
}
