//! The shop: its tables, and what one does in it. Nobody here is told who acts.

use crate::Outcome;
use stackholm_revision::sqlite::{Conflict, History, Reverted, Tracked};
use stackholm_revision::{Revision, RevisionKey};
use std::path::Path;
use std::time::Duration;

const TABLES: &str = "
    PRAGMA journal_mode = WAL;
    CREATE TABLE IF NOT EXISTS customer(id INTEGER PRIMARY KEY, name TEXT NOT NULL, mail TEXT);
    CREATE TABLE IF NOT EXISTS item(id INTEGER PRIMARY KEY, name TEXT NOT NULL, price INT NOT NULL,
        stock INT NOT NULL CHECK (stock >= 0));
    CREATE TABLE IF NOT EXISTS orders(id INTEGER PRIMARY KEY,
        customer INT NOT NULL REFERENCES customer, state TEXT NOT NULL);
    CREATE TABLE IF NOT EXISTS line(orders INT NOT NULL REFERENCES orders ON DELETE CASCADE,
        item INT NOT NULL REFERENCES item, count INT NOT NULL, PRIMARY KEY (orders, item));
    CREATE TABLE IF NOT EXISTS booking(id INTEGER PRIMARY KEY,
        orders INT NOT NULL REFERENCES orders ON DELETE CASCADE, account TEXT NOT NULL,
        amount INT NOT NULL);";

/// How many of each item there are at first.
pub(crate) const STOCK: i64 = 100;

pub(crate) struct Shop(Tracked);

impl Shop {
    pub(crate) fn open(file: &Path) -> Outcome<Self> {
        let conn = rusqlite::Connection::open(file)?;
        conn.busy_timeout(Duration::from_secs(30))?;
        conn.pragma_update(None, "foreign_keys", true)?;
        conn.execute_batch(TABLES)?;
        let mut db = Tracked::new(conn)?;
        db.install()?;
        db.track("customer")?.redact(&["mail"])?;
        for table in ["item", "orders", "line", "booking"] {
            db.track(table)?;
        }
        Ok(Shop(db))
    }

    pub(crate) fn history(&self) -> History<'_> {
        self.0.history()
    }

    pub(crate) fn number(&self, sql: &str) -> Outcome<i64> {
        Ok(self.0.connection().query_row(sql, [], |row| row.get(0))?)
    }

    /// What is there when the shop opens is not worth a history; that there is none is on record.
    pub(crate) fn stock_up(&mut self) -> Outcome {
        if self.number("SELECT count(*) FROM item")? > 0 {
            return Err("there is a shop in this file already; ask it with --order".into());
        }
        Revision::untracked("opening stock").run(|| {
            Ok(self.0.write(|tx| {
                tx.execute_batch(
                    "INSERT INTO customer VALUES (1, 'ada', 'ada@example.org'),
                         (2, 'grace', 'grace@example.org'), (3, 'kay', 'kay@example.org');
                     INSERT INTO item VALUES (1, 'abacus', 12, 100), (2, 'slide rule', 30, 100),
                         (3, 'punched card', 1, 100), (4, 'core memory', 250, 100)",
                )
            })?)
        })
    }

    /// Orders some of an item. The goods leave the stock, and the system books what they cost.
    pub(crate) fn order(&mut self, customer: i64, item: i64, count: i64) -> Outcome {
        let mut tx = self.0.transaction()?;
        tx.execute("INSERT INTO orders(customer, state) VALUES (?1, 'open')", [customer])?;
        let order = tx.last_insert_rowid();
        tx.execute("INSERT INTO line VALUES (?1, ?2, ?3)", [order, item, count])?;
        tx.execute("UPDATE item SET stock = stock - ?2 WHERE id = ?1", [item, count])?;
        let bill = "INSERT INTO booking(orders, account, amount)
            SELECT ?1, account, sign * price * count FROM line JOIN item ON item.id = line.item,
                (SELECT 'sales' AS account, -1 AS sign UNION ALL SELECT 'customer', 1)
            WHERE orders = ?1";
        Revision::new().system().because("booked").run(|| tx.execute(bill, [order]))?;
        Ok(tx.commit()?)
    }

    pub(crate) fn pay(&mut self, order: i64) -> Outcome {
        let sql = "UPDATE orders SET state = 'paid' WHERE id = ?1";
        self.0.write(|tx| tx.execute(sql, [order]))?;
        Ok(())
    }

    /// Meant to remove what is unpaid and to put its goods back; it asks for the wrong state.
    pub(crate) fn remove_unpaid(&mut self) -> Outcome {
        let block = Revision::new().because("not paid").deletion_because("went with its order");
        let remove = || {
            self.0.write(|tx| {
                let back = "UPDATE item SET stock = stock + line.count FROM line, orders
                    WHERE line.item = item.id AND line.orders = orders.id
                        AND orders.state = 'open'";
                tx.execute(back, [])?;
                tx.execute("DELETE FROM orders WHERE state <> 'open'", [])
            })
        };
        block.run(remove)?;
        Ok(())
    }

    pub(crate) fn revert(&mut self, of: RevisionKey, conflict: Conflict) -> Outcome<Reverted> {
        Ok(self.0.write(|tx| tx.revert(of, conflict))?)
    }
}
