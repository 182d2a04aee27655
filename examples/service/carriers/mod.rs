//! The ways to carry values from hop to hop: contexts, arguments, a record, nothing.

use super::oracle;

pub(crate) mod by_hand;
pub(crate) mod carrier;
pub(crate) mod contexts;
pub(crate) mod nothing;
pub(crate) mod probe;
pub(crate) mod way;
