//! What the benchmarks share: races, and the things that are bound in them.

pub mod bound;
pub mod counting;
pub mod machine;
#[cfg(feature = "tables")]
pub mod pictures;
pub mod race;
#[cfg(feature = "tables")]
pub mod table;
pub mod work;
