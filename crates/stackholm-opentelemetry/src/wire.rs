//! The same ids in the trace of `stackholm::wire` and in that of OpenTelemetry.
//!
//! OpenTelemetry makes the spans, so it leads: a trace that comes in becomes the remote parent of
//! its spans ([`under`]), and a trace that goes out names its span ([`current_trace`]).

use opentelemetry::Context;
use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState};
use stackholm::wire::Trace;
use std::str::FromStr;

/// The trace and the span that are current in OpenTelemetry; `None` if there is no valid span. For
/// `led_by` of a trace on the wire.
///
/// # Examples
/// ```
/// use stackholm::Var;
/// use stackholm::wire::{self, Trace, Wire};
///
/// static TRACE: Var<Trace> = Var::new("trace");
///
/// let wire = Wire::builder()
///     .trace(wire::trace(&TRACE).led_by(stackholm_opentelemetry::current_trace))
///     .build()?;
/// # Ok::<(), wire::Refused>(())
/// ```
pub fn current_trace() -> Option<Trace> {
    Context::map_current(|context| {
        if !context.has_active_span() {
            return None;
        }
        let span = context.span();
        let span = span.span_context();
        let trace = Trace::new(span.trace_id().to_bytes(), span.span_id().to_bytes(), false)?;
        let trace = trace.with_flags(span.trace_flags().to_u8());
        let state = span.trace_state().header();
        // A state that does not follow the grammar of W3C is left out, as a receiver would do.
        Some(trace.clone().with_state(&state).unwrap_or(trace))
    })
}

/// The current context of OpenTelemetry, with `trace` as the remote parent of spans that are
/// started in it.
///
/// # Examples
/// ```
/// use opentelemetry::trace::TraceContextExt;
/// use stackholm::wire::Trace;
/// use stackholm_opentelemetry::{current_trace, under};
///
/// // What came in, such as `TRACE.try_get()` in a handler.
/// let came = Trace::parse("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01").unwrap();
/// let parent = under(&came);
/// assert!(parent.span().span_context().is_remote());
/// // tracer.start_with_context("handle", &parent), or `span.set_parent(parent)` with tracing.
/// let _attached = parent.attach();
/// assert_eq!(current_trace(), Some(came));
/// ```
pub fn under(trace: &Trace) -> Context {
    let span = SpanContext::new(
        TraceId::from_bytes(trace.trace_id()),
        SpanId::from_bytes(trace.span_id()),
        TraceFlags::new(trace.flags()),
        true,
        TraceState::from_str(trace.state()).unwrap_or_default(),
    );
    Context::current().with_remote_span_context(span)
}
