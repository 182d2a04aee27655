//! Handles that travel: strong and weak snapshots, and what a look-up gives.

pub(in crate::engine) mod resolved;
pub(in crate::engine) mod strong;
