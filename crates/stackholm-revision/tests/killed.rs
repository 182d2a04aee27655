//! A program that is killed in the middle of its transactions: what it leaves is whole.

mod common;

use common::{File, count, number, open, user};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

const TABLE: &str = "PRAGMA journal_mode = WAL;
    CREATE TABLE IF NOT EXISTS account(id INTEGER PRIMARY KEY, balance INT NOT NULL)";
const ACCOUNTS: i64 = 8;

#[test]
fn history_and_tables_agree_after_the_program_was_killed_in_the_middle_of_transactions() {
    let file = File::new();
    let mut after = 0;
    // Killed after some of its commits, each time somewhere else in the next one.
    for kill_after in [1, 7, 40, 150, 801] {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "the_program_that_is_killed", "--nocapture"])
            .env("STACKHOLM_REVISION_KILLED", file.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let committed = lines.filter(|line| line.as_ref().unwrap() == "committed");
        let seen = committed.take(kill_after).count();
        child.kill().unwrap();
        let status = child.wait().unwrap();
        assert_eq!((seen, status.success()), (kill_after, false), "it was killed while it wrote");
        after += seen as i64;
        agrees(&file.path(), after);
    }
}

/// Each balance is the sum of its changes, each transaction is whole, and at least so many are
/// there.
fn agrees(path: &Path, transactions: i64) {
    let db = open(path, "");
    let different = "SELECT count(*) FROM account a WHERE balance <> (
        SELECT coalesce(sum(iif(op = 'i', new ->> 'balance',
            (new ->> 'balance') - (old ->> 'balance'))), 0)
        FROM revision_history WHERE \"table\" = 'account' AND \"key\" = '[' || a.id || ']')";
    assert_eq!(number(&db, different), 0);
    assert_eq!(number(&db, "SELECT coalesce(sum(balance), 0) FROM account"), 0);
    let halves = "SELECT count(*) FROM (SELECT count(*) n FROM revision_history WHERE op = 'u' \
                  GROUP BY revision HAVING n <> 4)";
    assert_eq!(number(&db, halves), 0);
    let wrong = "SELECT count(*) FROM revision_history WHERE op = 'u' AND \
                 actor_id <> iif((new ->> 'balance') < (old ->> 'balance'), 'payer', 'payee')";
    assert_eq!(number(&db, wrong), 0);
    assert!(
        count(&db, "(SELECT DISTINCT revision FROM revision_history WHERE op = 'u')")
            >= transactions
    );
    assert_eq!(
        number(
            &db,
            "SELECT count(*) FROM revision_delta WHERE frame NOT IN (SELECT id FROM revision_frame)"
        ),
        0
    );
    let check: String =
        db.connection().query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(check, "ok");
}

/// Does nothing unless the test above starts it in a process of its own: moves money about in a
/// thousand transactions of several actors and savepoints.
#[test]
fn the_program_that_is_killed() {
    let Some(path) = std::env::var_os("STACKHOLM_REVISION_KILLED") else { return };
    let mut db = open(path.as_ref(), TABLE);
    db.track("account").unwrap();
    let fill =
        "INSERT OR IGNORE INTO account VALUES (1,0),(2,0),(3,0),(4,0),(5,0),(6,0),(7,0),(8,0)";
    user("bank").run(|| db.write(|tx| tx.execute(fill, []))).unwrap();
    for n in 0..1000_i64 {
        user("payer").run(|| {
            let mut tx = db.transaction().unwrap();
            for half in 0..2 {
                let (from, to) = ((n + half) % ACCOUNTS + 1, (n + half + 3) % ACCOUNTS + 1);
                let take = "UPDATE account SET balance = balance - 5 WHERE id = ?1";
                tx.execute(take, [from]).unwrap();
                let mut savepoint = tx.savepoint().unwrap();
                let give = "UPDATE account SET balance = balance + 5 WHERE id = ?1";
                user("payee").run(|| savepoint.execute(give, [to])).unwrap();
                savepoint.commit().unwrap();
            }
            tx.commit().unwrap();
        });
        // Past the capture of the test harness.
        let mut out = std::io::stdout();
        writeln!(out, "committed").and_then(|()| out.flush()).unwrap();
    }
    loop {
        std::thread::park();
    }
}
