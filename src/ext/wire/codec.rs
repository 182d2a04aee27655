//! Values as bytes, and back.

use std::fmt::{self, Display};
use std::str::FromStr;

/// Turns a value into bytes, and bytes into a value. The bytes may be any: the wire encodes those
/// that cannot stand in a header.
///
/// # Examples
/// ```
/// use stackholm::wire::{Codec, Unfit};
///
/// /// Only plans that exist.
/// struct Plan;
///
/// impl Codec<&'static str> for Plan {
///     fn encode(&self, value: &&'static str) -> Result<Vec<u8>, Unfit> {
///         Ok(value.as_bytes().to_vec())
///     }
///     fn decode(&self, bytes: &[u8]) -> Result<&'static str, Unfit> {
///         ["free", "gold"].into_iter().find(|plan| plan.as_bytes() == bytes).ok_or(Unfit)
///     }
/// }
/// ```
pub trait Codec<T>: Send + Sync + 'static {
    /// The bytes of a value.
    ///
    /// # Errors
    /// If the value cannot or must not be sent: it is left out and reported.
    fn encode(&self, value: &T) -> Result<Vec<u8>, Unfit>;

    /// The value of bytes.
    ///
    /// # Errors
    /// If the bytes are no value: they are dropped and counted.
    fn decode(&self, bytes: &[u8]) -> Result<T, Unfit>;
}

/// A value cannot be sent, or bytes are no value. It has no details, so that nothing that came from
/// outside gets into a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unfit;

impl Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value does not fit the wire")
    }
}

impl std::error::Error for Unfit {}

/// What can be written as text and read from it: `Display` and `FromStr`.
#[derive(Clone, Copy, Debug)]
pub struct Text;

impl<T: Display + FromStr> Codec<T> for Text {
    fn encode(&self, value: &T) -> Result<Vec<u8>, Unfit> {
        Ok(value.to_string().into_bytes())
    }

    fn decode(&self, bytes: &[u8]) -> Result<T, Unfit> {
        std::str::from_utf8(bytes).map_err(|_| Unfit)?.parse().map_err(|_| Unfit)
    }
}

/// As [`Text`], but only 1 to `MOST` ASCII letters, digits and `-_.:`. For ids that come from
/// anyone and go to logs and queries.
#[derive(Clone, Copy, Debug)]
pub struct Token<const MOST: usize>;

impl<const MOST: usize> Token<MOST> {
    fn is_fit(bytes: &[u8]) -> Result<(), Unfit> {
        let is_fit = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(byte);
        let fits = (1..=MOST).contains(&bytes.len()) && bytes.iter().all(is_fit);
        fits.then_some(()).ok_or(Unfit)
    }
}

impl<T: Display + FromStr, const MOST: usize> Codec<T> for Token<MOST> {
    fn encode(&self, value: &T) -> Result<Vec<u8>, Unfit> {
        let bytes = Text.encode(value)?;
        Self::is_fit(&bytes).map(|()| bytes)
    }

    fn decode(&self, bytes: &[u8]) -> Result<T, Unfit> {
        Self::is_fit(bytes)?;
        Text.decode(bytes)
    }
}

/// Bytes as they are.
#[derive(Clone, Copy, Debug)]
pub struct Bytes;

impl<T: AsRef<[u8]> + From<Vec<u8>>> Codec<T> for Bytes {
    fn encode(&self, value: &T) -> Result<Vec<u8>, Unfit> {
        Ok(value.as_ref().to_vec())
    }

    fn decode(&self, bytes: &[u8]) -> Result<T, Unfit> {
        Ok(T::from(bytes.to_vec()))
    }
}

/// What [serde](::serde_core) writes as JSON. Feature `serde_json`.
#[cfg(feature = "serde_json")]
#[derive(Clone, Copy, Debug)]
pub struct Json;

#[cfg(feature = "serde_json")]
impl<T: ::serde_core::Serialize + ::serde_core::de::DeserializeOwned> Codec<T> for Json {
    fn encode(&self, value: &T) -> Result<Vec<u8>, Unfit> {
        ::serde_json::to_vec(value).map_err(|_| Unfit)
    }

    fn decode(&self, bytes: &[u8]) -> Result<T, Unfit> {
        ::serde_json::from_slice(bytes).map_err(|_| Unfit)
    }
}
