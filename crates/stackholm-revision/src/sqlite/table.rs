//! A tracked table: its columns, its key and its triggers.

use super::error::{Error, Result};
use crate::value::{Key, Row, Scalar, Value, push_text};
use rusqlite::{Connection, OptionalExtension};

/// What the triggers look like. Written to `revision_table`, so that somebody who reads old deltas
/// can tell by which triggers they were written.
const TRIGGERS: i64 = 1;

/// The most columns of a table: an update hands two values of each to one function, which takes a
/// thousand.
const MOST_COLUMNS: usize = 400;

/// What the program asked for when it began to track a table.
#[derive(Clone, Debug, Default)]
pub(super) struct Options {
    pub(super) except: Vec<String>,
    pub(super) redact: Vec<String>,
    pub(super) or_nobody: bool,
}

#[derive(Clone, Debug)]
pub(super) struct Table {
    pub(super) id: i64,
    pub(super) name: String,
    pub(super) columns: Vec<Column>,
    /// The places of the key's columns in `columns`, in the order of the key.
    pub(super) key_columns: Vec<usize>,
    pub(super) or_nobody: bool,
    /// Whether a key of the table refers to the table, so that it may take rows of its own along.
    pub(super) refers_to_itself: bool,
    pub(super) options: Options,
    /// Whether it is there: a table that was dropped may come back, by a rollback or under a new
    /// definition.
    pub(super) exists: bool,
}

#[derive(Clone, Debug)]
pub(super) struct Column {
    pub(super) name: String,
    /// The name as the member of an object, with the colon.
    pub(super) json: String,
    redacted: bool,
}

impl Column {
    pub(super) fn shown<'v>(&self, value: Scalar<'v>) -> Scalar<'v> {
        if self.redacted { Scalar::Redacted } else { value }
    }
}

impl Table {
    /// Reads what the database says of a table; refuses one that cannot be tracked.
    pub(super) fn read(conn: &Connection, name: &str, options: &Options) -> Result<Table> {
        let refuse = |why: &str| Error::CannotTrack { table: name.into(), why: why.into() };
        let kind: Option<(String, String)> = conn
            .query_row(
                "SELECT name, type FROM pragma_table_list WHERE schema = 'main' AND name = ?1 \
                 COLLATE NOCASE",
                [name],
                |row| Ok((row.get(0)?, row.get(1)?)),
            )
            .optional()?;
        let stored = match kind {
            None => return Err(refuse("there is no such table")),
            Some((_, kind)) if kind != "table" => return Err(refuse("it is no plain table")),
            Some((stored, _)) if stored.to_ascii_lowercase().starts_with("revision_") => {
                return Err(refuse("it belongs to the history itself"));
            }
            Some((stored, _)) => stored,
        };
        let mut all = conn
            .prepare("SELECT name, pk, hidden FROM pragma_table_xinfo(?1, 'main') ORDER BY cid")?;
        let all: Vec<(String, i64, i64)> = all
            .query_map([&stored], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
            .collect::<rusqlite::Result<_>>()?;
        let named =
            |list: &[String], name: &str| list.iter().any(|entry| entry.eq_ignore_ascii_case(name));
        let exists = |column: &String| all.iter().any(|(n, _, _)| n.eq_ignore_ascii_case(column));
        if let Some(column) = options.except.iter().chain(&options.redact).find(|c| !exists(c)) {
            return Err(refuse(&format!("it has no column `{column}`")));
        }
        let (mut columns, mut key) = (Vec::new(), Vec::new());
        // A generated column follows from the others, and cannot be written.
        for (name, place, _) in all.iter().filter(|(_, _, hidden)| *hidden == 0) {
            let (left_out, redacted) = (named(&options.except, name), named(&options.redact, name));
            if *place > 0 && (left_out || redacted) {
                return Err(refuse(&format!("`{name}` is of the key and cannot be left out")));
            }
            if left_out {
                continue;
            }
            if *place > 0 {
                key.push((*place, columns.len()));
            }
            let mut json = String::new();
            push_text(&mut json, name);
            json.push(':');
            columns.push(Column { name: name.clone(), json, redacted });
        }
        key.sort_unstable();
        if key.is_empty() {
            return Err(refuse("it has no primary key"));
        }
        if columns.len() > MOST_COLUMNS {
            return Err(refuse("it has more than 400 columns"));
        }
        let refers_to_itself = conn.query_row(
            "SELECT EXISTS (SELECT 1 FROM pragma_foreign_key_list(?1) WHERE \"table\" = ?1 \
             COLLATE NOCASE)",
            [&stored],
            |row| row.get(0),
        )?;
        Ok(Table {
            id: 0,
            name: stored,
            columns,
            key_columns: key.into_iter().map(|(_, column)| column).collect(),
            or_nobody: options.or_nobody,
            refers_to_itself,
            options: options.clone(),
            exists: true,
        })
    }

    /// Writes down what is tracked; nothing if it stands there already.
    pub(super) fn register(&mut self, conn: &Connection) -> Result<()> {
        let list = |names: &mut dyn Iterator<Item = &String>| {
            let names: Vec<_> = names.map(|name| Value::from(name.as_str())).collect();
            Key::new(names).stored()
        };
        let key = list(&mut self.key_columns.iter().map(|column| &self.columns[*column].name));
        let columns = list(&mut self.columns.iter().map(|column| &column.name));
        let except = list(&mut self.options.except.iter());
        let redacted = list(&mut self.options.redact.iter());
        let row = (&self.name, &key, &columns, &except, &redacted, TRIGGERS);
        let same = "SELECT id FROM revision_table WHERE name = ?1 AND key_columns = ?2 AND \
                    columns = ?3 AND except_columns = ?4 AND redacted_columns = ?5 AND \
                    triggers = ?6";
        let found = conn.query_row(same, row, |row| row.get(0)).optional()?;
        self.id = match found {
            Some(id) => id,
            None => conn.query_row(
                "INSERT INTO revision_table(name, key_columns, columns, except_columns, \
                 redacted_columns, triggers) VALUES (?1, ?2, ?3, ?4, ?5, ?6) \
                 ON CONFLICT(name) DO UPDATE SET key_columns = ?2, columns = ?3, \
                 except_columns = ?4, redacted_columns = ?5, triggers = ?6 RETURNING id",
                row,
                |row| row.get(0),
            )?,
        };
        Ok(())
    }

    /// The key of a row as it is stored.
    pub(super) fn key<'v>(&self, column: impl Fn(usize) -> Scalar<'v>) -> String {
        let mut out = String::with_capacity(16);
        for (n, place) in self.key_columns.iter().enumerate() {
            out.push(if n == 0 { '[' } else { ',' });
            column(*place).push(&mut out);
        }
        out.push(']');
        out
    }

    /// The statements that make its triggers, of this connection alone.
    pub(super) fn triggers(&self, slot: usize) -> String {
        let table = quoted(&self.name);
        let each = |prefixes: &[&str], columns: &mut dyn Iterator<Item = usize>| -> String {
            let name = |n: usize| quoted(&self.columns[n].name);
            columns
                .flat_map(|n| prefixes.iter().map(move |p| format!(", {p}.{}", name(n))))
                .collect()
        };
        let all = || 0..self.columns.len();
        let write = |op: &str| {
            format!(
                "INSERT INTO revision_delta(frame, statement, caused, \"table\", \"key\", \
                 moved_to, op, old, new) VALUES (stackholm_frame(), stackholm_statement(), \
                 stackholm_caused(), {}, stackholm_key(), {}, '{op}', {}, {}); END;",
                self.id,
                if op == "u" { "stackholm_moved()" } else { "NULL" },
                if op == "i" { "NULL" } else { "stackholm_old()" },
                if op == "d" { "NULL" } else { "stackholm_new()" },
            )
        };
        let begin = |verb: &str| {
            let columns = each(&["old"], &mut self.key_columns.iter().copied());
            format!(
                "CREATE TEMP TRIGGER stackholm_{slot}_before_{verb} BEFORE {verb} ON main.{table} \
                 BEGIN SELECT stackholm_begun({slot}{columns}); END;"
            )
        };
        let mut sql = format!(
            "CREATE TEMP TRIGGER stackholm_{slot}_insert AFTER INSERT ON main.{table} \
             WHEN stackholm_inserted({slot}{}) BEGIN {}\
             CREATE TEMP TRIGGER stackholm_{slot}_update AFTER UPDATE ON main.{table} \
             WHEN stackholm_updated({slot}{}) BEGIN {}\
             CREATE TEMP TRIGGER stackholm_{slot}_delete AFTER DELETE ON main.{table} \
             WHEN stackholm_deleted({slot}{}) BEGIN {}",
            each(&["new"], &mut all()),
            write("i"),
            each(&["old", "new"], &mut all()),
            write("u"),
            each(&["old"], &mut all()),
            write("d"),
        );
        if self.refers_to_itself {
            sql.push_str(&begin("delete"));
            sql.push_str(&begin("update"));
        }
        sql
    }

    /// The statements that take them away again.
    pub(super) fn no_triggers(slot: usize) -> String {
        ["insert", "update", "delete", "before_delete", "before_update"]
            .iter()
            .map(|name| format!("DROP TRIGGER IF EXISTS temp.stackholm_{slot}_{name};"))
            .collect()
    }

    /// The condition that names one row, with the parameters from `first` on.
    fn condition(&self, first: usize) -> String {
        let columns = self.key_columns.iter().enumerate();
        let each = columns.map(|(n, column)| {
            format!("{} IS ?{}", quoted(&self.columns[*column].name), first + n)
        });
        each.collect::<Vec<_>>().join(" AND ")
    }

    /// The row under a key, as it is now.
    pub(super) fn present(&self, conn: &Connection, key: &Key) -> Result<Option<Row>> {
        let columns: Vec<_> = self.columns.iter().map(|column| quoted(&column.name)).collect();
        let (columns, table) = (columns.join(", "), quoted(&self.name));
        let sql = format!("SELECT {columns} FROM main.{table} WHERE {}", self.condition(1));
        let mut statement = conn.prepare_cached(&sql)?;
        let row = statement.query_row(rusqlite::params_from_iter(key.values()), |row| {
            let each = self.columns.iter().enumerate();
            let value = |(n, column): (usize, &Column)| {
                let value = match row.get_ref(n)? {
                    _ if column.redacted => Value::Redacted,
                    value => super::value(value),
                };
                Ok((column.name.clone(), value))
            };
            each.map(value).collect::<rusqlite::Result<_>>().map(Row)
        });
        Ok(row.optional()?)
    }

    pub(super) fn insert_sql(&self, row: &Row) -> (String, Vec<Value>) {
        let names: Vec<_> = row.iter().map(|(name, _)| quoted(name)).collect();
        let values: Vec<_> = row.iter().enumerate().map(|(n, (_, v))| bind(n + 1, v)).collect();
        let (table, names, marks) = (quoted(&self.name), names.join(", "), values.join(", "));
        let sql = format!("INSERT INTO main.{table}({names}) VALUES ({marks})");
        (sql, row.iter().map(|(_, value)| value.clone()).collect())
    }

    pub(super) fn update_sql(&self, key: &Key, row: &Row) -> (String, Vec<Value>) {
        let sets: Vec<_> = (row.iter().enumerate())
            .map(|(n, (name, value))| format!("{} = {}", quoted(name), bind(n + 1, value)))
            .collect();
        let (table, condition) = (quoted(&self.name), self.condition(sets.len() + 1));
        let sql = format!("UPDATE main.{table} SET {} WHERE {condition}", sets.join(", "));
        (sql, row.iter().map(|(_, v)| v).chain(key.values()).cloned().collect())
    }

    pub(super) fn delete_sql(&self, key: &Key) -> (String, Vec<Value>) {
        let sql = format!("DELETE FROM main.{} WHERE {}", quoted(&self.name), self.condition(1));
        (sql, key.values().to_vec())
    }
}

/// A parameter. Text that is no UTF-8 is bound as bytes and becomes text again there.
fn bind(place: usize, value: &Value) -> String {
    match value {
        Value::Malformed(_) => format!("CAST(?{place} AS TEXT)"),
        _ => format!("?{place}"),
    }
}

/// A name in SQL.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
