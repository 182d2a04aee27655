//! Taking over what somebody else bound, without naming it: the differences of two contexts, bound
//! here again or laid over another context.

use crate::context::{Binding, Change, Context};
use crate::engine::{Closed, Difference, Placed, Snapshot, current};
use crate::error::{NotOpen, Place};
use crate::var::Var;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;
use core::panic::Location;

impl Context {
    /// Applies the differences between `before` and this context to the innermost checkpoint, which
    /// must be open. A variable that this context binds, and `before` did not or bound differently,
    /// is bound to the very same value. A variable that this context no longer shows is masked.
    ///
    /// Takes over what a blocking job, a callee or another task bound, without naming it. Bindings
    /// of short reach are not carried. `after.apply_since(&Context::empty())` binds all that
    /// `after` shows.
    ///
    /// # Examples
    /// ```
    /// use stackholm::{Checkpoint, Context, Var};
    ///
    /// static USER: Var<&str> = Var::new("user");
    ///
    /// fn library() {
    ///     USER.set("ada").unwrap();
    /// }
    ///
    /// # fn main() -> Result<(), stackholm::NotOpen> {
    /// let _checkpoint = Checkpoint::enter();
    /// let before = Context::current();
    /// let job = stackholm::thread::spawn(|| {
    ///     library();
    ///     Context::current()
    /// });
    /// job.join().unwrap().apply_since(&before)?;
    /// assert_eq!(USER.get(), "ada");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// If something is to be changed, and no checkpoint is entered here or a sealed scope is;
    /// nothing is changed then.
    #[track_caller]
    pub fn apply_since(&self, before: &Context) -> Result<(), NotOpen> {
        apply(&before.changes(self), Location::caller())
    }
}

/// The differences between two contexts: owned, `Send + Sync`; made by [`Context::patch_to`]. It
/// keeps the values that it changes, before and after, and nothing else.
#[derive(Clone, Default)]
pub struct Patch {
    /// One for each variable, in the order in which they were first used.
    changes: Vec<Owned>,
}

#[derive(Clone)]
struct Owned {
    before: Option<Placed>,
    after: Placed,
}

impl Context {
    /// The changes that lead from this context to `later`: each variable that `later` binds anew or
    /// differently, or masks, and a mask for each that it no longer shows.
    ///
    /// The owned form of [`changes`](Self::changes), which may be sent to another thread and
    /// applied to any context. What both share is skipped, so the cost follows the changes.
    ///
    /// # Examples
    /// ```
    /// use stackholm::{Context, Var};
    ///
    /// static LIMIT: Var<u32> = Var::new("limit");
    /// static USER: Var<&str> = Var::new("user");
    ///
    /// let old = Context::empty().with(&LIMIT, 100);
    /// let new = old.with(&LIMIT, 200);
    /// let patch = old.patch_to(&new);
    /// let request = old.with(&USER, "ada");
    /// let patched = patch.apply(&request);
    /// assert_eq!((patched.get(&LIMIT), patched.get(&USER)), (Some(&200), Some(&"ada")));
    /// assert_eq!(patch.of(&LIMIT), Some((Some(&100), Some(&200))));
    /// ```
    #[track_caller]
    pub fn patch_to(&self, later: &Context) -> Patch {
        let place = Location::caller();
        let owned = |Difference { before, after }: Difference| {
            let after = match (&before, after) {
                (_, Some(after)) => after,
                (Some(before), None) if before.binding().is_some() => before.masked(place),
                // A mask that is no longer there: neither of the two shows the variable.
                _ => return None,
            };
            Some(Owned { before, after })
        };
        let changes = Snapshot::compared(self.link(), later.link());
        Patch { changes: changes.into_iter().filter_map(owned).collect() }
    }
}

impl Patch {
    /// Applies the changes to a context. One that shows all of them already is returned as it is.
    /// [`Context::extend`] says what that costs.
    #[track_caller]
    pub fn apply(&self, to: &Context) -> Context {
        let is_new = |owned: &&Owned| !to.link().is_some_and(|to| to.shows(&owned.after));
        let changes: Vec<_> =
            self.changes.iter().filter(is_new).map(|owned| owned.after.clone()).collect();
        if changes.is_empty() { to.clone() } else { to.changed(changes) }
    }

    /// Binds and masks the changes in the innermost checkpoint, which must be open; see
    /// [`Context::apply_since`].
    ///
    /// # Errors
    /// If something is to be changed, and no checkpoint is entered here or a sealed scope is;
    /// nothing is changed then.
    #[track_caller]
    pub fn apply_here(&self) -> Result<(), NotOpen> {
        apply(&self.changes().collect::<Vec<_>>(), Location::caller())
    }

    #[cfg(debug_assertions)]
    pub(crate) fn placed(&self) -> impl Iterator<Item = &Placed> {
        self.changes.iter().flat_map(|owned| owned.before.iter().chain([&owned.after]))
    }

    /// Whether nothing changes.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// The names of the variables, each once, in the order in which they were first used.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.changes.iter().map(|owned| owned.after.name())
    }

    /// The changes, in the same order. A change that only adds a mask has a binding on neither
    /// side.
    pub fn changes(&self) -> impl Iterator<Item = Change<'_>> {
        self.changes.iter().map(|owned| Change {
            before: owned.before.as_ref().and_then(Placed::binding).map(Binding::new),
            after: owned.after.binding().map(Binding::new),
        })
    }

    /// The values of a variable before and after; `None` if the patch does not change it.
    pub fn of<T: Send + Sync + 'static>(&self, var: &Var<T>) -> Option<(Option<&T>, Option<&T>)> {
        let owned = self.changes.iter().find(|owned| owned.after.is_of(var.key()))?;
        let before = owned.before.as_ref().and_then(|before| before.get(var.key()));
        Some((before, owned.after.get(var.key())))
    }
}

/// Shows names and places, never a value.
impl fmt::Debug for Patch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut map = f.debug_map();
        for owned in &self.changes {
            map.entry(&format_args!("{}", owned.after.name()), &owned.after.place().to_string());
        }
        map.finish()
    }
}

impl Change<'_> {
    /// Binds what the later context shows in the innermost checkpoint, which must be open; masks
    /// the variable if the later context does not show it. See [`Context::apply_since`].
    ///
    /// # Errors
    /// If no checkpoint is entered here, or a sealed scope is.
    #[track_caller]
    pub fn apply(&self) -> Result<(), NotOpen> {
        apply(core::slice::from_ref(self), Location::caller())
    }
}

fn apply(changes: &[Change<'_>], place: Place) -> Result<(), NotOpen> {
    let Some(first) = changes.first() else { return Ok(()) };
    let changed = current::change(|raw, departures| {
        for change in changes {
            match (change.after, change.before) {
                (Some(after), _) => raw.bind_again(&after.entry(), departures),
                (None, Some(before)) => raw.mask_again(&before.entry(), place, departures),
                (None, None) => {}
            }
        }
    });
    changed.map_err(|closed| {
        let name = first.after.or(first.before).map_or("", |binding| binding.name());
        let sealed = match closed {
            Closed::NoCheckpoint => None,
            Closed::Sealed(place) => Some(place),
        };
        NotOpen::new(String::from(name).into(), sealed)
    })
}
