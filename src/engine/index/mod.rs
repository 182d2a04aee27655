//! The persistent index of everything visible at a frame.

pub(in crate::engine) mod bulk;
pub(in crate::engine) mod diff;
pub(in crate::engine) mod edit;
pub(in crate::engine) mod single_node;
pub(in crate::engine) mod sink;
pub(in crate::engine) mod staying;
pub(in crate::engine) mod trie;
