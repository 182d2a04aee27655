//! A panic whose payload panics as it is dropped.

/// Panics when it is dropped.
pub(crate) struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("as what a panic carries is dropped");
    }
}

/// Panics with a [`Bomb`].
pub(crate) fn explode() -> ! {
    std::panic::panic_any(Bomb)
}
