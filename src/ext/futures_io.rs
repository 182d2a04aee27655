//! Reading and writing through a wrapper, with the traits of `futures`. Feature `futures-io`.

use crate::future::InContext;
use ::futures_io::{
    AsyncBufRead, AsyncRead, AsyncSeek, AsyncWrite, IoSlice, IoSliceMut, Result, SeekFrom,
};
use std::pin::Pin;
use std::task::{Context as TaskContext, Poll};

impl<T: AsyncRead, S> AsyncRead for InContext<T, S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut TaskContext<'_>,
        into: &mut [u8],
    ) -> Poll<Result<usize>> {
        self.on_stack(|source| source.poll_read(cx, into))
    }

    fn poll_read_vectored(
        self: Pin<&mut Self>,
        cx: &mut TaskContext<'_>,
        into: &mut [IoSliceMut<'_>],
    ) -> Poll<Result<usize>> {
        self.on_stack(|source| source.poll_read_vectored(cx, into))
    }
}

impl<T: AsyncBufRead, S> AsyncBufRead for InContext<T, S> {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Result<&[u8]>> {
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
    ) -> Poll<Result<usize>> {
        self.on_stack(|target| target.poll_write(cx, bytes))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut TaskContext<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        self.on_stack(|target| target.poll_write_vectored(cx, slices))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Result<()>> {
        self.on_stack(|target| target.poll_flush(cx))
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Result<()>> {
        self.on_stack(|target| target.poll_close(cx))
    }
}

impl<T: AsyncSeek, S> AsyncSeek for InContext<T, S> {
    fn poll_seek(
        self: Pin<&mut Self>,
        cx: &mut TaskContext<'_>,
        position: SeekFrom,
    ) -> Poll<Result<u64>> {
        self.on_stack(|file| file.poll_seek(cx, position))
    }
}
