//! What each request should see, and what it saw: headers, hops, scenarios, findings.

use super::server;

pub(crate) mod expected;
pub(crate) mod findings;
pub(crate) mod hop;
pub(crate) mod live_count;
pub(crate) mod rendezvous;
pub(crate) mod scenario;
pub(crate) mod variables;
