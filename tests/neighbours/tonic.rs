//! `tonic`: bodies, and the transport's bounds.

use crate::{Bytes, Handed, Scoped};
use http_body_util::Full;
use stackholm::{ContextExt, Var};
use std::convert::Infallible;
use std::error::Error;

static N: Var<u32> = Var::new("n");

/// `Grpc<T>` and `Server::layer`.
fn is_body<B>()
where
    B: http_body::Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static,
{
}

#[test]
fn wrapped_bodies_are_bodies_for_grpc() {
    is_body::<Handed>();
    is_body::<Scoped>();
    let _body = ::tonic::body::Body::new(N.scope(1, Full::<Bytes>::default()));
}

#[test]
fn a_routes_service_may_answer_with_wrapped_futures_and_bodies() {
    #[derive(Clone)]
    struct Named;
    impl ::tonic::server::NamedService for Named {
        const NAME: &'static str = "named";
    }
    impl ::tower::Service<http::Request<::tonic::body::Body>> for Named {
        type Response = http::Response<::tonic::body::Body>;
        type Error = Infallible;
        type Future =
            ::futures_util::future::BoxFuture<'static, Result<Self::Response, Infallible>>;

        fn poll_ready(
            &mut self,
            _: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Result<(), Infallible>> {
            std::task::Poll::Ready(Ok(()))
        }

        fn call(&mut self, _: http::Request<::tonic::body::Body>) -> Self::Future {
            let body = ::tonic::body::Body::new(Full::<Bytes>::default().in_current_context());
            Box::pin(N.scope(1, async { Ok(http::Response::new(body)) }))
        }
    }
    let _routes = ::tonic::service::Routes::new(Named);
}
