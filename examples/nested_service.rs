//! A request through layers of services: each layer binds what it knows, the handler and the body
//! read it.

use futures_util::{Stream, StreamExt, future::join, stream};
use stackholm::{Checkpoint, ContextExt, InContext, Var};
use std::error::Error;
use std::io::{self, Write};
use std::pin::{Pin, pin};
use tokio::task::yield_now;

static REQUEST_ID: Var<u32> = Var::new("request_id");
static USER: Var<&str> = Var::with_default("user", || "a guest");

struct Request {
    id: u32,
    user: Option<&'static str>,
}

type Body = Pin<Box<dyn Stream<Item = String>>>;

trait Service {
    async fn call(&self, request: Request) -> Body;
}

/// The outermost layer opens a checkpoint for the request.
struct Identify<S>(S);

impl<S: Service> Service for Identify<S> {
    async fn call(&self, request: Request) -> Body {
        let block = Checkpoint::prepare().set(&REQUEST_ID, request.id);
        block.wrap(self.0.call(request)).await
    }
}

/// A layer inside binds one more variable, if the request says who it is.
struct Authenticate<S>(S);

impl<S: Service> Service for Authenticate<S> {
    async fn call(&self, request: Request) -> Body {
        match request.user {
            Some(user) => USER.scope(user, self.0.call(request)).await,
            None => self.0.call(request).await,
        }
    }
}

struct Greet;

impl Service for Greet {
    async fn call(&self, _: Request) -> Body {
        yield_now().await;
        // The body is read after all layers have returned, so it carries what is visible here.
        let body: InContext<_> = stream::iter(["hello", "good bye"]).map(line).in_current_context();
        Box::pin(body)
    }
}

fn line(word: &str) -> String {
    format!("{}: {word}, {}", REQUEST_ID.get(), USER.get())
}

async fn lines(service: &impl Service, request: Request) -> Vec<String> {
    let mut body = pin!(service.call(request).await);
    let mut lines = Vec::new();
    while let Some(line) = body.next().await {
        lines.push(line);
        yield_now().await;
    }
    lines
}

pub(crate) fn run(out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    let service = Identify(Authenticate(Greet));
    let first = lines(&service, Request { id: 1, user: Some("ada") });
    let second = lines(&service, Request { id: 2, user: None });

    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let (first, second) = runtime.block_on(join(first, second));
    for line in first.iter().chain(&second) {
        writeln!(out, "{line}")?;
    }
    Ok(writeln!(out, "between requests: {}", REQUEST_ID.try_get().unwrap_err())?)
}

fn main() -> Result<(), Box<dyn Error>> {
    run(&mut io::stdout())
}
