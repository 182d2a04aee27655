//! The persistent index of everything visible at a frame.

pub(in crate::engine) mod diff;
pub(in crate::engine) mod staying;
pub(in crate::engine) mod trie;
