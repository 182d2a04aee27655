//! A service of axum: each request has a context of its own, up to the last chunk of the response.
//!
//! `cargo run --features axum,tower --example axum_app`, then
//! `curl -H 'x-user: ada' localhost:3000`, and without the header, and `localhost:3000/count`.

use axum::{Router, body::Body, extract::Request, http::StatusCode, routing::get};
use futures_util::{StreamExt, stream};
use stackholm::axum::{Ambient, FromContext};
use stackholm::{Context, ContextExt, Var, tower::ContextLayer};
use std::io;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

static REQUEST_ID: Var<u64> = Var::new("request_id");
static USER: Var<User> = Var::new("user");

struct User {
    name: String,
}

/// `FromContext<User>` is the value of `USER`. A request without one is refused.
impl Ambient for User {
    type Value = User;
    const STATUS: StatusCode = StatusCode::UNAUTHORIZED;

    fn var() -> &'static Var<User> {
        &USER
    }
}

/// What a request begins with.
fn of_request(request: &Request, base: Context) -> Context {
    static LAST: AtomicU64 = AtomicU64::new(0);
    let context = base.with(&REQUEST_ID, LAST.fetch_add(1, Relaxed) + 1);
    match request.headers().get("x-user").and_then(|name| name.to_str().ok()) {
        Some(name) => context.with(&USER, User { name: name.into() }),
        None => context,
    }
}

/// Called deep inside, without the request as an argument.
fn line(text: &str) -> String {
    format!("[{}] {text}\n", REQUEST_ID.get())
}

async fn hello(user: FromContext<User>) -> String {
    let task = tokio::spawn(async { line("from a task") }.in_current_context());
    line(&format!("hello, {}", user.name)) + &task.await.unwrap_or_default()
}

async fn count() -> Body {
    Body::from_stream(stream::iter(1..=3).map(|n| io::Result::Ok(line(&format!("chunk {n}")))))
}

pub(crate) fn app() -> Router {
    Router::new()
        .route("/", get(hello))
        .route("/count", get(count))
        .layer(ContextLayer::new(of_request))
}

#[tokio::main]
async fn main() -> io::Result<()> {
    axum::serve(tokio::net::TcpListener::bind("localhost:3000").await?, app()).await
}
