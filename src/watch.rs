//! Notes of who reads a variable while a test watches it, in debug builds.
//!
//! A watch is a binding, and the reads where it is visible are its own. Work that was spawned bare
//! sees no watch, and that is the work that a test wants to find. So a read where no watch is
//! visible counts for every test that watches the variable at that time.

use crate::asked::Asked;
use crate::error::Missing;
use crate::sys::{Arc, Notes};
use crate::var::Var;

/// One test that watches one variable.
pub(crate) struct Watch {
    /// The address of the variable, which stands for it: `Watching` borrows it.
    of: usize,
    own: Notes<Asked>,
    outer: Option<Arc<Watch>>,
    /// The notes of reads without a visible watch, as they were when this watch began.
    before: Asked,
}

/// The innermost watch.
pub(crate) static WATCH: Var<Arc<Watch>> = Var::new("watch of stackholm::testing");

impl Watch {
    fn find(&self, of: usize) -> Option<&Watch> {
        let mut watch = Some(self);
        while let Some(this) = watch.filter(|this| this.of != of) {
            watch = this.outer.as_deref();
        }
        watch
    }
}

/// A watch, until it is dropped.
pub(crate) struct Watching<'v, T: Send + Sync + 'static>(&'v Var<T>, Arc<Watch>);

impl<'v, T: Send + Sync + 'static> Watching<'v, T> {
    pub(crate) fn begin(var: &'v Var<T>) -> Self {
        let more = |asked: Asked| Asked { watchers: asked.watchers + 1, ..asked };
        let before =
            var.watch().turn(|asked| Some(more(asked.unwrap_or_default()))).unwrap_or_default();
        let own = Notes::new();
        own.turn(|_| Some(Asked::default()));
        let outer = WATCH.try_get().ok();
        Watching(var, Arc::new(Watch { of: core::ptr::from_ref(var).addr(), own, outer, before }))
    }

    pub(crate) fn name(&self) -> &'v str {
        self.0.name()
    }

    pub(crate) fn watch(&self) -> Arc<Watch> {
        Arc::clone(&self.1)
    }

    /// What the readers have got since the watch began.
    pub(crate) fn asked(&self) -> Asked {
        let (own, before) = (self.1.own.now().unwrap_or_default(), self.1.before);
        let all = self.0.watch().now().unwrap_or_default();
        let lost = all.lost - before.lost;
        Asked {
            found: own.found + (all.found - before.found),
            lost: own.lost + lost,
            latest: own.latest.or(all.latest.filter(|_| lost > 0)),
            watchers: all.watchers,
        }
    }
}

/// Ends the watch, on every path.
impl<T: Send + Sync + 'static> Drop for Watching<'_, T> {
    fn drop(&mut self) {
        let less = |asked: Asked| {
            (asked.watchers > 1).then(|| Asked { watchers: asked.watchers - 1, ..asked })
        };
        self.0.watch().turn(|asked| asked.and_then(less));
    }
}

impl<T: Send + Sync + 'static> Var<T> {
    /// Notes what a reader gets, for the tests that watch.
    pub(crate) fn note(&self, lost: Option<Missing>) {
        let lost = lost.map(|missing| missing.reason());
        let note = |notes: &Notes<Asked>| {
            notes.turn(|asked| asked.map(|asked| asked.and(lost)));
        };
        let of = core::ptr::from_ref(self).addr();
        let noted = WATCH.try_with(|watch| watch.find(of).map(|watch| note(&watch.own)).is_some());
        if noted != Ok(true) {
            note(self.watch());
        }
    }
}
