//! The way of this crate: the middleware binds the values once, and each hop reads the variables.
//!
//! All that a service needs is in this file: a scope around the request, and `in_current_context`
//! where work is handed over.

use super::carrier::Carrier;
use super::oracle::expected::Expected;
use super::oracle::hop::Hop;
use super::oracle::live_count::LiveCount;
use super::oracle::variables::{
    DEADLINE, HEADERS, LOCALE, ORIGIN, PRIORITY, REGION, REQUEST_ID, SESSION, STAGE, TENANT, TRACE,
    USER, stage, values,
};
use axum::extract::Request;
use axum::http::Extensions;
use axum::middleware::Next;
use axum::response::Response;
use futures_util::Stream;
use futures_util::future::Either;
use stackholm::{Checkpoint, Context, ContextExt, Scope};
use std::future::Future;
use tokio::task::JoinHandle;

/// A hop holds nothing: the values are in the context. `STAGED`: and an eleventh, which each hop
/// binds anew.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Contexts<const STAGED: bool>;

impl<const STAGED: bool> Carrier for Contexts<STAGED> {
    const NAME: &'static str = if STAGED { "contexts + stage" } else { "contexts" };
    const IN_CONTEXT: bool = true;
    const PATH: &'static str = if STAGED { "/contexts-staged" } else { "/contexts" };

    fn bind(
        live_count: &LiveCount,
        request: Request,
        next: Next,
    ) -> impl Future<Output = Response> + Send {
        let [request_id, tenant, user, session, locale, region, trace, priority, deadline, origin] =
            values(live_count, request.headers());
        let scope = Scope::new()
            .set(&REQUEST_ID, request_id)
            .set(&TENANT, tenant)
            .set(&USER, user)
            .set(&SESSION, session)
            .set(&LOCALE, locale)
            .set(&REGION, region)
            .set(&TRACE, trace)
            .set(&PRIORITY, priority)
            .set(&DEADLINE, deadline)
            .set(&ORIGIN, origin);
        if STAGED {
            Either::Left(scope.set(&STAGE, stage(live_count, Hop::Handler)).wrap(next.run(request)))
        } else {
            Either::Right(scope.wrap(next.run(request)))
        }
    }

    fn take(_: &mut Extensions) -> Self {
        Contexts
    }

    #[inline]
    fn see<R>(&self, _: &Expected, which: usize, look: impl Fn(Option<&str>) -> R) -> R {
        let (_, var) = HEADERS[which];
        var.try_with(|text| look(Some(text))).unwrap_or_else(|_| look(None))
    }

    fn stage(&self, expected: Hop) -> Option<Hop> {
        if STAGED { STAGE.try_with(|stage| **stage).ok() } else { Some(expected) }
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
        let block = async move { f(self).await };
        if STAGED {
            Either::Left(STAGE.scope(stage(live_count, hop), block))
        } else {
            Either::Right(Checkpoint::wrap(block))
        }
    }

    fn at_once<R>(&self, live_count: &LiveCount, hop: Hop, f: impl FnOnce(Self) -> R) -> R {
        if STAGED { STAGE.sync_scope(stage(live_count, hop), || f(*self)) } else { f(*self) }
    }

    fn spawn<F>(future: F) -> JoinHandle<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        tokio::spawn(future.in_current_context())
    }

    fn spawn_blocking<R: Send + 'static>(f: impl FnOnce() -> R + Send + 'static) -> JoinHandle<R> {
        tokio::task::spawn_blocking(Context::current().wrap(f))
    }

    fn stream<S>(stream: S) -> impl Stream<Item = S::Item> + Send + 'static
    where
        S: Stream + Send + 'static,
    {
        stream.in_current_context()
    }
}
