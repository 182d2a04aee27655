//! Random programs of blocks, savepoints, rollbacks and writes by three actors, beside a model that
//! keeps each state of the table and who made each change. One table is seen by statement, another
//! one by row; a program goes to one of them.

use crate::common::*;
use stackholm_revision::postgres::{Conflict, Error, Transaction};
use stackholm_revision::{Entry, Op, Revision, Row, Value};
use std::collections::BTreeMap;
use std::pin::Pin;
use tokio_postgres::types::ToSql;

/// Steps of all programs together, and of one.
const STEPS: usize = 3_000;
const PROGRAM: usize = 125;

const ACTORS: [&str; 3] = ["ada", "grace", "kay"];
const KEYS: u64 = 12;

/// A generator of numbers that a seed repeats (xorshift).
struct Chance(u64);

impl Chance {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n
    }
}

type Table = BTreeMap<i64, Value>;

/// What should be so: the rows, and who made each change of which statement with what left by all
/// of them.
#[derive(Clone, Default)]
struct Model {
    rows: Table,
    changes: Vec<(String, usize)>,
    states: Vec<Table>,
}

impl Model {
    /// A statement changed so many rows.
    fn changed(&mut self, actor: &str, rows: usize) {
        if rows > 0 {
            let state = self.states.len();
            self.changes.extend(vec![(format!("user {actor}"), state); rows]);
            self.states.push(self.rows.clone());
        }
    }
}

struct Program {
    chance: Chance,
    steps: usize,
    model: Model,
    table: &'static str,
}

impl Program {
    fn value(&mut self) -> Value {
        match self.chance.below(4) {
            0 => Value::Null,
            _ => Value::Text(format!("{}", self.chance.below(3))),
        }
    }

    fn key(&mut self) -> i64 {
        self.chance.below(KEYS) as i64
    }

    /// Whether the program goes on on this level.
    fn goes_on(&mut self, one_in: u64) -> bool {
        self.steps = self.steps.saturating_sub(1);
        self.steps > 0 && self.chance.below(one_in) > 0
    }

    async fn run(&mut self, db: &mut Db) {
        while self.steps > 0 {
            let before = self.model.clone();
            let actor = ACTORS[self.chance.below(3) as usize];
            let work = async {
                let mut tx = db.transaction().await.unwrap();
                self.level(&mut tx, actor, 0).await;
                match self.chance.below(8) {
                    0 => drop(tx),
                    1 => std::mem::forget(tx),
                    _ => return tx.commit().await.unwrap(),
                }
                self.model = before;
            };
            user(actor).wrap(work).await;
        }
    }

    fn level<'f>(
        &'f mut self,
        tx: &'f mut Transaction<'_>,
        actor: &'f str,
        depth: u32,
    ) -> Pin<Box<dyn Future<Output = ()> + 'f>> {
        Box::pin(async move {
            while self.goes_on(12) {
                match self.chance.below(10) {
                    0 if depth < 5 => {
                        let before = self.model.clone();
                        let mut savepoint = tx.savepoint().await.unwrap();
                        self.level(&mut savepoint, actor, depth + 1).await;
                        match self.chance.below(3) {
                            0 => drop(savepoint),
                            1 => std::mem::forget(savepoint),
                            _ => {
                                savepoint.commit().await.unwrap();
                                continue;
                            }
                        }
                        self.model = before;
                    }
                    1 if depth < 5 => {
                        let other = ACTORS[self.chance.below(3) as usize];
                        user(other).wrap(self.level(tx, other, depth + 1)).await;
                    }
                    _ => self.write(tx, actor).await,
                }
            }
        })
    }

    async fn write(&mut self, tx: &mut Transaction<'_>, actor: &str) {
        let (key, value) = (self.key(), self.value());
        let bound = match &value {
            Value::Text(text) => Some(text.clone()),
            _ => None,
        };
        let table = self.table;
        match self.chance.below(5) {
            0 | 1 => {
                let sql = format!(
                    "INSERT INTO {table} VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET a = $2"
                );
                tx.execute(&sql, &[&key, &bound]).await.unwrap();
                let changed = self.model.rows.insert(key, value.clone()) != Some(value);
                self.model.changed(actor, changed.into());
            }
            2 => {
                let sql = format!("DELETE FROM {table} WHERE id = $1");
                tx.execute(&sql, &[&key]).await.unwrap();
                let changed = self.model.rows.remove(&key).is_some();
                self.model.changed(actor, changed.into());
            }
            3 => {
                let to = self.key();
                let there = self.model.rows.contains_key(&to) && key != to;
                let is = self.model.rows.contains_key(&key);
                // What fails takes its level along, which is not this one.
                let mut own = tx.savepoint().await.unwrap();
                let params: [&(dyn ToSql + Sync); 2] = [&key, &to];
                let sql = format!("UPDATE {table} SET id = $2 WHERE id = $1");
                let done = own.execute(&sql, &params).await;
                assert_eq!(done.is_err(), is && there, "{done:?}");
                if done.is_err() {
                    return;
                }
                own.commit().await.unwrap();
                if is && key != to {
                    let row = self.model.rows.remove(&key).unwrap();
                    self.model.rows.insert(to, row);
                    self.model.changed(actor, 1);
                }
            }
            _ => {
                let sql = format!("UPDATE {table} SET a = $1");
                tx.execute(&sql, &[&bound]).await.unwrap();
                let mut changed = 0;
                for row in self.model.rows.values_mut() {
                    changed += usize::from(*row != value);
                    *row = value.clone();
                }
                self.model.changed(actor, changed);
            }
        }
    }
}

fn number(value: &Value) -> i64 {
    match value {
        Value::Integer(number) => *number,
        other => panic!("{other:?}"),
    }
}

fn a(row: &Row) -> Option<Value> {
    row.get("a").cloned()
}

/// Does to a table what a change says.
fn replay(table: &mut Table, entry: &Entry) {
    let key = number(&entry.key.values()[0]);
    match entry.op {
        Op::Insert => assert_eq!(table.insert(key, a(&entry.new).unwrap()), None),
        Op::Delete => assert_eq!(table.remove(&key), a(&entry.old)),
        _ => {
            let mut row = table.remove(&key).expect("it is there to be changed");
            if let Some(new) = a(&entry.new) {
                assert_eq!(Some(std::mem::replace(&mut row, new)), a(&entry.old));
            }
            let to = entry.moved_to.as_ref().map_or(key, |_| number(entry.new.get("id").unwrap()));
            assert_eq!(table.insert(to, row), None);
        }
    }
}

/// Does to a table the reverse of what a change says.
fn take_back(table: &mut Table, entry: &Entry) {
    let key = number(&entry.key.values()[0]);
    let after = entry.moved_to.as_ref().map_or(key, |to| number(&to.values()[0]));
    let old = a(&entry.old);
    match entry.op {
        Op::Insert => assert_eq!(table.remove(&key), a(&entry.new)),
        Op::Delete => assert_eq!(table.insert(key, old.unwrap()), None),
        _ => {
            let now = table.remove(&after).expect("it is there to be taken back");
            assert_eq!(table.insert(key, old.unwrap_or(now)), None);
        }
    }
}

async fn present(db: &Db, table: &str) -> Table {
    let rows = db.client().query(&format!("SELECT id, a FROM {table}"), &[]).await.unwrap();
    let value = |text: Option<String>| text.map_or(Value::Null, Value::Text);
    rows.iter().map(|row| (row.get(0), value(row.get(1)))).collect()
}

#[tokio::test]
async fn history_replayed_is_the_table_and_each_state_is_found_going_backwards() {
    let sql = "CREATE TABLE by_statement(id bigint PRIMARY KEY, a text);
        CREATE TABLE by_row(id bigint PRIMARY KEY, a text);
        CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
        CREATE TRIGGER nothing AFTER INSERT ON by_row FOR EACH ROW EXECUTE FUNCTION nothing()";
    let (_database, mut db) = or_skip!(tables(sql).await);
    for (seed, _) in (1..).zip((0..STEPS).step_by(PROGRAM)) {
        one(&mut db, seed).await;
    }
    for way in ["STATEMENT", "ROW"] {
        let triggers = format!(
            "pg_trigger WHERE tgname LIKE '!stackholm%' AND tgname NOT LIKE '%TRUNCATE' AND \
             tgrelid = 'by_{way}'::regclass AND (tgtype & 1 = 1) = {}",
            way == "ROW"
        );
        assert_eq!(count(&db, &triggers).await, 3, "seen by {way}");
    }
}

async fn one(db: &mut Db, seed: u64) {
    let table = if seed.is_multiple_of(2) { "by_row" } else { "by_statement" };
    let last = "SELECT coalesce(max(id), 0) FROM stackholm.revision_delta";
    let before = crate::common::number(db, last).await;
    let chance = Chance(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let mut program = Program { chance, steps: PROGRAM, model: Model::default(), table };
    program.run(db).await;
    // Ends what the last transaction may have left open.
    db.transaction().await.unwrap().rollback().await.unwrap();
    let model = program.model;
    let mut entries = db.history().table(table).entries().await.unwrap();
    entries.retain(|entry| entry.number > before);
    entries.reverse();
    assert_eq!(entries.len(), model.changes.len(), "seed {seed}");
    let mut rows = Table::new();
    for (n, (entry, (actor, state))) in entries.iter().zip(&model.changes).enumerate() {
        replay(&mut rows, entry);
        assert_eq!(&entry.actor.to_string(), actor, "seed {seed}, {entry:?}");
        if model.changes.get(n + 1).is_none_or(|(_, next)| next != state) {
            assert_eq!(rows, model.states[*state], "seed {seed}, {entry:?}");
        }
    }
    assert_eq!(rows, present(db, table).await, "seed {seed}");
    assert_eq!(rows, model.rows, "seed {seed}");
    for (n, entry) in entries.iter().enumerate().rev() {
        let state = model.changes[n].1;
        if model.changes.get(n + 1).is_none_or(|(_, next)| *next != state) {
            assert_eq!(rows, model.states[state], "seed {seed}, {entry:?} is taken back");
        }
        take_back(&mut rows, entry);
    }
    assert_eq!(rows, Table::new(), "seed {seed}");
    // The same through the question that a program asks, for some of them: a row is asked for
    // under the key that it has now.
    for _ in 0..3 {
        let Some(of) = (model.states.len() as u64).checked_sub(1) else { break };
        let state = program.chance.below(of + 1) as usize;
        let n = model.changes.iter().rposition(|(_, of)| *of == state).unwrap();
        let key = program.chance.below(KEYS) as i64;
        let mut then = Value::Integer(key);
        for entry in entries[n + 1..].iter().rev() {
            if entry.moved_to.as_ref().is_some_and(|to| to.values()[0] == then) {
                then = entry.key.values()[0].clone();
            }
        }
        let row = db.history().after(table, key, entries[n].number).await.unwrap();
        let expected = model.states[state].get(&number(&then)).cloned();
        assert_eq!(row.as_ref().and_then(a), expected, "seed {seed}, key {key}");
    }
    way_back(db, table, &entries, seed).await;
}

/// Every revision taken back, the newest first, leaves nothing.
async fn way_back(db: &mut Db, table: &str, entries: &[Entry], seed: u64) {
    let mut revisions: Vec<_> = entries.iter().map(|entry| entry.revision).collect();
    revisions.dedup();
    for revision in revisions.into_iter().rev() {
        let revert =
            db.write(async |tx| -> Result<_, Error> { tx.revert(revision, Conflict::Stop).await });
        let done = Revision::new().system().wrap(revert).await;
        assert!(done.is_ok(), "seed {seed}: {done:?}");
    }
    assert_eq!(present(db, table).await, Table::new(), "seed {seed}");
}
