//! What the benchmarks share: races, and the things that are bound in them.

pub mod bound;
pub mod race;
pub mod work;
