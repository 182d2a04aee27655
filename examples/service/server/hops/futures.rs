//! Work that is polled elsewhere: streams, sinks, readers and writers, each driven by a task that
//! sees nothing.

use super::guest::Guest;
use super::oracle::hop::Hop;
use super::oracle::scenario::Ordered;
use super::waiting::{elsewhere, in_turns};
use ::tokio::io::{AsyncRead, AsyncReadExt, ReadBuf};
use futures_util::future::FutureExt;
use futures_util::io::{AsyncWrite, AsyncWriteExt};
use futures_util::sink::SinkExt;
use futures_util::stream::{FuturesUnordered, StreamExt};
use stackholm::ContextExt;
use std::io;
use std::panic::{AssertUnwindSafe, panic_any};
use std::pin::Pin;
use std::task::{Context, Poll};

pub(super) async fn stream(probe: Guest) {
    let items = futures_util::stream::unfold(0, move |item| {
        probe.check(Hop::Stream);
        async move { (item < 2).then_some(((), item + 1)) }
    });
    elsewhere(items.in_current_context().for_each(async |()| {})).await;
}

pub(super) async fn sink(probe: Guest) {
    let sink = futures_util::sink::unfold((), move |(), ()| {
        let probe = probe.clone();
        async move {
            probe.check(Hop::Sink);
            Ok::<_, io::Error>(())
        }
    });
    let mut sink = Box::pin(sink.in_current_context());
    let sent = elsewhere(async move {
        for _ in 0..3 {
            sink.send(()).await?;
        }
        sink.close().await
    });
    sent.await.expect("it takes all");
}

pub(super) async fn unordered(probe: Guest) {
    let looks = (0..3).map(|_| in_turns(probe.clone(), Hop::Unordered).in_current_context());
    let looks: FuturesUnordered<_> = looks.collect();
    elsewhere(looks.for_each(async |()| {})).await;
}

/// Two tasks await one shared future: the first to come polls it for both.
pub(super) async fn shared(probe: Guest) {
    // A panic is caught here, because `Shared` would pass it on to one of the two tasks only.
    let look = async move {
        AssertUnwindSafe(async { probe.check(Hop::Shared) }).catch_unwind().await.is_ok()
    };
    let one = look.in_current_context().boxed().shared();
    let (one, other) = ::tokio::join!(elsewhere(one.clone()), elsewhere(one));
    if !(one && other) {
        panic_any(Ordered);
    }
}

/// Gives two bytes, one at a time, and takes any; looks at each.
struct Looking {
    probe: Guest,
    left: usize,
}

impl AsyncRead for Looking {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.left > 0 {
            self.left -= 1;
            self.probe.check(Hop::Reader);
            into.put_slice(b"!");
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Looking {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.probe.check(Hop::Writer);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

pub(super) async fn reader(probe: Guest) {
    let mut source = Looking { probe, left: 2 }.in_current_context();
    let read = elsewhere(async move {
        let mut text = String::new();
        source.read_to_string(&mut text).await.map(|_| text)
    });
    assert_eq!(read.await.expect("it reads"), "!!");
}

pub(super) async fn writer(probe: Guest) {
    let mut target = Looking { probe, left: 0 }.in_current_context();
    let written = elsewhere(async move {
        target.write_all(b"one").await?;
        target.write_all(b"two").await?;
        target.close().await
    });
    written.await.expect("it takes all");
}
