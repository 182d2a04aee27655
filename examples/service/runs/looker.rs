//! Somebody who looks at all that is in flight, once a second.

use stackholm::inspect::{self, Look, Watching};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Between the beginning and the first look.
const FIRST: Duration = Duration::from_millis(100);

/// Looks until it is ended.
#[derive(Debug)]
pub(crate) struct Looker {
    end: Sender<()>,
    thread: JoinHandle<usize>,
    _watching: Watching,
}

/// Begins to look.
pub(crate) fn begin() -> Looker {
    let (end, ends) = channel();
    let thread = thread::spawn(move || {
        let mut looks = 0;
        let mut wait = FIRST;
        while ends.recv_timeout(wait) == Err(RecvTimeoutError::Timeout) {
            wait = Duration::from_secs(1);
            let view = Look::new().limit(usize::MAX).look();
            looks += usize::from(view.to_json().starts_with('{'));
        }
        looks
    });
    Looker { end, thread, _watching: inspect::watch() }
}

impl Looker {
    /// Looks no more, and says how often it did.
    pub(crate) fn end(self) -> usize {
        drop(self.end);
        self.thread.join().unwrap_or(0)
    }
}
