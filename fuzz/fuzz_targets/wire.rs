//! Every parser of the wire, by `tests/wire/parsers.rs`.
//!
//! `cargo fuzz run -s none wire` on stable; with the address sanitizer
//! `RUSTC_BOOTSTRAP=1 cargo fuzz run wire`.
#![no_main]

#[path = "../../tests/wire/parsers.rs"]
mod parsers;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| parsers::run(input));
