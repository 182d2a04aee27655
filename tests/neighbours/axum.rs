//! `axum`: answers, and the services that a router takes.

use crate::{Bytes, Handed, Scoped};
use ::axum::Router;
use ::axum::body::Body;
use ::axum::extract::Request;
use ::axum::response::{IntoResponse, Response};
use http_body_util::Full;
use stackholm::{ContextExt, Var};
use std::convert::Infallible;

static N: Var<u32> = Var::new("n");

fn is_answer<T: IntoResponse>() {}

#[test]
fn answers_with_wrapped_bodies_are_answers() {
    is_answer::<Response<Handed>>();
    is_answer::<Response<Scoped>>();
    let _body = Body::new(N.scope(1, Full::<Bytes>::default()));
    let _streamed =
        Body::from_stream(N.scope(1, ::futures_util::stream::iter([Ok::<_, Infallible>("a")])));
}

#[test]
fn a_router_takes_a_service_with_wrapped_futures_and_bodies() {
    let service = ::tower::service_fn(|_: Request| {
        N.scope(1, async {
            Ok::<_, Infallible>(Response::new(Full::<Bytes>::default().in_current_context()))
        })
    });
    let _router: Router = Router::new().route_service("/", service);
}
