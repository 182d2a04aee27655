//! The three services behind one port of the loopback, on a runtime of their own.

use super::app::App;
use super::by_hand::ByHand;
use super::contexts::Contexts;
use super::nothing::Nothing;
use axum::Router;
use axum::serve::ListenerExt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};

/// A way of carrying, of which each has a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Contexts,
    ByHand,
    Nothing,
}

impl Way {
    pub(crate) const ALL: [Way; 3] = [Way::Contexts, Way::ByHand, Way::Nothing];
}

/// What the requests of each service share.
#[derive(Clone, Debug, Default)]
pub(crate) struct Apps([Arc<App>; 3]);

impl Apps {
    pub(crate) fn of(&self, way: Way) -> &Arc<App> {
        &self.0[way as usize]
    }

    fn router(&self) -> Router {
        let app = |way| Arc::clone(self.of(way));
        app(Way::Contexts)
            .router::<Contexts>()
            .merge(app(Way::ByHand).router::<ByHand>())
            .merge(app(Way::Nothing).router::<Nothing>())
    }
}

/// A running server. Dropped, it is shut down at once, with whatever is under way.
#[derive(Debug)]
pub(crate) struct Server {
    runtime: Runtime,
    pub(crate) address: SocketAddr,
}

impl Server {
    pub(crate) fn start(apps: &Apps) -> io::Result<Self> {
        let runtime = Builder::new_multi_thread().thread_name("service").enable_all().build()?;
        let listener = runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))?;
        let address = listener.local_addr()?;
        // Each chunk is sent when it is made; to wait for more of them would be all that is measured. A connection
        // that refuses is only slower.
        let listener = listener.tap_io(|connection| drop(connection.set_nodelay(true)));
        let router = apps.router();
        runtime.spawn(async move { axum::serve(listener, router).await });
        Ok(Server { runtime, address })
    }

    /// Waits until somebody interrupts.
    pub(crate) fn until_interrupted(&self) -> io::Result<()> {
        self.runtime.block_on(tokio::signal::ctrl_c())
    }
}
