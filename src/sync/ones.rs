//! How many bits of a word are set, by the processor's own instruction.
//!
//! Nearly every x86-64 processor has one, but a compiler that builds for all of them must do without: 17 instructions
//! instead of one, in each read. So the processor is asked when a variable is first used. No model looks at it: it
//! decides nothing but speed.

#[cfg(all(target_arch = "x86_64", not(target_feature = "popcnt"), not(miri)))]
mod asked {
    use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

    static HAS_POPCNT: AtomicBool = AtomicBool::new(false);

    pub(crate) fn ask_processor() {
        // Relaxed on both sides: who has not heard of it yet gets the same result.
        HAS_POPCNT.store(std::arch::is_x86_feature_detected!("popcnt"), Relaxed);
    }

    #[inline(always)]
    pub(crate) fn ones(bits: u32) -> u32 {
        if !HAS_POPCNT.load(Relaxed) {
            return bits.count_ones();
        }
        let ones: u32;
        // SAFETY: the processor has the instruction, which changes nothing but its result and the flags.
        unsafe { std::arch::asm!("popcnt {0:e}, {1:e}", out(reg) ones, in(reg) bits, options(pure, nomem, nostack)) };
        ones
    }
}

#[cfg(not(all(target_arch = "x86_64", not(target_feature = "popcnt"), not(miri))))]
mod asked {
    pub(crate) fn ask_processor() {}

    #[inline(always)]
    pub(crate) fn ones(bits: u32) -> u32 {
        bits.count_ones()
    }
}

/// To be called before the first use; without it that is only slower.
pub(crate) use asked::ask_processor;
pub(crate) use asked::ones;
