//! The services behind one port of the loopback, on a runtime of their own: hyper's server, whose
//! connections and whose requests of HTTP/2 begin with nothing.

use super::actor::Actor;
use super::carriers::by_hand::{Arguments, ByHand, Record};
use super::carriers::contexts::Contexts;
use super::carriers::nothing::Nothing;
use super::carriers::way::Way;
use super::hops::rayon::settle;
use super::oracle::lines;
use super::oracle::observer::Observer;
use super::routes::{all_hops_router, measured_router};
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

/// One observer for each service.
#[derive(Clone, Debug, Default)]
pub(crate) struct Observers {
    all_hops: Arc<Observer>,
    measured: [Arc<Observer>; Way::ALL.len()],
}

impl Observers {
    /// The service whose requests go the long way.
    pub(crate) fn all_hops(&self) -> &Arc<Observer> {
        &self.all_hops
    }

    pub(crate) fn of(&self, way: Way) -> &Arc<Observer> {
        &self.measured[way as usize]
    }

    pub(crate) fn router(&self, actor: Actor) -> Router {
        let observer = |way| Arc::clone(self.of(way));
        all_hops_router(Arc::clone(&self.all_hops), actor)
            .merge(measured_router::<Contexts<false>>(observer(Way::Contexts)))
            .merge(measured_router::<ByHand<Arguments, false>>(observer(Way::Arguments)))
            .merge(measured_router::<ByHand<Record, false>>(observer(Way::Record)))
            .merge(measured_router::<Nothing>(observer(Way::Nothing)))
            .merge(measured_router::<Contexts<true>>(observer(Way::ContextsStaged)))
            .merge(measured_router::<ByHand<Arguments, true>>(observer(Way::ArgumentsStaged)))
    }
}

/// A running server. When it is dropped it shuts down at once, and drops the requests under way.
/// Jobs on the blocking pool and on the workers of rayon end first.
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
    pub(crate) fn start(observers: &Observers) -> io::Result<Self> {
        Self::start_with(observers, Router::new())
    }

    /// With more routes on the same port.
    pub(crate) fn start_with(observers: &Observers, more: Router) -> io::Result<Self> {
        lines::begin();
        let runtime = Builder::new_multi_thread().thread_name("service").enable_all().build()?;
        let listener = runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))?;
        let address = listener.local_addr()?;
        let (actor, work) = Actor::new();
        runtime.spawn_detached(work);
        runtime.spawn_detached(serve(listener, observers.router(actor).merge(more)));
        Ok(Server { runtime, address, _settles: Settles })
    }

    /// Waits until somebody interrupts.
    pub(crate) fn until_interrupted(&self) -> io::Result<()> {
        self.runtime.block_on(tokio::signal::ctrl_c())
    }
}

/// Serves until it is dropped.
pub(crate) async fn serve(listener: TcpListener, router: Router) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => drop(spawn_detached(connection(stream, router.clone()))),
            // A client has disconnected, or there are too many connections.
            Err(_) => yield_now().await,
        }
    }
}

async fn connection(stream: TcpStream, router: Router) {
    // Each chunk is sent when it is made. Otherwise the benchmark would measure how long the socket
    // waits for more of them. If the option cannot be set, the connection is only slower.
    let _ = stream.set_nodelay(true);
    let server = auto::Builder::new(DetachingExecutor::new(TokioExecutor::new()));
    // The client judges how a connection ends.
    let _ = server.serve_connection(TokioIo::new(stream), TowerToHyperService::new(router)).await;
}
