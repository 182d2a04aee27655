//! What crosses to another process: what is taken, what is dropped and counted, what is sent.

#[path = "../counting/mod.rs"]
mod counting;

mod bytes;
mod grammar;
mod grpc;
mod limits;
mod page;
mod parsers;
mod services;
mod timeout;
mod trace;

use proptest::prelude::*;
use stackholm::wire::{
    self, Bytes, Codec, FromFn, Json, Peer, Reason, Received, Text, ToFn, Token, Unfit, Wire,
};
use stackholm::{Context, Var};
use std::collections::{BTreeMap, HashMap};

static REQUEST: Var<String> = Var::new("request");
static TENANT: Var<String> = Var::new("tenant");
static RAW: Var<Vec<u8>> = Var::new("raw");
static PLAN: Var<(String, u32)> = Var::new("plan");

/// Each place and each codec once.
fn wire() -> Wire {
    let wire = Wire::builder()
        .list(wire::header("x-request-id", &REQUEST, Token::<64>).from_anyone())
        .list(wire::baggage("tenant", &TENANT, Text).at_most(8_192))
        .list(wire::header("raw-bin", &RAW, Bytes).at_most(8_192))
        .list(wire::baggage("plan", &PLAN, Json).at_most(8_192));
    wire.build().unwrap()
}

type Lines = Vec<(String, Vec<u8>)>;

fn baggage(lines: &[&[u8]]) -> Lines {
    lines.iter().map(|line| ("baggage".into(), line.to_vec())).collect()
}

fn rejected(received: &Received) -> Vec<(&'static str, Reason, usize)> {
    received.rejected().iter().map(|it| (it.name(), it.reason(), it.count())).collect()
}

fn tenant(received: &Received) -> Option<&str> {
    received.context().get(&TENANT).map(|tenant| &**tenant)
}

proptest! {
    #[test]
    fn what_is_injected_is_what_is_extracted_and_every_line_is_legal_ascii(
        request in "[A-Za-z0-9_.:-]{1,64}", tenant in ".{0,200}", raw: Vec<u8>, plan in ".{0,200}", n: u32,
    ) {
        let context = Context::empty()
            .with(&REQUEST, request.clone())
            .with(&TENANT, tenant.clone())
            .with(&RAW, raw.clone())
            .with(&PLAN, (plan.clone(), n));
        let mut lines = Lines::new();
        let sent = wire().inject(&context, &mut lines).unwrap();
        prop_assert_eq!(sent.left_out(), &[]);
        prop_assert_eq!(lines.len(), 3);
        for (_, line) in &lines {
            prop_assert!(line.iter().all(u8::is_ascii_graphic));
            prop_assert!(http::HeaderValue::from_bytes(line).unwrap().to_str().is_ok());
        }
        let received = wire().extract(&lines, Peer::Trusted);
        prop_assert_eq!(received.rejected(), &[]);
        let context = received.context();
        prop_assert_eq!(context.get(&REQUEST), Some(&request));
        prop_assert_eq!(context.get(&TENANT), Some(&tenant));
        prop_assert_eq!(context.get(&RAW), Some(&raw));
        prop_assert_eq!(context.get(&PLAN), Some(&(plan, n)));
        let bytes = wire().to_bytes(context).unwrap();
        let again = wire().from_bytes(&bytes, Peer::Trusted).unwrap();
        prop_assert_eq!(again.context().get(&TENANT), Some(&tenant));
        prop_assert_eq!(again.context().get(&RAW), Some(&raw));
    }

    #[test]
    fn no_input_panics_and_what_strangers_send_binds_only_what_may_come_from_anyone(
        lines: Vec<(u8, Vec<u8>)>,
    ) {
        let names = ["x-request-id", "baggage", "raw-bin", "traceparent", "tracestate"];
        let lines: Vec<_> =
            lines.iter().map(|(name, line)| (names[usize::from(*name) % 5], line)).collect();
        let received = wire().extract(&lines, Peer::Unknown);
        let bound: Vec<_> = received.context().iter().map(|it| it.name().to_owned()).collect();
        prop_assert!(bound.is_empty() || bound == ["request"], "{:?}", bound);
        let _ = wire().extract(&lines, Peer::Trusted);
    }
}

proptest! {
    #[test]
    fn every_parser_agrees_with_a_second_reading_of_the_same_bytes(input: Vec<u8>) {
        parsers::run(&input);
    }
}

#[test]
fn every_parser_agrees_with_a_second_reading_of_what_the_fuzzer_begins_with() {
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/corpus/wire");
    let mut inputs = 0;
    for entry in std::fs::read_dir(corpus).expect("it is in the repository") {
        let input = std::fs::read(entry.unwrap().path()).unwrap();
        // Each input, and each of it with one byte changed or fewer bytes.
        for at in 0..input.len() {
            parsers::run(&input[..at]);
            let mut other = input.clone();
            for byte in [b',', b'=', b'-', b'%', b'0', 0xff, other[at] ^ 1] {
                other[at] = byte;
                parsers::run(&other);
            }
        }
        parsers::run(&input);
        inputs += 1;
    }
    assert!(inputs >= 10, "{inputs}");
}

#[test]
fn a_member_from_a_stranger_binds_nothing_and_is_named_and_a_trusted_one_binds() {
    for value in ["acme", "%FF", ""] {
        let lines = baggage(&[format!("tenant={value}").as_bytes()]);
        let received = wire().extract(&lines, Peer::Unknown);
        assert_eq!(tenant(&received), None);
        assert_eq!(rejected(&received), [("tenant", Reason::NotTrusted, 1)]);
    }
    let received = wire().extract(&baggage(&[b"tenant=acme"]), Peer::Trusted);
    assert_eq!((tenant(&received), received.rejected()), (Some("acme"), [].as_slice()));
}

#[test]
fn what_is_not_listed_does_not_cross_either_way() {
    static SECRET: Var<String> = Var::new("secret");
    let context = Context::empty().with(&SECRET, "s3cret".into()).with(&TENANT, "acme".into());
    let mut lines = Lines::new();
    let _ = wire().inject(&context, &mut lines).unwrap();
    assert_eq!(lines, baggage(&[b"tenant=acme"]));
    let lines = vec![("secret", "x"), ("baggage", "secret=x,tenant=acme")];
    let received = wire().extract(&lines, Peer::Trusted);
    assert_eq!(received.context().len(), 1);
    assert_eq!(rejected(&received), [("baggage", Reason::NotListed, 1)]);
}

#[test]
fn a_variable_of_short_reach_is_refused_when_the_wire_is_built_with_its_name() {
    static TX: Var<String> = Var::new("transaction").stays_on_stack();
    static STEP: Var<String> = Var::new("step").stays_in_checkpoint();
    let refused = |var| Wire::builder().list(wire::baggage("x", var, Text)).build().unwrap_err();
    let text = "the variable `transaction` cannot cross as `x`: its reach does not carry it";
    assert!(refused(&TX).to_string().starts_with(text), "{}", refused(&TX));
    assert!(refused(&STEP).to_string().contains("`step`"));
}

#[test]
fn names_that_are_none_or_taken_or_belong_to_others_are_refused() {
    let header = |name| Wire::builder().list(wire::header(name, &TENANT, Text));
    for name in ["", "a b", "X-Upper", "baggage", "traceparent", "content-length", "grpc-timeout"] {
        assert!(header(name).build().is_err(), "{name}");
    }
    let twice = header("x-a").list(wire::header("x-a", &REQUEST, Text)).build().unwrap_err();
    assert!(twice.to_string().ends_with("that place is taken"), "{twice}");
    assert!(header("x-a").list(wire::baggage("x-a", &REQUEST, Text)).build().is_ok());
}

#[test]
fn a_value_that_is_unfit_is_left_out_and_reported_and_the_rest_goes() {
    struct Never;
    impl Codec<String> for Never {
        fn encode(&self, _: &String) -> Result<Vec<u8>, Unfit> {
            Err(Unfit)
        }
        fn decode(&self, _: &[u8]) -> Result<String, Unfit> {
            Err(Unfit)
        }
    }
    let wire = Wire::builder()
        .list(wire::baggage("request", &REQUEST, Never))
        .list(wire::baggage("tenant", &TENANT, Text))
        .build()
        .unwrap();
    let context = Context::empty().with(&REQUEST, "s3cret".into()).with(&TENANT, "acme".into());
    let mut lines = Lines::new();
    let sent = wire.inject(&context, &mut lines).unwrap();
    assert_eq!(lines, baggage(&[b"tenant=acme"]));
    let report = format!("{:?} {}", sent, sent.left_out()[0]);
    assert!(report.contains("request: Unfit, 1 times") && !report.contains("s3cret"), "{report}");
    let received = wire.extract(&baggage(&[b"request=s3cret,tenant=acme"]), Peer::Trusted);
    assert_eq!(rejected(&received), [("request", Reason::Unfit, 1)]);
    assert_eq!(tenant(&received), Some("acme"));
}

#[test]
fn no_report_shows_a_value_or_a_key_that_a_peer_made_up() {
    let lines = baggage(&[b"evil-key=evil,=evil,tenant=%F,evil"]);
    for peer in [Peer::Unknown, Peer::Trusted] {
        let received = wire().extract(&lines, peer);
        assert!(!received.rejected().is_empty());
        assert!(!format!("{received:?}").contains("evil"), "{received:?}");
    }
}

#[test]
fn a_listing_may_go_one_way_only() {
    let wire = Wire::builder()
        .list(wire::header("x-in", &TENANT, Text).only_in())
        .list(wire::header("x-out", &REQUEST, Text).only_out())
        .build()
        .unwrap();
    let context = Context::empty().with(&TENANT, "t".into()).with(&REQUEST, "r".into());
    let mut lines = Lines::new();
    let _ = wire.inject(&context, &mut lines).unwrap();
    assert_eq!(lines, [(String::from("x-out"), b"r".to_vec())]);
    let received = wire.extract(&vec![("x-in", "t"), ("x-out", "r")], Peer::Trusted);
    assert!(received.context().binding(&TENANT).is_some());
    assert!(received.context().binding(&REQUEST).is_none());
}

#[test]
fn versions_are_told_apart_and_an_unknown_one_is_rejected_as_such() {
    struct Old;
    impl Codec<String> for Old {
        fn encode(&self, _: &String) -> Result<Vec<u8>, Unfit> {
            Err(Unfit)
        }
        fn decode(&self, bytes: &[u8]) -> Result<String, Unfit> {
            Ok(format!("old {}", String::from_utf8_lossy(bytes)))
        }
    }
    let version = |n| {
        let listing = wire::header("x-v", &TENANT, Text).version(n);
        Wire::builder().list(listing.older(n - 1, Old)).build().unwrap()
    };
    let (first, second) = (version(1), version(2));
    let line = |wire: &Wire, value: &str| {
        let mut lines: HashMap<String, String> = HashMap::new();
        let _ = wire.inject(&Context::empty().with(&TENANT, value.into()), &mut lines).unwrap();
        lines.remove("x-v").unwrap()
    };
    let read = |wire: &Wire, line: &str| {
        let received = wire.extract(&vec![("x-v", line)], Peer::Trusted);
        received.context().get(&TENANT).cloned().ok_or_else(|| received.rejected()[0].reason())
    };
    assert_eq!(line(&first, "acme"), "acme");
    assert_eq!(line(&second, "acme"), "v2:acme");
    assert_eq!(read(&second, "v2:acme").as_deref(), Ok("acme"));
    assert_eq!(read(&second, "acme").as_deref(), Ok("old acme"));
    assert_eq!(read(&first, "v2:acme"), Err(Reason::UnknownVersion));
    assert_eq!(line(&first, "v2:x"), "v1:v2:x", "what looks like a version is not one");
    assert_eq!(read(&first, "v1:v2:x").as_deref(), Ok("v2:x"));
    assert_eq!(read(&wire_unversioned(), "v2:x").as_deref(), Ok("v2:x"));
}

fn wire_unversioned() -> Wire {
    Wire::builder().list(wire::header("x-v", &TENANT, Text)).build().unwrap()
}

#[test]
fn closures_maps_and_pairs_carry_and_only_what_is_ours_is_replaced() {
    let context = Context::empty().with(&REQUEST, "r-1".into()).with(&TENANT, "acme".into());
    let mut map: BTreeMap<String, String> = BTreeMap::new();
    map.insert("X-Request-Id".into(), "old".into());
    map.insert("accept".into(), "text".into());
    map.insert("baggage".into(), "theirs=1;p=2,tenant=old".into());
    let _ = wire().inject(&context, &mut map).unwrap();
    assert_eq!(map.get("accept").unwrap(), "text");
    assert_eq!(map.get("X-Request-Id"), None, "there would be two");
    assert_eq!(map.get("x-request-id").unwrap(), "r-1");
    assert_eq!(map.get("baggage").unwrap(), "tenant=acme,theirs=1;p=2");

    let mut record: Vec<(String, Vec<u8>)> = Vec::new();
    let _ = wire()
        .inject(
            &context,
            &mut ToFn(|name: &str, line: &str| record.push((name.into(), line.into()))),
        )
        .unwrap();
    let read = FromFn(|name: &str| record.iter().find(|(known, _)| known == name).map(|it| &it.1));
    assert_eq!(tenant(&wire().extract(&read, Peer::Trusted)), Some("acme"));
}

#[test]
fn a_middle_service_that_knows_no_variable_passes_trusted_baggage_byte_for_byte() {
    let middle = Wire::builder().passing_unknown_baggage().build().unwrap();
    let came = "a=b=c;p;q = 1 , tenant=%C3%A4 ,\tlast=";
    let received = middle.extract(&vec![("baggage", came)], Peer::Trusted);
    assert_eq!(received.rejected(), []);
    let mut out: HashMap<String, String> = HashMap::new();
    let _ = middle.inject(received.context(), &mut out).unwrap();
    assert_eq!(out["baggage"], came);
    let strange = middle.extract(&vec![("baggage", came)], Peer::Unknown);
    assert!(strange.context().is_empty());
    assert_eq!(rejected(&strange), [("baggage", Reason::NotListed, 3)]);
}

#[test]
fn each_rejection_is_reported_to_the_counter_of_the_wire() {
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let wire = Wire::builder()
        .list(wire::baggage("tenant", &TENANT, Text))
        .when_rejected(|rejected| {
            COUNT.fetch_add(rejected.count(), SeqCst);
        })
        .build()
        .unwrap();
    let _ = wire.extract(&baggage(&[b"=1,=2,tenant=acme"]), Peer::Unknown);
    assert_eq!(COUNT.load(SeqCst), 3);
}
