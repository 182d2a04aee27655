//! The current span, and a scoped subscriber, of [tracing](::tracing) go along with each hop.
//! Feature `tracing`.

use crate::companion::{Carried, Companion, NotRegistered, register};
use ::tracing::dispatcher::{self, Dispatch};
use ::tracing::span::Id;
use ::tracing::{Span, subscriber::NoSubscriber};
use std::fmt::{self, Write};

/// From now on each hop takes the current span along, and the subscriber if it is the default of
/// the thread alone. For good, in the whole process.
///
/// A wrapped future is in the span in which it was handed over, at each poll and when it is
/// dropped, as with `tracing`'s own `in_current_span`. So is everything else that hops: blocking
/// jobs, jobs of rayon, threads, streams, bodies. Pieces of parallel iterators are not. Detached
/// work is in no span. The subscriber of the process is the same everywhere, so it is not carried;
/// where there is none, `tracing` still passes events on to `log`.
///
/// # Errors
/// If it was called before, or if eight other companions are registered.
///
/// # Examples
/// ```
/// use tracing::Span;
///
/// stackholm::tracing::carry_spans().unwrap();
/// # tracing::subscriber::with_default(tracing_subscriber::registry(), || {
/// let span = tracing::info_span!("request");
/// let inside = span.in_scope(|| stackholm::thread::spawn(Span::current));
/// assert_eq!(inside.join().unwrap(), span);
/// # });
/// ```
pub fn carry_spans() -> Result<(), NotRegistered> {
    register(&Spans)
}

struct Spans;

impl Companion for Spans {
    fn name(&self) -> &'static str {
        "tracing"
    }

    fn capture(&self) -> Option<Box<dyn Carried>> {
        let here = Here { span: Span::current(), scoped: scoped() };
        (!here.span.is_none() || here.scoped.is_some()).then(|| Box::new(here) as _)
    }

    fn without(&self, work: &mut dyn FnMut()) {
        without_span(work);
    }
}

/// The span and the scoped subscriber of one point.
struct Here {
    span: Span,
    scoped: Option<Dispatch>,
}

impl Carried for Here {
    fn within(&self, work: &mut dyn FnMut()) {
        let in_span = || {
            if self.span.is_none() {
                without_span(work);
            } else {
                self.span.in_scope(work);
            }
        };
        match &self.scoped {
            Some(dispatch) => dispatcher::with_default(dispatch, in_span),
            None => in_span(),
        }
    }
}

/// The current subscriber, if it is the default of this thread alone. That of the process need not
/// be carried. Where there is none, setting one would switch off what `tracing` passes on to `log`.
fn scoped() -> Option<Dispatch> {
    dispatcher::get_default(|dispatch| {
        (!dispatch.is::<NoSubscriber>() && !is_global(dispatch)).then(|| dispatch.clone())
    })
}

/// Whether the dispatch is that of the process. Only its `Debug` tells.
fn is_global(dispatch: &Dispatch) -> bool {
    /// Takes the text as long as it is the one that is expected.
    struct Expects(&'static str);
    impl Write for Expects {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            let common = text.len().min(self.0.len());
            let rest = self.0.strip_prefix(&text[..common]).ok_or(fmt::Error)?;
            self.0 = rest;
            if rest.is_empty() { Err(fmt::Error) } else { Ok(()) }
        }
    }
    let mut expects = Expects("Dispatch::Global");
    // `Expects` stops the formatting with an error.
    let _ = write!(expects, "{dispatch:?}");
    expects.0.is_empty()
}

/// How many spans are left at most, in case a subscriber always says that there is one more.
const DEEPEST: usize = 256;

/// Leaves all spans that are entered here, calls `work`, and enters them again.
fn without_span(work: &mut dyn FnMut()) {
    struct Again(Vec<(Dispatch, Id)>);
    impl Drop for Again {
        fn drop(&mut self) {
            for (dispatch, id) in self.0.iter().rev() {
                dispatch.enter(id);
            }
        }
    }
    let mut again = Again(Vec::new());
    while again.0.len() < DEEPEST {
        let Some((id, dispatch)) =
            Span::current().with_subscriber(|(id, d)| (id.clone(), d.clone()))
        else {
            break;
        };
        dispatch.exit(&id);
        again.0.push((dispatch, id));
    }
    work();
}
