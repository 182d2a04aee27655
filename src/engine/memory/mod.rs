//! What lies in memory: frames, the slots that lead to them, the ids of variables, serial numbers,
//! and the blocks that a thread keeps for the next frames.

pub(in crate::engine) mod flags;
pub(in crate::engine) mod frame;
pub(in crate::engine) mod free_list;
pub(in crate::engine) mod key;
pub(in crate::engine) mod name;
#[cfg(feature = "inspect")]
pub(in crate::engine) mod name_words;
pub(crate) mod note;
pub(in crate::engine) mod pool;
pub(in crate::engine) mod reentry;
pub(in crate::engine) mod serial;
pub(in crate::engine) mod size_class;
pub(in crate::engine) mod slot;
#[cfg(feature = "inspect")]
pub(crate) mod watches;
