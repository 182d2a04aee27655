//! The index alone against `imbl`'s map, by `tests/model/index.rs`.
//!
//! `cargo fuzz run -s none index` on stable; with the address sanitizer
//! `RUSTC_BOOTSTRAP=1 cargo fuzz run index`.
#![no_main]

#[path = "../../tests/model/index.rs"]
mod index;

use arbitrary::{Arbitrary, Unstructured};
use libfuzzer_sys::fuzz_target;

/// Bytes of one step, so that a change of one leaves the others as they are.
const BYTES: usize = 10;

fuzz_target!(|input: &[u8]| {
    let Some((number, input)) = input.split_first_chunk() else { return };
    let step =
        |bytes| index::Step::arbitrary(&mut Unstructured::new(bytes)).expect("a step of any bytes");
    let steps: Vec<index::Step> = input.chunks(BYTES).take(400).map(step).collect();
    index::run(&index::vars(1 + usize::from(u16::from_le_bytes(*number) % 3_000)), &steps);
});
