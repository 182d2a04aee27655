//! The response body: a stream whose every chunk looks at the values, long after the handler has
//! returned.

use super::carriers::carrier::Carrier;
use super::carriers::probe::{Visit, Witness};
use super::hops::Guest;
use super::oracle::hop::Hop;
use super::oracle::scenario::Fate;
use axum::body::{Body, Bytes};
use axum::response::Response;
use futures_util::Stream;
use stackholm::{Context, ContextExt};
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{self, Poll};

/// How many chunks look at the values. One more says how many hops there were.
pub(crate) const CHUNKS: u32 = 4;

/// After how many of them the client of a request goes away that is to be cancelled in its body.
pub(crate) const HALF: u32 = 2;

/// The response, whose body is yet to be made.
pub(crate) fn body<C: Carrier>(visit: &Visit<C>) -> Response {
    let chunks = visit.at_once(Hop::Body, |visit| C::stream(Chunks::new(visit)));
    Response::new(Body::from_stream(chunks))
}

/// The same, where the layer sees to it that the body has its context; or does it wrong, if that
/// was ordered.
pub(crate) fn body_under_layer(visit: &Guest) -> Response {
    let chunks = Chunks::new(visit.clone());
    Response::new(match visit.truth.spoilt(Hop::Body, Context::current()) {
        None => Body::from_stream(chunks),
        Some(context) => Body::from_stream(chunks.in_context(context)),
    })
}

/// The chunks of one body.
#[derive(Debug)]
struct Chunks<C: Carrier> {
    visit: Visit<C>,
    sent: u32,
    /// Whether the connection had its turn since the last chunk.
    rested: bool,
    _witness: Option<Witness<C>>,
}

impl<C: Carrier> Chunks<C> {
    fn new(visit: Visit<C>) -> Self {
        let _witness = (visit.truth.fate != Fate::Measured).then(|| visit.witness(Hop::Body));
        Chunks { visit, sent: 0, rested: false, _witness }
    }

    fn chunk(&self) -> String {
        if self.sent == 1 || self.visit.truth.fate != Fate::Measured {
            self.visit.check(Hop::Body);
        }
        let said = self
            .visit
            .carrier
            .see(&self.visit.truth, 0, |id| format!("{} ", id.unwrap_or("(not bound)")));
        self.visit.truth.take_echo().unwrap_or(said + Hop::Body.name() + "\n")
    }

    fn last(&self) -> String {
        format!("{} looks\n", self.visit.truth.looks())
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
        if self.sent == HALF && self.visit.truth.fate == Fate::Cancel(Hop::Body) {
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
