//! The frame of here and now as a text, for a queue or another process.
//!
//! The text is the frame in hexadecimal digits behind its version, then a signature over both. It
//! holds the actor and the reasons, and no value of any row.

use crate::actor::Who;
use crate::frame::Frame;
use crate::hex;
use crate::key::RevisionKey;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

const VERSION: u8 = 1;
const SIGNATURE: usize = 32;

/// What processes share who hand tokens to each other. Whoever has it can act in any name.
#[derive(Clone)]
pub struct TokenSecret(Hmac<Sha256>);

impl TokenSecret {
    /// A secret of 32 random bytes that the processes were configured with.
    pub fn new(secret: [u8; 32]) -> Self {
        TokenSecret(Hmac::new_from_slice(&secret).expect("a key of any length is good"))
    }

    fn over(&self, bytes: &[u8]) -> Hmac<Sha256> {
        self.0.clone().chain_update(bytes)
    }
}

/// Shows nothing of the secret.
impl fmt::Debug for TokenSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(TokenSecret)")
    }
}

/// A revision, an actor and reasons as a text: made by [`Revision::token`](crate::Revision::token),
/// read by [`Revision::resume`](crate::Revision::resume).
///
/// Signed and not encrypted: who sees it can read the actor and the reasons, and cannot change
/// them. It does not expire.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// The most characters of a token. Longer ones are neither made nor read.
    pub const LONGEST: usize = 8192;

    pub(crate) fn write(secret: &TokenSecret, frame: &Frame) -> Result<Token, TokenError> {
        let mut bytes = vec![VERSION];
        bytes.extend(frame.revision.to_bytes());
        let (word, kind, id) = frame.who.stored();
        let reverts = frame.reverts.map(|key| key.to_string());
        let texts = [
            Some(word),
            kind,
            id,
            reverts.as_deref(),
            frame.description.as_deref(),
            frame.because.as_deref(),
            frame.deletion.as_deref(),
            frame.untracked.as_deref(),
        ];
        for text in texts {
            match text {
                None => bytes.push(0),
                Some(text) => {
                    bytes.push(1);
                    let length = u32::try_from(text.len()).map_err(|_| TokenError::TooLong)?;
                    bytes.extend(length.to_be_bytes());
                    bytes.extend(text.as_bytes());
                }
            }
        }
        let signature = secret.over(&bytes).finalize().into_bytes();
        bytes.extend(signature);
        if 2 * bytes.len() > Self::LONGEST {
            return Err(TokenError::TooLong);
        }
        let mut text = String::new();
        hex::push(&mut text, &bytes);
        Ok(Token(text))
    }

    pub(crate) fn read(secret: &TokenSecret, text: &str) -> Result<Frame, TokenError> {
        if text.len() > Self::LONGEST {
            return Err(TokenError::TooLong);
        }
        let bytes = hex::read(text).ok_or(TokenError::Malformed)?;
        let (signed, signature) =
            bytes.split_last_chunk::<SIGNATURE>().ok_or(TokenError::Malformed)?;
        // The signature comes first: nothing else is said about a text that is not ours.
        let genuine = secret.over(signed).verify_slice(signature);
        genuine.map_err(|_| TokenError::Forged)?;
        match signed.split_first() {
            Some((&VERSION, rest)) => frame(rest).ok_or(TokenError::Malformed),
            Some((&version, _)) => Err(TokenError::Version(version)),
            None => Err(TokenError::Malformed),
        }
    }
}

fn frame(bytes: &[u8]) -> Option<Frame> {
    let (key, mut rest) = bytes.split_first_chunk::<16>()?;
    let mut text = || -> Option<Option<String>> {
        let (&there, after) = rest.split_first()?;
        rest = after;
        if there == 0 {
            return Some(None);
        }
        let (length, after) = rest.split_first_chunk::<4>()?;
        let (text, after) = after.split_at_checked(u32::from_be_bytes(*length) as usize)?;
        rest = after;
        Some(Some(String::from_utf8(text.to_vec()).ok()?))
    };
    let shared = |text: Option<String>| text.map(Arc::from);
    let who = Who::read(&text()??, text()?, text()?)?;
    let reverts = text()?.map(|key| key.parse()).transpose().ok()?;
    let (description, because) = (shared(text()?), shared(text()?));
    let (deletion, untracked) = (shared(text()?), shared(text()?));
    let revision = RevisionKey::from_bytes(*key);
    rest.is_empty().then_some(Frame {
        revision,
        reverts,
        description,
        who,
        because,
        deletion,
        untracked,
    })
}

impl Deref for Token {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Shows nothing of what it holds.
impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token({} characters)", self.0.len())
    }
}

/// A token could not be made or read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TokenError {
    /// There is no block whose token it could be.
    NoBlock,
    /// It has more characters than [`Token::LONGEST`].
    TooLong,
    /// It is not made as tokens are.
    Malformed,
    /// It was not made with this secret, or changed since.
    Forged,
    /// It was made by a later version of this crate.
    Version(u8),
}

impl fmt::Display for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TokenError::NoBlock => f.write_str("there is no block of a revision here"),
            TokenError::TooLong => {
                write!(f, "the token has more than {} characters", Token::LONGEST)
            }
            TokenError::Malformed => f.write_str("the text is no token"),
            TokenError::Forged => f.write_str("the token was not made with this secret"),
            TokenError::Version(version) => {
                write!(f, "the token has version {version}, the latest known is {VERSION}")
            }
        }
    }
}

impl std::error::Error for TokenError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn full() -> Frame {
        Frame {
            revision: RevisionKey::new(),
            reverts: Some(RevisionKey::new()),
            description: Some("sweep".into()),
            who: Who::Actor { kind: "user".into(), id: "7".into() },
            because: Some("".into()),
            deletion: None,
            untracked: Some("ümlaut".into()),
        }
    }

    #[test]
    fn a_token_says_all_of_a_frame_and_each_changed_digit_is_noticed() {
        let secret = TokenSecret::new([7; 32]);
        let frame = full();
        let token = Token::write(&secret, &frame).unwrap();
        assert_eq!(Token::read(&secret, &token), Ok(frame));
        for at in 0..token.len() {
            let mut changed = token.to_string();
            let digit = if &token[at..=at] == "0" { "1" } else { "0" };
            changed.replace_range(at..=at, digit);
            assert_eq!(Token::read(&secret, &changed), Err(TokenError::Forged), "at {at}");
            assert!(Token::read(&secret, &token[..at]).is_err(), "cut at {at}");
        }
        assert_eq!(Token::read(&TokenSecret::new([8; 32]), &token), Err(TokenError::Forged));
    }

    #[test]
    fn a_token_of_a_later_version_is_told_from_one_that_is_forged() {
        let secret = TokenSecret::new([7; 32]);
        let mut bytes = hex::read(&Token::write(&secret, &full()).unwrap()).unwrap();
        bytes.truncate(bytes.len() - SIGNATURE);
        bytes[0] = 2;
        let signature = secret.over(&bytes).finalize().into_bytes();
        bytes.extend(signature);
        let mut text = String::new();
        hex::push(&mut text, &bytes);
        assert_eq!(Token::read(&secret, &text), Err(TokenError::Version(2)));
    }
}
