//! A value that many threads read and few replace. A read takes no lock, and writes no cache line
//! that another thread writes.
//!
//! - `node`: the nodes that store the values of a cell, and the reference counts of nodes.
//! - `slot`: the pointer to the node with the newest value, and the version of the cell.
//! - `wait`: threads and tasks that wait for the next version; `unwaited` replaces it without the
//!   standard library.
//! - `cache`: the cache of each thread, with the values that it read last.
//! - `snapshot`: an owned handle to a value.
//! - `read_guard`: a value for the length of one borrowed read.
//! - `cell`: `Shared`, the public type.
//! - `table`: one version of all process-wide values.
//! - `global_cache`: the part of a thread's cache that is for process-wide values.
//! - `base`: the cell with the process-wide values, and how they are read.
//! - `number`: the ids of cells and of variables with a process-wide value.
//!
//! A *hit* loads two words of the cell, its id and its version, and finds the value in the thread's
//! cache; nobody writes these words until the next store. A *miss* finds the node of the newest
//! value, counts the node, checks that it is still the newest, and counts the value. The miss is
//! repeated only if a writer replaced the value meanwhile, so readers and writers are lock-free.
//! `docs/engine.md` has the proof.
#![expect(unsafe_code, reason = "nodes are shared by pointer, and a thread keeps values by number")]

mod base;
mod cache;
mod cell;
mod global_cache;
mod node;
mod number;
mod read_guard;
mod slot;
mod snapshot;
mod table;
#[cfg(not(feature = "std"))]
mod unwaited;
#[cfg(feature = "std")]
mod wait;

pub(crate) use base::{Change, GlobalId, GlobalSlot, exchange, load, load_uncached, with_newest};
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
