//! Services that receive, and clients that send. Features `wire` and `tower`.

use super::build::Wire;
use super::hosts::Hosts;
use super::listing::Peer;
use crate::context::Context;
use crate::deadline::Expired;
use ::http::Request;
use pin_project_lite::pin_project;
use std::error::Error;
use std::pin::Pin;
use std::task::{self, Poll};
use tower_layer::Layer;
use tower_service::Service;

impl Wire {
    /// A function for a [`ContextLayer`](crate::tower::ContextLayer) or a
    /// [`PlainLayer`](crate::tower::PlainLayer): it binds what is taken from the headers of each
    /// request. `peer` says who sent the request, by the connection.
    pub fn receiving<Q, P>(
        &self,
        peer: P,
    ) -> impl Fn(&Request<Q>, Context) -> Context + Clone + use<Q, P>
    where
        P: Fn(&Request<Q>) -> Peer + Clone,
    {
        let wire = self.clone();
        move |request, base| {
            wire.extract_onto(base, request.headers(), peer(request)).into_context()
        }
    }

    /// A layer for clients: writes the headers of each request to a host that is listed.
    ///
    /// Put the layer below a client that follows redirects, so that it looks at each request.
    pub fn sending(&self, hosts: Hosts) -> SendLayer {
        SendLayer { wire: self.clone(), hosts }
    }
}

/// Writes what crosses to the requests of a client; made by [`Wire::sending`].
#[derive(Clone, Debug)]
pub struct SendLayer {
    wire: Wire,
    hosts: Hosts,
}

impl<S> Layer<S> for SendLayer {
    type Service = SendService<S>;

    fn layer(&self, inner: S) -> SendService<S> {
        SendService { inner, layer: self.clone() }
    }
}

/// A client whose requests carry what crosses; made by [`SendLayer`].
///
/// A request to a listed host is sent the variables that are visible where `call` is called. If the
/// deadline crosses and no time is left, the client inside is not called and the error is an
/// [`Expired`].
#[derive(Clone, Debug)]
pub struct SendService<S> {
    inner: S,
    layer: SendLayer,
}

impl<Q, S> Service<Request<Q>> for SendService<S>
where
    S: Service<Request<Q>>,
    S::Error: Into<Box<dyn Error + Send + Sync>>,
{
    type Response = S::Response;
    type Error = Box<dyn Error + Send + Sync>;
    type Future = SendFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut task::Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, mut request: Request<Q>) -> Self::Future {
        if self.layer.hosts.has_that_of(request.uri()) {
            let context = Context::current();
            if let Err(expired) = self.layer.wire.inject(&context, request.headers_mut()) {
                return SendFuture { sent: None, expired: Some(expired) };
            }
        }
        SendFuture { sent: Some(self.inner.call(request)), expired: None }
    }
}

pin_project! {
    /// A response on its way; made by [`SendService`].
    #[must_use = "futures do nothing unless polled"]
    #[derive(Debug)]
    pub struct SendFuture<F> {
        #[pin]
        sent: Option<F>,
        expired: Option<Expired>,
    }
}

impl<F, R, E> Future for SendFuture<F>
where
    F: Future<Output = Result<R, E>>,
    E: Into<Box<dyn Error + Send + Sync>>,
{
    type Output = Result<R, Box<dyn Error + Send + Sync>>;

    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        match this.sent.as_pin_mut() {
            Some(sent) => sent.poll(cx).map_err(Into::into),
            None => {
                Poll::Ready(Err(this.expired.take().expect("polled after it was ready").into()))
            }
        }
    }
}
