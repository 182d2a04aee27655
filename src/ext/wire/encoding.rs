//! Bytes as text: percent-encoding and base64, both strict.

use std::borrow::Cow;
use std::fmt::Write;

/// Whether the byte is written as it is in a header of our own.
pub(super) fn is_plain(byte: u8) -> bool {
    byte.is_ascii_graphic() && byte != b'%'
}

/// Whether the byte may stand in the value of a baggage member.
pub(super) fn is_baggage_octet(byte: u8) -> bool {
    byte.is_ascii_graphic() && !matches!(byte, b'"' | b',' | b';' | b'\\')
}

/// Whether the byte is written as it is in the value of a baggage member. A plus would be allowed,
/// but some readers take it for a space.
pub(super) fn is_plain_in_baggage(byte: u8) -> bool {
    is_baggage_octet(byte) && byte != b'+'
}

/// Whether the byte may stand in a token: a name of a header, a key of baggage.
pub(super) fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// Encodes each byte that may not stand as it is, and `%`.
pub(super) fn percent_encode(bytes: Vec<u8>, is_allowed: fn(u8) -> bool) -> String {
    let stays = |byte: u8| is_allowed(byte) && byte != b'%';
    let bytes = if bytes.iter().all(|byte| stays(*byte)) {
        match String::from_utf8(bytes) {
            Ok(text) => return text,
            Err(error) => error.into_bytes(),
        }
    } else {
        bytes
    };
    let mut text = String::with_capacity(bytes.len());
    for byte in bytes {
        if stays(byte) {
            text.push(char::from(byte));
        } else {
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text
}

/// `None` if a `%` does not begin two hexadecimal digits.
pub(super) fn percent_decode(text: &[u8]) -> Option<Cow<'_, [u8]>> {
    if !text.contains(&b'%') {
        return Some(Cow::Borrowed(text));
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.iter();
    while let Some(byte) = rest.next() {
        if *byte == b'%' {
            let high = char::from(*rest.next()?).to_digit(16)?;
            let low = char::from(*rest.next()?).to_digit(16)?;
            bytes.push((high << 4 | low) as u8);
        } else {
            bytes.push(*byte);
        }
    }
    Some(Cow::Owned(bytes))
}

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Without padding, as gRPC writes it.
pub(super) fn base64_encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let byte = |at| u32::from(*three.get(at).unwrap_or(&0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for at in 0..=three.len() {
            text.push(char::from(DIGITS[(bits >> (18 - 6 * at) & 63) as usize]));
        }
    }
    text
}

/// Accepts padding or none, and nothing else. `None` also if a bit beyond the last byte is set.
pub(super) fn base64_decode(text: &[u8]) -> Option<Vec<u8>> {
    let padding = text.iter().rev().take_while(|byte| **byte == b'=').count();
    if padding > 0 && (text.len() % 4 != 0 || padding > 2) {
        return None;
    }
    let digits = &text[..text.len() - padding];
    let mut bytes = Vec::with_capacity(digits.len() / 4 * 3 + 2);
    for four in digits.chunks(4) {
        let mut bits = 0_u32;
        for at in 0..4 {
            let digit = match four.get(at) {
                Some(digit) => DIGITS.iter().position(|known| known == digit)?,
                None => 0,
            };
            bits = bits << 6 | digit as u32;
        }
        let whole = four.len() * 6 / 8;
        let [_, three @ ..] = bits.to_be_bytes();
        if four.len() == 1 || three[whole..].iter().any(|rest| *rest != 0) {
            return None;
        }
        bytes.extend(&three[..whole]);
    }
    Some(bytes)
}
