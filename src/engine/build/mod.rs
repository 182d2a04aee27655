//! How the memory of a frame is laid out and written. Nothing here knows a stack.

pub(in crate::engine) mod full;
pub(in crate::engine) mod general;
pub(in crate::engine) mod policy;
pub(in crate::engine) mod single;
