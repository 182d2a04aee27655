//! Where a client waits until the service is half-way, so that it can disconnect at that moment.
//!
//! A clock would cancel a request wherever it happens to be. Here each is cancelled where its
//! scenario says.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::oneshot;

/// The clients that wait, by request id.
#[derive(Debug, Default)]
pub(crate) struct Rendezvous(Mutex<HashMap<String, oneshot::Sender<()>>>);

impl Rendezvous {
    /// Told when the request is half-way.
    pub(crate) fn wait_for(&self, request: &str) -> oneshot::Receiver<()> {
        let (half_way, told) = oneshot::channel();
        self.waiting().insert(request.to_owned(), half_way);
        told
    }

    /// The request is half-way.
    pub(crate) fn tell(&self, request: &str) {
        if let Some(half_way) = self.waiting().remove(request) {
            // Its client may have gone by itself.
            let _ = half_way.send(());
        }
    }

    /// The client waits no longer.
    pub(crate) fn forget(&self, request: &str) {
        self.waiting().remove(request);
    }

    fn waiting(&self) -> MutexGuard<'_, HashMap<String, oneshot::Sender<()>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
