//! One server for the tests of this program, which starts when the first of them asks, and a
//! database of it for each.

#[path = "../../examples/shop/server.rs"]
mod start;

use start::Server;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use tokio_postgres::{Client, NoTls};

/// Where to find the server, or why there is none.
fn server() -> Result<&'static Server, &'static str> {
    static SERVER: OnceLock<Result<Server, String>> = OnceLock::new();
    SERVER.get_or_init(start::start).as_ref().map_err(String::as_str)
}

/// A database of its own; it goes with the server.
#[derive(Clone)]
pub(crate) struct Database {
    folder: PathBuf,
    name: String,
}

impl Database {
    /// A new one; `None`, loudly, where there is no server.
    pub(crate) async fn new() -> Option<Self> {
        let server = match server() {
            Ok(server) => server,
            Err(why) => {
                // Past the capture of the test harness.
                let line = format!("SKIPPED: {why}\n");
                std::io::stdout().write_all(line.as_bytes()).unwrap();
                return None;
            }
        };
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!("test_{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        let postgres = Database { folder: server.folder.clone(), name: "postgres".into() };
        let sql = format!("CREATE DATABASE {name}");
        postgres.connect().await.batch_execute(&sql).await.unwrap();
        Some(Database { folder: server.folder.clone(), name })
    }

    /// What another process needs to find it.
    pub(crate) fn named(folder: &Path, name: &str) -> Self {
        Database { folder: folder.into(), name: name.into() }
    }

    pub(crate) fn parts(&self) -> (&Path, &str) {
        (&self.folder, &self.name)
    }

    /// How many statements the server has received for this database, on connections where it was
    /// told to log them.
    pub(crate) fn statements(&self) -> usize {
        let log = fs::read_to_string(self.folder.join("log")).unwrap();
        let one = |line: &&str| {
            let own = line.strip_prefix(&format!("{} LOG:  ", self.name));
            own.is_some_and(|said| said.starts_with("statement: ") || said.starts_with("execute "))
        };
        log.lines().filter(one).count()
    }

    /// What the server has said of this database, one text for each message.
    pub(crate) fn log(&self) -> Vec<String> {
        let log = fs::read_to_string(self.folder.join("log")).unwrap();
        let (mut entries, mut own) = (Vec::new(), false);
        for line in log.lines() {
            if !line.starts_with('\t') {
                own = line.starts_with(&format!("{} LOG:  ", self.name));
                entries.extend(own.then(String::new));
            }
            if let (true, Some(entry)) = (own, entries.last_mut()) {
                *entry += &format!("{line}\n");
            }
        }
        entries
    }

    /// A connection, driven by a task of the current runtime.
    pub(crate) async fn connect(&self) -> Client {
        self.connect_as("postgres").await
    }

    pub(crate) async fn connect_as(&self, user: &str) -> Client {
        let mut config = tokio_postgres::Config::new();
        config.host_path(&self.folder).user(user).dbname(&self.name);
        let (client, connection) = config.connect(NoTls).await.unwrap();
        tokio::spawn(async move { connection.await.unwrap() });
        client
    }
}
