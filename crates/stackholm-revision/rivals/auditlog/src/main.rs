//! One round of `auditlog` on SQLite in memory: it is told of each row, one at a time, and writes
//! one row of its own. Nanoseconds for one, without the program's own update.

use auditlog::{Actor, AuditId, AuditOptions, Auditable, SqlxBackend, ValueMap, as_user};
use serde_json::json;
use std::time::Instant;

#[derive(Clone)]
struct Post {
    id: i64,
    a: String,
    b: String,
    c: i64,
}

impl Auditable for Post {
    fn auditable_type() -> &'static str {
        "Post"
    }

    fn auditable_id(&self) -> AuditId {
        self.id.into()
    }

    fn audited_attributes(&self) -> ValueMap {
        let mut map = ValueMap::new();
        map.insert("a".into(), json!(self.a));
        map.insert("b".into(), json!(self.b));
        map.insert("c".into(), json!(self.c));
        map
    }

    fn audit_options() -> AuditOptions {
        AuditOptions::default()
    }
}

const ROWS: i64 = 1000;

#[tokio::main(flavor = "current_thread")]
async fn main() -> auditlog::Result<()> {
    let backend = SqlxBackend::connect_sqlite("sqlite::memory:").await?;
    backend.migrate().await?;
    let post =
        |id, c| Post { id, a: format!("title {id}"), b: "a body of some words".into(), c };
    as_user(Actor::record("User", 7), async {
        let begun = Instant::now();
        for id in 1..=ROWS {
            post(id, 2).audited_update(&backend, &post(id, 1)).await?;
        }
        println!("auditlog {:.0}", begun.elapsed().as_nanos() as f64 / ROWS as f64);
        Ok(())
    })
    .await
}
