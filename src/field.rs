//! What a variable gives to logs: one typed value, made by a projection that is declared with it.
//!
//! The projection is a type, not a function: a binding gets it from the declaration of its
//! variable, and still has it when the variable is gone.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::string::String;
use core::fmt::{self, Display, Write};
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use core::num;

/// Bytes of text that a field has at most, unless its projection says otherwise.
const MOST_TEXT: usize = 4096;

/// Ends a text that was cut.
const CUT: char = '…';

/// How the value of a variable becomes a field; see [`Var::logged_by`](crate::Var::logged_by).
///
/// What `put` leaves out is in no log. It runs when something is logged, once for each context and
/// thread as long as that context stays the same. If it panics, the field reads `<panicked>`. Lines
/// that `put` itself logs have no fields.
///
/// # Examples
/// ```
/// use stackholm::Var;
/// use stackholm::fields::{Field, Fields, Project};
///
/// struct User { id: u64, password: String }
///
/// struct UserId;
///
/// impl Project<User> for UserId {
///     const KEY: Option<&'static str> = Some("user.id");
///
///     fn put(user: &User, field: Field<'_>) {
///         field.u64(user.id);
///     }
/// }
///
/// static USER: Var<User> = Var::new("user").logged_by::<UserId>();
///
/// USER.sync_scope(User { id: 7, password: "secret".into() }, || {
///     assert_eq!(Fields::current().to_string(), "user.id=7");
/// });
/// ```
pub trait Project<T: ?Sized> {
    /// The key of the field; by default the name of the variable.
    const KEY: Option<&'static str> = None;

    /// How many bytes of text the field has at most. Longer text is cut, and ends with `…`.
    const MOST: usize = MOST_TEXT;

    /// Whether the field may change while the value is bound, because `put` reads an atomic or
    /// takes a lock. Then `put` runs at each event.
    const CHANGES: bool = false;

    /// Puts one value into the field, or none: then there is no field.
    fn put(value: &T, field: Field<'_>);
}

/// Types that are a field without a projection: numbers, `bool`, `char`, strings and network
/// addresses; references, boxes and `Arc`s of one; and an `Option` of one, where `None` is no
/// field.
pub trait Logged: fmt::Debug {
    /// Puts the value into the field.
    fn put(&self, field: Field<'_>);
}

/// The value as it is; what [`Var::logged`](crate::Var::logged) takes.
#[derive(Debug)]
pub struct AsItIs(());

impl<T: Logged + ?Sized> Project<T> for AsItIs {
    fn put(value: &T, field: Field<'_>) {
        value.put(field);
    }
}

/// The value as its `Display` says it.
#[derive(Debug)]
pub struct Displayed(());

impl<T: Display + ?Sized> Project<T> for Displayed {
    fn put(value: &T, field: Field<'_>) {
        field.display(value);
    }
}

/// The value of a field.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum FieldValue<'a> {
    /// An integer that is not negative.
    U64(u64),
    /// A negative integer.
    I64(i64),
    /// A number with a fraction; never infinite, and never NaN.
    F64(f64),
    /// True or false.
    Bool(bool),
    /// A text, of any characters.
    Str(&'a str),
}

/// Shows text as it is: whoever prints it escapes it.
impl Display for FieldValue<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FieldValue::U64(value) => value.fmt(f),
            FieldValue::I64(value) => value.fmt(f),
            FieldValue::F64(value) => fmt::Debug::fmt(value, f),
            FieldValue::Bool(value) => value.fmt(f),
            FieldValue::Str(value) => f.write_str(value),
        }
    }
}

/// A field that is to be filled, once.
#[derive(Debug)]
#[must_use = "a field that is not filled is left out"]
pub struct Field<'a> {
    text: &'a mut String,
    most: usize,
    value: &'a mut Option<Filled>,
}

/// What was put. A text was appended to the common buffer.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Filled {
    U64(u64),
    I64(i64),
    F64(f64),
    Bool(bool),
    Text,
}

impl<'a> Field<'a> {
    /// A field whose text goes to the end of `text`.
    pub(crate) fn new(text: &'a mut String, most: usize, value: &'a mut Option<Filled>) -> Self {
        Field { text, most, value }
    }

    /// An integer that is not negative.
    pub fn u64(self, value: u64) {
        *self.value = Some(Filled::U64(value));
    }

    /// An integer.
    pub fn i64(self, value: i64) {
        *self.value = Some(match u64::try_from(value) {
            Ok(value) => Filled::U64(value),
            Err(_) => Filled::I64(value),
        });
    }

    /// An integer that is not negative; a text if it needs more than 64 bits.
    pub fn u128(self, value: u128) {
        match u64::try_from(value) {
            Ok(value) => self.u64(value),
            Err(_) => self.display(&value),
        }
    }

    /// An integer; a text if it needs more than 64 bits.
    pub fn i128(self, value: i128) {
        match (i64::try_from(value), u64::try_from(value)) {
            (Ok(value), _) => self.i64(value),
            (_, Ok(value)) => self.u64(value),
            _ => self.display(&value),
        }
    }

    /// A number with a fraction; NaN and the infinities are texts, since JSON has no such numbers.
    pub fn f64(self, value: f64) {
        if value.is_finite() {
            *self.value = Some(Filled::F64(value));
        } else {
            self.display(&value);
        }
    }

    /// True or false.
    pub fn bool(self, value: bool) {
        *self.value = Some(Filled::Bool(value));
    }

    /// A text.
    pub fn str(self, value: &str) {
        self.display(&value);
    }

    /// A text: the `Display` of `value`, which is stopped when the field is full.
    pub fn display(self, value: &(impl Display + ?Sized)) {
        let mut taker = Taker { left: self.most, text: self.text };
        // It fails if the value's own `Display` does, or if the text was cut. What came before
        // stays.
        let _ = write!(taker, "{value}");
        *self.value = Some(Filled::Text);
    }
}

/// Takes text up to a limit.
struct Taker<'a> {
    left: usize,
    text: &'a mut String,
}

impl Write for Taker<'_> {
    fn write_str(&mut self, more: &str) -> fmt::Result {
        if let Some(left) = self.left.checked_sub(more.len()) {
            self.left = left;
            self.text.push_str(more);
            return Ok(());
        }
        let fits = (0..=self.left).rev().find(|at| more.is_char_boundary(*at)).unwrap_or(0);
        self.text.push_str(&more[..fits]);
        self.text.push(CUT);
        Err(fmt::Error)
    }
}

macro_rules! logged {
    ($($put:ident($as:ty): $($type:ty)*;)*) => {
        $($(impl Logged for $type {
            fn put(&self, field: Field<'_>) {
                field.$put(<$as>::from(*self));
            }
        })*)*
    };
}

macro_rules! logged_not_zero {
    ($($put:ident($as:ty): $($type:ty)*;)*) => {
        $($(impl Logged for num::NonZero<$type> {
            fn put(&self, field: Field<'_>) {
                field.$put(<$as>::from(self.get()));
            }
        })*)*
    };
}

logged! {
    u64(u64): u8 u16 u32 u64;
    i64(i64): i8 i16 i32 i64;
    u128(u128): u128;
    i128(i128): i128;
    f64(f64): f32 f64;
    bool(bool): bool;
}

logged_not_zero! {
    u64(u64): u8 u16 u32 u64;
    i64(i64): i8 i16 i32 i64;
}

macro_rules! logged_as_text {
    ($($type:ty)*) => {
        $(impl Logged for $type {
            fn put(&self, field: Field<'_>) {
                field.display(self);
            }
        })*
    };
}

logged_as_text! { char str String IpAddr Ipv4Addr Ipv6Addr SocketAddr }

impl Logged for usize {
    fn put(&self, field: Field<'_>) {
        field.u64(*self as u64);
    }
}

impl Logged for isize {
    fn put(&self, field: Field<'_>) {
        field.i64(*self as i64);
    }
}

impl Logged for Cow<'_, str> {
    fn put(&self, field: Field<'_>) {
        field.str(self);
    }
}

macro_rules! logged_through {
    ($($type:ty)*) => {
        $(impl<T: Logged + ?Sized> Logged for $type {
            fn put(&self, field: Field<'_>) {
                T::put(self, field);
            }
        })*
    };
}

logged_through! { &T Box<T> crate::sys::Arc<T> }

impl<T: Logged> Logged for Option<T> {
    fn put(&self, field: Field<'_>) {
        if let Some(value) = self {
            value.put(field);
        }
    }
}
