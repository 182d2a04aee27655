//! The example of a CPU-bound job on rayon: what it prints, twice.
#![cfg(feature = "rayon")]

#[path = "../examples/fanout.rs"]
#[expect(dead_code, reason = "its `main` is for people")]
mod fanout;

#[test]
fn every_price_is_computed_with_the_bindings_of_its_own_item_and_request() {
    for _ in 0..2 {
        let mut out = Vec::new();
        fanout::run(&mut out).expect("it runs");
        let expected =
            "2416 prices for 32 requests, 0 wrong\n0 workers with something left on them\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
        assert!(stackholm::Context::current().is_empty(), "it leaves nothing behind");
    }
}
