//! Whatever is wrapped binds at its first call: streams, sinks, iterators, bodies, readers,
//! writers, and traits of one's own.

use crate::common::finish;
use futures_util::{SinkExt, StreamExt, sink, stream};
use http_body_util::BodyExt;
use stackholm::{Checkpoint, ContextExt, InContext, Var};
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

static OUTER: Var<u32> = Var::new("outer");
static INNER: Var<u32> = Var::new("inner");

fn seen() -> (u32, u32) {
    (OUTER.get(), INNER.get())
}

#[test]
fn streams_sinks_iterators_and_bodies_bind_at_their_first_call() {
    let stream = OUTER.sync_scope(0, || INNER.scope(2, stream::repeat_with(seen).take(2)));
    assert_eq!(finish(OUTER.scope(1, stream.collect::<Vec<_>>())), [(1, 2); 2]);

    let mut items = OUTER.sync_scope(0, || INNER.scope(2, std::iter::repeat_with(seen)));
    assert_eq!(OUTER.sync_scope(1, || items.next()), Some((1, 2)));
    assert_eq!(items.next(), Some((1, 2)), "it keeps what it began with");

    let mut sunk = Vec::new();
    {
        let sink = sink::unfold(&mut sunk, |sunk, item: u32| async move {
            sunk.push((item, seen()));
            Ok::<_, ()>(sunk)
        });
        let mut sink = pin!(INNER.scope(2, sink));
        finish(OUTER.scope(1, async { sink.send(7).await })).unwrap();
    }
    assert_eq!(sunk, [(7, (1, 2))]);

    let frames = stream::iter([()]).map(|()| {
        let (outer, inner) = seen();
        Ok::<_, ()>(http_body::Frame::data(
            vec![outer as u8, inner as u8].into_iter().collect::<hyper::body::Bytes>(),
        ))
    });
    let body = INNER.scope(2, http_body_util::StreamBody::new(frames));
    assert_eq!(finish(OUTER.scope(1, BodyExt::collect(body))).unwrap().to_bytes(), vec![1, 2]);
}

struct Reader;

impl futures_util::io::AsyncRead for Reader {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        into: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let (outer, inner) = seen();
        into[..2].copy_from_slice(&[outer as u8, inner as u8]);
        Poll::Ready(Ok(2))
    }
}

impl tokio::io::AsyncRead for Reader {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        into: &mut tokio::io::ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let (outer, inner) = seen();
        into.put_slice(&[outer as u8, inner as u8]);
        Poll::Ready(Ok(()))
    }
}

#[test]
fn readers_of_both_kinds_bind_at_their_first_read() {
    let mut bytes = [0; 2];
    let mut reader = INNER.scope(2, Reader);
    finish(
        OUTER.scope(1, async { futures_util::AsyncReadExt::read(&mut reader, &mut bytes).await }),
    )
    .unwrap();
    assert_eq!(bytes, [1, 2]);
    let mut reader = INNER.scope(3, Reader);
    finish(OUTER.scope(1, async { tokio::io::AsyncReadExt::read(&mut reader, &mut bytes).await }))
        .unwrap();
    assert_eq!(bytes, [1, 3]);
}

/// A poll trait of one's own, which the crate does not know.
trait Job {
    fn poll_job(self: Pin<&mut Self>) -> Poll<(u32, u32)>;
}

struct Looks;

impl Job for Looks {
    fn poll_job(self: Pin<&mut Self>) -> Poll<(u32, u32)> {
        Poll::Ready(seen())
    }
}

impl<J: Job, B> Job for InContext<J, B> {
    fn poll_job(self: Pin<&mut Self>) -> Poll<(u32, u32)> {
        self.on_stack(|job| job.poll_job())
    }
}

#[test]
fn a_trait_of_ones_own_runs_on_the_stack_of_the_wrapper() {
    let mut scoped = pin!(INNER.scope(2, Looks));
    assert_eq!(OUTER.sync_scope(1, || scoped.as_mut().poll_job()), Poll::Ready((1, 2)));
    let mut handed =
        pin!(OUTER.sync_scope(5, || INNER.sync_scope(6, || Looks.in_current_context())));
    assert_eq!(handed.as_mut().poll_job(), Poll::Ready((5, 6)));
}

#[test]
fn what_is_wrapped_can_be_reached_and_taken_back() {
    let mut reader = tokio::io::BufReader::new(&b"one\ntwo\n"[..]).in_current_context();
    let mut line = String::new();
    finish(tokio::io::AsyncBufReadExt::read_line(&mut reader, &mut line)).unwrap();
    assert_eq!(reader.get_mut().buffer(), b"two\n");
    assert_eq!(Pin::new(&mut reader).get_pin_mut().buffer(), b"two\n");
    assert_eq!(reader.into_inner().buffer(), b"two\n");

    let mut number = Checkpoint::wrap(1_u32);
    let set = OUTER.sync_scope(4, || {
        number.on_stack_mut(|number| {
            *number += OUTER.get();
            INNER.set(*number).unwrap();
            *number
        })
    });
    assert_eq!((set, number.on_stack_mut(|_| seen())), (5, (4, 5)));
    assert!(!INNER.is_bound());
    assert_eq!(number.into_inner(), 5);
}
