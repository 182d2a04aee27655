//! Fields as tags of the events of [sentry](::sentry_core), from a list. Feature `sentry-core`.
//!
//! A service that receives events is somebody else's, so there is no "all": each key that goes
//! there is named.

use crate::fields;
use ::sentry_core::protocol::Event;
use ::sentry_core::{ClientOptions, Integration};
use std::borrow::Cow;

/// The keys of the [`fields`](crate::fields) that become tags of the events captured where they are
/// bound.
///
/// A tag that the event has itself stays as it is. Sentry cuts tags at 200 characters.
///
/// # Examples
/// ```
/// use stackholm::sentry_core::Tags;
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
