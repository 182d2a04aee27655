//! The view as a page, for axum; feature `inspect-axum`.

use super::options::Look;
use super::{Watching, watch};
use crate::sys::Arc;
use ::axum::Router;
use ::axum::extract::RawQuery;
use ::axum::http::{StatusCode, header};
use ::axum::response::{IntoResponse, Response};
use ::axum::routing::get;
use std::time::Duration;

/// Routes that show the view: `/` is a page, `/json`, `/metrics` and `/text` are
/// [`to_json`](super::View::to_json), [`to_openmetrics`](super::View::to_openmetrics) and the text.
/// Feature `inspect-axum`.
///
/// The library [watches](watch) as long as the router is there. Whoever may read these routes sees
/// the names of all variables, and where in the source things are; and values of variables that were
/// declared [`shown`](crate::Var::shown), if the query says `values=true`. So mount them behind your
/// own authentication, or listen on loopback alone.
///
/// | query | |
/// |---|---|
/// | `limit` | of how many stacks, 1 to 1 000 000; 10 000 by default |
/// | `older_than` | those alone that are so many seconds old |
/// | `values` | `true` or `false` |
///
/// What is none of these, or out of bounds, is answered with 400. The page has no foreign asset.
///
/// # Examples
/// ```no_run
/// # async fn serve() -> std::io::Result<()> {
/// let app: axum::Router = axum::Router::new().nest("/debug/stackholm", stackholm::inspect::routes());
/// let loopback = tokio::net::TcpListener::bind("127.0.0.1:6669").await?;
/// axum::serve(loopback, app).await
/// # }
/// ```
pub fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    let watching = Arc::new(watch());
    let page = || async {
        // What it may load stands in the page: nothing but itself.
        let headers = [(header::X_FRAME_OPTIONS, "DENY")];
        (headers, answer("text/html; charset=utf-8", include_str!("page.html").into()))
    };
    Router::new()
        .route("/", get(page))
        .route("/json", shown(&watching, "application/json", |look| look.look().to_json()))
        .route("/metrics", shown(&watching, METRICS, |look| look.look().to_openmetrics()))
        .route("/text", shown(&watching, TEXT, |look| look.look().to_string()))
}

const METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

const TEXT: &str = "text/plain; charset=utf-8";

fn shown<S: Clone + Send + Sync + 'static>(
    watching: &Arc<Watching>,
    kind: &'static str,
    show: fn(&Look) -> String,
) -> ::axum::routing::MethodRouter<S> {
    let watching = Arc::clone(watching);
    get(move |RawQuery(query): RawQuery| async move {
        let _watching = watching;
        match asked(query.as_deref().unwrap_or("")) {
            Ok(look) => answer(kind, show(&look)),
            Err(refused) => (StatusCode::BAD_REQUEST, answer(TEXT, refused + "\n")).into_response(),
        }
    })
}

fn answer(kind: &'static str, body: String) -> Response {
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, body).into_response()
}

/// The most stacks that may be asked for.
const MOST: usize = 1_000_000;

/// What a query asks for, or why not.
fn asked(query: &str) -> Result<Look, String> {
    let mut look = Look::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        let refused = |expected: &str| format!("`{key}` is to be {expected}");
        match key {
            "limit" => {
                let limit = value.parse().ok().filter(|limit| (1..=MOST).contains(limit));
                look = look.limit(limit.ok_or_else(|| refused("a number from 1 to 1000000"))?);
            }
            "older_than" => {
                let seconds = value.parse().ok().filter(|seconds: &f64| *seconds >= 0.0);
                let age = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
                look = look.older_than(age.ok_or_else(|| refused("a number of seconds"))?);
            }
            "values" => {
                look = look.values(value.parse().map_err(|_| refused("`true` or `false`"))?);
            }
            _ => return Err("a query may have `limit`, `older_than` and `values`".into()),
        }
    }
    Ok(look)
}
