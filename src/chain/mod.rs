//! The engine: frames, their index, their counts, and the stack that is current on a thread.
//!
//! The unsafe core of the crate, with a safe face: what is `pub(crate)` here can be called in any order from safe
//! code. Read `slot`, `frame`, `trie`, `counts`, `spine`, `link`, `current`; a file uses what stands before it.
#![expect(unsafe_code, reason = "this is the one folder of the crate that needs it, see the invariants in `frame`")]

mod counts;
pub(crate) mod current;
mod diff;
mod frame;
mod key;
mod link;
mod slot;
mod spine;
mod trie;

pub(crate) use counts::Held;
pub(crate) use current::{Own, Serials};
pub(crate) use frame::Name;
pub(crate) use key::{Key, Reach};
pub(crate) use link::{Entry, Link, WeakLink, hold_value};
pub(crate) use spine::{Begins, Closed, Leaving, Seen, Spine};
