//! What each request should see, and what it saw: headers, hops, scenarios, findings.

pub(crate) mod expected;
mod faults;
pub(crate) mod findings;
pub(crate) mod hop;
pub(crate) mod lines;
pub(crate) mod live_count;
pub(crate) mod observer;
pub(crate) mod rendezvous;
pub(crate) mod scenario;
pub(crate) mod variables;
