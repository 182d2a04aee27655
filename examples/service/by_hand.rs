//! The way without this crate: one shared record of the values, passed as an argument to every function and task.
//!
//! As a careful author would do it, made once and counted by reference; cloning ten values at each hop would cost
//! far more.

use super::carrier::Carrier;
use super::census::{Census, Counted};
use super::hop::Hop;
use super::truth::Truth;
use super::variables::{CARRIED, Text, texts};
use axum::extract::Request;
use axum::http::Extensions;
use axum::middleware::Next;
use axum::response::Response;
use std::future::Future;
use std::sync::Arc;

/// The values of a request, in the hands of one hop.
#[derive(Clone, Debug)]
pub(crate) struct ByHand {
    values: Arc<[Text; CARRIED]>,
    stage: Counted<Hop>,
}

impl ByHand {
    fn with_stage(&self, census: &Census, hop: Hop) -> Self {
        ByHand { values: Arc::clone(&self.values), stage: census.count(hop) }
    }
}

impl Carrier for ByHand {
    const NAME: &'static str = "by hand";
    const PATH: &'static str = "/by-hand";

    fn bind(census: &Census, mut request: Request, next: Next) -> impl Future<Output = Response> + Send {
        let values = Arc::new(texts(request.headers()).map(|text| census.count(text)));
        request.extensions_mut().insert(ByHand { values, stage: census.count(Hop::Handler) });
        next.run(request)
    }

    fn take(extensions: &mut Extensions) -> Self {
        extensions.remove().expect("the middleware put it there")
    }

    #[inline]
    fn see<R>(&self, _: &Truth, which: usize, look: impl Fn(Option<&str>) -> R) -> R {
        look(Some(&self.values[which]))
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
