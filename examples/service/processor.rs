//! How much processor time this process has used, where the system tells (Linux).

use std::time::Duration;

/// The clock of `/proc` ticks a hundred times a second on every Linux.
const TICK: Duration = Duration::from_millis(10);

/// All threads together, those that have ended included.
pub(crate) fn used() -> Option<Duration> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The name of the program is in parentheses and may hold anything; user and system time are the 12th and
    // 13th word after it.
    let (_, after) = stat.rsplit_once(')')?;
    let mut words = after.split_whitespace().skip(11);
    let mut ticks = || words.next()?.parse::<u32>().ok();
    Some(TICK * (ticks()? + ticks()?))
}
