//! A clock for ages that somebody reads, with the feature `inspect`: cheap, and no finer than they need.

/// Milliseconds since some moment. The system counts four or ten of them at once, and so reads no
/// hardware here.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) fn milliseconds() -> usize {
    // SAFETY: numbers, and padding on some targets.
    let mut now: libc::timespec = unsafe { core::mem::zeroed() };
    // SAFETY: it is ours to be written. Where the clock is refused nothing is, and ages are zero.
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
