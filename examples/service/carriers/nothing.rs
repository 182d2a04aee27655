//! No way at all: the same work, and no values but the truth that every hop is given to check with.

use super::carrier::Carrier;
use super::oracle::expected::Truth;
use super::oracle::hop::Hop;
use super::oracle::live_count::Census;
use axum::extract::Request;
use axum::http::Extensions;
use axum::middleware::Next;
use axum::response::Response;
use std::future::Future;

/// Nothing in the hands and nothing in the context.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Nothing;

impl Carrier for Nothing {
    const NAME: &'static str = "with nothing";
    const PATH: &'static str = "/nothing";

    fn bind(_: &Census, request: Request, next: Next) -> impl Future<Output = Response> + Send {
        next.run(request)
    }

    fn take(_: &mut Extensions) -> Self {
        Nothing
    }

    #[inline]
    fn see<R>(&self, truth: &Truth, which: usize, look: impl Fn(Option<&str>) -> R) -> R {
        look(Some(&truth.texts[which]))
    }

    fn stage(&self, truth: Hop) -> Option<Hop> {
        Some(truth)
    }

    fn at<F>(
        self,
        _: &Census,
        _: Hop,
        f: impl FnOnce(Self) -> F + Send,
    ) -> impl Future<Output = F::Output> + Send
    where
        F: Future + Send,
    {
        f(Nothing)
    }

    fn at_once<R>(&self, _: &Census, _: Hop, f: impl FnOnce(Self) -> R) -> R {
        f(Nothing)
    }
}
