//! `tower`: what its layers ask of services and of their futures.

use crate::{Bytes, each_wrapper};
use ::tower::{BoxError, Service, ServiceBuilder, ServiceExt, service_fn};
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use stackholm::tower::ContextLayer;
use stackholm::{Context, Var};
use std::future::Ready;

static N: Var<u32> = Var::new("n");

fn is_answer<F: Future<Output = Result<(), BoxError>> + Send + 'static>() {}

#[test]
fn futures_of_services_may_be_wrapped() {
    each_wrapper!(is_answer of Ready<Result<(), BoxError>>);
}

#[test]
fn a_layer_of_ours_goes_beneath_layers_that_box_and_map() {
    fn is_service<S>(service: S) -> S
    where
        S: Service<Request<Full<Bytes>>, Error = BoxError, Future: Send>
            + Clone
            + Send
            + Sync
            + 'static,
    {
        service
    }
    let bind = |_: &Request<Full<Bytes>>, base: Context| base.with(&N, 1);
    let service = is_service(
        ServiceBuilder::new().map_err(BoxError::from).layer(ContextLayer::new(bind)).service(
            service_fn(|_: Request<Full<Bytes>>| {
                N.scope(2, async {
                    Ok::<_, std::io::Error>(Response::new(Full::<Bytes>::from(N.get().to_string())))
                })
            }),
        ),
    );
    let _boxed = service.clone().boxed_clone();
    let response =
        ::futures_util::FutureExt::now_or_never(service.oneshot(Request::new(Full::default())));
    let body = response.unwrap().unwrap().into_body().into_inner();
    assert_eq!(
        ::futures_util::FutureExt::now_or_never(body.collect()).unwrap().unwrap().to_bytes(),
        "2"
    );
}
