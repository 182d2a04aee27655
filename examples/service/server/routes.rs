//! The routes: the long way through every boundary, and the measured one.

use super::actor::Actor;
use super::all_hops::{Arguments, RequestId, all_hops};
use super::carriers::carrier::Carrier;
use super::carriers::probe::Probe;
use super::hops::guest::Guest;
use super::oracle::expected::Expected;
use super::oracle::hop::Hop;
use super::oracle::observer::Observer;
use super::oracle::variables::bound;
use super::six_hops::six_hops;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::{any, get};
use axum::{Extension, Router};
use stackholm::Context;
use stackholm::axum::FromContext;
use stackholm::tower::ContextLayer;
use std::sync::Arc;
use tower::util::MapRequestLayer;

/// Where the long way begins.
pub(crate) const PATH: &str = "/all-hops";

/// The route of the long way.
pub(crate) fn all_hops_router(observer: Arc<Observer>, actor: Actor) -> Router {
    Router::new()
        .route(PATH, any(handle))
        .layer(MapRequestLayer::new(look))
        .layer(ContextLayer::new(of_request))
        .layer(from_fn_with_state((observer, actor), arrive))
        .fallback(not_found)
}

/// Tells a person who asks for `/` with curl where to go.
async fn not_found() -> (StatusCode, &'static str) {
    (StatusCode::NOT_FOUND, "try /all-hops, /contexts, /arguments, /record or /nothing\n")
}

/// The measured route, for values that come by `C`.
pub(crate) fn measured_router<C: Carrier>(observer: Arc<Observer>) -> Router {
    Router::new()
        .route(C::PATH, get(handle_measured::<C>))
        .layer(from_fn_with_state(observer, bind::<C>))
}

/// Beneath the server: nothing is bound yet.
async fn arrive(
    State((observer, actor)): State<(Arc<Observer>, Actor)>,
    mut request: Request,
    next: Next,
) -> Response {
    let expected = Arc::new(Expected::of(&observer, request.headers()));
    match expected
        .spoilt(Hop::Arrival, Context::empty())
        .filter(|_| expected.shows_something(Hop::Arrival))
    {
        None => expected.sees_nothing(Hop::Arrival),
        Some(stray) => stray.run(|| expected.sees_nothing(Hop::Arrival)),
    }
    request.extensions_mut().insert(expected);
    request.extensions_mut().insert(actor);
    next.run(request).await
}

/// What the layer binds: the ten values of the request, and where it is.
fn of_request(request: &Request, base: Context) -> Context {
    let expected = expected(request);
    let context = bound(base, &expected.observer.live_count, request.headers(), Hop::Layer);
    expected.spoilt(Hop::Layer, context.clone()).unwrap_or(context)
}

/// Runs in the synchronous part of `call`.
fn look(request: Request) -> Request {
    Guest::of(expected(&request)).check(Hop::Layer);
    request
}

fn expected(request: &Request) -> &Arc<Expected> {
    request.extensions().get().expect("the middleware put it there")
}

async fn handle(
    context: Context,
    id: FromContext<RequestId>,
    Extension(actor): Extension<Actor>,
    request: Request,
) -> Response {
    let probe = Guest::of(expected(&request));
    all_hops(probe, Arguments { context, id, actor }, request.into_body()).await
}

/// The middleware of a measured request.
async fn bind<C: Carrier>(
    State(observer): State<Arc<Observer>>,
    mut request: Request,
    next: Next,
) -> Response {
    let expected = Arc::new(Expected::of(&observer, request.headers()));
    request.extensions_mut().insert(expected);
    C::bind(&observer.live_count, request, next).await
}

async fn handle_measured<C: Carrier>(mut request: Request) -> Response {
    let expected =
        request.extensions_mut().remove::<Arc<Expected>>().expect("the middleware put it there");
    let carrier = C::take(request.extensions_mut());
    six_hops(Probe { carrier, expected }).await
}

#[cfg(test)]
mod tests {
    use super::super::listen::Observers;
    use super::*;
    use http_body_util::BodyExt;
    use tower::ServiceExt;

    #[tokio::test]
    async fn whoever_asks_for_an_unknown_path_is_told_of_the_others() {
        let router = Observers::default().router(Actor::new().0);
        let answer = router.oneshot(<Request>::default()).await.expect("a router answers");
        assert_eq!(answer.status(), StatusCode::NOT_FOUND);
        let text = answer.into_body().collect().await.expect("it has a body").to_bytes();
        assert!(text.starts_with(b"try /all-hops"), "{text:?}");
    }
}
