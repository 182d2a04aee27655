//! What the requests of one service share, and the routes: the long way through every boundary, and
//! the measured one.

use super::actor::Courier;
use super::all_hops::{Arguments, RequestId, journey};
use super::carriers::carrier::Carrier;
use super::carriers::probe::Visit;
use super::hops::Guest;
use super::oracle::expected::Truth;
use super::oracle::findings::Ledger;
use super::oracle::hop::Hop;
use super::oracle::live_count::Census;
use super::oracle::rendezvous::Lobby;
use super::oracle::variables::bound;
use super::six_hops::six;
use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::{any, get};
use stackholm::Context;
use stackholm::axum::FromContext;
use stackholm::tower::ContextLayer;
use std::sync::Arc;
use tower::util::MapRequestLayer;

/// What the requests of one service share.
#[derive(Debug, Default)]
pub(crate) struct App {
    pub(crate) census: Census,
    pub(crate) ledger: Ledger,
    pub(crate) lobby: Lobby,
}

impl App {
    /// Where the long way begins.
    pub(crate) const PATH: &'static str = "/journey";

    /// The route of the long way.
    pub(crate) fn router(self: Arc<Self>, courier: Courier) -> Router {
        Router::new()
            .route(Self::PATH, any(handle))
            .layer(MapRequestLayer::new(look))
            .layer(ContextLayer::new(of_request))
            .layer(from_fn_with_state((self, courier), arrive))
    }

    /// The measured route, for values that come by `C`.
    pub(crate) fn measured_router<C: Carrier>(self: Arc<Self>) -> Router {
        Router::new()
            .route(C::PATH, get(handle_measured::<C>))
            .layer(from_fn_with_state(self, bind::<C>))
    }
}

/// Beneath the server: nothing is bound yet.
async fn arrive(
    State((app, courier)): State<(Arc<App>, Courier)>,
    mut request: Request,
    next: Next,
) -> Response {
    let truth = Arc::new(Truth::of(&app, request.headers()).with_courier(courier));
    match truth
        .spoilt(Hop::Arrival, Context::empty())
        .filter(|_| truth.shows_something(Hop::Arrival))
    {
        None => truth.sees_nothing(Hop::Arrival),
        Some(stray) => stray.run(|| truth.sees_nothing(Hop::Arrival)),
    }
    request.extensions_mut().insert(truth);
    next.run(request).await
}

/// What the layer binds: the ten values of the request, and where it is.
fn of_request(request: &Request, base: Context) -> Context {
    let truth = truth(request);
    let context = bound(base, &truth.app.census, request.headers(), Hop::Layer);
    truth.spoilt(Hop::Layer, context.clone()).unwrap_or(context)
}

/// Runs in the synchronous part of `call`.
fn look(request: Request) -> Request {
    Guest::of(truth(&request)).check(Hop::Layer);
    request
}

fn truth(request: &Request) -> &Arc<Truth> {
    request.extensions().get().expect("the middleware put it there")
}

async fn handle(context: Context, id: FromContext<RequestId>, request: Request) -> Response {
    let visit = Guest::of(truth(&request));
    journey(visit, Arguments { context, id }, request.into_body()).await
}

/// The middleware of a measured request.
async fn bind<C: Carrier>(
    State(app): State<Arc<App>>,
    mut request: Request,
    next: Next,
) -> Response {
    let truth = Arc::new(Truth::of(&app, request.headers()));
    request.extensions_mut().insert(truth);
    C::bind(&app.census, request, next).await
}

async fn handle_measured<C: Carrier>(mut request: Request) -> Response {
    let truth =
        request.extensions_mut().remove::<Arc<Truth>>().expect("the middleware put it there");
    let carrier = C::take(request.extensions_mut());
    six(Visit { carrier, truth }).await
}
