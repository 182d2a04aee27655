//! Who changed what, and why: revisions, actors and descriptions, all of them ambient.
//!
//! A [`Block`] is an open checkpoint. The outermost one also binds a revision, which is made at the
//! first change; blocks inside, and tasks and threads that carry the context, share it.

use stackholm::{Checkpoint, InContext, NotOpen, Prepared, Var};
use std::fmt;
use std::sync::{Arc, Mutex, OnceLock};

/// Anything that can be responsible for a change.
pub(crate) type Actor = Arc<dyn fmt::Display + Send + Sync>;

static REVISION: Var<Arc<OnceLock<Arc<Revision>>>> = Var::new("revision");
static ENABLED: Var<bool> = Var::with_default("tracking", || true);
/// `None` is the system itself. That is not the same as an unbound variable: no actor was named.
static ACTOR: Var<Option<Actor>> = Var::new("actor");
static REVISION_DESCRIPTION: Var<String> = Var::new("revision description");
static OBJECT_DESCRIPTION: Var<String> = Var::new("object delta description");
static ATTRIBUTE_DESCRIPTION: Var<String> = Var::new("attribute delta description");
static DELETION_DESCRIPTION: Var<String> = Var::new("deletion description");
static JOURNAL: Var<Arc<Journal>> = Var::with_default("journal", Arc::default);

/// Where revisions are kept. Each request, and each test, may bind its own.
#[derive(Default)]
pub(crate) struct Journal(Mutex<Vec<Arc<Revision>>>);

impl Journal {
    pub(crate) fn revisions(&self) -> Vec<Arc<Revision>> {
        self.0.lock().expect("nobody panics in here").clone()
    }

    fn begin(&self, description: Option<String>) -> Arc<Revision> {
        let mut all = self.0.lock().expect("nobody panics in here");
        let revision = Revision { number: all.len() + 1, description, deltas: Mutex::default() };
        all.push(Arc::new(revision));
        all[all.len() - 1].clone()
    }
}

/// Calls `f` so that the revisions of its blocks go into `journal`.
pub(crate) fn keeping<R>(journal: &Arc<Journal>, f: impl FnOnce() -> R) -> R {
    JOURNAL.sync_scope(journal.clone(), f)
}

/// The changes of one block, by one or more actors.
pub(crate) struct Revision {
    number: usize,
    description: Option<String>,
    deltas: Mutex<Vec<Delta>>,
}

impl Revision {
    pub(crate) fn deltas(&self) -> Vec<Delta> {
        self.deltas.lock().expect("nobody panics in here").clone()
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "revision {}{}", self.number, said(&self.description))?;
        self.deltas().iter().try_for_each(|delta| write!(f, "\n  {delta}"))
    }
}

/// One change: what was done, by whom, and why.
#[derive(Clone)]
pub(crate) struct Delta {
    pub(crate) what: String,
    pub(crate) actor: String,
    pub(crate) description: Option<String>,
}

impl fmt::Display for Delta {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} by {}{}", self.what, self.actor, said(&self.description))
    }
}

fn said(description: &Option<String>) -> String {
    description.as_ref().map(|text| format!(": {text}")).unwrap_or_default()
}

/// What kind of change a description speaks of.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    Object,
    Attribute,
    Deletion,
}

impl Kind {
    fn description(self) -> &'static Var<String> {
        match self {
            Kind::Object => &OBJECT_DESCRIPTION,
            Kind::Attribute => &ATTRIBUTE_DESCRIPTION,
            Kind::Deletion => &DELETION_DESCRIPTION,
        }
    }

    /// The change, with the actor and the description that are bound here.
    pub(crate) fn delta(self, what: String) -> Delta {
        let actor = match ACTOR.try_get() {
            Ok(Some(actor)) => actor.to_string(),
            Ok(None) => "the system".into(),
            Err(_) => "nobody in particular".into(),
        };
        Delta { what, actor, description: self.description().try_get().ok() }
    }
}

/// A block that tracks changes; enter it as often as you like.
#[derive(Clone)]
pub(crate) struct Block(Prepared<'static>);

impl Block {
    pub(crate) fn new() -> Self {
        Block(Checkpoint::prepare())
    }

    pub(crate) fn actor(self, actor: impl fmt::Display + Send + Sync + 'static) -> Self {
        Block(self.0.set(&ACTOR, Some(Arc::new(actor))))
    }

    pub(crate) fn system(self) -> Self {
        Block(self.0.set(&ACTOR, None))
    }

    pub(crate) fn revision_description(self, text: &str) -> Self {
        Block(self.0.set(&REVISION_DESCRIPTION, text.into()))
    }

    pub(crate) fn description(self, kind: Kind, text: &str) -> Self {
        Block(self.0.set(kind.description(), text.into()))
    }

    pub(crate) fn disabled(self) -> Self {
        Block(self.0.set(&ENABLED, false))
    }

    pub(crate) fn run<R>(&self, f: impl FnOnce() -> R) -> R {
        self.with_revision().run(f)
    }

    pub(crate) fn wrap<F>(&self, future: F) -> InContext<F, Prepared<'static>> {
        self.with_revision().wrap(future)
    }

    /// The outermost block binds a revision that is not made yet; the others share it.
    fn with_revision(&self) -> Prepared<'static> {
        let block = self.0.clone();
        if REVISION.is_bound() { block } else { block.set(&REVISION, Arc::default()) }
    }
}

pub(crate) fn set_actor(actor: impl fmt::Display + Send + Sync + 'static) -> Result<(), NotOpen> {
    Ok(ACTOR.set(Some(Arc::new(actor)))?)
}

pub(crate) fn set_revision_description(text: &str) -> Result<(), NotOpen> {
    Ok(REVISION_DESCRIPTION.set(text.into())?)
}

pub(crate) fn enable() -> Result<(), NotOpen> {
    Ok(ENABLED.set(true)?)
}

pub(crate) fn disable() -> Result<(), NotOpen> {
    Ok(ENABLED.set(false)?)
}

/// Whether changes are tracked here: inside a block that is not disabled.
pub(crate) fn is_active() -> bool {
    REVISION.is_bound() && ENABLED.get()
}

/// The revision of this block, made by the first change in it; `None` where nothing is tracked.
pub(crate) fn revision() -> Option<Arc<Revision>> {
    let make = || JOURNAL.with(|journal| journal.begin(REVISION_DESCRIPTION.try_get().ok()));
    is_active().then(|| REVISION.with(|revision| revision.get_or_init(make).clone()))
}

/// Writes changes into the revision of this block.
pub(crate) fn record(deltas: impl IntoIterator<Item = Delta>) {
    if let Some(revision) = revision() {
        revision.deltas.lock().expect("nobody panics in here").extend(deltas);
    }
}
