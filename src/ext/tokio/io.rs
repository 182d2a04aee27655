//! Reading and writing through a wrapper, with tokio's traits.

use crate::future::InContext;
use ::tokio::io::{AsyncBufRead, AsyncRead, AsyncSeek, AsyncWrite, ReadBuf};
use std::io::{self, IoSlice, SeekFrom};
use std::pin::Pin;
use std::task::{Context as TaskContext, Poll};

impl<T: AsyncRead, S> AsyncRead for InContext<T, S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut TaskContext<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.on_stack(|source| source.poll_read(cx, into))
    }
}

impl<T: AsyncBufRead, S> AsyncBufRead for InContext<T, S> {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<io::Result<&[u8]>> {
        self.on_stack(|source| source.poll_fill_buf(cx))
    }

    fn consume(self: Pin<&mut Self>, read: usize) {
        self.on_stack(|source| source.consume(read));
    }
}

impl<T: AsyncWrite, S> AsyncWrite for InContext<T, S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut TaskContext<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.on_stack(|target| target.poll_write(cx, bytes))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut TaskContext<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.on_stack(|target| target.poll_write_vectored(cx, slices))
    }

    fn is_write_vectored(&self) -> bool {
        self.get_ref().is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<io::Result<()>> {
        self.on_stack(|target| target.poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<io::Result<()>> {
        self.on_stack(|target| target.poll_shutdown(cx))
    }
}

impl<T: AsyncSeek, S> AsyncSeek for InContext<T, S> {
    fn start_seek(self: Pin<&mut Self>, position: SeekFrom) -> io::Result<()> {
        self.on_stack(|file| file.start_seek(position))
    }

    fn poll_complete(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<io::Result<u64>> {
        self.on_stack(|file| file.poll_complete(cx))
    }
}
