//! The ways without this crate: the values passed as arguments to every function and task.
//!
//! Either each value on its own: ten arguments, each an `Arc`, as libraries that know nothing of
//! each other would pass them. Or all in one shared record, which is cheaper, but needs one place
//! that knows everything that is ever carried.

use super::carrier::Carrier;
use super::oracle::expected::Expected;
use super::oracle::hop::Hop;
use super::oracle::live_count::{Counted, LiveCount};
use super::oracle::variables::{CARRIED, Text, stage, values};
use axum::extract::Request;
use axum::http::Extensions;
use axum::middleware::Next;
use axum::response::Response;
use std::fmt::Debug;
use std::future::Future;
use std::sync::Arc;

/// How a hop holds the ten values.
pub(crate) trait Values: Clone + Debug + Send + Sync + 'static {
    /// The name of the way in reports, without a stage and with one.
    const NAMES: [&'static str; 2];

    /// The paths of its services, without a stage and with one.
    const PATHS: [&'static str; 2];

    fn new(values: [Text; CARRIED]) -> Self;

    fn value(&self, which: usize) -> &Text;
}

/// Each on its own.
#[derive(Clone, Debug)]
pub(crate) struct Arguments([Arc<Text>; CARRIED]);

impl Values for Arguments {
    const NAMES: [&'static str; 2] = ["ten arguments", "arguments + stage"];
    const PATHS: [&'static str; 2] = ["/arguments", "/arguments-staged"];

    fn new(values: [Text; CARRIED]) -> Self {
        Arguments(values.map(Arc::new))
    }

    #[inline]
    fn value(&self, which: usize) -> &Text {
        &self.0[which]
    }
}

/// All together.
#[derive(Clone, Debug)]
pub(crate) struct Record(Arc<[Text; CARRIED]>);

impl Values for Record {
    const NAMES: [&'static str; 2] = ["one record", "record + stage"];
    const PATHS: [&'static str; 2] = ["/record", "/record-staged"];

    fn new(values: [Text; CARRIED]) -> Self {
        Record(Arc::new(values))
    }

    #[inline]
    fn value(&self, which: usize) -> &Text {
        &self.0[which]
    }
}

/// The values of a request, held by one hop. `STAGED`: and an eleventh, which each hop sets anew.
#[derive(Clone, Debug)]
pub(crate) struct ByHand<H, const STAGED: bool> {
    hands: H,
    stage: Option<Counted<Hop>>,
}

impl<H: Values, const STAGED: bool> ByHand<H, STAGED> {
    fn at_stage(hands: H, live_count: &LiveCount, hop: Hop) -> Self {
        ByHand { hands, stage: STAGED.then(|| stage(live_count, hop)) }
    }
}

impl<H: Values, const STAGED: bool> Carrier for ByHand<H, STAGED> {
    const NAME: &'static str = H::NAMES[STAGED as usize];
    const PATH: &'static str = H::PATHS[STAGED as usize];

    fn bind(
        live_count: &LiveCount,
        mut request: Request,
        next: Next,
    ) -> impl Future<Output = Response> + Send {
        let hands = H::new(values(live_count, request.headers()));
        request.extensions_mut().insert(Self::at_stage(hands, live_count, Hop::Handler));
        next.run(request)
    }

    fn take(extensions: &mut Extensions) -> Self {
        extensions.remove().expect("the middleware put it there")
    }

    #[inline]
    fn see<R>(&self, _: &Expected, which: usize, look: impl Fn(Option<&str>) -> R) -> R {
        look(Some(self.hands.value(which)))
    }

    fn stage(&self, expected: Hop) -> Option<Hop> {
        if STAGED { self.stage.as_deref().copied() } else { Some(expected) }
    }

    fn at<F>(
        self,
        live_count: &LiveCount,
        hop: Hop,
        f: impl FnOnce(Self) -> F + Send,
    ) -> impl Future<Output = F::Output> + Send
    where
        F: Future + Send,
    {
        f(Self::at_stage(self.hands, live_count, hop))
    }

    fn at_once<R>(&self, live_count: &LiveCount, hop: Hop, f: impl FnOnce(Self) -> R) -> R {
        f(Self::at_stage(self.hands.clone(), live_count, hop))
    }
}
