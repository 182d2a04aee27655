//! Where a service has its routes and flags, and what a request sees of them.
//!
//! [`Pinned`] is how to do it with values that are ambient, [`Held`] with one that is passed along.

use super::file::{Config, Flag, Route};
use stackholm::{Globals, Shared, Snapshot, Var, set_globals};
use std::collections::HashMap;

/// Tables that are replaced while requests look at them.
pub(crate) trait Tables: Send + Sync + 'static {
    /// What a request is handed: nothing, if it is ambient.
    type View: View;

    /// Replaces all that is there; says in how many steps readers see that.
    fn publish(&self, config: Config) -> usize;

    /// What a request that begins now looks at.
    fn view(&self) -> Self::View;

    /// Runs a request on this thread.
    fn run<R>(&self, request: impl FnOnce(&Self::View) -> R) -> R {
        request(&self.view())
    }

    /// What is around the future of a request.
    fn wrap<F: Future + Send>(&self, request: F) -> impl Future<Output = F::Output> + Send {
        request
    }
}

/// The tables as a request sees them.
pub(crate) trait View: Clone + Send + 'static {
    /// The route of a path.
    fn route(&self, path: &str) -> Option<Route>;

    /// A flag.
    fn flag(&self, name: &str) -> Option<Flag>;
}

static ROUTES: Var<HashMap<String, Route>> = Var::new("routes");
static FLAGS: Var<HashMap<String, Flag>> = Var::new("flags");

/// Sees the process-wide values of the picture that is pinned, else the newest.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ambient;

impl View for Ambient {
    fn route(&self, path: &str) -> Option<Route> {
        ROUTES.try_with(|routes| routes.get(path).copied()).ok()?
    }

    fn flag(&self, name: &str) -> Option<Flag> {
        FLAGS.try_with(|flags| flags.get(name).copied()).ok()?
    }
}

/// Two process-wide values, published together; each request pins one picture of them.
#[derive(Debug)]
pub(crate) struct Pinned;

impl Tables for Pinned {
    type View = Ambient;

    fn publish(&self, config: Config) -> usize {
        set_globals(|globals| globals.set(&ROUTES, config.routes).set(&FLAGS, config.flags));
        1
    }

    fn view(&self) -> Ambient {
        Ambient
    }

    fn run<R>(&self, request: impl FnOnce(&Ambient) -> R) -> R {
        Globals::current().run(|| request(&Ambient))
    }

    fn wrap<F: Future + Send>(&self, request: F) -> impl Future<Output = F::Output> + Send {
        Globals::current().wrap(request)
    }
}

/// The same without the pin, to see what that does.
#[derive(Debug)]
pub(crate) struct Unpinned;

impl Tables for Unpinned {
    type View = Ambient;

    fn publish(&self, config: Config) -> usize {
        Pinned.publish(config)
    }

    fn view(&self) -> Ambient {
        Ambient
    }
}

/// One cell of both tables; each request holds a snapshot.
#[derive(Debug)]
pub(crate) struct Held(pub(crate) Shared<Config>);

impl View for Snapshot<Config> {
    fn route(&self, path: &str) -> Option<Route> {
        self.routes.get(path).copied()
    }

    fn flag(&self, name: &str) -> Option<Flag> {
        self.flags.get(name).copied()
    }
}

impl Tables for Held {
    type View = Snapshot<Config>;

    fn publish(&self, config: Config) -> usize {
        self.0.store(config);
        1
    }

    fn view(&self) -> Snapshot<Config> {
        self.0.load()
    }
}
