//! The first program: one request id, read in a callee, a task, a blocking job and a thread,
//! without being passed to any of them.

use stackholm::{Var, thread, tokio::spawn, tokio::spawn_blocking};

static REQUEST_ID: Var<String> = Var::new("request_id");

fn line(what: &str) -> String {
    REQUEST_ID.with(|id| format!("[{id}] {what}"))
}

async fn handle() -> [String; 4] {
    let task = spawn(async { line("in a task") });
    let job = spawn_blocking(|| line("on the blocking pool"));
    let on_a_thread = thread::spawn(|| line("on a thread"));
    [line("in a callee"), task.await.unwrap(), job.await.unwrap(), on_a_thread.join().unwrap()]
}

#[tokio::main]
async fn main() {
    let lines = REQUEST_ID.scope("r-17".into(), handle()).await;
    println!("{}", lines.join("\n"));
    assert!(lines.iter().all(|line| line.starts_with("[r-17] ")));
    assert!(!REQUEST_ID.is_bound());
}
