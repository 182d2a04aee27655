//! Blocks: in whose name, and why, what is written inside is written.

use crate::actor::{Actor, Who};
use crate::frame::{self, Frame};
use crate::key::RevisionKey;
use crate::token::{Token, TokenError, TokenSecret};
use stackholm::{Checkpoint, Entered, NotOpen, Prepared};
use std::fmt;
use std::future::Future;
use std::sync::Arc;

/// A block whose writes belong to one revision, and in whose name they are made.
///
/// The outermost block begins a revision; a block inside it shares that one and changes the actor,
/// the reasons, or whether anything is tracked, for its own extent. Leaving restores what was
/// there: by return, `?`, panic or cancellation. Nothing is written before the first change.
///
/// What is spawned takes part if it carries the context, by
/// [`in_current_context`](stackholm::ContextExt::in_current_context) or a spawn of
/// [`stackholm`], and not otherwise. The block is an open [`Checkpoint`]: [`set_actor`] and its
/// like act on it.
///
/// # Examples
/// ```
/// use stackholm_revision::{Revision, Who, here};
///
/// let sweep = Revision::new().actor(("user", 7)).description("spam sweep");
/// sweep.run(|| {
///     let outer = here().unwrap();
///     assert_eq!(outer.who.to_string(), "user 7");
///     Revision::new().system().because("corrected").run(|| {
///         let inner = here().unwrap();
///         assert_eq!(inner.who, Who::System);
///         assert_eq!(inner.revision, outer.revision);
///     });
/// });
/// assert!(here().is_none());
/// ```
#[derive(Clone, Default)]
#[must_use = "nothing is tracked before the block is entered"]
pub struct Revision {
    /// What the outermost block begins with, instead of a revision of its own.
    given: Option<Arc<Frame>>,
    who: Option<Who>,
    description: Option<Arc<str>>,
    because: Option<Arc<str>>,
    deletion: Option<Arc<str>>,
    tracked: Option<Result<(), Arc<str>>>,
}

impl Revision {
    /// A block that inherits everything from the one around it.
    pub fn new() -> Self {
        Self::default()
    }

    /// A block in which nothing is tracked. The first change of each table leaves a gap on record:
    /// which table, when, by whom and why.
    pub fn untracked(reason: impl Into<Arc<str>>) -> Self {
        Revision { tracked: Some(Err(reason.into())), ..Self::default() }
    }

    /// Changes inside are made by this actor.
    pub fn actor(self, actor: impl Actor) -> Self {
        Revision { who: Some(actor.who()), ..self }
    }

    /// Changes inside are made by the system itself.
    pub fn system(self) -> Self {
        Revision { who: Some(Who::System), ..self }
    }

    /// Changes inside are made by nobody who is named, whoever is responsible outside.
    pub fn nobody(self) -> Self {
        Revision { who: Some(Who::Nobody), ..self }
    }

    /// What the revision is about.
    pub fn description(self, text: impl Into<Arc<str>>) -> Self {
        Revision { description: Some(text.into()), ..self }
    }

    /// Why the statements inside are made.
    pub fn because(self, text: impl Into<Arc<str>>) -> Self {
        Revision { because: Some(text.into()), ..self }
    }

    /// Why what goes with a deletion inside goes; see [`Entry::because`](crate::Entry::because).
    pub fn deletion_because(self, text: impl Into<Arc<str>>) -> Self {
        Revision { deletion: Some(text.into()), ..self }
    }

    /// Tracks inside an untracked block.
    pub fn tracked(self) -> Self {
        Revision { tracked: Some(Ok(())), ..self }
    }

    /// The frame inside this block, entered here.
    fn frame(&self) -> Arc<Frame> {
        let around = match (&self.given, frame::here()) {
            (Some(given), _) => Frame::clone(given),
            (None, Some(here)) => Frame::clone(&here),
            (None, None) => Frame::begin(),
        };
        let or = |own: &Option<Arc<str>>, around| own.clone().or(around);
        Arc::new(Frame {
            revision: around.revision,
            reverts: around.reverts,
            description: or(&self.description, around.description),
            who: self.who.clone().unwrap_or(around.who),
            because: or(&self.because, around.because),
            deletion: or(&self.deletion, around.deletion),
            untracked: match &self.tracked {
                None => around.untracked,
                Some(tracked) => tracked.clone().err(),
            },
        })
    }

    #[track_caller]
    fn block(&self) -> Prepared<'static> {
        Checkpoint::prepare().set(frame::variable(), self.frame())
    }

    /// Calls `f` inside the block.
    #[track_caller]
    pub fn run<R>(&self, f: impl FnOnce() -> R) -> R {
        let _entered = self.enter();
        f()
    }

    /// Enters the block until the guard is dropped. Not over an await: see [`wrap`](Self::wrap).
    #[track_caller]
    pub fn enter(&self) -> Entered {
        let frame = self.frame();
        let entered = Checkpoint::enter();
        let set = frame::variable().set(frame);
        debug_assert!(set.is_ok(), "the innermost checkpoint is the one that was just entered");
        entered
    }

    /// A future that runs inside the block, which is entered where the future is first polled.
    ///
    /// Nothing is handed over by that: a future that is spawned shares the revision around it only
    /// if it carries the context as well.
    pub fn wrap<F: Future>(&self, future: F) -> impl Future<Output = F::Output> + use<F> {
        let this = self.clone();
        async move { this.block().wrap(future).await }
    }

    /// The revision, actor and reasons of here and now as a text, for a queue or another process.
    ///
    /// # Errors
    /// If there is no block here, or the token would be longer than [`Token::LONGEST`].
    pub fn token(secret: &TokenSecret) -> Result<Token, TokenError> {
        let here = frame::here().ok_or(TokenError::NoBlock)?;
        Token::write(secret, &here)
    }

    /// A block that goes on with the revision, actor and reasons that a token names.
    ///
    /// # Errors
    /// If the text is no token that this secret made, is too long, or was made by a later version.
    pub fn resume(secret: &TokenSecret, token: &str) -> Result<Self, TokenError> {
        let given = Some(Arc::new(Token::read(secret, token)?));
        Ok(Revision { given, ..Self::default() })
    }

    /// A block of a new revision that names the one that it takes back.
    pub(crate) fn reverting(reverts: RevisionKey) -> Self {
        let here = frame::here().map_or_else(Frame::begin, |here| Frame::clone(&here));
        let fresh = RevisionKey::new();
        let given = Frame { revision: fresh, reverts: Some(reverts), untracked: None, ..here };
        Revision { given: Some(Arc::new(given)), ..Self::default() }
    }
}

/// Shows nothing that was said in it.
impl fmt::Debug for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Revision").finish_non_exhaustive()
    }
}

/// What a write would be attributed to; made by [`here`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Here {
    /// The revision.
    pub revision: RevisionKey,
    /// Who is responsible.
    pub who: Who,
    /// What the revision is about.
    pub description: Option<Arc<str>>,
    /// Why a statement is made.
    pub because: Option<Arc<str>>,
    /// Why nothing is tracked, if nothing is.
    pub untracked: Option<Arc<str>>,
}

/// What a write of here and now would be attributed to; `None` outside of every block.
pub fn here() -> Option<Here> {
    let here = frame::here()?;
    Some(Here {
        revision: here.revision,
        who: here.who.clone(),
        description: here.description.clone(),
        because: here.because.clone(),
        untracked: here.untracked.clone(),
    })
}

/// Whether a write of here and now would be tracked: inside a block that is not untracked.
pub fn is_tracking() -> bool {
    frame::variable().try_with(|here| here.untracked.is_none()).unwrap_or(false)
}

/// A block cannot be changed from here.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NoBlock {
    /// There is no block around this.
    Outside,
    /// A sealed scope of other code lies between the block and this; it says where.
    Sealed(NotOpen),
}

impl fmt::Display for NoBlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NoBlock::Outside => f.write_str("there is no block of a revision here"),
            NoBlock::Sealed(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for NoBlock {}

/// Changes the frame of the innermost open block, which ends with it.
#[track_caller]
fn change(change: impl FnOnce(&mut Frame)) -> Result<(), NoBlock> {
    let mut frame = Frame::clone(&*frame::here().ok_or(NoBlock::Outside)?);
    change(&mut frame);
    let set = frame::variable().set(Arc::new(frame));
    set.map_err(|error| NoBlock::Sealed(error.error().clone()))
}

/// From here on, changes in the innermost open block are made by this actor.
///
/// # Errors
/// If there is no block here, or a sealed scope is in between.
#[track_caller]
pub fn set_actor(actor: impl Actor) -> Result<(), NoBlock> {
    let who = actor.who();
    change(|frame| frame.who = who)
}

/// From here on, changes in the innermost open block are made by the system itself.
///
/// # Errors
/// As [`set_actor`].
#[track_caller]
pub fn set_system() -> Result<(), NoBlock> {
    change(|frame| frame.who = Who::System)
}

/// What the revision is about, for changes from here on.
///
/// # Errors
/// As [`set_actor`].
#[track_caller]
pub fn set_description(text: impl Into<Arc<str>>) -> Result<(), NoBlock> {
    change(|frame| frame.description = Some(text.into()))
}

/// Why the statements are made that follow in the innermost open block.
///
/// # Errors
/// As [`set_actor`].
#[track_caller]
pub fn set_reason(text: impl Into<Arc<str>>) -> Result<(), NoBlock> {
    change(|frame| frame.because = Some(text.into()))
}

/// From here on nothing is tracked in the innermost open block; see [`Revision::untracked`].
///
/// # Errors
/// As [`set_actor`].
#[track_caller]
pub fn disable(reason: impl Into<Arc<str>>) -> Result<(), NoBlock> {
    change(|frame| frame.untracked = Some(reason.into()))
}

/// From here on changes are tracked in the innermost open block.
///
/// # Errors
/// As [`set_actor`].
#[track_caller]
pub fn enable() -> Result<(), NoBlock> {
    change(|frame| frame.untracked = None)
}
