//! The services behind one port of the loopback, on a runtime of their own: hyper's server, whose
//! connections and whose requests of HTTP/2 begin with nothing.

use super::actor::Actor;
use super::carriers::by_hand::{Arguments, ByHand, Record};
use super::carriers::contexts::Contexts;
use super::carriers::nothing::Nothing;
use super::hops::settle;
use super::routes::App;
use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use stackholm::hyper::DetachingExecutor;
use stackholm::tokio::{SpawnExt, spawn_detached};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::task::yield_now;

/// A way of carrying, of which each has a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Way {
    Contexts,
    Arguments,
    Record,
    /// The same once more: what it differs by is chance.
    Again,
    Nothing,
    /// And an eleventh value, which each hop binds anew.
    ContextsStaged,
    ArgumentsStaged,
}

impl Way {
    pub(crate) const ALL: [Way; 7] = [
        Way::Contexts,
        Way::Arguments,
        Way::Record,
        Way::Again,
        Way::Nothing,
        Way::ContextsStaged,
        Way::ArgumentsStaged,
    ];
}

/// What the requests of each service share.
#[derive(Clone, Debug, Default)]
pub(crate) struct Apps {
    long: Arc<App>,
    measured: [Arc<App>; Way::ALL.len()],
}

impl Apps {
    /// The service whose requests go the long way.
    pub(crate) fn long(&self) -> &Arc<App> {
        &self.long
    }

    pub(crate) fn of(&self, way: Way) -> &Arc<App> {
        &self.measured[way as usize]
    }

    fn router(&self, actor: Actor) -> Router {
        let app = |way| Arc::clone(self.of(way));
        Arc::clone(&self.long)
            .router(actor)
            .merge(app(Way::Contexts).measured_router::<Contexts<false>>())
            .merge(app(Way::Arguments).measured_router::<ByHand<Arguments, false>>())
            .merge(app(Way::Record).measured_router::<ByHand<Record, false>>())
            .merge(app(Way::Nothing).measured_router::<Nothing>())
            .merge(app(Way::ContextsStaged).measured_router::<Contexts<true>>())
            .merge(app(Way::ArgumentsStaged).measured_router::<ByHand<Arguments, true>>())
    }
}

/// A running server. Dropped, it is shut down at once, with whatever is under way; what runs on the
/// blocking pool and on the workers of rayon ends first.
#[derive(Debug)]
pub(crate) struct Server {
    runtime: Runtime,
    pub(crate) address: SocketAddr,
    _settles: Settles,
}

#[derive(Debug)]
struct Settles;

impl Drop for Settles {
    fn drop(&mut self) {
        settle();
    }
}

impl Server {
    pub(crate) fn start(apps: &Apps) -> io::Result<Self> {
        let runtime = Builder::new_multi_thread().thread_name("service").enable_all().build()?;
        let listener = runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))?;
        let address = listener.local_addr()?;
        let (actor, work) = Actor::new();
        runtime.spawn_detached(work);
        runtime.spawn_detached(serve(listener, apps.router(actor)));
        Ok(Server { runtime, address, _settles: Settles })
    }

    /// Waits until somebody interrupts.
    pub(crate) fn until_interrupted(&self) -> io::Result<()> {
        self.runtime.block_on(tokio::signal::ctrl_c())
    }
}

async fn serve(listener: TcpListener, router: Router) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => drop(spawn_detached(connection(stream, router.clone()))),
            // Somebody has gone away, or there are too many just now.
            Err(_) => yield_now().await,
        }
    }
}

async fn connection(stream: TcpStream, router: Router) {
    // Each chunk is sent when it is made; to wait for more of them would be all that is measured. A
    // connection that refuses is only slower.
    let _ = stream.set_nodelay(true);
    let server = auto::Builder::new(DetachingExecutor::new(TokioExecutor::new()));
    // How a connection ends is for its client to judge.
    let _ = server.serve_connection(TokioIo::new(stream), TowerToHyperService::new(router)).await;
}
