//! How much processor time this process has used, where the system tells.

use std::time::Duration;

/// All threads together, those that have ended included.
#[cfg(unix)]
pub(crate) fn used() -> Option<Duration> {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    time.try_into().ok()
}

/// Nobody knows.
#[cfg(not(unix))]
pub(crate) fn used() -> Option<Duration> {
    None
}
