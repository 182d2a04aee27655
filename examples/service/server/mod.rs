//! The service: routes, handlers, one function for each hop, and a server on the loopback.

use super::carriers;
use super::oracle;

pub(crate) mod actor;
mod all_hops;
pub(crate) mod body;
mod hops;
pub(crate) mod listen;
pub(crate) mod routes;
mod six_hops;
mod workers;
