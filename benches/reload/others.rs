//! The same tables in what else there is, each as its own documentation says.

use crate::example::file::{Config, Flag, Route};
use crate::example::tables::{Tables, View};
use arc_swap::ArcSwap;
use dashmap::DashMap;
use stackholm::imbl::SharedMap;
use std::collections::HashMap;
use std::sync::{Arc, RwLock};

type Imbl<V> = imbl::HashMap<String, V>;
type Concread<V> = concread::hashmap::HashMap<String, V>;
type Papaya<V> = papaya::HashMap<String, V>;

/// A map for each table, of which a request looks anew each time.
pub struct Two<R, F>(Arc<(R, F)>);

impl<R, F> Clone for Two<R, F> {
    fn clone(&self) -> Self {
        Two(Arc::clone(&self.0))
    }
}

/// A map that one entry is got from, and that is filled anew.
pub trait Map<V>: Send + Sync + 'static {
    /// An empty one.
    fn empty() -> Self;

    fn get(&self, key: &str) -> Option<V>;

    /// Puts all entries in the place of those there; says in how many steps others see that.
    fn replace(&self, entries: HashMap<String, V>) -> usize;
}

impl<R: Map<Route>, F: Map<Flag>> Two<R, F> {
    pub fn new() -> Self {
        Two(Arc::new((R::empty(), F::empty())))
    }
}

impl<R: Map<Route>, F: Map<Flag>> View for Two<R, F> {
    #[inline]
    fn route(&self, path: &str) -> Option<Route> {
        self.0.0.get(path)
    }

    #[inline]
    fn flag(&self, name: &str) -> Option<Flag> {
        self.0.1.get(name)
    }
}

impl<R: Map<Route>, F: Map<Flag>> Tables for Two<R, F> {
    type View = Self;

    fn publish(&self, config: Config) -> usize {
        self.0.0.replace(config.routes) + self.0.1.replace(config.flags)
    }

    fn view(&self) -> Self {
        self.clone()
    }

    fn run<T>(&self, request: impl FnOnce(&Self) -> T) -> T {
        request(self)
    }
}

impl<V: Copy + Send + Sync + 'static> Map<V> for RwLock<HashMap<String, V>> {
    fn empty() -> Self {
        RwLock::default()
    }

    #[inline]
    fn get(&self, key: &str) -> Option<V> {
        self.read().expect("nobody panics").get(key).copied()
    }

    fn replace(&self, entries: HashMap<String, V>) -> usize {
        // What was there is dropped without the lock.
        let _old = std::mem::replace(&mut *self.write().expect("nobody panics"), entries);
        1
    }
}

impl<V: Copy + Send + Sync + 'static> Map<V> for DashMap<String, V> {
    fn empty() -> Self {
        DashMap::new()
    }

    #[inline]
    fn get(&self, key: &str) -> Option<V> {
        DashMap::get(self, key).map(|entry| *entry)
    }

    fn replace(&self, entries: HashMap<String, V>) -> usize {
        self.retain(|key, _| entries.contains_key(key));
        let steps = entries.len();
        for (key, value) in entries {
            self.insert(key, value);
        }
        steps
    }
}

impl<V: Copy + Send + Sync + 'static> Map<V> for Papaya<V> {
    fn empty() -> Self {
        papaya::HashMap::new()
    }

    #[inline]
    fn get(&self, key: &str) -> Option<V> {
        self.pin().get(key).copied()
    }

    fn replace(&self, entries: HashMap<String, V>) -> usize {
        let map = self.pin();
        map.retain(|key, _| entries.contains_key(key));
        let steps = entries.len();
        for (key, value) in entries {
            map.insert(key, value);
        }
        steps
    }
}

impl<V: Copy + Send + Sync + 'static> Map<V> for ArcSwap<Imbl<V>> {
    fn empty() -> Self {
        ArcSwap::from_pointee(Imbl::new())
    }

    #[inline]
    fn get(&self, key: &str) -> Option<V> {
        self.load().get(key).copied()
    }

    fn replace(&self, entries: HashMap<String, V>) -> usize {
        self.store(Arc::new(entries.into_iter().collect()));
        1
    }
}

impl<V: Copy + Send + Sync + 'static> Map<V> for SharedMap<String, V> {
    fn empty() -> Self {
        SharedMap::new()
    }

    #[inline]
    fn get(&self, key: &str) -> Option<V> {
        SharedMap::get(self, key)
    }

    fn replace(&self, entries: HashMap<String, V>) -> usize {
        self.cell().store(entries.into_iter().collect());
        1
    }
}

impl<V: Copy + std::fmt::Debug + Send + Sync + 'static> Map<V> for Concread<V> {
    fn empty() -> Self {
        concread::hashmap::HashMap::new()
    }

    #[inline]
    fn get(&self, key: &str) -> Option<V> {
        self.read().get(key).copied()
    }

    fn replace(&self, entries: HashMap<String, V>) -> usize {
        let mut change = self.write();
        change.clear();
        for (key, value) in entries {
            change.insert(key, value);
        }
        change.commit();
        1
    }
}

pub type Locks = Two<RwLock<HashMap<String, Route>>, RwLock<HashMap<String, Flag>>>;
pub type Dash = Two<DashMap<String, Route>, DashMap<String, Flag>>;
pub type Papayas = Two<Papaya<Route>, Papaya<Flag>>;
pub type Swaps = Two<ArcSwap<Imbl<Route>>, ArcSwap<Imbl<Flag>>>;
pub type SharedMaps = Two<SharedMap<String, Route>, SharedMap<String, Flag>>;
pub type Concreads = Two<Concread<Route>, Concread<Flag>>;

impl View for Arc<Config> {
    #[inline]
    fn route(&self, path: &str) -> Option<Route> {
        self.routes.get(path).copied()
    }

    #[inline]
    fn flag(&self, name: &str) -> Option<Flag> {
        self.flags.get(name).copied()
    }
}

/// Both tables in one `Arc`, of which each request holds a count.
pub struct LockedArc(RwLock<Arc<Config>>);

/// As above.
pub struct SwappedArc(ArcSwap<Config>);

impl LockedArc {
    pub fn new() -> Self {
        LockedArc(RwLock::default())
    }
}

impl SwappedArc {
    pub fn new() -> Self {
        SwappedArc(ArcSwap::default())
    }
}

impl Tables for LockedArc {
    type View = Arc<Config>;

    fn publish(&self, config: Config) -> usize {
        let new = Arc::new(config);
        let _old = std::mem::replace(&mut *self.0.write().expect("nobody panics"), new);
        1
    }

    fn view(&self) -> Arc<Config> {
        Arc::clone(&self.0.read().expect("nobody panics"))
    }
}

impl Tables for SwappedArc {
    type View = Arc<Config>;

    fn publish(&self, config: Config) -> usize {
        self.0.store(Arc::new(config));
        1
    }

    fn view(&self) -> Arc<Config> {
        self.0.load_full()
    }
}
