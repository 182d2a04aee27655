//! How many bits of a word are set, by the processor's own instruction.
//!
//! Nearly every x86-64 processor has one, but a compiler that builds for all of them must do
//! without: 17 instructions instead of one, in each read. So the processor is asked when a variable
//! is first used; only the standard library knows how. No model looks at it: it decides nothing but speed.

#[cfg(all(feature = "std", target_arch = "x86_64", not(target_feature = "popcnt"), not(miri)))]
mod asked {
    use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

    static HAS_POPCNT: AtomicBool = AtomicBool::new(false);

    pub(crate) fn ask_processor() {
        // Relaxed on both sides: who has not heard of it yet gets the same result.
        HAS_POPCNT.store(std::arch::is_x86_feature_detected!("popcnt"), Relaxed);
    }

    #[inline(always)]
    pub(crate) fn popcount(bits: u32) -> u32 {
        if !HAS_POPCNT.load(Relaxed) {
            return bits.count_ones();
        }
        let number: u32;
        // SAFETY: the processor has the instruction, which changes nothing but its result and the
        // flags.
        unsafe {
            std::arch::asm!("popcnt {0:e}, {1:e}", out(reg) number, in(reg) bits, options(pure, nomem, nostack))
        };
        number
    }

    /// As if the processor had not been asked, or had the instruction if it really has.
    #[cfg(test)]
    pub(super) fn pretend(asked: bool) {
        HAS_POPCNT.store(asked && std::arch::is_x86_feature_detected!("popcnt"), Relaxed);
    }
}

#[cfg(not(all(
    feature = "std",
    target_arch = "x86_64",
    not(target_feature = "popcnt"),
    not(miri)
)))]
mod asked {
    pub(crate) fn ask_processor() {}

    #[inline(always)]
    pub(crate) fn popcount(bits: u32) -> u32 {
        bits.count_ones()
    }

    #[cfg(test)]
    pub(super) fn pretend(_asked: bool) {}
}

/// To be called before the first use; without it that is only slower.
pub(crate) use asked::ask_processor;
pub(crate) use asked::popcount;

#[cfg(all(test, not(any(stackholm_loom, stackholm_shuttle))))]
mod tests {
    /// Each bit alone, each run of bits from either end, and words that look random.
    fn words() -> impl Iterator<Item = u32> {
        let mixed = (0..1_000_u32).map(|i| i.wrapping_mul(0x9E37_79B9).rotate_left(i % 32));
        (0..32)
            .flat_map(|i| [1 << i, u32::MAX << i, u32::MAX >> i, !(1 << i)])
            .chain([0, u32::MAX])
            .chain(mixed)
    }

    #[test]
    fn bits_are_counted_right_before_and_after_the_processor_was_asked() {
        for asked in [false, true] {
            super::asked::pretend(asked);
            for word in words() {
                assert_eq!(
                    super::popcount(word),
                    word.count_ones(),
                    "{word:#034b}, asked: {asked}"
                );
            }
        }
        super::ask_processor();
        assert!(words().all(|word| super::popcount(word) == word.count_ones()));
    }
}
