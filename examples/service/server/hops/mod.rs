//! What a request does on its way: one function for each boundary that work can cross.
//!
//! Each hands work over as a service would, and the work looks at its values where it has come to.

use super::actor;
use super::carriers;
use super::oracle;
use super::workers;

mod futures;
pub(super) mod guest;
mod http;
pub(super) mod rayon;
mod sync;
pub(super) mod table;
pub(super) mod tokio;
pub(super) mod waiting;
