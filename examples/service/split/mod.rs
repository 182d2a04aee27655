//! Two processes: a front that calls a back over HTTP and gRPC, and what both see of each request.
//!
//! Read `listing.rs` first: it is all that a service needs to send variables. `back.rs` and
//! `front.rs` are the two services; `errand.rs` says what they should see.

use super::oracle;
use super::server;

pub(crate) mod back;
pub(crate) mod callers;
pub(crate) mod errand;
pub(crate) mod front;
pub(crate) mod garbage;
mod grpc;
pub(crate) mod ledger;
mod listing;
pub(crate) mod process;
pub(crate) mod spoil;
mod ways;
