//! A framework hands requests to plugins on threads of their own; the plugin reads the request from
//! its context.

use stackholm::{Context, Var};
use std::error::Error;
use std::io::{self, Write};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

struct Request {
    path: &'static str,
}

static REQUEST: Var<Arc<Request>> = Var::new("request");

/// Lives as long as the program; what it renders belongs to the request of its caller.
struct Renderer;

impl Renderer {
    fn request(&self) -> Arc<Request> {
        REQUEST.get()
    }

    fn title(&self) -> String {
        format!("page of {}", self.request().path)
    }
}

static RENDERER: Renderer = Renderer;

/// What a user of the framework writes: no parameter for the request.
fn page() -> String {
    RENDERER.title()
}

/// A plain thread starts empty, so its job is wrapped in a context that has the request.
fn handle(request: Request) -> JoinHandle<String> {
    let context = Context::empty().with(&REQUEST, Arc::new(request));
    thread::spawn(context.wrap(page))
}

pub(crate) fn run(out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    let handlers = ["/a", "/b", "/c"].map(|path| handle(Request { path }));
    for handler in handlers {
        writeln!(out, "{}", handler.join().expect("it ends well"))?;
    }
    Ok(writeln!(out, "the framework itself is in a request: {}", REQUEST.is_bound())?)
}

fn main() -> Result<(), Box<dyn Error>> {
    run(&mut io::stdout())
}
