//! `reqwest`, whose bounds are written out: `Body::wrap` and `Body::wrap_stream`.

use crate::{Bytes, Handed, Scoped, each_wrapper};
use futures_util::TryStream;
use http_body::Body;
use std::error::Error;

type BoxError = Box<dyn Error + Send + Sync>;

fn is_wrapped<B: Body<Data: Into<Bytes>, Error: Into<BoxError>> + Send + Sync + 'static>() {}

fn is_streamed<S: TryStream<Error: Into<BoxError>> + Send + 'static>()
where
    Bytes: From<S::Ok>,
{
}

#[test]
fn wrapped_bodies_and_streams_can_be_sent() {
    is_wrapped::<Handed>();
    is_wrapped::<Scoped>();
    each_wrapper!(is_streamed of futures_util::stream::Iter<std::vec::IntoIter<Result<String, BoxError>>>);
}
