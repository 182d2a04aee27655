//! What the benchmarks share: races, and the things that are bound in them.

pub mod bound;
#[cfg(feature = "rivals")]
pub mod pictures;
pub mod race;
pub mod work;
