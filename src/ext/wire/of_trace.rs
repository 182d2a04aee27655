//! The listing of a trace, and where the trace that is sent comes from: the variable, or a tracing
//! system that has a span here.

use super::listing::{Listing, Spot};
use super::trace::Trace;
use crate::context::Context;
use crate::engine::Snapshot;
use crate::var::Var;
use std::borrow::Cow;
use std::panic::Location;

/// The trace context, in `traceparent` and `tracestate`.
#[track_caller]
pub fn trace(var: &'static Var<Trace>) -> Listing<Trace, OfTrace> {
    let of = OfTrace { leader: None };
    Listing::new("traceparent", Spot::Header, var, of, Location::caller())
}

/// How a [`Trace`] stands in its headers.
#[derive(Clone, Copy, Debug)]
pub struct OfTrace {
    leader: Option<fn() -> Option<Trace>>,
}

impl Listing<Trace, OfTrace> {
    /// Sends the trace that `leader` returns, or that of the variable if `leader` returns none. It
    /// is called at each [`inject`](super::Wire::inject), on the thread that injects.
    ///
    /// For a tracing system that makes spans by itself: the work of the receiver then belongs under
    /// the span that is current here, and not under the one that came in.
    /// `stackholm_opentelemetry::current_trace` is such a leader.
    ///
    /// # Examples
    /// ```
    /// use stackholm::{Context, Var};
    /// use stackholm::wire::{self, Trace, Wire};
    ///
    /// static TRACE: Var<Trace> = Var::new("trace");
    ///
    /// fn span_of_tracer() -> Option<Trace> {
    ///     Trace::new([7; 16], [8; 8], true)
    /// }
    ///
    /// let wire = Wire::builder().trace(wire::trace(&TRACE).led_by(span_of_tracer)).build().unwrap();
    /// let mut headers: Vec<(String, String)> = Vec::new();
    /// wire.inject(&Context::empty(), &mut headers).unwrap();
    /// assert_eq!(headers[0].1, span_of_tracer().unwrap().to_string());
    /// ```
    pub fn led_by(mut self, leader: fn() -> Option<Trace>) -> Self {
        self.codec.leader = Some(leader);
        self
    }

    pub(super) fn is_everywhere(&self) -> bool {
        self.var.key().reaches_everywhere()
    }

    pub(super) fn bind(&self, trace: Trace, onto: Context) -> Context {
        let link = onto.into_snapshot();
        Context::captured(Some(Snapshot::with(link, self.var.key(), trace, self.of.place)))
    }

    /// What is sent.
    pub(super) fn sent<'c>(&self, context: &'c Context) -> Option<Cow<'c, Trace>> {
        let led = self.codec.leader.and_then(|leader| leader());
        led.map(Cow::Owned).or_else(|| context.get(self.var).map(Cow::Borrowed))
    }
}
