//! The trace that crosses is the one of OpenTelemetry, which leads.

use opentelemetry::Context;
use opentelemetry::trace::{Span, TraceContextExt, Tracer, TracerProvider};
use opentelemetry_sdk::trace::SdkTracerProvider;
use stackholm::wire::{self, Peer, Trace, Wire};
use stackholm::{ContextExt, Var};
use stackholm_opentelemetry::{current_trace, under};

static TRACE: Var<Trace> = Var::new("trace");

const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-03";
const STATE: &str = "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE";

fn led() -> Wire {
    let trace = wire::trace(&TRACE).led_by(current_trace);
    Wire::builder().trace(trace).build().unwrap()
}

fn headers(parent: &str, state: &str) -> Vec<(String, String)> {
    vec![("traceparent".into(), parent.into()), ("tracestate".into(), state.into())]
}

fn sent(wire: &Wire) -> Option<Trace> {
    let mut to: Vec<(String, String)> = Vec::new();
    wire.inject(&stackholm::Context::current(), &mut to).unwrap();
    let of = |name: &str| to.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    Trace::parse(of("traceparent")?)?.with_state(of("tracestate").unwrap_or_default())
}

#[test]
fn what_comes_in_is_the_parent_of_our_span_and_what_goes_out_names_our_span() {
    let _ = stackholm_opentelemetry::install();
    let wire = led();
    let tracer = SdkTracerProvider::builder().build().tracer("test");
    let received = wire.extract(&headers(PARENT, STATE), Peer::Trusted);
    received.context().run(|| {
        let came = TRACE.get();
        let parent = under(&came);
        let span = tracer.start_with_context("handle", &parent);
        let ours = span.span_context().clone();
        assert_eq!(ours.trace_id().to_bytes(), came.trace_id());
        assert_ne!(ours.span_id().to_bytes(), came.span_id());
        let _attached = parent.with_span(span).attach();
        let see = move |sent: Trace| {
            assert_eq!(sent.trace_id(), came.trace_id());
            assert_eq!(sent.span_id(), ours.span_id().to_bytes(), "the span that is current");
            assert_eq!(sent.flags(), ours.trace_flags().to_u8());
            assert_eq!(sent.state(), STATE);
        };
        see(sent(&wire).unwrap());
        // The same after a hop: both contexts went along.
        let job = move || see(sent(&wire).unwrap());
        stackholm::thread::spawn(job).join().unwrap();
    });
}

#[test]
fn where_no_span_is_current_the_variable_is_sent() {
    let wire = led();
    assert_eq!(sent(&wire), None);
    let came = Trace::parse(PARENT).unwrap().with_state(STATE).unwrap();
    TRACE.sync_scope(came.clone(), || assert_eq!(sent(&wire), Some(came)));
}

#[test]
fn a_span_is_not_sent_by_a_wire_that_it_does_not_lead() {
    let wire = Wire::builder().trace(wire::trace(&TRACE)).build().unwrap();
    let _attached = under(&Trace::parse(PARENT).unwrap()).attach();
    assert_eq!(sent(&wire), None);
}

#[test]
fn each_flag_and_state_comes_through_both_conversions() {
    for flags in 0..4 {
        for state in ["", STATE] {
            let parent = format!("{}{flags:02x}", &PARENT[..53]);
            let trace = Trace::parse(&parent).unwrap().with_state(state).unwrap();
            let _attached = under(&trace).attach();
            assert_eq!(current_trace(), Some(trace));
        }
    }
}

#[test]
fn a_future_polled_in_another_place_sends_the_span_of_where_it_was_handed_over() {
    let _ = stackholm_opentelemetry::install();
    let there = Trace::new([1; 16], [2; 8], true).unwrap();
    let here = Trace::new([3; 16], [4; 8], false).unwrap();
    let future = {
        let _attached = under(&there).attach();
        async { sent(&led()) }.in_current_context()
    };
    let _attached = under(&here).attach();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    assert_eq!(runtime.block_on(future), Some(there));
    assert_eq!(Context::current().span().span_context().trace_id().to_bytes(), [3; 16]);
}
