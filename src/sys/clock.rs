//! A clock for ages that somebody reads, with the feature `inspect`: it costs little, and counts no finer
//! than ages need.

/// Milliseconds since some moment. The system moves this clock on every four or ten milliseconds.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) fn milliseconds() -> usize {
    // SAFETY: it consists of integers, and on some targets padding; zeros are a value of it.
    let mut now: libc::timespec = unsafe { core::mem::zeroed() };
    // SAFETY: the pointer is valid for writes during the call. A system that refuses the clock writes
    // nothing; then every age is zero.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC_COARSE, &mut now) };
    (now.tv_sec as usize).wrapping_mul(1000).wrapping_add(now.tv_nsec as usize / 1_000_000)
}

/// Milliseconds since some moment.
///
/// # Panics
/// Where the standard library has no clock.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(crate) fn milliseconds() -> usize {
    static FIRST: super::OnceLock<std::time::Instant> = super::OnceLock::new();
    let elapsed = FIRST.get_or_init(std::time::Instant::now).elapsed();
    // Not by way of 128 bits.
    (elapsed.as_secs() as usize).wrapping_mul(1000).wrapping_add(elapsed.subsec_millis() as usize)
}

#[cfg(test)]
mod tests {
    use super::milliseconds;
    use std::thread::sleep;
    use std::time::{Duration, Instant};

    #[test]
    fn clock_counts_milliseconds() {
        let (begun, first) = (Instant::now(), milliseconds());
        while milliseconds().wrapping_sub(first) < 50 {
            assert!(begun.elapsed() < Duration::from_secs(10), "it stands still");
            sleep(Duration::from_millis(1));
        }
        // The first reading may have been ten milliseconds old.
        assert!(begun.elapsed() >= Duration::from_millis(40), "it runs ahead");
    }
}
