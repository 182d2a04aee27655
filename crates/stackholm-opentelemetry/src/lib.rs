//! The context of OpenTelemetry goes along with each hop of [stackholm].
//!
//! After [`install`] each hop of stackholm hands over the current [`opentelemetry::Context`] too:
//! the span, the baggage, and whether telemetry is suppressed. Hops are `in_current_context`, the
//! spawns of the integrations and envelopes, but not parallel iterators. The context is attached
//! for each poll and each drop, and detached in reverse. Detached work has the empty one.
//!
//! The other way round, code that hands over an `opentelemetry::Context` alone can take ours along
//! inside it: [`AmbientExt`].
//!
//! With the feature `wire` both share one trace with other processes, in both directions:
//! [`current_trace`] and [`under`].

#[cfg(feature = "wire")]
mod wire;

#[cfg(feature = "wire")]
pub use self::wire::{current_trace, under};

use opentelemetry::Context;
use stackholm::companion::{Carried, Companion, NotRegistered, register};

/// From now on each hop takes the current context of OpenTelemetry along, in the whole process.
///
/// # Errors
/// If it was called before, or if eight other companions are registered.
///
/// # Examples
/// ```
/// use opentelemetry::Context;
///
/// #[derive(Debug, PartialEq)]
/// struct Tier(u8);
///
/// stackholm_opentelemetry::install().unwrap();
/// let _attached = Context::current_with_value(Tier(7)).attach();
/// let seen = stackholm::thread::spawn(|| Context::current().get::<Tier>().map(|tier| tier.0));
/// assert_eq!(seen.join().unwrap(), Some(7));
/// ```
pub fn install() -> Result<(), NotRegistered> {
    register(&OpenTelemetry)
}

struct OpenTelemetry;

struct Captured(Context);

impl Companion for OpenTelemetry {
    fn name(&self) -> &'static str {
        "opentelemetry"
    }

    fn capture(&self) -> Option<Box<dyn Carried>> {
        Some(Box::new(Captured(Context::current())))
    }

    fn without(&self, work: &mut dyn FnMut()) {
        Captured(Context::new()).within(work);
    }
}

impl Carried for Captured {
    fn within(&self, work: &mut dyn FnMut()) {
        let _attached = self.0.clone().attach();
        work();
    }
}

/// Our context, as a value in one of OpenTelemetry's.
struct Ambient(stackholm::Context);

/// Stores a context of ours inside one of OpenTelemetry.
///
/// # Examples
/// ```
/// use opentelemetry::Context;
/// use stackholm_opentelemetry::AmbientExt;
///
/// static USER: stackholm::Var<&str> = stackholm::Var::new("user");
///
/// // Hand it to code that only knows OpenTelemetry; it may give it back on another thread.
/// let handed = USER.sync_scope("ada", || Context::current().with_ambient());
/// handed.ambient().run(|| assert_eq!(USER.get(), "ada"));
/// assert!(Context::current().ambient().is_empty());
/// ```
pub trait AmbientExt {
    /// This context with what is visible here in ours: one pointer more, which keeps those values
    /// alive.
    #[must_use = "the context itself stays as it is"]
    fn with_ambient(&self) -> Context;

    /// Our context that was stored; the empty one if none was.
    fn ambient(&self) -> stackholm::Context;
}

impl AmbientExt for Context {
    #[track_caller]
    fn with_ambient(&self) -> Context {
        self.with_value(Ambient(stackholm::Context::current()))
    }

    fn ambient(&self) -> stackholm::Context {
        self.get::<Ambient>().map_or_else(stackholm::Context::empty, |ambient| ambient.0.clone())
    }
}
