//! The trace context of W3C: `traceparent` and `tracestate`.

use super::baggage::{Budget, trim};
use crate::sys::Arc;
use std::fmt;
use std::ops::ControlFlow;

/// Which trace the work belongs to, and which span of the caller it belongs under.
///
/// # Examples
/// ```
/// use stackholm::wire::Trace;
///
/// let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
/// let trace = Trace::parse(parent).unwrap();
/// assert!(trace.is_sampled());
/// let ours = trace.child([1; 8]).unwrap();
/// assert_eq!(ours.to_string(), "00-4bf92f3577b34da6a3ce929d0e0e4736-0101010101010101-01");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace {
    trace_id: [u8; 16],
    span_id: [u8; 8],
    flags: u8,
    state: Option<Arc<str>>,
}

/// Sampled, and random: what this version knows. The other bits are not sent on.
const FLAGS: u8 = 0b11;

impl Trace {
    /// `None` if one of the ids is zero.
    pub fn new(trace_id: [u8; 16], span_id: [u8; 8], is_sampled: bool) -> Option<Trace> {
        if trace_id == [0; 16] || span_id == [0; 8] {
            return None;
        }
        Some(Trace { trace_id, span_id, flags: u8::from(is_sampled), state: None })
    }

    /// Reads a `traceparent`; of a later version the first four fields. `None` if it does not
    /// follow the grammar.
    pub fn parse(parent: impl AsRef<[u8]>) -> Option<Trace> {
        let text = parent.as_ref();
        let (head, rest) = text.split_at_checked(55)?;
        let [version] = hex(&head[..2])?;
        let is_whole = rest.is_empty() || version != 0 && rest[0] == b'-';
        let has_dashes = [2, 35, 52].iter().all(|at| head[*at] == b'-');
        if version == 0xff || !is_whole || !has_dashes {
            return None;
        }
        let mut trace = Trace::new(hex(&head[3..35])?, hex(&head[36..52])?, false)?;
        let [flags] = hex(&head[53..])?;
        trace.flags = flags & FLAGS;
        Some(trace)
    }

    /// The same trace, with this `tracestate`: its first 32 members, within 512 bytes. `None` if
    /// one of them does not follow the grammar, or a key is there twice.
    pub fn with_state(mut self, state: &str) -> Option<Trace> {
        let mut read = State::new(512);
        let _ = read.read(state.as_bytes());
        let is_fit = !read.is_malformed;
        self.state = read.into_text();
        is_fit.then_some(self)
    }

    pub(super) fn set_state(&mut self, state: Option<Arc<str>>) {
        self.state = state;
    }

    /// The same trace with a span of ours, to be sent: the receiver's work belongs under it. `None`
    /// if the id is zero.
    pub fn child(&self, span_id: [u8; 8]) -> Option<Trace> {
        (span_id != [0; 8]).then(|| Trace { span_id, ..self.clone() })
    }

    /// The same trace with these flags of W3C. Bits that this version does not know are dropped.
    pub fn with_flags(self, flags: u8) -> Trace {
        Trace { flags: flags & FLAGS, ..self }
    }

    /// The flags of W3C: bit 0 says sampled, bit 1 says that the id is random.
    pub fn flags(&self) -> u8 {
        self.flags
    }

    /// The id of the trace.
    pub fn trace_id(&self) -> [u8; 16] {
        self.trace_id
    }

    /// The id of the span.
    pub fn span_id(&self) -> [u8; 8] {
        self.span_id
    }

    /// Whether the caller records the trace.
    pub fn is_sampled(&self) -> bool {
        self.flags & 1 == 1
    }

    /// The `tracestate`, as it is sent on.
    pub fn state(&self) -> &str {
        self.state.as_deref().unwrap_or_default()
    }
}

/// As a `traceparent`.
impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (trace, span) = (u128::from_be_bytes(self.trace_id), u64::from_be_bytes(self.span_id));
        write!(f, "00-{trace:032x}-{span:016x}-{:02x}", self.flags)
    }
}

/// `N` bytes from hexadecimal digits, which must be in lower case.
fn hex<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

/// A `tracestate` that is being read: the first members that fit, of all lines together.
pub(super) struct State {
    budget: Budget,
    text: String,
    /// Whether there was more than fits.
    pub(super) is_cut: bool,
    /// Whether a member that was looked at is malformed, or a key is there twice.
    pub(super) is_malformed: bool,
}

impl State {
    /// Up to that many bytes, of at most 32 members.
    pub(super) fn new(bytes: usize) -> Self {
        let budget = Budget::new(bytes, 32);
        State { budget, text: String::new(), is_cut: false, is_malformed: false }
    }

    /// Takes the members of one more line.
    pub(super) fn read(&mut self, line: &[u8]) -> ControlFlow<()> {
        let (text, is_malformed) = (&mut self.text, &mut self.is_malformed);
        let read = self.budget.members(line, &mut |member| {
            let member = trim(member);
            let is_new =
                |key: &[u8]| text.split(',').all(|known| Self::key(known.as_bytes()) != Some(key));
            match Self::key(member) {
                Some(key) if is_new(key) => {
                    if !text.is_empty() {
                        text.push(',');
                    }
                    text.push_str(&String::from_utf8_lossy(member));
                }
                Some(_) => *is_malformed = true,
                None => *is_malformed |= !member.is_empty(),
            }
        });
        self.is_cut = read.is_break();
        read
    }

    /// The whole; nothing if it is malformed.
    pub(super) fn into_text(self) -> Option<Arc<str>> {
        (!self.is_malformed && !self.text.is_empty()).then(|| self.text.into())
    }

    fn key(member: &[u8]) -> Option<&[u8]> {
        let at = member.iter().position(|byte| *byte == b'=')?;
        let (key, value) = (&member[..at], &member[at + 1..]);
        let is_value = |byte: &u8| matches!(byte, b' '..=b'~') && !b",=".contains(byte);
        let fits = (1..=256).contains(&value.len()) && value.iter().all(is_value);
        (fits && Self::is_key(key)).then_some(key)
    }

    fn is_key(key: &[u8]) -> bool {
        let is_name = |name: &[u8], most: usize, may_begin_with_digit: bool| {
            let begins = name.first().is_some_and(|first| {
                first.is_ascii_lowercase() || may_begin_with_digit && first.is_ascii_digit()
            });
            let is_rest = |byte: &u8| {
                byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-*/".contains(byte)
            };
            begins && name.len() <= most && name.iter().all(is_rest)
        };
        match key.iter().position(|byte| *byte == b'@') {
            None => is_name(key, 256, false),
            Some(at) => is_name(&key[..at], 241, true) && is_name(&key[at + 1..], 14, false),
        }
    }
}
