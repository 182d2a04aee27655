//! Values as text. Runs the user's code, so nothing is held.

use crate::context::Context;
use crate::error::Place;
use std::fmt::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};

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

/// Of each binding that a context shows, and whose variable is declared to be shown: its name, its
/// place, and its value. The context ends here.
pub(super) fn of(context: Context) -> Vec<(String, Place, String)> {
    let mut all = Vec::new();
    for binding in &context {
        let shown = catch_unwind(AssertUnwindSafe(|| {
            let value = binding.value()?;
            let mut text = Cut(String::new());
            let whole = write!(text, "{value:?}").is_ok();
            Some(if whole { text.0 } else { text.0 + "…" })
        }));
        let value = match shown {
            Ok(Some(value)) => value,
            Ok(None) => continue,
            Err(panic) => {
                forget(panic);
                "<panicked>".into()
            }
        };
        all.push((binding.name().to_owned(), binding.place(), value));
    }
    // We may be the last to have its values, and the drop of one may panic.
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| drop(context))) {
        forget(panic);
    }
    all
}

/// What a panic carries may panic as it is dropped; what that carries is left alone.
fn forget(panic: Box<dyn std::any::Any + Send>) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| drop(panic))) {
        std::mem::forget(panic);
    }
}
