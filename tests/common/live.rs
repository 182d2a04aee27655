//! Values that are counted while they live, and waiting for their number in a way that ends.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// So many messages go over the loopback and back before a test waits in vain. Whatever a peer did
/// before is noticed within a few of them, unless the system holds a worker back; a test that gives
/// up takes some seconds for it.
const TURNS: usize = 200_000;

/// How many values are alive.
#[derive(Clone, Default)]
pub(crate) struct Live(Arc<AtomicUsize>);

/// A value that is counted until it is dropped.
pub(crate) struct Alive(Live);

impl Live {
    pub(crate) fn value(&self) -> Alive {
        self.0.fetch_add(1, SeqCst);
        Alive(self.clone())
    }

    pub(crate) fn now(&self) -> usize {
        self.0.load(SeqCst)
    }

    /// Waits until so many are alive; fails if the runtime and the network have had all the turns
    /// that they need.
    #[track_caller]
    pub(crate) fn are(&self, expected: usize) -> impl Future<Output = ()> {
        let caller = std::panic::Location::caller();
        async move {
            if self.now() == expected {
                return;
            }
            let mut echo = echo().await;
            for _ in 0..TURNS {
                echo.write_all(b"!").await.unwrap();
                echo.read_u8().await.unwrap();
                if self.now() == expected {
                    return;
                }
            }
            panic!(
                "{caller}: {} values are alive and not {expected}, for ever as it seems",
                self.now()
            );
        }
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, SeqCst);
    }
}

/// A connection to a task of this runtime that sends back what it is sent.
async fn echo() -> TcpStream {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (mut other, _) = listener.accept().await.unwrap();
    tokio::spawn(async move {
        let (mut from, mut to) = other.split();
        tokio::io::copy(&mut from, &mut to).await
    });
    stream.set_nodelay(true).unwrap();
    stream
}
