//! The ways without this crate: the values passed as arguments to every function and task.
//!
//! Either each on its own, as whoever made it would hand it on: ten arguments, counted by reference. Or all in one shared
//! record, which is cheaper, and can be done where one place knows all that is ever carried.

use super::carrier::Carrier;
use super::census::{Census, Counted};
use super::hop::Hop;
use super::truth::Truth;
use super::variables::{CARRIED, Text, texts};
use axum::extract::Request;
use axum::http::Extensions;
use axum::middleware::Next;
use axum::response::Response;
use std::fmt::Debug;
use std::future::Future;
use std::sync::Arc;

/// How nine values lie in the hands of a hop.
pub(crate) trait Hands: Clone + Debug + Send + Sync + 'static {
    /// For people.
    const NAME: &'static str;

    /// Where its service is found.
    const PATH: &'static str;

    fn new(values: [Text; CARRIED]) -> Self;

    fn value(&self, which: usize) -> &Text;
}

/// Each on its own.
#[derive(Clone, Debug)]
pub(crate) struct Arguments([Arc<Text>; CARRIED]);

impl Hands for Arguments {
    const NAME: &'static str = "ten arguments";
    const PATH: &'static str = "/arguments";

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

impl Hands for Record {
    const NAME: &'static str = "one record";
    const PATH: &'static str = "/record";

    fn new(values: [Text; CARRIED]) -> Self {
        Record(Arc::new(values))
    }

    #[inline]
    fn value(&self, which: usize) -> &Text {
        &self.0[which]
    }
}

/// The values of a request, in the hands of one hop.
#[derive(Clone, Debug)]
pub(crate) struct ByHand<H> {
    hands: H,
    stage: Counted<Hop>,
}

impl<H: Hands> ByHand<H> {
    fn with_stage(&self, census: &Census, hop: Hop) -> Self {
        ByHand { hands: self.hands.clone(), stage: census.count(hop) }
    }
}

impl<H: Hands> Carrier for ByHand<H> {
    const NAME: &'static str = H::NAME;
    const PATH: &'static str = H::PATH;

    fn bind(census: &Census, mut request: Request, next: Next) -> impl Future<Output = Response> + Send {
        let hands = H::new(texts(request.headers()).map(|text| census.count(text)));
        request.extensions_mut().insert(ByHand { hands, stage: census.count(Hop::Handler) });
        next.run(request)
    }

    fn take(extensions: &mut Extensions) -> Self {
        extensions.remove().expect("the middleware put it there")
    }

    #[inline]
    fn see<R>(&self, _: &Truth, which: usize, look: impl Fn(Option<&str>) -> R) -> R {
        look(Some(self.hands.value(which)))
    }

    fn stage(&self, _: Hop) -> Option<Hop> {
        Some(*self.stage)
    }

    fn at<F>(
        &self,
        census: &Census,
        hop: Hop,
        f: impl FnOnce(Self) -> F + Send,
    ) -> impl Future<Output = F::Output> + Send
    where
        F: Future + Send,
    {
        f(self.with_stage(census, hop))
    }

    fn at_once<R>(&self, census: &Census, hop: Hop, f: impl FnOnce(Self) -> R) -> R {
        f(self.with_stage(census, hop))
    }
}
