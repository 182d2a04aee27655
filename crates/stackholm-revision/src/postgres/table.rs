//! A tracked table as it is now, to take changes of its rows back.

use super::error::{Error, Result};
use crate::hex;
use crate::value::{Key, Row, Value};
use tokio_postgres::Client;

/// A statement and its parameters, all of them as texts.
pub(super) type Written = (String, Vec<Option<String>>);

pub(super) struct Table {
    pub(super) id: i32,
    /// Its schema and name as they stand in a statement.
    full_name: String,
    columns: Vec<Column>,
    /// The places of the key's columns in `columns`, in the order of the key.
    key_columns: Vec<usize>,
}

struct Column {
    name: String,
    kind: String,
}

impl Table {
    /// Reads what the database says of a table, by its name in the history.
    pub(super) async fn read(client: &Client, name: &str) -> Result<Table> {
        let absent = || Error::NotTracked { table: name.into() };
        let sql = "SELECT id, format('%I.%I', schema_name, table_name) \
                   FROM stackholm.revision_table WHERE name = $1 AND tracked";
        let found = client.query_opt(sql, &[&name]).await.map_err(Error::of_history)?;
        let found = found.ok_or_else(absent)?;
        let id = found.get(0);
        let sql = "SELECT name, type, key_place FROM stackholm.revision_tracked_columns($1) \
                   ORDER BY number";
        let rows = client.query(sql, &[&id]).await.map_err(Error::of_history)?;
        let columns = rows.iter().map(|row| Column { name: row.get(0), kind: row.get(1) });
        let places = rows.iter().enumerate();
        let mut key: Vec<(i32, usize)> =
            places.filter_map(|(n, row)| Some((row.get::<_, Option<i32>>(2)?, n))).collect();
        key.sort_unstable();
        if key.is_empty() {
            return Err(absent());
        }
        Ok(Table {
            id,
            full_name: found.get(1),
            columns: columns.collect(),
            key_columns: key.into_iter().map(|(_, column)| column).collect(),
        })
    }

    pub(super) fn has(&self, column: &str) -> bool {
        self.columns.iter().any(|known| known.name == column)
    }

    pub(super) fn insert_sql(&self, row: &Row) -> Written {
        let (mut parts, mut values) = (Vec::new(), Vec::new());
        for (name, value) in row.iter() {
            parts.push(self.bound(name, value, &mut values));
        }
        let names: Vec<_> = row.iter().map(|(name, _)| quoted(name)).collect();
        // A column whose value is always generated can be given one by this alone.
        let sql = format!(
            "INSERT INTO {}({}) OVERRIDING SYSTEM VALUE VALUES ({})",
            self.full_name,
            names.join(", "),
            parts.join(", ")
        );
        (sql, values)
    }

    pub(super) fn update_sql(&self, key: &Key, row: &Row) -> Written {
        let (mut parts, mut values) = (Vec::new(), Vec::new());
        for (name, value) in row.iter() {
            let bound = self.bound(name, value, &mut values);
            parts.push(format!("{} = {bound}", quoted(name)));
        }
        let sets = parts.join(", ");
        let condition = self.condition(key, &mut values);
        (format!("UPDATE {} SET {sets} WHERE {condition}", self.full_name), values)
    }

    pub(super) fn delete_sql(&self, key: &Key) -> Written {
        let mut values = Vec::new();
        let condition = self.condition(key, &mut values);
        (format!("DELETE FROM {} WHERE {condition}", self.full_name), values)
    }

    /// The condition that names one row.
    fn condition(&self, key: &Key, values: &mut Vec<Option<String>>) -> String {
        let mut parts = Vec::new();
        for (place, value) in self.key_columns.iter().zip(key.values()) {
            let name = &self.columns[*place].name;
            let bound = self.bound(name, value, values);
            parts.push(format!("{} = {bound}", quoted(name)));
        }
        parts.join(" AND ")
    }

    /// A parameter: a text that is read as the column's type.
    fn bound(&self, column: &str, value: &Value, values: &mut Vec<Option<String>>) -> String {
        values.push(text(value));
        let kind = self.columns.iter().find(|known| known.name == column);
        let kind = kind.map_or("text", |known| known.kind.as_str());
        format!("CAST(${}::text AS {kind})", values.len())
    }
}

/// A value as PostgreSQL reads it.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::Blob(bytes) => {
            let mut out = String::from("\\x");
            hex::push(&mut out, bytes);
            Some(out)
        }
        // `Display` of the others is what the server reads, infinities included.
        value => Some(value.to_string()),
    }
}

/// A name in SQL.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
