//! No way at all: the same work, without values. The expected values are still passed to every hop,
//! as in all ways.

use super::carrier::Carrier;
use super::oracle::expected::Expected;
use super::oracle::hop::Hop;
use super::oracle::live_count::LiveCount;
use axum::extract::Request;
use axum::http::Extensions;
use axum::middleware::Next;
use axum::response::Response;
use std::future::Future;

/// A hop holds nothing, and nothing is in the context.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Nothing;

impl Carrier for Nothing {
    const NAME: &'static str = "nothing";
    const PATH: &'static str = "/nothing";

    fn bind(_: &LiveCount, request: Request, next: Next) -> impl Future<Output = Response> + Send {
        next.run(request)
    }

    fn take(_: &mut Extensions) -> Self {
        Nothing
    }

    #[inline]
    fn see<R>(&self, expected: &Expected, which: usize, look: impl Fn(Option<&str>) -> R) -> R {
        look(Some(&expected.texts[which]))
    }

    fn stage(&self, expected: Hop) -> Option<Hop> {
        Some(expected)
    }

    fn at<F>(
        self,
        _: &LiveCount,
        _: Hop,
        f: impl FnOnce(Self) -> F + Send,
    ) -> impl Future<Output = F::Output> + Send
    where
        F: Future + Send,
    {
        f(Nothing)
    }

    fn at_once<R>(&self, _: &LiveCount, _: Hop, f: impl FnOnce(Self) -> R) -> R {
        f(Nothing)
    }
}
