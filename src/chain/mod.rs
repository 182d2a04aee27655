//! The engine: frames, their index, their counts, and the stack that is current on a thread.
//!
//! The unsafe core of the crate, with a safe face: what is `pub(crate)` here can be called in any
//! order from safe code. A file uses what stands before it: `serial`, `slot`, `frame`, `trie`,
//! `staying`, `policy`, `pool`, `build`, `key`, `flat`, `queue`, `counts`, `base`, `ends`, `diff`,
//! `parting`, `sight`, `link`, `spine`, `enter`, `bundle`, `share`, `leave`, `change`, `keep`,
//! `own`, `walk`, `late`, `current`. (A slot points to a frame, and a frame begins with slots: those two
//! name each other.)
#![expect(
    unsafe_code,
    reason = "this is the one folder of the crate that needs it, see the invariants in `frame`"
)]

mod base;
mod build;
mod bundle;
mod change;
mod counts;
pub(crate) mod current;
mod diff;
mod ends;
mod enter;
mod flat;
mod frame;
mod keep;
mod key;
mod late;
mod leave;
mod link;
mod own;
mod parting;
mod policy;
mod pool;
mod queue;
mod serial;
mod share;
mod sight;
mod slot;
mod spine;
mod staying;
mod trie;
#[cfg(debug_assertions)]
mod walk;

pub(crate) use bundle::{Binder, Plan, Shape};
pub(crate) use ends::Held;
pub(crate) use enter::Begins;
pub(crate) use frame::Name;
pub(crate) use keep::Kept;
pub(crate) use key::{Key, Reach};
pub(crate) use leave::Leaving;
pub(crate) use link::{Entry, Link, WeakLink, hold_value};
pub(crate) use own::Own;
pub(crate) use serial::Serial;
pub(crate) use sight::Seen;
pub(crate) use spine::{Closed, Spine, Unread};
#[cfg(debug_assertions)]
pub use walk::Roots;
