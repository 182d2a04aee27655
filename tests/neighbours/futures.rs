//! `futures`: what its adapters and macros ask.

use crate::each_wrapper;
use ::futures_util::future::{self, FusedFuture, FutureExt, Ready};
use ::futures_util::io::{AsyncBufRead, AsyncRead, AsyncSeek, AsyncWrite, Cursor};
use ::futures_util::stream::{self, FusedStream, FuturesUnordered, Stream, StreamExt};
use ::futures_util::{Sink, SinkExt, sink};
use stackholm::{Checkpoint, ContextExt, Var};

static N: Var<u32> = Var::new("n");

fn is_future<T: FusedFuture<Output = u8> + Send + Unpin + 'static>() {}
fn is_stream<T: Stream<Item = u8> + FusedStream + Send + Unpin + 'static>() {}
fn is_sink<T: Sink<u8> + Send + Unpin + 'static>() {}
fn is_reader<T: AsyncRead + AsyncBufRead + AsyncSeek + AsyncWrite + Unpin + Send + 'static>() {}

#[test]
fn a_wrapper_is_what_it_wraps() {
    each_wrapper!(is_future of Ready<u8>);
    each_wrapper!(is_stream of stream::Fuse<stream::Iter<std::vec::IntoIter<u8>>>);
    each_wrapper!(is_sink of sink::Drain<u8>);
    each_wrapper!(is_reader of Cursor<Vec<u8>>);
}

#[test]
fn a_scope_goes_into_select_join_shared_buffered_and_forward() {
    let all = async {
        let mut one = N.scope(1, future::ready(()).map(|()| N.get()));
        let mut never = Checkpoint::wrap(future::pending::<u32>()).fuse();
        let selected = ::futures_util::select! {
            n = one => n,
            n = never => n,
        };
        let shared = N.scope(2, future::lazy(|_| N.get())).boxed().shared();
        let joined = ::futures_util::join!(shared.clone(), shared);
        let scopes = (0..3).map(|n| N.scope(n, future::lazy(|_| N.get())));
        let buffered: Vec<u32> = stream::iter(scopes.clone()).buffered(2).collect().await;
        let unordered: FuturesUnordered<_> = scopes.collect();
        let sum = unordered.fold(0, async |sum, n| sum + n).await;
        let numbers = N.scope(7, stream::repeat_with(|| N.get()).take(2).map(Ok));
        let mut sent = Vec::new();
        numbers.forward((&mut sent).in_current_context()).await.unwrap();
        let _ = sink::drain::<u8>().detached().buffer(1);
        (selected, joined, buffered, sum, sent)
    };
    assert_eq!(all.now_or_never().unwrap(), (1, (2, 2), vec![0, 1, 2], 3, vec![7, 7]));
}

#[test]
fn sizes_and_ends_are_told_without_running_anything() {
    let items = N.scope(1, stream::iter(0..3));
    assert_eq!(items.size_hint(), (3, Some(3)));
    let items = N.scope(1, 0..3_u8);
    assert_eq!((items.size_hint(), items.len()), ((3, Some(3)), 3));
}
