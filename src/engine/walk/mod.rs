//! A walk over all that some stacks and handles keep, in debug builds: the counts are what they
//! must be (I4 to I8), and what a stack or a context shows is there (S1, L1).
//!
//! Whoever calls it names everything that has a count: then each count of each frame that can be
//! reached is known without a look at it, and is compared. It changes nothing.

mod check;
mod roots;

pub use roots::Roots;
