//! Handles that travel: strong and weak snapshots, and what a look-up gives.

pub(in crate::engine) mod binding;
pub(in crate::engine) mod combine;
#[cfg(feature = "inspect")]
#[cfg(feature = "std")]
pub(in crate::engine) mod pinned;
pub(in crate::engine) mod resolved;
pub(in crate::engine) mod strong;
pub(in crate::engine) mod value;
pub(in crate::engine) mod weak;
