//! Records in memory, which report their changes to the tracker.

use super::tracker::{self, Delta, Kind};
use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::Mutex;

type Fields = BTreeMap<&'static str, String>;

/// The newest state of each row, by its name, and the last state of each deleted one.
#[derive(Default)]
pub(crate) struct Table {
    rows: Mutex<BTreeMap<String, Fields>>,
    deleted: Mutex<BTreeMap<String, Fields>>,
}

impl Table {
    pub(crate) fn get(&self, name: &str) -> Option<Record> {
        let fields = self.rows.lock().expect("nobody panics in here").get(name)?.clone();
        Some(Record { name: name.into(), fields, changes: Vec::new() })
    }

    /// Deletes a record and all that belong to it. Where nothing is tracked, it is only deleted.
    pub(crate) fn delete(&self, name: &str) {
        if tracker::is_active() { self.delete_tracked(name) } else { self.delete_plainly(name) }
    }

    fn delete_plainly(&self, name: &str) {
        let mut rows = self.rows.lock().expect("nobody panics in here");
        rows.retain(|row, fields| row != name && !belongs_to(fields, name));
    }

    fn delete_tracked(&self, name: &str) {
        let mut rows = self.rows.lock().expect("nobody panics in here");
        let children: Vec<_> =
            rows.iter().filter(|(_, row)| belongs_to(row, name)).map(|(n, _)| n.clone()).collect();
        for child in children {
            tracker::record([Kind::Deletion.delta(format!("{child} deleted with {name}"))]);
            self.keep(&child, rows.remove(&child));
        }
        tracker::record([Kind::Object.delta(format!("{name} deleted"))]);
        self.keep(name, rows.remove(name));
    }

    fn keep(&self, name: &str, fields: Option<Fields>) {
        let mut deleted = self.deleted.lock().expect("nobody panics in here");
        deleted.extend(fields.map(|fields| (name.into(), fields)));
    }

    /// A record as it was when its deletion was tracked, ready to be saved again.
    pub(crate) fn snapshot(&self, name: &str) -> Option<Record> {
        let fields = self.deleted.lock().expect("nobody panics in here").get(name)?.clone();
        Some(Record { name: name.into(), fields, changes: Vec::new() })
    }
}

fn belongs_to(fields: &Fields, name: &str) -> bool {
    fields.get("owner").is_some_and(|owner| owner == name)
}

/// One row, perhaps with changes that are not saved yet.
pub(crate) struct Record {
    name: String,
    fields: Fields,
    changes: Vec<Delta>,
}

impl Record {
    pub(crate) fn new(name: &str) -> Self {
        Record { name: name.into(), fields: Fields::new(), changes: Vec::new() }
    }

    pub(crate) fn get(&self, field: &str) -> &str {
        self.fields.get(field).map_or("", String::as_str)
    }

    /// Changes a field. The change is attributed to the actor bound here, whoever saves it later.
    pub(crate) fn set(&mut self, field: &'static str, value: impl Display) {
        let value = value.to_string();
        if self.fields.get(field) == Some(&value) {
            return;
        }
        if tracker::is_active() {
            self.changes.push(Kind::Attribute.delta(format!("  {}.{field} = {value}", self.name)));
        }
        self.fields.insert(field, value);
    }

    pub(crate) fn save(&mut self, table: &Table) {
        let old = table
            .rows
            .lock()
            .expect("nobody panics in here")
            .insert(self.name.clone(), self.fields.clone());
        let verb = if old.is_some() { "updated" } else { "created" };
        let object = Kind::Object.delta(format!("{} {verb}", self.name));
        tracker::record([object].into_iter().chain(self.changes.drain(..)));
    }
}
