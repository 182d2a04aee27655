//! Limits hold before work is done, over all lines together.

use super::{TENANT, baggage, counting, rejected, tenant, wire};
use stackholm::Context;
use stackholm::wire::{Peer, Reason, Wire};

fn middle() -> Wire {
    Wire::builder().passing_unknown_baggage().build().unwrap()
}

/// What is sent on of these lines, and what was dropped.
fn passed(lines: &[&[u8]]) -> (String, Vec<(&'static str, Reason, usize)>) {
    let received = middle().extract(&baggage(lines), Peer::Trusted);
    let mut out: Vec<(String, String)> = Vec::new();
    let _ = middle().inject(received.context(), &mut out).unwrap();
    (out.pop().map(|(_, line)| line).unwrap_or_default(), rejected(&received))
}

#[test]
fn eight_thousand_bytes_are_taken_and_one_more_costs_the_last_member_whole() {
    let first = format!("a={}", "x".repeat(4_000));
    let second = |n: usize| format!("b={}", "y".repeat(n));
    let whole = format!("{first},{}", second(8_192 - first.len() - 3));
    assert_eq!(whole.len(), 8_192);
    assert_eq!(passed(&[whole.as_bytes()]), (whole.clone(), vec![]));
    let longer = format!("{whole}y");
    let over = vec![("baggage", Reason::OverLimit, 1)];
    assert_eq!(passed(&[longer.as_bytes()]), (first.clone(), over.clone()));
    let (a, b) = longer.split_once(',').unwrap();
    assert_eq!(passed(&[a.as_bytes(), b.as_bytes()]), (first, over), "in two lines too");
}

#[test]
fn sixty_four_members_are_taken_and_not_the_next_one() {
    let members = |n: usize| (0..n).map(|n| format!("k{n}=v")).collect::<Vec<_>>().join(",");
    assert_eq!(passed(&[members(64).as_bytes()]), (members(64), vec![]));
    let over = vec![("baggage", Reason::OverLimit, 1)];
    assert_eq!(passed(&[members(65).as_bytes()]), (members(64), over.clone()));
    let lines: Vec<String> = (0..65).map(|n| format!("k{n}=v")).collect();
    let lines: Vec<&[u8]> = lines.iter().map(|line| line.as_bytes()).collect();
    assert_eq!(passed(&lines), (members(64), over), "over all lines");
}

#[test]
fn sixty_four_malformed_members_spend_the_budget_of_a_valid_one() {
    let line = format!("{}tenant=acme", "=,".repeat(64));
    let received = wire().extract(&baggage(&[line.as_bytes()]), Peer::Trusted);
    assert_eq!(tenant(&received), None);
    let expected = [("baggage", Reason::Malformed, 64), ("baggage", Reason::OverLimit, 1)];
    assert_eq!(rejected(&received), expected);
}

#[test]
fn commas_and_empty_members_count() {
    let line = format!("{}tenant=acme", ",".repeat(64));
    let received = wire().extract(&baggage(&[line.as_bytes()]), Peer::Trusted);
    assert_eq!(tenant(&received), None);
    assert_eq!(rejected(&received), [("baggage", Reason::OverLimit, 1)]);
}

/// Lines that say how many of them were asked for.
struct Counted<'a> {
    lines: Vec<&'a [u8]>,
    read: std::cell::Cell<usize>,
}

impl wire::Carried for Counted<'_> {
    fn lines(&self, name: &str, f: &mut dyn FnMut(&[u8]) -> std::ops::ControlFlow<()>) {
        for line in self.lines.iter().filter(|_| name == "baggage") {
            self.read.set(self.read.get() + 1);
            if f(line).is_break() {
                return;
            }
        }
    }
}

#[test]
fn a_thousand_lines_cost_no_more_than_one_full_one() {
    let line = format!("k={}", "v".repeat(98));
    let many = Counted { lines: vec![line.as_bytes(); 1_000], read: Default::default() };
    let full = vec![line.clone(); 81].join(",");
    let one = Counted { lines: vec![full.as_bytes()], read: Default::default() };
    let wire = middle();
    let (received, of_many) = counting::blocks(|| wire.extract(&many, Peer::Trusted));
    assert_eq!(many.read.get(), 65, "the first that has no room is the last that is looked at");
    assert_eq!(rejected(&received), [("baggage", Reason::OverLimit, 1)]);
    let (_, of_one) = counting::blocks(|| wire.extract(&one, Peer::Trusted));
    assert!(of_many <= of_one + 1, "{of_many} blocks, and {of_one}");
}

#[test]
fn a_member_of_a_megabyte_is_neither_copied_nor_decoded() {
    let line = format!("tenant={}", "x".repeat(1 << 20));
    let lines = baggage(&[line.as_bytes()]);
    let (received, blocks) = counting::blocks(|| wire().extract(&lines, Peer::Trusted));
    assert_eq!(rejected(&received), [("baggage", Reason::OverLimit, 1)]);
    let (_, of_the_wire) = counting::blocks(wire);
    assert!(blocks <= of_the_wire + 2, "{blocks} blocks, {of_the_wire} of them for the wire");
}

#[test]
fn what_is_sent_keeps_to_the_limits_after_encoding() {
    let context = Context::empty().with(&TENANT, "\u{e4}".repeat(1_500));
    let mut lines: Vec<(String, String)> = Vec::new();
    let sent = wire().inject(&context, &mut lines).unwrap();
    assert_eq!(lines, [], "3000 bytes are 9000 when they are encoded");
    assert_eq!(sent.left_out()[0].reason(), Reason::TooLong);
    let there = format!("theirs={}", "x".repeat(8_170));
    let mut lines = vec![(String::from("baggage"), there)];
    let context = Context::empty().with(&TENANT, "acme-and-company".into());
    let sent = wire().inject(&context, &mut lines).unwrap();
    assert_eq!(lines[0].1, "tenant=acme-and-company", "ours first, theirs whole or not");
    assert_eq!(sent.left_out()[0].reason(), Reason::OverLimit);
}

#[test]
fn to_extract_nothing_allocates_nothing() {
    let wire = wire();
    let empty: Vec<(String, String)> = Vec::new();
    let headers = http::HeaderMap::new();
    let (received, blocks) = counting::blocks(|| {
        (wire.extract(&empty, Peer::Unknown), wire.extract(&headers, Peer::Trusted))
    });
    assert_eq!(blocks, 0);
    assert!(received.0.context().is_empty() && received.1.rejected().is_empty());
}
