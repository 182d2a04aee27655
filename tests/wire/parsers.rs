//! Every parser of the wire on bytes from anywhere, beside a second reading that is as plain as can
//! be. The fuzz target `wire` and a test by chance run the same.

use stackholm::deadline::DEADLINE;
use stackholm::wire::{self, Bytes, Json, Peer, Received, Text, Timeout, Token, Trace, Wire};
use stackholm::{Context, Var};
use std::time::Duration;

static ID: Var<String> = Var::new("id");
static NAME: Var<String> = Var::new("name");
static COUNT: Var<u32> = Var::new("count");
static BLOB: Var<Vec<u8>> = Var::new("blob");
static PAIR: Var<(String, u32)> = Var::new("pair");
static TRACE: Var<Trace> = Var::new("trace");

const CEILING: Duration = Duration::from_secs(30);

type Lines = Vec<(String, Vec<u8>)>;

fn wire() -> Wire {
    Wire::builder()
        .list(wire::header("x-id", &ID, Token::<64>).from_anyone())
        .list(wire::header("blob-bin", &BLOB, Bytes))
        .list(wire::baggage("name", &NAME, Text))
        .list(wire::baggage("count", &COUNT, Text).version(2).older(1, Text))
        .list(wire::baggage("pair", &PAIR, Json))
        .trace(wire::trace(&TRACE))
        .passing_unknown_baggage()
        .build()
        .unwrap()
}

/// The first byte says which parser; there is none that it does not reach.
pub(crate) fn run(input: &[u8]) {
    let Some((which, input)) = input.split_first() else { return };
    match which % 6 {
        0 => parent(input),
        1 => state(input),
        2 => timeouts(input),
        3 => baggage(input),
        4 => envelope(input),
        _ => headers(input),
    }
}

/// Byte strings one after the other, each with its length in one byte.
fn pieces(mut input: &[u8]) -> Vec<&[u8]> {
    let mut pieces = Vec::new();
    while let Some((length, rest)) = input.split_first() {
        let (piece, rest) = rest.split_at(rest.len().min(usize::from(*length)));
        pieces.push(piece);
        input = rest;
    }
    pieces
}

fn values(context: &Context) -> impl PartialEq + std::fmt::Debug + use<> {
    (
        context.get(&ID).cloned(),
        context.get(&NAME).cloned(),
        context.get(&COUNT).copied(),
        context.get(&BLOB).cloned(),
        context.get(&PAIR).cloned(),
        context.get(&TRACE).cloned(),
    )
}

fn parent(input: &[u8]) {
    let Some(trace) = Trace::parse(input) else {
        assert!(!is_parent(input), "{}", input.escape_ascii());
        return;
    };
    assert!(is_parent(input) || input[..2] != *b"00", "{}", input.escape_ascii());
    let text = trace.to_string();
    assert_eq!(text.as_bytes()[2..53], input[2..53], "ids are written as they came");
    assert_eq!(Trace::parse(&text), Some(trace));
}

/// Whether this is a `traceparent` of version 00, read once more.
fn is_parent(text: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(text) else { return false };
    let fields: Vec<_> = text.split('-').collect();
    let is_hex = |field: &str| field.bytes().all(|byte| b"0123456789abcdef".contains(&byte));
    let lengths: Vec<_> = fields.iter().map(|field| field.len()).collect();
    let is_zero = |field: &str| field.bytes().all(|byte| byte == b'0');
    lengths == [2, 32, 16, 2]
        && fields[0] == "00"
        && fields.iter().all(|field| is_hex(field))
        && !is_zero(fields[1])
        && !is_zero(fields[2])
}

fn state(input: &[u8]) {
    let parent =
        ("traceparent", b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".as_slice());
    let lines = pieces(input).into_iter().map(|line| ("tracestate", line));
    let lines: Vec<_> = std::iter::once(parent).chain(lines).collect();
    let received = wire().extract(&lines, Peer::Trusted);
    let trace = received.context().get(&TRACE).expect("the trace stays, whatever its state");
    let kept = trace.state();
    assert!(kept.len() <= 512 && kept.split(',').count() <= 32);
    assert!(kept.is_empty() || kept.split(',').all(|member| member.split('=').count() == 2));
    let again = trace.clone().with_state(kept).expect("what is kept is well-formed");
    assert_eq!(again.state(), kept);
}

fn timeouts(input: &[u8]) {
    let left = |wire: &Wire, name: &str| {
        let received = wire.extract(&vec![(name, input)], Peer::Unknown);
        let limit = *received.context().get(&DEADLINE).expect("there is the ceiling");
        (limit.remaining(), limit.name() == Some("the caller's"), received.rejected().len())
    };
    let build =
        |timeout: Timeout| Wire::builder().timeout(timeout.ceiling(CEILING)).build().unwrap();
    let text = std::str::from_utf8(input).unwrap_or("\0");
    let number = |digits: &str, most: usize| {
        let is_number = digits.len() <= most && digits.bytes().all(|byte| byte.is_ascii_digit());
        digits.parse::<u64>().ok().filter(|_| is_number)
    };
    let nanos = ["n", "u", "m", "S", "M", "H"].iter().zip([
        1,
        1_000,
        1_000_000,
        1_000_000_000,
        60_000_000_000,
        3_600_000_000_000_u64,
    ]);
    let mut by_grpc = nanos.filter_map(|(unit, nanos)| {
        Some(u128::from(number(text.strip_suffix(unit)?, 8)?) * u128::from(nanos))
    });
    let by_millis = number(text, 10).map(|millis| u128::from(millis) * 1_000_000);
    for (timeout, name, expected) in [
        (Timeout::grpc(), "grpc-timeout", by_grpc.next()),
        (Timeout::millis("x-timeout-ms"), "x-timeout-ms", by_millis),
    ] {
        let (left, is_theirs, rejected) = left(&build(timeout), name);
        assert_eq!(rejected == 0, expected.is_some(), "{name}: {}", input.escape_ascii());
        assert_eq!(is_theirs, expected.is_some_and(|nanos| nanos < CEILING.as_nanos()));
        assert!(left.as_nanos() <= expected.unwrap_or(u128::MAX).min(CEILING.as_nanos()));
    }
}

/// A middle service passes exactly the members that are well-formed and within the budget.
fn baggage(input: &[u8]) {
    let middle = Wire::builder().passing_unknown_baggage().baggage_limits(512, 16).build().unwrap();
    let lines: Vec<_> = pieces(input).into_iter().map(|line| ("baggage", line)).collect();
    let received = middle.extract(&lines, Peer::Trusted);
    let mut out = Lines::new();
    let _ = middle.inject(received.context(), &mut out).unwrap();
    let passed = out.first().map(|(_, line)| line.clone()).unwrap_or_default();
    let joined = lines.iter().map(|(_, line)| *line).collect::<Vec<_>>().join(&b',');
    let (mut expected, mut used): (Vec<&[u8]>, usize) = (Vec::new(), 0);
    for (at, member) in joined.split(|byte| *byte == b',').enumerate() {
        used += member.len() + usize::from(at > 0);
        if lines.is_empty() || at >= 16 || used > 512 {
            break;
        }
        if is_member(member) {
            expected.push(member);
        }
    }
    let expected = expected.join(&b',');
    assert_eq!(passed.escape_ascii().to_string(), expected.escape_ascii().to_string());
}

/// Whether this is a member of baggage, read once more.
fn is_member(text: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(text) else { return false };
    let trim = |text: &str| text.trim_matches([' ', '\t']).to_owned();
    let is_token = |text: &str| {
        let is_fit = |byte: u8| byte.is_ascii_graphic() && !b"()<>@,;:\\\"/[]?={}".contains(&byte);
        !text.is_empty() && text.bytes().all(is_fit)
    };
    let is_value =
        |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic() && !b"\",;\\".contains(&byte));
    let is_pair = |text: &str| {
        let pair = text.split_once('=');
        pair.is_some_and(|(key, value)| is_token(&trim(key)) && is_value(&trim(value)))
    };
    let mut parts = text.split(';');
    parts.next().is_some_and(is_pair) && parts.all(|part| is_pair(part) || is_token(&trim(part)))
}

fn envelope(input: &[u8]) {
    let wire = wire();
    let own = [b"stkh\x01".as_slice(), input].concat();
    for bytes in [input, &own] {
        if let Ok(received) = wire.from_bytes(bytes, Peer::Trusted) {
            again(&wire, &received);
        }
        if let Ok(strange) = wire.from_bytes(bytes, Peer::Unknown) {
            only_from_anyone(&strange);
        }
    }
}

fn headers(input: &[u8]) {
    const NAMES: [&str; 6] =
        ["x-id", "blob-bin", "baggage", "traceparent", "tracestate", "X-Other"];
    let mut lines = Lines::new();
    for piece in pieces(input) {
        let Some((name, line)) = piece.split_first() else { continue };
        lines.push((NAMES[usize::from(*name) % NAMES.len()].into(), line.to_vec()));
    }
    let wire = wire();
    only_from_anyone(&wire.extract(&lines, Peer::Unknown));
    again(&wire, &wire.extract(&lines, Peer::Trusted));
}

/// From a stranger nothing comes but what may come from anyone.
fn only_from_anyone(received: &Received) {
    let context = received.context();
    assert!(context.iter().all(|binding| binding.name() == "id"), "{context:?}");
    assert!(context.get(&ID).is_none_or(|id| (1..=64).contains(&id.len())));
}

/// What was taken is sent, and taken once more: the same, in legal lines, within the limits.
fn again(wire: &Wire, received: &Received) {
    let mut lines = Lines::new();
    let sent = wire.inject(received.context(), &mut lines).unwrap();
    for (name, line) in &lines {
        assert!(line.iter().all(|byte| matches!(byte, b' '..=b'~' | b'\t')), "{name}");
        let most = if name == "baggage" { 8_192 } else { 512 };
        assert!(line.len() <= most && line.split(|byte| *byte == b',').count() <= 64, "{name}");
    }
    // A value may be longer when it is encoded than it came. Then it is left out, and said.
    if !sent.left_out().is_empty() {
        return;
    }
    let twice = wire.extract(&lines, Peer::Trusted);
    assert_eq!(twice.rejected(), [], "{lines:?}");
    assert_eq!(values(twice.context()), values(received.context()));
    let bytes = wire.to_bytes(received.context()).expect("it is within the limits");
    let thrice = wire.from_bytes(&bytes, Peer::Trusted).expect("these are our own");
    assert_eq!(values(thrice.context()), values(received.context()));
}
