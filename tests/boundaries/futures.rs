//! What is polled by whoever holds it: futures on any executor, streams, sinks, readers and
//! writers.

use crate::common::finish;
use crate::{Boundary, Job, rows};
use futures_util::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, SinkExt, StreamExt, stream};
use stackholm::{Checkpoint, ContextExt, Envelope, Scope, Var};
use std::io::Result;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::ReadBuf;

static OTHER: Var<u8> = Var::new("other");

/// Drives a future on a thread that sees nothing.
fn elsewhere<F: Future<Output: Send> + Send + 'static>(future: F) {
    std::thread::spawn(|| drop(finish(future))).join().unwrap();
}

async fn run(job: Job) {
    job();
}

/// Makes one item, takes one item, gives no byte, takes any: and runs the job meanwhile.
struct Io(Option<Job>);

impl Io {
    fn new(job: Job) -> Self {
        Io(Some(job))
    }

    fn run(&mut self) {
        if let Some(job) = self.0.take() {
            job();
        }
    }
}

impl AsyncRead for Io {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        _: &mut [u8],
    ) -> Poll<Result<usize>> {
        self.run();
        Poll::Ready(Ok(0))
    }
}

impl AsyncWrite for Io {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<Result<usize>> {
        self.run();
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl tokio::io::AsyncRead for Io {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        _: &mut ReadBuf<'_>,
    ) -> Poll<Result<()>> {
        self.run();
        Poll::Ready(Ok(()))
    }
}

impl tokio::io::AsyncWrite for Io {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<Result<usize>> {
        self.run();
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<()>> {
        Poll::Ready(Ok(()))
    }
}

fn streamed(stream: impl stream::Stream<Item = ()> + Send + 'static) {
    elsewhere(stream.for_each(async |()| {}));
}

fn items(job: Job) -> impl stream::Stream<Item = ()> + Send {
    stream::iter(Some(job)).map(|job| job())
}

fn sunk(sink: impl futures_util::Sink<Job, Error = ()> + Send + 'static, job: Job) {
    elsewhere(async move { Box::pin(sink).send(job).await });
}

fn sink() -> impl futures_util::Sink<Job, Error = ()> + Send {
    futures_util::sink::unfold((), async |(), job: Job| {
        job();
        Ok(())
    })
}

fn read(mut source: impl AsyncRead + Unpin + Send + 'static) {
    elsewhere(async move { source.read(&mut [0]).await });
}

fn written(mut target: impl AsyncWrite + Unpin + Send + 'static) {
    elsewhere(async move { target.write(b"!").await });
}

pub(crate) fn read_by_tokio(mut source: impl tokio::io::AsyncRead + Unpin + Send + 'static) {
    elsewhere(async move { tokio::io::AsyncReadExt::read(&mut source, &mut [0]).await });
}

pub(crate) fn written_by_tokio(mut target: impl tokio::io::AsyncWrite + Unpin + Send + 'static) {
    elsewhere(async move { tokio::io::AsyncWriteExt::write(&mut target, b"!").await });
}

/// On an executor of smol's, driven by a thread that sees nothing.
fn by_smol(future: impl Future<Output = ()> + Send + 'static) {
    let executor = smol::Executor::new();
    let task = executor.spawn(future);
    std::thread::spawn(move || smol::block_on(executor.run(task))).join().unwrap();
}

fn opened(envelope: Envelope<Job>) {
    elsewhere(envelope.open_async(run));
}

pub(crate) const BOUNDARIES: &[Boundary] = rows! { "futures" Over
    "a future, on any executor: `future.in_current_context()`" |job| elsewhere(run(job).in_current_context()),
        "`future.detached()`" |job| elsewhere(run(job).detached());
    "smol's executor: `future.in_current_context()`" |job| by_smol(run(job).in_current_context()),
        "`future.detached()`" |job| by_smol(run(job).detached());
    "`FuturesUnordered`, of `future.in_current_context()`"
        |job| streamed(FuturesUnordered::from_iter([run(job).in_current_context()])),
        "of `future.detached()`" |job| streamed(FuturesUnordered::from_iter([run(job).detached()]));
    "`future.in_current_context().shared()`" |job| elsewhere(run(job).in_current_context().boxed().shared()),
        "`future.detached().shared()`" |job| elsewhere(run(job).detached().boxed().shared());
    "`stream.in_current_context()`" |job| streamed(items(job).in_current_context()),
        "`stream.detached()`" |job| streamed(items(job).detached());
    "`sink.in_current_context()`" |job| sunk(sink().in_current_context(), job),
        "`sink.detached()`" |job| sunk(sink().detached(), job);
    "a message that awaits: `Envelope::new(message)`, `open_async`" |job| opened(Envelope::new(job)),
        "`Envelope::detached(message)`" |job| opened(Envelope::detached(job));
};

/// What binds hands nothing over: it goes on where it is awaited, and elsewhere finds what is
/// there.
pub(crate) const BINDING: &[Boundary] = rows! { "futures, binding" On
    "`VAR.scope(value, future).await`" |job| finish(OTHER.scope(1, run(job))),
        "`spawn(VAR.scope(value, future))`" |job| elsewhere(OTHER.scope(1, run(job)));
    "`Scope::wrap`, awaited" |job| finish(Scope::new().set(&OTHER, 1).wrap(run(job))),
        "spawned" |job| elsewhere(Scope::new().set(&OTHER, 1).wrap(run(job)));
    "`Checkpoint::wrap`, awaited" |job| finish(Checkpoint::wrap(run(job))),
        "spawned" |job| elsewhere(Checkpoint::wrap(run(job)));
    "`Prepared::wrap`, awaited" |job| finish(Checkpoint::prepare().set(&OTHER, 1).wrap(run(job))),
        "spawned" |job| elsewhere(Checkpoint::prepare().set(&OTHER, 1).wrap(run(job)));
    "a scope in a scope in a checkpoint, awaited" |job| finish(Checkpoint::wrap(OTHER.scope(1, OTHER.scope(2, run(job))))),
        "spawned" |job| elsewhere(Checkpoint::wrap(OTHER.scope(1, OTHER.scope(2, run(job)))));
    "`VAR.scope(value, stream)`, read here" |job| finish(OTHER.scope(1, items(job)).for_each(async |()| {})),
        "read elsewhere" |job| streamed(OTHER.scope(1, items(job)));
    "`VAR.scope(value, FuturesUnordered)`, read here"
        |job| finish(OTHER.scope(1, FuturesUnordered::from_iter([run(job)])).for_each(async |()| {})),
        "read elsewhere" |job| streamed(OTHER.scope(1, FuturesUnordered::from_iter([run(job)])));
};

pub(crate) const READERS: &[Boundary] = rows! { "`futures-io`" Over
    "`reader.in_current_context()`" |job| read(Io::new(job).in_current_context()),
        "`reader.detached()`" |job| read(Io::new(job).detached());
    "`writer.in_current_context()`" |job| written(Io::new(job).in_current_context()),
        "`writer.detached()`" |job| written(Io::new(job).detached());
};

/// The same with tokio's traits.
pub(crate) fn io(job: Job) -> impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send {
    Io::new(job)
}
