//! The clients: what they ask for, how they send it, and how each request ended.

use super::oracle;
use super::server;

pub(crate) mod batch;
pub(crate) mod http;
pub(crate) mod load;
pub(crate) mod outcomes;
pub(crate) mod plan;
