//! `tower-http`, whose bounds are written out: CORS, timeouts, redirects, panics, compression.

use crate::{Bytes, Handed};
use http::{Request, Response};
use http_body::Body;
use http_body_util::Full;
use stackholm::tower::ContextLayer;
use stackholm::{Checkpoint, Context, InContext};
use std::convert::Infallible;
use std::error::Error;
use tower::{Layer, Service, ServiceExt, service_fn};

/// As `Cors<S>`, `Timeout<S>` and `RequestBodyLimit<S>` answer themselves, with an empty body.
#[derive(Clone)]
struct AnswersItself<S>(S);

impl<S, ReqBody, ResBody> Service<Request<ReqBody>> for AnswersItself<S>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
    ResBody: Default,
{
    type Response = Response<ResBody>;
    type Error = S::Error;
    type Future = std::future::Ready<Result<Self::Response, S::Error>>;

    fn poll_ready(
        &mut self,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, _: Request<ReqBody>) -> Self::Future {
        std::future::ready(Ok(Response::new(ResBody::default())))
    }
}

#[test]
fn a_layer_that_answers_itself_goes_around_a_layer_of_ours() {
    let bind = |_: &Request<Full<Bytes>>, base: Context| base;
    let handler = service_fn(async |_: Request<Full<Bytes>>| {
        Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()))
    });
    let service = AnswersItself(ContextLayer::new(bind).layer(handler));
    let response =
        futures_util::FutureExt::now_or_never(service.oneshot(Request::new(Full::default())));
    assert!(response.unwrap().unwrap().body().is_end_stream());
}

/// `FollowRedirect` of a client's body; `CatchPanic` and `Compression` of a server's.
fn is_redirected<B: Body + Default>() {}

fn is_boxed<B: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static>() {}

#[test]
fn bodies_have_what_redirects_panics_and_compression_ask() {
    is_redirected::<Handed>();
    is_redirected::<InContext<Full<Bytes>, Checkpoint>>();
    is_boxed::<Handed>();
    is_boxed::<InContext<Full<Bytes>, Checkpoint>>();
}
