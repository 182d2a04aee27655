//! `hyper`: bodies of servers and clients, and futures of services.

use crate::{Bytes, Handed, Scoped};
use ::hyper::body::Body;
use ::hyper::{Request, Response};
use http_body_util::Full;
use hyper_util::rt::TokioExecutor;
use stackholm::{ContextExt, Var};
use std::convert::Infallible;
use std::error::Error;

static N: Var<u32> = Var::new("n");

/// `server::conn::http2` and `client::legacy::Client`.
fn is_body<B>()
where
    B: Body<Data: Send, Error: Into<Box<dyn Error + Send + Sync>>> + Send + Unpin + 'static,
{
}

#[test]
fn wrapped_bodies_are_bodies_for_servers_and_clients() {
    is_body::<Handed>();
    is_body::<Scoped>();
    let _client =
        hyper_util::client::legacy::Client::builder(TokioExecutor::new()).build_http::<Scoped>();
}

#[test]
fn a_service_may_answer_with_a_wrapped_future_and_a_wrapped_body() {
    fn is_service<S, B>(_: S)
    where
        S: ::hyper::service::Service<
                Request<Full<Bytes>>,
                Response = Response<B>,
                Error = Infallible,
            >,
        S::Future: Send + 'static,
        B: Body + Send + 'static,
    {
    }
    is_service(::hyper::service::service_fn(|_: Request<Full<Bytes>>| {
        N.scope(1, async { Ok(Response::new(Full::<Bytes>::default().in_current_context())) })
    }));
    let body = N.scope(1, Full::<Bytes>::from("abc"));
    assert_eq!((body.size_hint().exact(), body.is_end_stream()), (Some(3), false));
}
