//! Trace context, by the text of W3C.

use super::rejected;
use stackholm::wire::{self, Peer, Reason, Trace, Wire};
use stackholm::{Context, Var};
use std::cell::Cell;

static TRACE: Var<Trace> = Var::new("trace");

const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

fn wire() -> Wire {
    Wire::builder().trace(wire::trace(&TRACE)).build().unwrap()
}

#[test]
fn the_example_of_the_recommendation_is_read_and_written_as_it_came() {
    let lines = vec![("traceparent", PARENT), ("tracestate", "rojo=00f067aa0ba902b7,congo=t61")];
    let received = wire().extract(&lines, Peer::Trusted);
    let trace = received.context().get(&TRACE).unwrap();
    assert_eq!(trace.trace_id()[..3], [0x4b, 0xf9, 0x2f]);
    assert_eq!(trace.span_id()[..3], [0x00, 0xf0, 0x67]);
    assert!(trace.is_sampled());
    let mut out: Vec<(String, String)> = vec![("tracestate".into(), "stale=1".into())];
    let _ = wire().inject(received.context(), &mut out).unwrap();
    let out: Vec<_> = out.iter().map(|(name, line)| (&**name, &**line)).collect();
    assert_eq!(out, lines);
}

#[test]
fn a_traceparent_that_is_not_one_to_the_letter_is_rejected() {
    let with = |at: usize, text: &str| {
        let mut parent = PARENT.to_owned();
        parent.replace_range(at..at + text.len(), text);
        parent
    };
    let zero_trace = with(3, &"0".repeat(32));
    let zero_span = with(36, &"0".repeat(16));
    let bad = [
        String::new(),
        PARENT[..54].into(),
        format!("{PARENT}-"),
        format!("{PARENT}-extra"),
        format!("{PARENT} "),
        format!(" {PARENT}"),
        format!("{PARENT}0"),
        with(0, "ff"),
        with(0, "FF"),
        with(0, "0x"),
        with(3, "4BF9"),
        with(36, "00F0"),
        with(2, "_"),
        with(35, "_"),
        with(52, "_"),
        zero_trace,
        zero_span,
        with(53, "0A"),
        with(53, "+1"),
        format!("{}1", &PARENT[..53]),
        format!("{}0102", &PARENT[..53]),
        PARENT[..53].into(),
        PARENT[..52].into(),
        format!("{}\u{e4}", &PARENT[..53]),
        PARENT.replace('-', "\u{2010}"),
        "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01extra".into(),
    ];
    for parent in bad {
        assert_eq!(Trace::parse(&parent), None, "{parent:?}");
        let received = wire().extract(&vec![("traceparent", parent.as_str())], Peer::Trusted);
        assert_eq!(rejected(&received), [("traceparent", Reason::Malformed, 1)], "{parent:?}");
    }
}

#[test]
fn a_later_version_is_read_by_its_first_four_fields_and_answered_in_ours() {
    let ours = Trace::parse(PARENT).unwrap();
    for version in ["01", "cc", "fe"] {
        for end in ["", "-", "-extra", "-00-what-the-future-will-be-like"] {
            let parent = format!("{version}{}{end}", &PARENT[2..]);
            assert_eq!(Trace::parse(&parent), Some(ours.clone()), "{parent}");
        }
    }
    assert_eq!(ours.to_string(), PARENT);
    let unknown_flags = Trace::parse(PARENT.replace("-01", "-fd")).unwrap();
    assert!(unknown_flags.to_string().ends_with("-01"), "bits nobody knows are not sent on");
}

#[test]
fn two_lines_of_traceparent_are_rejected_and_the_state_goes_with_them() {
    let lines = vec![("traceparent", PARENT), ("traceparent", PARENT), ("tracestate", "a=1")];
    let received = wire().extract(&lines, Peer::Trusted);
    assert!(received.context().is_empty());
    assert_eq!(rejected(&received), [("traceparent", Reason::Repeated, 1)]);
    let alone = wire().extract(&vec![("tracestate", "a=1")], Peer::Trusted);
    assert!(alone.context().is_empty());
}

fn state(lines: &[&str]) -> (String, Vec<(&'static str, Reason, usize)>) {
    let mut all = vec![("traceparent", PARENT)];
    all.extend(lines.iter().map(|line| ("tracestate", *line)));
    let received = wire().extract(&all, Peer::Trusted);
    let trace = received.context().get(&TRACE).expect("the trace stays, whatever its state");
    (trace.state().to_owned(), rejected(&received))
}

#[test]
fn a_tracestate_is_kept_whole_or_dropped_whole_but_for_what_is_too_much() {
    let long_key = "k".repeat(256);
    let (tenant, system) = ("t".repeat(241), "s".repeat(14));
    let good = [
        "foo=1",
        "foo=1,bar=2",
        "foo=1 \t , \t bar=2",
        "foo=1,",
        ",foo=1",
        "foo=1,,,,bar=2",
        "z0-_*/=1",
        "0t@s=1",
        "t0@s0-_*/=1",
        "foo= !#$%&'()*+-./:;<>?@[]^_`{|}~",
        &format!("{long_key}=1"),
        &format!("{tenant}@{system}=1"),
        &format!("a={}", "v".repeat(256)),
    ];
    for text in good {
        let (state, rejected) = state(&[text]);
        assert_eq!(rejected, [], "{text}");
        assert_eq!(state.split(',').count(), text.split(',').filter(|m| !m.is_empty()).count());
    }
    assert_eq!(state(&["foo=1", "bar=2"]).0, "foo=1,bar=2", "lines are one list");
    let bad = [
        "foo",
        "foo=",
        "=1",
        "foo =1",
        "FOO=1",
        "0foo=1",
        "foo@=1",
        "@foo=1",
        "foo@@bar=1",
        "foo@bar@baz=1",
        "foo=b=r",
        "foo=\u{e4}",
        "foo=1,foo=2",
        "foo.bar=1",
        "a=1,foo=1\0",
        &format!("{long_key}k=1"),
        &format!("{tenant}t@s=1"),
        &format!("t@{system}s=1"),
        &format!("a={}", "v".repeat(257)),
    ];
    for text in bad {
        assert_eq!(
            state(&[text]),
            (String::new(), vec![("tracestate", Reason::Malformed, 1)]),
            "{text}"
        );
    }
}

#[test]
fn of_a_long_tracestate_the_first_thirty_two_members_within_512_bytes_are_kept() {
    let members = |n: usize| (0..n).map(|n| format!("k{n}=v")).collect::<Vec<_>>().join(",");
    assert_eq!(state(&[&members(32)]), (members(32), vec![]));
    let over = vec![("tracestate", Reason::OverLimit, 1)];
    assert_eq!(state(&[&members(33)]), (members(32), over.clone()));
    let long = format!("a={},b={}", "v".repeat(250), "v".repeat(256));
    assert_eq!(long.len(), 511);
    assert_eq!(state(&[&long]).0, long);
    assert_eq!(state(&[&long, "c=1"]), (long.clone(), over));

    let lines = vec![("traceparent", PARENT), ("tracestate", &long)];
    let limited = |bytes| {
        let builder = Wire::builder().trace(wire::trace(&TRACE)).trace_state_limit(bytes);
        let received = builder.build().unwrap().extract(&lines, Peer::Trusted);
        received.context().get(&TRACE).unwrap().state().to_owned()
    };
    assert_eq!(limited(511), long);
    assert_eq!(limited(510), format!("a={}", "v".repeat(250)), "another limit was set");
}

#[test]
fn the_trace_of_a_stranger_is_a_link_and_not_a_parent_unless_it_is_allowed() {
    let lines = vec![("traceparent", PARENT)];
    let received = wire().extract(&lines, Peer::Unknown);
    assert!(received.context().is_empty());
    assert_eq!(received.link(), Trace::parse(PARENT).as_ref());
    assert_eq!(rejected(&received), [("traceparent", Reason::NotTrusted, 1)]);
    let open = Wire::builder().trace(wire::trace(&TRACE).from_anyone()).build().unwrap();
    assert!(open.extract(&lines, Peer::Unknown).context().get(&TRACE).is_some());
}

#[test]
fn a_trace_crosses_as_bytes_too() {
    let trace = Trace::parse(PARENT).unwrap().with_state("a=1,b=2").unwrap();
    let bytes = wire().to_bytes(&Context::empty().with(&TRACE, trace.clone())).unwrap();
    let received = wire().from_bytes(&bytes, Peer::Trusted).unwrap();
    assert_eq!(received.context().get(&TRACE), Some(&trace));
}

#[test]
fn a_leader_is_asked_at_each_send_and_the_variable_is_sent_where_it_names_none() {
    thread_local! {
        static SPAN: Cell<Option<u8>> = const { Cell::new(None) };
    }
    fn leader() -> Option<Trace> {
        SPAN.get().and_then(|span| Trace::new([1; 16], [span; 8], true))
    }
    let wire = Wire::builder().trace(wire::trace(&TRACE).led_by(leader)).build().unwrap();
    let sent = |context: &Context| {
        let mut headers: Vec<(String, String)> = Vec::new();
        wire.inject(context, &mut headers).unwrap();
        let bytes = wire.to_bytes(context).unwrap();
        let of_bytes = wire.from_bytes(&bytes, Peer::Trusted).unwrap();
        let trace = headers.first().map(|(_, text)| Trace::parse(text).unwrap());
        assert_eq!(of_bytes.context().get(&TRACE), trace.as_ref(), "bytes are led as headers are");
        trace
    };
    let ours = Trace::new([2; 16], [9; 8], false).unwrap();
    let bound = Context::empty().with(&TRACE, ours.clone());
    for span in [Some(3), Some(4), None] {
        SPAN.set(span);
        assert_eq!(sent(&bound), leader().or(Some(ours.clone())));
        assert_eq!(sent(&Context::empty()), leader());
    }
}
