//! Variables of [stackholm] as a diagnostic of logforth: fields of each log line.

use logforth_core::kv::{Key, ValueView, Visitor};
use logforth_core::{Diagnostic, Error};
use stackholm::fields::{self, FieldValue};
use std::borrow::Cow;

/// The [fields] that are bound where each record is made, for the layouts and appenders of
/// logforth.
///
/// Logforth asks diagnostics separately from the record, so most layouts write a key twice if the
/// record has it too.
///
/// # Examples
/// ```
/// use logforth_core::{Diagnostic as _, Error, kv};
/// use stackholm::Var;
///
/// static REQUEST: Var<u64> = Var::new("request.id").logged();
///
/// struct Line(String);
/// impl kv::Visitor for Line {
///     fn visit(&mut self, key: kv::KeyView<'_>, value: kv::ValueView<'_>) -> Result<(), Error> {
///         self.0.push_str(&format!(" {key}={value}"));
///         Ok(())
///     }
/// }
///
/// let (ambient, mut line) = (stackholm_logforth::Ambient::new(), Line("saved".into()));
/// REQUEST.sync_scope(7, || ambient.visit(&mut line)).unwrap();
/// assert_eq!(line.0, "saved request.id=7");
/// ```
#[derive(Clone, Debug, Default)]
pub struct Ambient(Option<Vec<Cow<'static, str>>>);

impl Ambient {
    /// A diagnostic of all fields.
    pub fn new() -> Self {
        Ambient(None)
    }

    /// A diagnostic of the fields with these keys only.
    pub fn only<K: Into<Cow<'static, str>>>(keys: impl IntoIterator<Item = K>) -> Self {
        Ambient(Some(keys.into_iter().map(Into::into).collect()))
    }
}

impl Diagnostic for Ambient {
    fn visit(&self, visitor: &mut dyn Visitor) -> Result<(), Error> {
        let wanted =
            |key: &str| self.0.as_ref().is_none_or(|only| only.iter().any(|known| known == key));
        // Some layouts escape nothing, so characters that end a line are escaped here.
        fields::with(|fields| {
            fields
                .escaped()
                .filter(|(key, _)| wanted(key))
                .try_for_each(|(key, value)| visitor.visit(Key::borrowed(key).view(), view(value)))
        })
    }
}

fn view(value: FieldValue<'_>) -> ValueView<'_> {
    match value {
        FieldValue::U64(value) => ValueView::U64(value),
        FieldValue::I64(value) => ValueView::I64(value),
        FieldValue::F64(value) => ValueView::F64(value),
        FieldValue::Bool(value) => ValueView::Bool(value),
        FieldValue::Str(value) => ValueView::BorrowedStr(value),
        // A kind that is newer than this crate.
        _ => ValueView::None,
    }
}
