//! What the requests of one service are observed with; they share it.

use super::findings::Findings;
use super::live_count::LiveCount;
use super::rendezvous::Rendezvous;

/// The values alive, the wrong ones found, and the clients that wait.
#[derive(Debug, Default)]
pub(crate) struct Observer {
    pub(crate) live_count: LiveCount,
    pub(crate) findings: Findings,
    pub(crate) rendezvous: Rendezvous,
}
