//! `Context`: an immutable snapshot of everything visible at one point.

#[cfg(feature = "std")]
use crate::captures;
use crate::engine::{At, BindingRef, Resolution, Snapshot, WeakSnapshot, current, seen};
use crate::entered::Entered;
use crate::error::{Missing, Place};
use crate::kept::Kept;
use crate::var::Var;
use alloc::vec::Vec;
use core::fmt;
use core::panic::Location;

/// Everything that was visible at one point: immutable, `Send + Sync`, cloned in O(1).
///
/// Bindings are shared with the stack they came from, not copied; later changes there are not seen
/// here, nor the reverse. Bindings of short reach are not carried: the error of
/// [`try_get`](Self::try_get) says where such a binding was made.
///
/// # Examples
/// ```
/// use stackholm::{Context, Var};
///
/// static USER: Var<&str> = Var::new("user");
///
/// let theirs = USER.sync_scope("ada", Context::current);
/// let ours = theirs.with(&USER, "grace");
/// assert_eq!((theirs.get(&USER), ours.get(&USER)), (Some(&"ada"), Some(&"grace")));
/// ours.run(|| assert_eq!(USER.get(), "grace"));
/// assert!(!USER.is_bound());
/// ```
#[doc(alias("baggage", "AsyncLocalStorage", "ExecutionContext"))]
#[derive(Clone, Default)]
pub struct Context(Option<Snapshot>);

impl Context {
    /// Captures what is visible here: one pointer, no allocation. O(1), amortised over what was
    /// entered since the last capture.
    #[doc(alias("fork", "snapshot"))]
    #[inline]
    #[track_caller]
    pub fn current() -> Context {
        Self::captured(current::capture(At::of(Location::caller())))
    }

    /// Wraps a snapshot that was captured for the caller, and notes the place for tests that look
    /// for contexts left over.
    #[inline]
    #[track_caller]
    pub(crate) fn captured(link: Option<Snapshot>) -> Context {
        seen::make_room();
        #[cfg(feature = "std")]
        captures::note(link.as_ref(), Location::caller());
        Context(link)
    }

    /// Nothing at all.
    pub const fn empty() -> Context {
        Context(None)
    }

    pub(crate) fn from_snapshot(link: Option<Snapshot>) -> Self {
        Context(link)
    }

    /// Whether it is the empty context itself. One with a mask shows nothing either, but is not.
    pub(crate) fn is_nothing(&self) -> bool {
        self.0.is_none()
    }

    pub(crate) fn link(&self) -> Option<&Snapshot> {
        self.0.as_ref()
    }

    pub(crate) fn into_snapshot(self) -> Option<Snapshot> {
        self.0
    }

    /// This context and one more binding. One allocation.
    ///
    /// The value of a variable of short reach is stored but cannot be read through the new context.
    /// It is dropped with that context.
    #[doc(alias("with_value"))]
    #[track_caller]
    pub fn with<T: Send + Sync + 'static>(&self, var: &Var<T>, value: T) -> Context {
        Self::captured(Some(Snapshot::with(self.0.clone(), var.key(), value, Location::caller())))
    }

    /// This context with a mask: in the new one the variable reads as if never bound. One
    /// allocation.
    #[track_caller]
    pub fn without<T: Send + Sync + 'static>(&self, var: &Var<T>) -> Context {
        Self::captured(Some(Snapshot::without(self.0.clone(), var.key(), Location::caller())))
    }

    /// A context that shows the same as this one and keeps nothing else: no value that a later
    /// binding or a mask hides. O(n), at most one allocation.
    ///
    /// Any context keeps little beside what it shows, see [what a context
    /// keeps](crate#what-a-context-keeps). Use this for a context that you keep for long, where
    /// every hidden value matters.
    pub fn trimmed(&self) -> Context {
        Context(self.0.as_ref().map(Snapshot::trimmed))
    }

    /// The value bound to a variable in this context. Process-wide values and defaults are not part
    /// of a context.
    pub fn get<T: Send + Sync + 'static>(&self, var: &Var<T>) -> Option<&T> {
        self.0.as_ref()?.get(var.key())
    }

    /// The value bound to a variable in this context, or why there is none. As with
    /// [`get`](Self::get), process-wide values and defaults are not part of it.
    ///
    /// # Errors
    /// If it is not bound, masked, or bound with a reach that no context carries.
    pub fn try_get<T: Send + Sync + 'static>(&self, var: &Var<T>) -> Result<&T, Missing> {
        let seen = || self.0.as_ref().map_or(Resolution::Absent, |link| link.see(var.key()));
        self.get(var).ok_or_else(|| var.no_binding(seen()))
    }

    /// Keeps the value bound to a variable in this context, and nothing else of it; see
    /// [`Var::keep`].
    pub fn keep<T: Send + Sync + 'static>(&self, var: &Var<T>) -> Option<Kept<'static, T>> {
        self.0.as_ref()?.keep(var.key()).map(Kept::bound)
    }

    /// The binding of a variable in this context: its name and place.
    pub fn binding<T: Send + Sync + 'static>(&self, var: &Var<T>) -> Option<Binding<'_>> {
        self.0.as_ref()?.entry(var.key()).map(Binding)
    }

    /// Calls `f` inside this context, in an open checkpoint of its own.
    #[track_caller]
    pub fn run<R>(&self, f: impl FnOnce() -> R) -> R {
        let _entered = self.enter();
        f()
    }

    /// Enters this context: until the guard is dropped it takes the place of everything that was
    /// visible here.
    ///
    /// It begins in an open checkpoint of its own, so that a `set` inside is never seen outside,
    /// nor in the context. As long as nothing is bound or entered inside, a capture there gives
    /// this very context, and a [`WeakContext`] of that can be upgraded as long as this one lives.
    #[doc(alias("attach"))]
    #[track_caller]
    pub fn enter(&self) -> Entered {
        Entered::new(current::adopt(self.0.clone(), Location::caller()))
    }

    /// The visible bindings, each once, in the order in which their variables were first used. O(n
    /// log n).
    pub fn iter(&self) -> Bindings<'_> {
        Bindings(self.0.as_ref().map(Snapshot::entries).unwrap_or_default().into_iter())
    }

    /// How many bindings are visible. O(n).
    pub fn len(&self) -> usize {
        self.0.as_ref().map_or(0, Snapshot::len)
    }

    /// Whether no binding is visible. O(n), as for [`len`](Self::len).
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether both are snapshots of the very same point. Never `true` for contexts that show
    /// different things; two snapshots of one point always are.
    pub fn ptr_eq(&self, other: &Context) -> bool {
        match (&self.0, &other.0) {
            (Some(a), Some(b)) => a.ptr_eq(b),
            (None, None) => true,
            _ => false,
        }
    }

    /// The differences between this context and `later`: one [`Change`] for each variable that the
    /// two bind differently, or that only one of them binds.
    ///
    /// What both share is skipped, so the cost follows the changes.
    pub fn changes<'a>(&'a self, later: &'a Context) -> Vec<Change<'a>> {
        let mut changes = Vec::new();
        Snapshot::differences(self.0.as_ref(), later.0.as_ref(), &mut |before, after| {
            if before.is_some() || after.is_some() {
                changes.push(Change { before: before.map(Binding), after: after.map(Binding) });
            }
        });
        changes
    }

    /// A handle that does not keep the values alive.
    pub fn downgrade(&self) -> WeakContext {
        WeakContext(self.0.as_ref().map(Snapshot::downgrade))
    }
}

/// Contexts are equal if they show the same bindings: the same ones, not merely equal values. That
/// is so exactly if there are no [`changes`](Context::changes) between them, and costs as much to
/// find out. A mask, or a binding of short reach, makes no difference.
impl PartialEq for Context {
    fn eq(&self, other: &Context) -> bool {
        self.ptr_eq(other) || Snapshot::same(self.0.as_ref(), other.0.as_ref())
    }
}

impl Eq for Context {}

/// Shows names and places, never a value.
impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut map = f.debug_map();
        for binding in self {
            map.entry(&format_args!("{}", binding.name()), &format_args!("{}", binding.place()));
        }
        map.finish()
    }
}

impl<'a> IntoIterator for &'a Context {
    type Item = Binding<'a>;
    type IntoIter = Bindings<'a>;

    fn into_iter(self) -> Bindings<'a> {
        self.iter()
    }
}

/// One binding that a context shows.
#[derive(Clone, Copy)]
pub struct Binding<'a>(BindingRef<'a>);

impl<'a> Binding<'a> {
    pub(crate) fn new(binding: BindingRef<'a>) -> Self {
        Binding(binding)
    }

    pub(crate) fn entry(&self) -> BindingRef<'a> {
        self.0
    }

    /// The name of the variable.
    pub fn name(&self) -> &'a str {
        self.0.name()
    }

    /// Where the binding was made.
    pub fn place(&self) -> Place {
        self.0.place()
    }

    /// Whether it binds this variable.
    pub fn is_of<T: Send + Sync + 'static>(&self, var: &Var<T>) -> bool {
        self.0.is_of(var.key())
    }

    /// The value, for people, if the variable was declared [`shown`](Var::shown).
    pub fn value(&self) -> Option<impl fmt::Debug + use<'a>> {
        self.0.shown()
    }
}

/// Bindings are equal if they are one and the same binding.
impl PartialEq for Binding<'_> {
    fn eq(&self, other: &Binding<'_>) -> bool {
        self.0.same(&other.0)
    }
}

impl Eq for Binding<'_> {}

/// Shows name and place, and the value only if the variable was declared [`shown`](Var::shown).
impl fmt::Debug for Binding<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut binding = f.debug_struct("Binding");
        binding.field("name", &self.name()).field("place", &format_args!("{}", self.place()));
        match self.value() {
            Some(value) => binding.field("value", &value).finish(),
            None => binding.finish_non_exhaustive(),
        }
    }
}

/// The bindings that a context shows; made by [`Context::iter`].
pub struct Bindings<'a>(alloc::vec::IntoIter<BindingRef<'a>>);

impl<'a> Iterator for Bindings<'a> {
    type Item = Binding<'a>;

    fn next(&mut self) -> Option<Binding<'a>> {
        self.0.next().map(Binding)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}

impl ExactSizeIterator for Bindings<'_> {}

impl fmt::Debug for Bindings<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.as_slice().iter().copied().map(Binding)).finish()
    }
}

/// One variable that two contexts bind differently; made by [`Context::changes`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change<'a> {
    /// The binding of the earlier context.
    pub before: Option<Binding<'a>>,
    /// The binding of the later one.
    pub after: Option<Binding<'a>>,
}

/// A handle to a context that does not keep its values alive. The default is one to the empty
/// context.
#[derive(Clone, Default)]
pub struct WeakContext(Option<WeakSnapshot>);

impl WeakContext {
    #[cfg(debug_assertions)]
    pub(crate) fn link(&self) -> Option<&WeakSnapshot> {
        self.0.as_ref()
    }

    /// The context, if a stack or another context still keeps it.
    pub fn upgrade(&self) -> Option<Context> {
        match &self.0 {
            None => Some(Context::empty()),
            Some(weak) => weak.upgrade().map(|link| Context(Some(link))),
        }
    }
}

impl fmt::Debug for WeakContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(WeakContext)")
    }
}
