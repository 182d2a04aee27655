//! The fields of each record of [slog](::slog). Feature `slog`.
//!
//! Let [`Ambient`] be the outermost drain, so that it runs on the thread of the event. It hands a
//! snapshot of the fields to the drains inside, which may run on any thread.

use crate::fields::{self, FieldValue, Fields};
use crate::sys::{Mutex, PoisonError};
use ::slog::{Drain, KV, Key, Level, OwnedKV, OwnedKVList, Record, Serializer};
use std::collections::BTreeSet;
use std::fmt::{self, Arguments};

/// A drain, given the [`fields`](crate::fields) of where each event is.
///
/// A key that the record or its logger has stays as it is, and is not written twice. slog wants
/// keys that live as long as the process, so each key is leaked once; of more than 1024 different
/// keys the later ones are left out.
///
/// # Examples
/// ```
/// use slog::{Drain, Logger, info, o};
/// use stackholm::Var;
///
/// static REQUEST: Var<u64> = Var::new("request.id").logged();
///
/// // In a program, say, `slog_async::Async::new(slog_json::Json::default(stderr()).fuse()).build()`.
/// let drain = slog::Discard;
/// let logger = Logger::root(stackholm::slog::Ambient::new(drain.fuse()), o!());
/// REQUEST.sync_scope(7, || info!(logger, "saved")); // {"msg":"saved","request.id":7,…}
/// ```
#[derive(Debug)]
pub struct Ambient<D>(D);

impl<D: Drain> Ambient<D> {
    /// A drain that hands each record to `inner`.
    pub fn new(inner: D) -> Self {
        Ambient(inner)
    }
}

impl<D: Drain> Drain for Ambient<D> {
    type Ok = D::Ok;
    type Err = D::Err;

    fn log(&self, record: &Record<'_>, values: &OwnedKVList) -> Result<D::Ok, D::Err> {
        fields::with(|fields| {
            if fields.is_empty() {
                return self.0.log(record, values);
            }
            let mut own = Keys::default();
            // This serializer takes everything and never fails.
            let _ = record.kv().serialize(record, &mut own);
            let _ = values.serialize(record, &mut own);
            let both = Both { values: values.clone(), fields: fields.clone(), own: own.0 };
            self.0.log(record, &OwnedKVList::from(OwnedKV(both)))
        })
    }

    fn is_enabled(&self, level: Level) -> bool {
        self.0.is_enabled(level)
    }
}

/// The keys that a record has.
#[derive(Default)]
struct Keys(Vec<String>);

impl Serializer for Keys {
    fn emit_arguments(&mut self, key: Key, _: &Arguments<'_>) -> ::slog::Result {
        self.0.push(key.to_string());
        Ok(())
    }
}

/// What the logger has, and then the fields that neither it nor the record has.
struct Both {
    values: OwnedKVList,
    fields: Fields,
    own: Vec<String>,
}

impl KV for Both {
    fn serialize(&self, record: &Record<'_>, serializer: &mut dyn Serializer) -> ::slog::Result {
        self.values.serialize(record, serializer)?;
        for (key, value) in self.fields.escaped() {
            if !self.own.iter().any(|own| own == key) {
                emit(serializer, key, value)?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Both {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Both").field("fields", &self.fields).finish_non_exhaustive()
    }
}

/// How many different keys are written in one process; those that come later are left out.
const MOST_KEYS: usize = 1024;

/// A key as slog wants it: it lives as long as the process. Each is leaked, so there is a limit.
fn key_of(key: &str) -> Option<&'static str> {
    static KEYS: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());
    let mut keys = KEYS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = keys.get(key) {
        return Some(known);
    }
    let is_room = keys.len() < MOST_KEYS;
    is_room.then(|| {
        let key: &'static str = Box::leak(key.into());
        keys.insert(key);
        key
    })
}

#[allow(clippy::useless_conversion, reason = "a key is a text or not, as a feature of slog says")]
fn emit(serializer: &mut dyn Serializer, key: &str, value: FieldValue<'_>) -> ::slog::Result {
    let Some(key) = key_of(key).map(Key::from) else { return Ok(()) };
    match value {
        FieldValue::U64(value) => serializer.emit_u64(key, value),
        FieldValue::I64(value) => serializer.emit_i64(key, value),
        FieldValue::F64(value) => serializer.emit_f64(key, value),
        FieldValue::Bool(value) => serializer.emit_bool(key, value),
        FieldValue::Str(value) => serializer.emit_str(key, value),
    }
}
