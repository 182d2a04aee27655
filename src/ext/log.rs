//! The fields of each record of [log](::log), for any logger. Feature `log`.
//!
//! [`Logger`] wraps the logger and adds the [`fields`](crate::fields) of where the event is to the
//! key-values of its record, after its own. Whatever writes key-values writes them: `env_logger`
//! with its feature `kv`, JSON loggers, and so on. What logs stays as it is.

use crate::fields::{self, FieldValue, Fields};
use ::log::kv::{self, Key, Source, Value, VisitSource};
use ::log::{LevelFilter, Log, Metadata, Record, SetLoggerError};
use std::borrow::Cow;
use std::fmt;

/// A logger, given the fields of where each event is.
///
/// A key that the record has itself stays as it is, and is not written twice. Control characters
/// and others that end a line, or reverse it, are escaped, whatever the logger does.
///
/// # Examples
/// ```
/// use stackholm::Var;
///
/// static REQUEST: Var<u64> = Var::new("request.id").logged();
///
/// let logger = env_logger::Builder::new().filter_level(log::LevelFilter::Info).build();
/// stackholm::log::Logger::new(logger).init(log::LevelFilter::Info).unwrap();
/// REQUEST.sync_scope(7, || log::info!("saved")); // [… INFO …] saved request.id=7
/// ```
pub struct Logger<L> {
    inner: L,
    only: Option<Vec<Cow<'static, str>>>,
}

impl<L: Log> Logger<L> {
    /// A logger that hands each record to `inner`, with all fields.
    pub fn new(inner: L) -> Self {
        Logger { inner, only: None }
    }

    /// Adds no fields but those with these keys.
    #[must_use = "it gives back the logger"]
    pub fn only<K: Into<Cow<'static, str>>>(mut self, keys: impl IntoIterator<Item = K>) -> Self {
        self.only = Some(keys.into_iter().map(Into::into).collect());
        self
    }

    /// Makes it the logger of the process, up to this level.
    ///
    /// # Errors
    /// If there is one already.
    pub fn init(self, most: LevelFilter) -> Result<(), SetLoggerError>
    where
        L: 'static,
    {
        ::log::set_boxed_logger(Box::new(self))?;
        ::log::set_max_level(most);
        Ok(())
    }

    /// The logger inside.
    pub fn get_ref(&self) -> &L {
        &self.inner
    }
}

impl<L: Log> Log for Logger<L> {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        self.inner.enabled(metadata)
    }

    #[inline]
    fn log(&self, record: &Record<'_>) {
        fields::with(|fields| {
            if fields.is_empty() {
                self.inner.log(record);
            } else {
                self.log_with(record, fields);
            }
        });
    }

    fn flush(&self) {
        self.inner.flush();
    }
}

impl<L: Log> Logger<L> {
    fn log_with(&self, record: &Record<'_>, fields: &Fields) {
        let both = Both { own: record.key_values(), fields, only: self.only.as_deref() };
        self.inner.log(&record.to_builder().key_values(&both).build());
    }
}

impl<L: fmt::Debug> fmt::Debug for Logger<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Logger")
            .field("inner", &self.inner)
            .field("only", &self.only)
            .finish_non_exhaustive()
    }
}

/// The key-values of a record, and then the fields that it does not have.
struct Both<'a> {
    own: &'a dyn Source,
    fields: &'a Fields,
    only: Option<&'a [Cow<'static, str>]>,
}

impl<'a> Both<'a> {
    fn added(&self) -> impl Iterator<Item = (&'a str, FieldValue<'a>)> {
        let wanted = |key: &str| {
            self.only.is_none_or(|only| only.iter().any(|known| known == key))
                && self.own.get(Key::from(key)).is_none()
        };
        self.fields.escaped().filter(move |(key, _)| wanted(key))
    }
}

impl Source for Both<'_> {
    fn visit<'kvs>(&'kvs self, visitor: &mut dyn VisitSource<'kvs>) -> Result<(), kv::Error> {
        self.own.visit(visitor)?;
        for (key, value) in self.added() {
            visitor.visit_pair(Key::from(key), to_value(value))?;
        }
        Ok(())
    }

    fn get(&self, key: Key<'_>) -> Option<Value<'_>> {
        let added = || self.added().find(|(known, _)| *known == key.as_str());
        self.own.get(key.clone()).or_else(|| added().map(|(_, value)| to_value(value)))
    }

    fn count(&self) -> usize {
        self.own.count() + self.added().count()
    }
}

fn to_value(value: FieldValue<'_>) -> Value<'_> {
    match value {
        FieldValue::U64(value) => Value::from(value),
        FieldValue::I64(value) => Value::from(value),
        FieldValue::F64(value) => Value::from(value),
        FieldValue::Bool(value) => Value::from(value),
        FieldValue::Str(value) => Value::from(value),
    }
}
