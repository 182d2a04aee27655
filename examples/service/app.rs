//! One service: the routes, the middleware, and what its requests share.

use super::carrier::Carrier;
use super::census::Census;
use super::hop::Hop;
use super::journey::journey;
use super::ledger::Ledger;
use super::lobby::Lobby;
use super::truth::Truth;
use super::visit::Visit;
use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::get;
use std::sync::Arc;

/// What the requests of one way of carrying share.
#[derive(Debug, Default)]
pub(crate) struct App {
    pub(crate) census: Census,
    pub(crate) ledger: Ledger,
    pub(crate) lobby: Lobby,
}

impl App {
    /// The routes of the service whose values come by `C`.
    pub(crate) fn router<C: Carrier>(self: Arc<Self>) -> Router {
        Router::new().route(C::PATH, get(handle::<C>)).layer(from_fn_with_state(self, bind::<C>))
    }
}

/// The middleware: nothing is bound yet, and then the values of this request are.
async fn bind<C: Carrier>(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Response {
    let truth = Arc::new(Truth::of(&app, request.headers()));
    truth.sees_nothing(Hop::Arrival);
    request.extensions_mut().insert(truth);
    C::bind(&app.census, request, next).await
}

async fn handle<C: Carrier>(mut request: Request) -> Response {
    let truth = request.extensions_mut().remove::<Arc<Truth>>().expect("the middleware put it there");
    let carrier = C::take(request.extensions_mut());
    journey(Visit { carrier, truth }).await
}
