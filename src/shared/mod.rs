//! A value that many read and few replace: read without a lock, and without a line that two threads
//! write.
//!
//! - `node`: where a cell has its values, and the counts that keep a node from being used again.
//! - `slot`: which node has the newest value, and its version.
//! - `wait`: who waits for the next version; `unwaited` stands there without the standard library.
//! - `cache`: what a thread keeps of the cells that it reads.
//! - `snapshot`: a value that is held.
//! - `lent`: a value for the length of one read.
//! - `cell`: `Shared`, which is all of it.
//! - `table`: a picture of the process-wide values.
//! - `local`: what a thread keeps of those.
//! - `base`: the cell that has them, and how they are read.
//! - `number`: what cells and process-wide variables are known by.
//!
//! A read that finds the value which its thread kept takes the two words of the cell that name it,
//! a number that never changes and the version; no other thread writes that line until the next
//! store. Everything else is a *miss*: it finds the node of the newest value, counts it, sees that
//! it is the newest still, and takes a count of the value. That loop goes round only if a writer
//! got ahead, so readers and writers are lock-free. How it is proved is in `docs/engine.md`.
#![expect(unsafe_code, reason = "nodes are shared by pointer, and a thread keeps values by number")]

mod base;
mod cache;
mod cell;
mod lent;
mod local;
mod node;
mod number;
mod slot;
mod snapshot;
mod table;
#[cfg(not(feature = "std"))]
mod unwaited;
#[cfg(feature = "std")]
mod wait;

pub(crate) use base::{Change, Place, Used, exchange, load, load_once, with_newest};
pub(crate) use table::Table;

crate::sys::in_models! {
    pub use base::end_of_execution;
}

pub use cell::Shared;
pub use snapshot::Snapshot;
#[cfg(not(feature = "std"))]
use unwaited as wait;
#[cfg(feature = "std")]
pub use wait::Changed;
