//! Fields as labels of [metrics](::metrics), from a list. Feature `metrics`.
//!
//! Each value of a label is a time series of its own, so the fields are never taken all together:
//! list the keys that have few values.

use crate::fields;
use ::metrics::{
    Counter, Gauge, Histogram, Key, KeyName, Label, Metadata, Recorder, SharedString, Unit,
};

/// The keys of the [`fields`](crate::fields) that become labels.
///
/// # Examples
/// ```
/// use stackholm::Var;
///
/// static TIER: Var<&str> = Var::new("tenant.tier").logged();
/// static REQUEST: Var<u64> = Var::new("request.id").logged();
///
/// # let recorder = metrics::NoopRecorder;
/// let recorder = stackholm::metrics::Labels::only(["tenant.tier"]).layer(recorder);
/// # metrics::with_local_recorder(&recorder, || {
/// TIER.sync_scope("gold", || {
///     REQUEST.sync_scope(7, || metrics::counter!("orders").increment(1)); // orders{tenant.tier="gold"}
/// });
/// # });
/// ```
#[derive(Clone, Debug)]
pub struct Labels(Vec<SharedString>);

impl Labels {
    /// Labels of the fields with these keys, and of no others.
    pub fn only<K: Into<SharedString>>(keys: impl IntoIterator<Item = K>) -> Self {
        Labels(keys.into_iter().map(Into::into).collect())
    }

    /// A recorder that hands everything to `inner`, and gives each metric the labels of the place
    /// where it is registered, which is where `counter!` and its like are called. A handle that you
    /// keep has the same labels for good.
    pub fn layer<R: Recorder>(self, inner: R) -> Labelled<R> {
        Labelled { labels: self, inner }
    }

    /// The key with the listed labels that it lacks; `None` if there is nothing to add.
    fn labelled(&self, key: &Key) -> Option<Key> {
        fields::with(|fields| {
            let has = |name: &str| key.labels().any(|label| label.key() == name);
            let wanted = self.0.iter().filter(|name| !has(name));
            let label = |name: &SharedString| {
                fields.get(name).map(|value| Label::new(name.clone(), value.to_string()))
            };
            let more: Vec<Label> = wanted.filter_map(label).collect();
            (!more.is_empty()).then(|| key.with_extra_labels(more))
        })
    }
}

/// A recorder of metrics that have labels of where they are registered; made by [`Labels::layer`].
#[derive(Debug)]
pub struct Labelled<R> {
    labels: Labels,
    inner: R,
}

impl<R: Recorder> Recorder for Labelled<R> {
    fn describe_counter(&self, key: KeyName, unit: Option<Unit>, description: SharedString) {
        self.inner.describe_counter(key, unit, description);
    }

    fn describe_gauge(&self, key: KeyName, unit: Option<Unit>, description: SharedString) {
        self.inner.describe_gauge(key, unit, description);
    }

    fn describe_histogram(&self, key: KeyName, unit: Option<Unit>, description: SharedString) {
        self.inner.describe_histogram(key, unit, description);
    }

    fn register_counter(&self, key: &Key, metadata: &Metadata<'_>) -> Counter {
        let labelled = self.labels.labelled(key);
        self.inner.register_counter(labelled.as_ref().unwrap_or(key), metadata)
    }

    fn register_gauge(&self, key: &Key, metadata: &Metadata<'_>) -> Gauge {
        let labelled = self.labels.labelled(key);
        self.inner.register_gauge(labelled.as_ref().unwrap_or(key), metadata)
    }

    fn register_histogram(&self, key: &Key, metadata: &Metadata<'_>) -> Histogram {
        let labelled = self.labels.labelled(key);
        self.inner.register_histogram(labelled.as_ref().unwrap_or(key), metadata)
    }
}
