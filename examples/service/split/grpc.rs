//! A method of gRPC whose messages are texts, without a generator.

use futures_util::future::BoxFuture;
use tokio_util::bytes::{Buf, BufMut};
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::{Status, body::Body};

/// Its path.
pub(crate) const PATH: &str = "/service.Back/Errand";

/// The service that it belongs to.
pub(crate) const SERVICE: &str = "service.Back";

/// Messages are texts.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Texts;

impl Codec for Texts {
    type Encode = String;
    type Decode = String;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Texts
    }

    fn decoder(&mut self) -> Self {
        Texts
    }
}

impl Encoder for Texts {
    type Item = String;
    type Error = Status;

    fn encode(&mut self, text: String, into: &mut EncodeBuf<'_>) -> Result<(), Status> {
        into.put_slice(text.as_bytes());
        Ok(())
    }
}

impl Decoder for Texts {
    type Item = String;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<String>, Status> {
        let mut bytes = vec![0; from.remaining()];
        from.copy_to_slice(&mut bytes);
        String::from_utf8(bytes).map(Some).map_err(|_| Status::internal("this is no text"))
    }
}

/// A request of gRPC, and its answer.
pub(crate) type Request = axum::http::Request<Body>;
pub(crate) type Answer<T> = BoxFuture<'static, Result<tonic::Response<T>, Status>>;
