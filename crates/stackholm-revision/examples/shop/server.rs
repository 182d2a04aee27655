//! A PostgreSQL server of our own, in a folder that goes with it. A shell starts it, waits for this
//! program to end in any way, and then ends it.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{ChildStdin, Command, Stdio};

pub(crate) struct Server {
    /// Where its socket and its log are.
    pub(crate) folder: PathBuf,
    /// When this is closed, the server ends.
    _alive: ChildStdin,
}

const START: &str = r#"
trap '' INT TERM HUP
{
    "$1/initdb" -D "$2/data" -U postgres -A trust -E UTF8 --locale=C --no-sync &&
    cat >>"$2/data/postgresql.conf" <<END &&
listen_addresses = ''
unix_socket_directories = '$2'
fsync = off
max_connections = 200
shared_buffers = 64MB
log_min_messages = log
log_line_prefix = '%d '
END
    exec "$1/postgres" -D "$2/data"
} >"$2/log" 2>&1 &
server=$!
for _ in $(seq 600); do
    "$1/pg_isready" -q -h "$2" && break
    kill -0 $server 2>/dev/null || break
    sleep 0.05
done
"$1/pg_isready" -q -h "$2" && echo ready || cat "$2/log"
read -r _
kill -QUIT $server
wait $server
rm -rf "$2" || rm -rf "$2"
"#;

/// Starts one; the error says why there is none.
pub(crate) fn start() -> Result<Server, String> {
    let programs = programs().ok_or("there is no PostgreSQL server on this machine")?;
    let name = format!("stackholm-postgres-{}", std::process::id());
    let folder = std::env::temp_dir().join(name);
    let failed = |error: std::io::Error| format!("the server cannot be started: {error}");
    fs::create_dir(&folder).map_err(failed)?;
    let mut shell = Command::new("sh");
    shell.args(["-c", START, "sh"]).arg(programs).arg(&folder).current_dir(&folder);
    // It refuses to run as root.
    if fs::metadata(&folder).map_err(failed)?.uid() == 0 {
        let (user, group) = nobody().ok_or("there is no user to run the server as")?;
        chown(&folder, Some(user), Some(group)).map_err(failed)?;
        shell.uid(user).gid(group);
    }
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).map_err(failed)?;
    let mut shell = shell
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .map_err(failed)?;
    let alive = shell.stdin.take().ok_or("the shell has no input")?;
    let mut said = BufReader::new(shell.stdout.take().ok_or("the shell has no output")?);
    let mut line = String::new();
    said.read_line(&mut line).map_err(failed)?;
    match line.trim() {
        "ready" => Ok(Server { folder, _alive: alive }),
        line => Err(format!("the server did not start: {line}")),
    }
}

/// The folder with the newest server's programs.
fn programs() -> Option<PathBuf> {
    let version =
        |path: &PathBuf| -> Option<u32> { path.parent()?.file_name()?.to_str()?.parse().ok() };
    let debian = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut folders: Vec<_> = debian.map(|folder| folder.path().join("bin")).collect();
    folders.sort_by_key(|folder| std::cmp::Reverse(version(folder)));
    let path = std::env::var_os("PATH").unwrap_or_default();
    folders.extend(std::env::split_paths(&path));
    folders
        .into_iter()
        .find(|folder| ["initdb", "postgres"].iter().all(|p| folder.join(p).exists()))
}

fn nobody() -> Option<(u32, u32)> {
    let users = fs::read_to_string("/etc/passwd").ok()?;
    let line = users.lines().find(|line| line.starts_with("nobody:"))?;
    let mut fields = line.split(':').skip(2);
    Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
}
