//! The fields of each record in the map of [log-mdc](::log_mdc), for log4rs. Feature `log-mdc`.
//!
//! A pattern with `%X{request.id}`, written `{X(request.id)}` in log4rs, stays as it is: [`Mirror`]
//! wraps the logger and puts the [`fields`](crate::fields) of where the event is into that map
//! while the record is written, and takes them out again. If a field has the key of an entry that
//! the program put there itself, it hides that entry while the record is written.

use crate::fields::{self, Fields};
use ::log::{Log, Metadata, Record};
use std::fmt;

/// A logger that finds the fields of where each event is in the map of log-mdc.
///
/// # Examples
/// ```
/// use log::Log;
/// use stackholm::Var;
///
/// static REQUEST: Var<u64> = Var::new("request.id").logged();
///
/// struct Printer; // as log4rs, which reads the map where it writes the record
///
/// impl Log for Printer {
///     fn enabled(&self, _: &log::Metadata<'_>) -> bool {
///         true
///     }
///     fn log(&self, _: &log::Record<'_>) {
///         log_mdc::get("request.id", |id| assert_eq!(id, Some("7")));
///     }
///     fn flush(&self) {}
/// }
///
/// let logger = stackholm::log_mdc::Mirror::new(Printer);
/// REQUEST.sync_scope(7, || logger.log(&log::Record::builder().build()));
/// log_mdc::get("request.id", |id| assert_eq!(id, None));
/// ```
pub struct Mirror<L>(L);

impl<L: Log> Mirror<L> {
    /// A logger that hands each record to `inner`.
    pub fn new(inner: L) -> Self {
        Mirror(inner)
    }

    /// The logger inside.
    pub fn get_ref(&self) -> &L {
        &self.0
    }
}

impl<L: Log> Log for Mirror<L> {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        self.0.enabled(metadata)
    }

    fn log(&self, record: &Record<'_>) {
        fields::with(|fields| {
            let _mirrored = (!fields.is_empty()).then(|| mirror(fields));
            self.0.log(record);
        });
    }

    fn flush(&self) {
        self.0.flush();
    }
}

/// Puts the fields in, until the guard is dropped.
fn mirror(fields: &Fields) -> impl Sized {
    ::log_mdc::extend_scoped(fields.escaped().map(|(key, value)| (key, value.to_string())))
}

impl<L: fmt::Debug> fmt::Debug for Mirror<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Mirror").field(&self.0).finish()
    }
}
