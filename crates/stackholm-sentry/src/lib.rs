//! Variables of [stackholm] as tags of sentry's events, and sentry's hub along with each hop.
//!
//! - [`Tags`] is an integration of the client: the [fields] that it lists become tags of each
//!   event.
//! - After [`carry_hubs`] each hop of stackholm hands over a hub too, with the scope of the place
//!   where it was handed over. Hops are `in_current_context`, the spawns of the integrations and
//!   envelopes, but not parallel iterators. The hub is current for each poll and each drop.
//!   Detached work reports to the client of the main hub, with an empty scope.

use sentry_core::protocol::Event;
use sentry_core::{ClientOptions, Hub, Integration};
use stackholm::companion::{Carried, Companion, NotRegistered, register};
use stackholm::fields;
use std::borrow::Cow;
use std::sync::Arc;

/// The keys of the [fields] that become tags of the events captured where they are bound.
///
/// Events leave the process, often to a service of another company. So the fields are never taken
/// all together: each key is listed. A tag that the event has itself stays as it is. Sentry cuts
/// tags at 200 characters.
///
/// # Examples
/// ```
/// use stackholm_sentry::Tags;
///
/// let options = sentry_core::ClientOptions::default().add_integration(Tags::only(["tenant.id"]));
/// ```
#[derive(Clone, Debug)]
pub struct Tags(Vec<Cow<'static, str>>);

impl Tags {
    /// Tags of the fields with these keys, and of no others.
    pub fn only<K: Into<Cow<'static, str>>>(keys: impl IntoIterator<Item = K>) -> Self {
        Tags(keys.into_iter().map(Into::into).collect())
    }
}

impl Integration for Tags {
    fn name(&self) -> &'static str {
        "stackholm"
    }

    fn process_event(
        &self,
        mut event: Event<'static>,
        _options: &ClientOptions,
    ) -> Option<Event<'static>> {
        fields::with(|fields| {
            for key in &self.0 {
                if let Some(value) = fields.get(key) {
                    event.tags.entry(key.to_string()).or_insert_with(|| value.to_string());
                }
            }
        });
        Some(event)
    }
}

/// From now on each hop takes a hub along, in the whole process: a new one, with the client and the
/// scope of the hub that is current where the work is handed over. What that work adds to its hub
/// is not seen elsewhere.
///
/// # Errors
/// If it was called before, or if eight other companions are registered.
///
/// # Examples
/// ```
/// use sentry_core::Hub;
///
/// fn tag() -> Option<String> {
///     let event = Hub::current().configure_scope(|scope| {
///         scope.clone().apply_to_event(Default::default())
///     });
///     event.and_then(|event| event.tags.get("tenant").cloned())
/// }
///
/// stackholm_sentry::carry_hubs().unwrap();
/// Hub::current().configure_scope(|scope| scope.set_tag("tenant", "acme"));
/// assert_eq!(stackholm::thread::spawn(tag).join().unwrap().as_deref(), Some("acme"));
/// assert_eq!(stackholm::thread::spawn_detached(tag).join().unwrap(), None);
/// ```
pub fn carry_hubs() -> Result<(), NotRegistered> {
    register(&Hubs)
}

struct Hubs;

struct Captured(Arc<Hub>);

impl Companion for Hubs {
    fn name(&self) -> &'static str {
        "sentry"
    }

    fn capture(&self) -> Option<Box<dyn Carried>> {
        Some(Box::new(Captured(Arc::new(Hub::new_from_top(Hub::current())))))
    }

    fn without(&self, work: &mut dyn FnMut()) {
        Captured(Arc::new(Hub::new(Hub::main().client(), Arc::default()))).within(work);
    }
}

impl Carried for Captured {
    fn within(&self, work: &mut dyn FnMut()) {
        Hub::run(Arc::clone(&self.0), work);
    }
}
