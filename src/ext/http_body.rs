//! Bodies of requests and responses through a wrapper. Feature `http-body`.
//!
//! Each frame, data or trailers, is made on the stack of the wrapper, and the body is dropped on
//! it. `size_hint` and `is_end_stream` only look at the body and run on the stack of the caller.

use crate::future::InContext;
use ::http_body::{Body, Frame, SizeHint};
use std::pin::Pin;
use std::task::{Context as TaskContext, Poll};

impl<B: Body, S> Body for InContext<B, S> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut TaskContext<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        self.on_stack(|body| body.poll_frame(cx))
    }

    fn is_end_stream(&self) -> bool {
        self.get_ref().is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.get_ref().size_hint()
    }
}
