//! Programs of random operations, by the interpreter of `tests/model`, against its oracle.
//!
//! `cargo fuzz run -s none ops` on stable; with the address sanitizer
//! `RUSTC_BOOTSTRAP=1 cargo fuzz run ops`.
#![no_main]

#[path = "../../tests/model/mod.rs"]
mod model;

use arbitrary::{Arbitrary, Unstructured};
use libfuzzer_sys::fuzz_target;

/// Bytes of one operation, so that a change of one leaves the others as they are.
const BYTES: usize = 12;

fuzz_target!(|input: &[u8]| {
    let Some((way, input)) = input.split_first() else { return };
    let op = |bytes| {
        model::Op::arbitrary(&mut Unstructured::new(bytes)).expect("an operation of any bytes")
    };
    let program: Vec<model::Op> = input.chunks(BYTES).take(1_000).map(op).collect();
    model::run(&program, way % model::WAYS);
});
