//! Reading, writing and seeking through a wrapper: every method is called in its context, and
//! nothing is lost.

#[path = "common/futures.rs"]
mod common;

use common::{finish, three_ways};
use stackholm::{Context, ContextExt, Var};
use std::io::{self, IoSlice, SeekFrom};
use std::pin::{Pin, pin};
use std::task::{Context as TaskContext, Poll, Waker};

static N: Var<u32> = Var::new("n");

fn context(n: u32) -> Context {
    Context::empty().with(&N, n)
}

/// Says what it sees at each call: as the number of bytes or the position.
struct Seer([u8; 64]);

impl Seer {
    fn new() -> Self {
        Seer([7; 64])
    }
}

fn seen<T: TryFrom<u32>>() -> Poll<io::Result<T>> {
    let seen = N.try_get().map_err(|_| io::Error::other("sees nothing"));
    Poll::Ready(seen.map(|n| T::try_from(n).ok().expect("is small")))
}

fn at(size: usize) -> usize {
    N.get() as usize * 10 + size
}

#[cfg(feature = "futures-io")]
mod with_futures {
    use super::*;
    use futures_util::io::{
        AsyncBufRead, AsyncRead, AsyncReadExt, AsyncSeek, AsyncWrite, AsyncWriteExt, Cursor,
    };
    use std::io::IoSliceMut;

    impl AsyncRead for Seer {
        fn poll_read(
            self: Pin<&mut Self>,
            _: &mut TaskContext<'_>,
            into: &mut [u8],
        ) -> Poll<io::Result<usize>> {
            Poll::Ready(Ok(at(into.len())))
        }
        fn poll_read_vectored(
            self: Pin<&mut Self>,
            _: &mut TaskContext<'_>,
            into: &mut [IoSliceMut<'_>],
        ) -> Poll<io::Result<usize>> {
            Poll::Ready(Ok(at(into.len())))
        }
    }

    impl AsyncBufRead for Seer {
        fn poll_fill_buf(self: Pin<&mut Self>, _: &mut TaskContext<'_>) -> Poll<io::Result<&[u8]>> {
            let seer = self.get_mut();
            Poll::Ready(Ok(&seer.0[..N.get() as usize]))
        }
        fn consume(mut self: Pin<&mut Self>, read: usize) {
            self.0[read] = N.get() as u8;
        }
    }

    impl AsyncWrite for Seer {
        fn poll_write(
            self: Pin<&mut Self>,
            _: &mut TaskContext<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            Poll::Ready(Ok(at(bytes.len())))
        }
        fn poll_write_vectored(
            self: Pin<&mut Self>,
            _: &mut TaskContext<'_>,
            slices: &[IoSlice<'_>],
        ) -> Poll<io::Result<usize>> {
            Poll::Ready(Ok(at(slices.len())))
        }
        fn poll_flush(self: Pin<&mut Self>, _: &mut TaskContext<'_>) -> Poll<io::Result<()>> {
            seen::<u32>().map_ok(|n| assert_eq!(n, 1))
        }
        fn poll_close(self: Pin<&mut Self>, _: &mut TaskContext<'_>) -> Poll<io::Result<()>> {
            seen::<u32>().map_ok(|n| assert_eq!(n, 1))
        }
    }

    impl AsyncSeek for Seer {
        fn poll_seek(
            self: Pin<&mut Self>,
            _: &mut TaskContext<'_>,
            _: SeekFrom,
        ) -> Poll<io::Result<u64>> {
            seen()
        }
    }

    #[test]
    fn every_method_of_the_futures_traits_is_called_in_its_context() {
        three_ways(|| {
            N.sync_scope(9, || {
                let cx = &mut TaskContext::from_waker(Waker::noop());
                let mut seer = pin!(Seer::new().in_context(context(1)));
                fn ready<T>(polled: Poll<io::Result<T>>) -> Option<T> {
                    if let Poll::Ready(Ok(value)) = polled { Some(value) } else { None }
                }
                assert_eq!(ready(seer.as_mut().poll_read(cx, &mut [0; 4])), Some(14));
                let (mut a, mut b) = ([0; 8], [0; 8]);
                let mut into = [IoSliceMut::new(&mut a), IoSliceMut::new(&mut b)];
                assert_eq!(ready(seer.as_mut().poll_read_vectored(cx, &mut into)), Some(12));
                assert_eq!(ready(seer.as_mut().poll_fill_buf(cx)), Some(&[7][..]));
                seer.as_mut().consume(0);
                assert_eq!(ready(seer.as_mut().poll_fill_buf(cx)), Some(&[1][..]));
                assert_eq!(ready(seer.as_mut().poll_write(cx, &[0; 3])), Some(13));
                let slices = [IoSlice::new(&[0; 9]); 2];
                assert_eq!(ready(seer.as_mut().poll_write_vectored(cx, &slices)), Some(12));
                assert_eq!(ready(seer.as_mut().poll_flush(cx)), Some(()));
                assert_eq!(ready(seer.as_mut().poll_close(cx)), Some(()));
                assert_eq!(ready(seer.as_mut().poll_seek(cx, SeekFrom::Start(0))), Some(1));
            });
        });
    }

    #[test]
    fn what_goes_through_a_wrapper_of_futures_comes_out_the_same() {
        let (text, copy) = finish(async {
            let mut target = Cursor::new(Vec::new()).in_context(context(1));
            target.write_all(b"ambient").await.unwrap();
            target.close().await.unwrap();
            let written = target.get_ref().get_ref().clone();
            let mut text = String::new();
            written.as_slice().detached().read_to_string(&mut text).await.unwrap();
            (text, written)
        });
        assert_eq!((text.as_str(), copy.as_slice()), ("ambient", &b"ambient"[..]));
    }
}

#[cfg(feature = "tokio")]
mod with_tokio {
    use super::*;
    use tokio::io::{
        AsyncBufRead, AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncSeek, AsyncWrite,
        AsyncWriteExt, BufReader, ReadBuf,
    };

    impl AsyncRead for Seer {
        fn poll_read(
            self: Pin<&mut Self>,
            _: &mut TaskContext<'_>,
            into: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            into.put_slice(&[N.get() as u8]);
            Poll::Ready(Ok(()))
        }
    }

    impl AsyncBufRead for Seer {
        fn poll_fill_buf(self: Pin<&mut Self>, _: &mut TaskContext<'_>) -> Poll<io::Result<&[u8]>> {
            let seer = self.get_mut();
            Poll::Ready(Ok(&seer.0[..N.get() as usize]))
        }
        fn consume(mut self: Pin<&mut Self>, read: usize) {
            self.0[read] = N.get() as u8;
        }
    }

    impl AsyncWrite for Seer {
        fn poll_write(
            self: Pin<&mut Self>,
            _: &mut TaskContext<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            Poll::Ready(Ok(at(bytes.len())))
        }
        fn poll_write_vectored(
            self: Pin<&mut Self>,
            _: &mut TaskContext<'_>,
            slices: &[IoSlice<'_>],
        ) -> Poll<io::Result<usize>> {
            Poll::Ready(Ok(at(slices.len())))
        }
        fn is_write_vectored(&self) -> bool {
            true
        }
        fn poll_flush(self: Pin<&mut Self>, _: &mut TaskContext<'_>) -> Poll<io::Result<()>> {
            seen::<u32>().map_ok(|n| assert_eq!(n, 1))
        }
        fn poll_shutdown(self: Pin<&mut Self>, _: &mut TaskContext<'_>) -> Poll<io::Result<()>> {
            seen::<u32>().map_ok(|n| assert_eq!(n, 1))
        }
    }

    impl AsyncSeek for Seer {
        fn start_seek(mut self: Pin<&mut Self>, _: SeekFrom) -> io::Result<()> {
            self.0[0] = N.get() as u8;
            Ok(())
        }
        fn poll_complete(self: Pin<&mut Self>, _: &mut TaskContext<'_>) -> Poll<io::Result<u64>> {
            let sought = u64::from(self.0[0]);
            seen::<u64>().map_ok(|n| n * 10 + sought)
        }
    }

    #[test]
    fn every_method_of_tokios_traits_is_called_in_its_context() {
        three_ways(|| {
            N.sync_scope(9, || {
                let cx = &mut TaskContext::from_waker(Waker::noop());
                let mut seer = pin!(Seer::new().in_context(context(1)));
                fn ready<T>(polled: Poll<io::Result<T>>) -> Option<T> {
                    if let Poll::Ready(Ok(value)) = polled { Some(value) } else { None }
                }
                let mut bytes = [0; 4];
                let mut into = ReadBuf::new(&mut bytes);
                assert_eq!(ready(seer.as_mut().poll_read(cx, &mut into)), Some(()));
                assert_eq!(into.filled(), [1]);
                assert_eq!(ready(seer.as_mut().poll_fill_buf(cx)), Some(&[7][..]));
                seer.as_mut().consume(0);
                assert_eq!(ready(seer.as_mut().poll_fill_buf(cx)), Some(&[1][..]));
                assert_eq!(ready(seer.as_mut().poll_write(cx, &[0; 3])), Some(13));
                let slices = [IoSlice::new(&[0; 9]); 2];
                assert_eq!(ready(seer.as_mut().poll_write_vectored(cx, &slices)), Some(12));
                assert!(seer.is_write_vectored());
                assert_eq!(ready(seer.as_mut().poll_flush(cx)), Some(()));
                assert_eq!(ready(seer.as_mut().poll_shutdown(cx)), Some(()));
                seer.as_mut().start_seek(SeekFrom::Start(0)).unwrap();
                assert_eq!(ready(seer.as_mut().poll_complete(cx)), Some(11));
            });
        });
    }

    #[test]
    fn what_goes_through_a_wrapper_of_tokio_comes_out_the_same() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let lines = runtime.block_on(async {
            let (near, far) = tokio::io::duplex(4);
            let writing = async move {
                let mut near = near.in_context(context(1));
                near.write_all(b"one\ntwo and more\n").await.unwrap();
                near.shutdown().await.unwrap();
            };
            let reading = async move {
                let mut lines = BufReader::new(far.in_context(context(2))).detached().lines();
                let first = lines.next_line().await.unwrap().unwrap();
                let mut rest = String::new();
                lines.into_inner().read_to_string(&mut rest).await.unwrap();
                (first, rest)
            };
            tokio::join!(writing, reading).1
        });
        assert_eq!(lines, (String::from("one"), String::from("two and more\n")));
    }
}
