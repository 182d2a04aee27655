//! The lines that are logged at each hop, as a service logs: nobody passes the id of the request,
//! and each line has it.
//!
//! One line goes through `log` and one through `tracing`. The logger and the subscriber of the
//! process are wrapped in those of this crate. Each line lands in a buffer of the thread that logs,
//! where the hop can compare it at once.

use super::hop::Hop;
use super::variables::REQUEST_ID;
use log::kv::{Error, Key, Value, VisitSource};
use log::{LevelFilter, Log, Metadata, Record};
use stackholm::log::Logger;
use stackholm::tracing_subscriber::Format;
use std::cell::RefCell;
use std::fmt::Write as _;
use std::io;
use std::sync::Once;
use tracing_subscriber::fmt;

/// What the lines go through, in this order.
pub(crate) const SINKS: [&str; 2] = ["log", "tracing"];

/// Only these are looked at: libraries log too.
const TARGET: &str = "service";

thread_local! { static PAGE: RefCell<String> = const { RefCell::new(String::new()) }; }

/// Appends to the buffer, unless the thread is ending.
fn write(text: &str) {
    let _ = PAGE.try_with(|page| page.borrow_mut().push_str(text));
}

/// Makes the logger and the subscriber those of the process.
pub(crate) fn begin() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        Logger::new(ToPage).init(LevelFilter::Info).expect("nobody else has one");
        let format = Format::new(fmt::format().without_time().with_level(false));
        let lines = fmt().with_ansi(false).event_format(format).with_writer(|| ToPage).finish();
        tracing::subscriber::set_global_default(lines).expect("nobody else has one");
    });
}

/// Logs at a hop, once through each, and gives what was written.
fn written(hop: Hop) -> String {
    let _ = PAGE.try_with(|page| page.borrow_mut().clear());
    log::info!(target: TARGET, hop = hop.name(); "looked");
    tracing::info!(target: TARGET, hop = hop.name(), "looked");
    PAGE.try_with(RefCell::take).unwrap_or_default()
}

/// Logs at a hop. Calls `f` for each line: with the sink that it went through, and with the id of
/// the request in it, if there is one.
pub(crate) fn log_at(hop: Hop, mut f: impl FnMut(&str, Option<&str>)) {
    let (written, key) = (written(hop), format!(" {}=", REQUEST_ID.name()));
    for (sink, line) in SINKS.iter().zip(written.lines()) {
        f(sink, line.split_once(&key).map(|(_, id)| id));
    }
}

/// Writes to the buffer of the thread that logs.
struct ToPage;

impl Log for ToPage {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == TARGET
    }

    fn log(&self, record: &Record<'_>) {
        struct Pairs(String);
        impl<'kvs> VisitSource<'kvs> for Pairs {
            fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), Error> {
                write!(self.0, " {key}={value}").map_err(Error::from)
            }
        }
        if self.enabled(record.metadata()) {
            let mut pairs = Pairs(record.args().to_string());
            // Writing to a `String` cannot fail.
            let _ = record.key_values().visit(&mut pairs);
            pairs.0.push('\n');
            write(&pairs.0);
        }
    }

    fn flush(&self) {}
}

impl io::Write for ToPage {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = std::str::from_utf8(bytes).map_err(io::Error::other)?;
        if text.trim_start().starts_with(TARGET) {
            write(text);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
