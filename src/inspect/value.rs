//! Values as text. Runs the user's code, so nothing is held, and on a thread of its own.

use crate::context::Context;
use crate::error::Place;
use crate::sys::mpsc::{self, Receiver, Sender};
use crate::sys::{Arc, OnceLock, caught};
use std::fmt::{self, Write};
use std::thread;
use std::time::Duration;

/// The most bytes of a value.
const MOST: usize = 256;

/// Text up to a limit.
struct Cut(String);

impl Write for Cut {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = MOST - self.0.len();
        if text.len() <= room {
            self.0.push_str(text);
            return Ok(());
        }
        let mut end = room;
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        self.0.push_str(&text[..end]);
        // Whoever writes is to stop.
        Err(fmt::Error)
    }
}

/// How long a look waits for one value.
const PATIENCE: Duration = Duration::from_secs(if cfg!(miri) { 60 } else { 1 });

/// So many threads may be waiting in a `Debug` at once. While there are more, no value is asked
/// for.
const STUCK: usize = 4;

/// The count of this is the number of threads that format values, and one.
static THREADS: OnceLock<Arc<()>> = OnceLock::new();

/// A binding and its value.
type Told = (String, Place, String);

enum Answer {
    /// The `Debug` of its value is called.
    Asked(String, Place),
    /// It has returned this.
    Value(String),
    /// All bindings were asked, and the context was dropped.
    Done,
}

/// Asks for the values of contexts, one after the other, on a thread of its own: a `Debug` may wait
/// for ever.
#[derive(Default)]
pub(super) struct Asker(Option<(Sender<Context>, Receiver<Answer>)>);

impl Asker {
    /// Of each binding that a context shows, and whose variable is declared to be shown: its name,
    /// its place, and its value. Where a `Debug` does not return in time the rest is left out. The
    /// context ends on the other thread.
    pub(super) fn ask(&mut self, context: Context) -> Vec<Told> {
        let mut told = Vec::new();
        if self.0.is_none() {
            let threads = THREADS.get_or_init(|| Arc::new(()));
            if Arc::strong_count(threads) > STUCK {
                end(context);
                return told;
            }
            self.0 = start(Arc::clone(threads));
        }
        let Some((ask, answers)) = &self.0 else {
            // There are no threads here.
            each(context, &mut |answer| collect(&mut told, answer));
            return told;
        };
        if ask.send(context).is_ok() {
            loop {
                match answers.recv_timeout(PATIENCE) {
                    Ok(Answer::Done) => return told,
                    Ok(answer) => collect(&mut told, answer),
                    Err(_) => break,
                }
            }
        }
        // That thread ends once it is answered, if ever.
        self.0 = None;
        told
    }
}

/// A value that is asked for has no answer until it comes.
fn collect(told: &mut Vec<Told>, answer: Answer) {
    match (answer, told.last_mut()) {
        (Answer::Asked(name, place), _) => told.push((name, place, "<no answer>".into())),
        (Answer::Value(value), Some(last)) => last.2 = value,
        _ => {}
    }
}

fn start(count: Arc<()>) -> Option<(Sender<Context>, Receiver<Answer>)> {
    let (ask, asked) = mpsc::channel::<Context>();
    let (answer, answers) = mpsc::channel();
    let work = move || {
        let _count = count;
        for context in asked {
            each(context, &mut |one| drop(answer.send(one)));
            if answer.send(Answer::Done).is_err() {
                break;
            }
        }
    };
    let thread = thread::Builder::new().name("stackholm inspect".into()).spawn(work);
    thread.is_ok().then_some((ask, answers))
}

/// Calls `tell` as each value is asked for, and with the value. The context ends here.
fn each(context: Context, tell: &mut dyn FnMut(Answer)) {
    for binding in &context {
        let Some(value) = binding.value() else { continue };
        tell(Answer::Asked(binding.name().to_owned(), binding.place()));
        let shown = caught(|| {
            let mut text = Cut(String::new());
            let whole = write!(text, "{value:?}").is_ok();
            if whole { text.0 } else { text.0 + "…" }
        });
        tell(Answer::Value(shown.unwrap_or_else(|| "<panicked>".into())));
    }
    end(context);
}

/// Drops a context. This thread may be the last to have its values, and the drop of one may panic.
fn end(context: Context) {
    caught(|| drop(context));
}
