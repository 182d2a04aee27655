//! Contexts as bytes: whatever the bytes are, there is an answer, and no memory beyond the limit.

use super::{REQUEST, TENANT, counting, tenant, wire};
use stackholm::Context;
use stackholm::wire::{Malformed, Peer};

fn bytes() -> Vec<u8> {
    let context = Context::empty().with(&REQUEST, "r-1".into()).with(&TENANT, "acme".into());
    wire().to_bytes(&context).unwrap()
}

#[test]
fn bytes_that_end_in_the_middle_are_an_error_or_whole_lines() {
    let bytes = bytes();
    let whole = [5, 5 + 6 + "x-request-id".len() + "r-1".len(), bytes.len()];
    for length in 0..=bytes.len() {
        let read = wire().from_bytes(&bytes[..length], Peer::Trusted);
        assert_eq!(read.is_ok(), whole.contains(&length), "{length}");
    }
    assert_eq!(tenant(&wire().from_bytes(&bytes, Peer::Trusted).unwrap()), Some("acme"));
}

#[test]
fn no_flipped_bit_panics_or_asks_for_much_memory() {
    let bytes = bytes();
    let wire = wire();
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let (_, counts) = counting::counted(|| drop(wire.from_bytes(&flipped, Peer::Trusted)));
        assert!(counts.bytes < 10_000, "{} bytes", counts.bytes);
    }
}

#[test]
fn a_length_of_a_gigabyte_a_newer_format_and_what_is_not_ours_are_told_apart() {
    let wire = wire();
    let read = |bytes: &[u8]| wire.from_bytes(bytes, Peer::Trusted).map(|_| ()).unwrap_err();
    let huge = [b"stkh\x01".as_slice(), &[0, 1], &(1_u32 << 30).to_be_bytes(), b"ab"].concat();
    let (error, counts) = counting::counted(|| read(&huge));
    assert_eq!(error, Malformed::Truncated);
    assert!(counts.bytes < 1_000, "{} bytes", counts.bytes);
    assert_eq!(read(b"stkh\x02whatever"), Malformed::Format(2));
    assert_eq!(read(b"json{}"), Malformed::NotOurs);
    assert_eq!(read(b""), Malformed::NotOurs);
    assert_eq!(read(&[bytes(), vec![0; 65_536]].concat()), Malformed::TooLarge { most: 65_536 });
}

#[test]
fn what_is_too_large_is_not_written() {
    use stackholm::wire::{self, Bytes, Wire};
    static BLOB: stackholm::Var<Vec<u8>> = stackholm::Var::new("blob");
    let listing = || wire::header("blob-bin", &BLOB, Bytes).at_most(100_000);
    let wire = Wire::builder().list(listing()).build().unwrap();
    let context = |n| Context::empty().with(&BLOB, vec![7; n]);
    assert!(wire.to_bytes(&context(40_000)).is_ok());
    let error = wire.to_bytes(&context(60_000)).unwrap_err();
    assert_eq!(error.to_string(), "what crosses is more than 65536 bytes");

    let small = Wire::builder().list(listing()).envelope_limit(1_000).build().unwrap();
    assert!(small.to_bytes(&context(700)).is_ok());
    assert!(small.to_bytes(&context(1_000)).is_err());
    let bytes = wire.to_bytes(&context(1_000)).unwrap();
    let error = small.from_bytes(&bytes, Peer::Trusted).map(drop).unwrap_err();
    assert_eq!(error, Malformed::TooLarge { most: 1_000 });
}

#[test]
fn bytes_of_a_stranger_bind_only_what_may_come_from_anyone() {
    let received = wire().from_bytes(&bytes(), Peer::Unknown).unwrap();
    assert_eq!(received.context().get(&REQUEST).unwrap(), "r-1");
    assert_eq!(tenant(&received), None);
}
