//! Random programs of blocks, savepoints, rollbacks and writes by three actors, beside a model that
//! keeps each state of the table and who made each change.

mod common;

use common::{memory, user};
use stackholm_revision::sqlite::{Conflict, Error, Tracked, Transaction};
use stackholm_revision::{Entry, Op, Revision, Row, Value};
use std::collections::BTreeMap;

/// Steps of all programs together.
const STEPS: usize = 100_000;
/// Steps of one program. What is compared is quadratic in it.
const PROGRAM: usize = 250;

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

/// What should be so: the rows, and who made each change with what left by it.
#[derive(Clone, Default)]
struct Model {
    rows: Table,
    changes: Vec<(String, Table)>,
}

impl Model {
    fn changed(&mut self, actor: &str) {
        self.changes.push((format!("user {actor}"), self.rows.clone()));
    }
}

struct Program {
    chance: Chance,
    steps: usize,
    model: Model,
}

impl Program {
    fn value(&mut self) -> Value {
        match self.chance.below(5) {
            0 => Value::Null,
            1 => Value::Real(self.chance.below(100) as f64 / 8.0),
            2 => Value::Blob(vec![self.chance.below(3) as u8]),
            3 => Value::Text(format!("{}", self.chance.below(3))),
            _ => Value::Integer(self.chance.below(3) as i64),
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

    fn run(&mut self, db: &mut Tracked) {
        while self.steps > 0 {
            let before = self.model.clone();
            let actor = ACTORS[self.chance.below(3) as usize];
            user(actor).run(|| {
                let mut tx = db.transaction().unwrap();
                self.level(&mut tx, actor, 0);
                if self.chance.below(4) > 0 {
                    tx.commit().unwrap();
                } else {
                    drop(tx);
                    self.model = before;
                }
            });
        }
    }

    fn level(&mut self, tx: &mut Transaction<'_>, actor: &str, depth: u32) {
        while self.goes_on(12) {
            match self.chance.below(10) {
                0 if depth < 5 => {
                    let before = self.model.clone();
                    let mut savepoint = tx.savepoint().unwrap();
                    self.level(&mut savepoint, actor, depth + 1);
                    match self.chance.below(3) {
                        0 => {
                            drop(savepoint);
                            self.model = before;
                        }
                        1 => {
                            std::mem::forget(savepoint);
                            self.model = before;
                        }
                        _ => savepoint.commit().unwrap(),
                    }
                }
                1 if depth < 5 => {
                    let other = ACTORS[self.chance.below(3) as usize];
                    user(other).run(|| self.level(tx, other, depth + 1));
                }
                _ => self.write(tx, actor),
            }
        }
    }

    fn write(&mut self, tx: &mut Transaction<'_>, actor: &str) {
        let (key, value) = (self.key(), self.value());
        match self.chance.below(6) {
            0 | 1 => {
                let sql = "INSERT INTO t VALUES (?1, ?2) ON CONFLICT DO UPDATE SET a = ?2";
                tx.execute(sql, (key, &value)).unwrap();
                if self.model.rows.insert(key, value.clone()) != Some(value) {
                    self.model.changed(actor);
                }
            }
            2 => {
                tx.execute("REPLACE INTO t VALUES (?1, ?2)", (key, &value)).unwrap();
                if self.model.rows.remove(&key).is_some() {
                    self.model.changed(actor);
                }
                self.model.rows.insert(key, value);
                self.model.changed(actor);
            }
            3 => {
                tx.execute("DELETE FROM t WHERE id = ?1", [key]).unwrap();
                if self.model.rows.remove(&key).is_some() {
                    self.model.changed(actor);
                }
            }
            4 => {
                let to = self.key();
                let done = tx.execute("UPDATE t SET id = ?2 WHERE id = ?1", [key, to]);
                let there = self.model.rows.contains_key(&to) && key != to;
                match self.model.rows.contains_key(&key) {
                    true if there => assert!(matches!(done, Err(Error::Sqlite(_)))),
                    true if key != to => {
                        let row = self.model.rows.remove(&key).unwrap();
                        self.model.rows.insert(to, row);
                        self.model.changed(actor);
                    }
                    _ => assert!(done.is_ok()),
                }
            }
            _ => {
                tx.execute("UPDATE t SET a = ?1", [&value]).unwrap();
                for key in self.model.rows.keys().copied().collect::<Vec<_>>() {
                    if self.model.rows.insert(key, value.clone()) != Some(value.clone()) {
                        self.model.changed(actor);
                    }
                }
            }
        }
    }
}

/// Does to a table what a change says.
fn replay(table: &mut Table, entry: &Entry) {
    let id = |row: &Row| match row.get("id") {
        Some(Value::Integer(id)) => *id,
        other => panic!("{other:?}"),
    };
    let Value::Integer(key) = entry.key.values()[0] else { panic!("{:?}", entry.key) };
    let a = |row: &Row| row.get("a").cloned();
    match entry.op {
        Op::Insert => assert_eq!(table.insert(id(&entry.new), a(&entry.new).unwrap()), None),
        Op::Delete => assert_eq!(table.remove(&key), a(&entry.old)),
        Op::Update => {
            let mut row = table.remove(&key).expect("it is there to be changed");
            if let Some(new) = a(&entry.new) {
                assert_eq!(Some(std::mem::replace(&mut row, new)), a(&entry.old));
            }
            let to = entry.moved_to.as_ref().map_or(key, |_| id(&entry.new));
            assert_eq!(table.insert(to, row), None);
        }
        Op::Gap => panic!("nothing was untracked"),
    }
}

fn present(db: &Tracked) -> Table {
    let mut statement = db.connection().prepare("SELECT id, a FROM t").unwrap();
    let value = |row: &rusqlite::Row<'_>| -> rusqlite::Result<Value> {
        Ok(match row.get_ref(1)? {
            rusqlite::types::ValueRef::Null => Value::Null,
            rusqlite::types::ValueRef::Integer(number) => Value::Integer(number),
            rusqlite::types::ValueRef::Real(number) => Value::Real(number),
            rusqlite::types::ValueRef::Text(text) => {
                Value::Text(String::from_utf8(text.into()).unwrap())
            }
            rusqlite::types::ValueRef::Blob(bytes) => Value::Blob(bytes.into()),
        })
    };
    let rows = statement.query_map([], |row| Ok((row.get(0)?, value(row)?))).unwrap();
    rows.collect::<Result<_, _>>().unwrap()
}

#[test]
fn history_replayed_is_the_table_and_each_state_is_found_going_backwards() {
    let mut taken = 0;
    for seed in 1.. {
        if taken >= STEPS {
            break;
        }
        taken += PROGRAM;
        one(seed);
    }
}

fn one(seed: u64) {
    let mut db = memory("CREATE TABLE t(id INTEGER PRIMARY KEY, a)");
    db.track("t").unwrap();
    let chance = Chance(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let mut program = Program { chance, steps: PROGRAM, model: Model::default() };
    program.run(&mut db);
    let model = program.model;
    let mut entries = db.history().entries().unwrap();
    entries.reverse();
    let actors = |actor: &Entry| actor.actor.to_string();
    assert_eq!(entries.len(), model.changes.len(), "seed {seed}");
    let mut table = Table::new();
    for (entry, (actor, after)) in entries.iter().zip(&model.changes) {
        replay(&mut table, entry);
        assert_eq!((&table, &actors(entry)), (after, actor), "seed {seed}, {entry:?}");
    }
    assert_eq!(table, present(&db), "seed {seed}");
    assert_eq!(table, model.rows, "seed {seed}");
    for (n, entry) in entries.iter().enumerate().rev() {
        assert_eq!(table, model.changes[n].1, "seed {seed}, before {entry:?} is taken back");
        take_back(&mut table, entry);
    }
    assert_eq!(table, Table::new(), "seed {seed}");
    // The same through the question that a program asks, for some of them: a row is asked for
    // under the key that it has now.
    for _ in 0..3 {
        if entries.is_empty() {
            break;
        }
        let (key, n) =
            (program.chance.below(KEYS) as i64, program.chance.below(entries.len() as u64));
        let mut then = Value::Integer(key);
        for entry in entries[n as usize + 1..].iter().rev() {
            if entry.moved_to.as_ref().is_some_and(|to| to.values()[0] == then) {
                then = entry.key.values()[0].clone();
            }
        }
        let Value::Integer(then) = then else { panic!("{then:?}") };
        let row = db.history().after("t", key, entries[n as usize].number).unwrap();
        let expected = model.changes[n as usize].1.get(&then);
        assert_eq!(row.as_ref().and_then(|row| row.get("a")), expected, "seed {seed}, key {key}");
    }
    way_back(&mut db, &entries, seed);
}

/// Does to a table the reverse of what a change says.
fn take_back(table: &mut Table, entry: &Entry) {
    let number = |value: &Value| match value {
        Value::Integer(number) => *number,
        other => panic!("{other:?}"),
    };
    let key = number(&entry.key.values()[0]);
    let after = entry.moved_to.as_ref().map_or(key, |to| number(&to.values()[0]));
    let old = entry.old.get("a").cloned();
    match entry.op {
        Op::Insert => assert_eq!(table.remove(&key).as_ref(), entry.new.get("a")),
        Op::Delete => assert_eq!(table.insert(key, old.unwrap()), None),
        _ => {
            let now = table.remove(&after).expect("it is there to be taken back");
            assert_eq!(table.insert(key, old.unwrap_or(now)), None);
        }
    }
}

/// Every revision taken back, the newest first, leaves nothing.
fn way_back(db: &mut Tracked, entries: &[Entry], seed: u64) {
    let mut revisions: Vec<_> = entries.iter().map(|entry| entry.revision).collect();
    revisions.dedup();
    for revision in revisions.into_iter().rev() {
        let revert = |tx: &mut Transaction<'_>| tx.revert(revision, Conflict::Stop);
        let done = Revision::new().system().run(|| db.write(revert));
        assert!(done.is_ok(), "seed {seed}: {done:?}");
    }
    assert_eq!(present(db), Table::new(), "seed {seed}");
}
