//! `tokio`: what its spawns, its readers and its writers ask.

use crate::each_wrapper;
use ::tokio::io::{AsyncBufRead, AsyncRead, AsyncSeek, AsyncWrite, BufStream, DuplexStream};
use stackholm::{Checkpoint, ContextExt, Scope, Var};

static N: Var<u32> = Var::new("n");

fn is_stream<T: AsyncRead + AsyncBufRead + AsyncWrite + Unpin + Send + Sync + 'static>() {}
fn is_file<T: AsyncRead + AsyncSeek + Unpin + Send + 'static>() {}

#[test]
fn a_wrapper_is_what_it_wraps() {
    each_wrapper!(is_stream of BufStream<DuplexStream>);
    each_wrapper!(is_file of ::tokio::fs::File);
}

#[::tokio::test]
async fn every_wrapper_can_be_spawned_split_timed_out_and_selected() {
    let spawned = [
        ::tokio::spawn(N.scope(1, async { N.get() })).await.unwrap(),
        ::tokio::spawn(Scope::new().set(&N, 2).wrap(async { N.get() })).await.unwrap(),
        ::tokio::spawn(Checkpoint::prepare().set(&N, 3).wrap(async { N.get() })).await.unwrap(),
        ::tokio::spawn(N.scope(4, async { N.get() }.in_current_context().detached()))
            .await
            .unwrap_or(0),
    ];
    assert_eq!(spawned, [1, 2, 3, 0], "the last one is detached, and panics");
    let (reader, writer) = ::tokio::io::split(::tokio::io::duplex(8).0.detached());
    drop((reader, writer));
    let timed =
        ::tokio::time::timeout(std::time::Duration::from_secs(9), N.scope(5, async { N.get() }));
    assert_eq!(timed.await, Ok(5));
    let selected = ::tokio::select! {
        n = N.scope(6, async { N.get() }) => n,
        n = Checkpoint::wrap(std::future::pending::<u32>()) => n,
    };
    assert_eq!(selected, 6);
}
