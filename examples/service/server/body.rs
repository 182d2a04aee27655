//! The response body: a stream whose every chunk looks at the values, long after the handler has
//! returned.

use super::carriers::carrier::Carrier;
use super::carriers::probe::{Probe, Witness};
use super::hops::guest::Guest;
use super::oracle::hop::Hop;
use super::oracle::scenario::Scenario;
use axum::body::{Body, Bytes};
use axum::response::Response;
use futures_util::Stream;
use stackholm::{Context, ContextExt};
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{self, Poll};

/// How many chunks look at the values. One more says how many hops there were.
pub(crate) const CHUNKS: u32 = 4;

/// After how many chunks the client disconnects, if the request is to be cancelled in its body.
pub(crate) const HALF: u32 = 2;

/// A response whose body hands itself over.
pub(crate) fn body<C: Carrier>(probe: &Probe<C>) -> Response {
    let chunks = probe.at_once(Hop::Body, |probe| C::stream(Chunks::new(probe)));
    Response::new(Body::from_stream(chunks))
}

/// The same, where the layer gives the body its context; or a wrong one, if a fault is planted
/// here.
pub(crate) fn body_under_layer(probe: &Guest) -> Response {
    let chunks = Chunks::new(probe.clone());
    Response::new(match probe.expected.spoilt(Hop::Body, Context::current()) {
        None => Body::from_stream(chunks),
        Some(context) => Body::from_stream(chunks.in_context(context)),
    })
}

/// The chunks of one body.
#[derive(Debug)]
struct Chunks<C: Carrier> {
    probe: Probe<C>,
    sent: u32,
    /// Whether the connection had its turn since the last chunk.
    rested: bool,
    _witness: Option<Witness<C>>,
}

impl<C: Carrier> Chunks<C> {
    fn new(probe: Probe<C>) -> Self {
        let _witness =
            (probe.expected.scenario != Scenario::Measured).then(|| probe.witness(Hop::Body));
        Chunks { probe, sent: 0, rested: false, _witness }
    }

    fn chunk(&self) -> String {
        if self.sent == 1 || self.probe.expected.scenario != Scenario::Measured {
            self.probe.check(Hop::Body);
        }
        let said = self
            .probe
            .carrier
            .see(&self.probe.expected, 0, |id| format!("{} ", id.unwrap_or("(not bound)")));
        self.probe.expected.take_echo().unwrap_or(said + Hop::Body.name() + "\n")
    }

    fn last(&self) -> String {
        format!("{} checks\n", self.probe.expected.looks())
    }
}

// Nothing in it is pinned.
impl<C: Carrier> Unpin for Chunks<C> {}

impl<C: Carrier> Stream for Chunks<C> {
    type Item = Result<Bytes, Infallible>;

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut task::Context<'_>,
    ) -> Poll<Option<Self::Item>> {
        if self.sent == HALF && self.probe.expected.scenario == Scenario::Cancel(Hop::Body) {
            return Poll::Pending;
        }
        self.rested = !self.rested;
        if self.rested {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.sent += 1;
        Poll::Ready(match self.sent {
            sent if sent <= CHUNKS => Some(Ok(self.chunk().into())),
            sent if sent == CHUNKS + 1 => Some(Ok(self.last().into())),
            _ => None,
        })
    }
}
