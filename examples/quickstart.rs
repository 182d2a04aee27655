//! The first program: one request id, seen in a callee, a task and a thread that nobody passed it to.

use stackholm::{ContextExt, Var, thread};

static REQUEST_ID: Var<String> = Var::new("request_id");

fn line(what: &str) -> String {
    REQUEST_ID.with(|id| format!("[{id}] {what}"))
}

async fn serve() -> [String; 3] {
    let task = tokio::spawn(async { line("in a task") }.in_current_context());
    let on_a_thread = thread::spawn(|| line("on a thread"));
    [line("in a callee"), task.await.unwrap(), on_a_thread.join().unwrap()]
}

#[tokio::main]
async fn main() {
    let lines = REQUEST_ID.scope("r-17".into(), serve()).await;
    assert_eq!(lines, ["[r-17] in a callee", "[r-17] in a task", "[r-17] on a thread"]);
    assert!(!REQUEST_ID.is_bound());
}
