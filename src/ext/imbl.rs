//! A map that many read and few change a key at a time. Feature `imbl`.
//!
//! The map is [`imbl::HashMap`](::imbl::HashMap), which shares what two versions have in common. It
//! lies in a [`Shared`] cell, which is read without a lock and loses no change. A pair of the two
//! that is written by hand often loses a change between a read and a store.
//!
//! imbl is under the MPL 2.0. It continues `im`, which is archived and has open advisories.

use crate::shared::{Shared, Snapshot};
use ::imbl::HashMap;
use std::borrow::Borrow;
use std::fmt;
use std::hash::Hash;

/// A map in a [`Shared`] cell.
///
/// | | cost with `n` keys |
/// |---|---|
/// | [`get`](Self::get), [`with`](Self::with) | a look-up in the map, without a lock, and without a count if this thread has read this version before |
/// | [`snapshot`](Self::snapshot) | O(1), nothing of the map is copied |
/// | [`insert`](Self::insert), [`remove`](Self::remove) | O(log n): what lies on the way to the key is copied |
/// | [`update`](Self::update) | O(log n) for each key that is changed, and one version for all of them |
/// | [`changes`] | O(n), or O(1) between two snapshots of one version |
///
/// If another thread changes the map first, the change is made again on top of that one. For
/// threads that write all the time a map with a lock for each part is faster.
///
/// # Examples
/// ```
/// use stackholm::imbl::{Change, SharedMap, changes};
///
/// static ROUTES: SharedMap<&str, u16> = SharedMap::new();
///
/// ROUTES.insert("/health", 200);
/// let before = ROUTES.snapshot(); // May be held over an await.
/// ROUTES.update(|routes| {
///     routes.insert("/old", 410);
///     routes.remove("/health");
/// });
/// assert_eq!((ROUTES.get("/old"), before.get("/old")), (Some(410), None));
///
/// let mut changed = changes(&before, &ROUTES.snapshot());
/// changed.sort();
/// assert_eq!(changed, [Change::Inserted("/old", 410), Change::Removed("/health", 200)]);
/// ```
pub struct SharedMap<K: 'static, V: 'static>(Shared<HashMap<K, V>>);

impl<K, V> SharedMap<K, V>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// An empty map.
    pub const fn new() -> Self {
        SharedMap(Shared::new(HashMap::new))
    }

    /// The value of a key, cloned.
    pub fn get<Q>(&self, key: &Q) -> Option<V>
    where
        Q: Hash + Eq + ?Sized,
        K: Borrow<Q>,
    {
        self.with(|map| map.get(key).cloned())
    }

    /// Calls `f` with the newest version of the map. `f` may do anything, even change the map: it
    /// keeps the version that it was given.
    pub fn with<R>(&self, f: impl FnOnce(&HashMap<K, V>) -> R) -> R {
        self.0.with(f)
    }

    /// The newest version, to be held: for a request, or over awaits.
    pub fn snapshot(&self) -> Snapshot<HashMap<K, V>> {
        self.0.load()
    }

    /// Inserts a value, and returns the one that the key had.
    pub fn insert(&self, key: K, value: V) -> Option<V> {
        self.update(|map| map.insert(key.clone(), value.clone()))
    }

    /// Removes a key, and returns its value. If the key is not there, no version is made.
    pub fn remove<Q>(&self, key: &Q) -> Option<V>
    where
        Q: Hash + Eq + ?Sized,
        K: Borrow<Q>,
    {
        let mut removed = None;
        // An error leaves the map as it is.
        let _ = self.0.try_update(|map| {
            let (value, rest) = map.extract(key).ok_or(())?;
            removed = Some(value);
            Ok::<_, ()>(rest)
        });
        removed
    }

    /// Changes any number of keys as one version, which others see whole or not at all. No change
    /// of another thread is lost: if one came in between, `f` is called again, with the newer
    /// version.
    ///
    /// No lock is held while `f` runs. If it panics, the map stays as it is.
    pub fn update<R>(&self, mut f: impl FnMut(&mut HashMap<K, V>) -> R) -> R {
        let mut result = None;
        self.0.update(|map| {
            let mut map = map.clone();
            result = Some(f(&mut map));
            map
        });
        result.expect("an update calls its closure")
    }

    /// The cell, for versions, and to wait for the next one.
    pub fn cell(&self) -> &Shared<HashMap<K, V>> {
        &self.0
    }
}

impl<K, V> Default for SharedMap<K, V>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    fn default() -> Self {
        Self::new()
    }
}

impl<K, V> FromIterator<(K, V)> for SharedMap<K, V>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Self {
        SharedMap(Shared::from(entries.into_iter().collect::<HashMap<_, _>>()))
    }
}

/// Shows the version and the number of keys, no key and no value.
impl<K, V> fmt::Debug for SharedMap<K, V>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let map = self.snapshot();
        f.debug_struct("SharedMap")
            .field("version", &map.version())
            .field("len", &map.len())
            .finish_non_exhaustive()
    }
}

/// How a key differs between two snapshots.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Change<K, V> {
    /// The key is new, with this value.
    Inserted(K, V),
    /// The key had the first value and has the second.
    Replaced(K, V, V),
    /// The key is gone; this was its value.
    Removed(K, V),
}

/// What is different in `new`, in no order. O(n), or O(1) if both are of one version.
pub fn changes<K, V>(
    old: &Snapshot<HashMap<K, V>>,
    new: &Snapshot<HashMap<K, V>>,
) -> Vec<Change<K, V>>
where
    K: Hash + Eq + Clone,
    V: Clone + PartialEq,
{
    if old.ptr_eq(new) {
        return Vec::new();
    }
    let set = new.iter().filter_map(|(key, value)| match old.get(key) {
        None => Some(Change::Inserted(key.clone(), value.clone())),
        Some(before) if before != value => {
            Some(Change::Replaced(key.clone(), before.clone(), value.clone()))
        }
        Some(_) => None,
    });
    let removed = old.iter().filter(|(key, _)| !new.contains_key(*key));
    set.chain(removed.map(|(key, value)| Change::Removed(key.clone(), value.clone()))).collect()
}
