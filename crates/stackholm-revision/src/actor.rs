//! Who is responsible for a change.

use std::fmt;
use std::sync::Arc;

/// Anything that can be responsible for a change: a user, an organisation, a job.
///
/// A pair of texts, kind and id, is one too.
///
/// # Examples
/// ```
/// use stackholm_revision::Actor;
///
/// struct User { number: u32 }
///
/// impl Actor for User {
///     fn kind(&self) -> &str { "user" }
///     fn id(&self) -> String { self.number.to_string() }
/// }
///
/// assert_eq!(User { number: 7 }.who().to_string(), "user 7");
/// assert_eq!(("job", "nightly").who().to_string(), "job nightly");
/// ```
pub trait Actor {
    /// What kind of actor it is, such as `user`.
    fn kind(&self) -> &str;

    /// Which one of that kind it is.
    fn id(&self) -> String;

    /// The same as a value.
    fn who(&self) -> Who {
        Who::Actor { kind: self.kind().into(), id: self.id().into() }
    }
}

impl<K: AsRef<str>, I: fmt::Display> Actor for (K, I) {
    fn kind(&self) -> &str {
        self.0.as_ref()
    }

    fn id(&self) -> String {
        self.1.to_string()
    }
}

impl<A: Actor + ?Sized> Actor for &A {
    fn kind(&self) -> &str {
        (**self).kind()
    }

    fn id(&self) -> String {
        (**self).id()
    }
}

/// Who made a change: an actor, the system itself, or nobody that was named. Three different
/// things, in memory and in the database.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub enum Who {
    /// Nobody was named.
    #[default]
    Nobody,
    /// The system itself.
    System,
    /// An actor of this kind and id.
    Actor {
        /// What kind of actor.
        kind: Arc<str>,
        /// Which one of that kind.
        id: Arc<str>,
    },
}

impl Who {
    /// How it stands in the database: one word, and the kind and id of an actor.
    pub(crate) fn stored(&self) -> (&'static str, Option<&str>, Option<&str>) {
        match self {
            Who::Nobody => ("nobody", None, None),
            Who::System => ("system", None, None),
            Who::Actor { kind, id } => ("named", Some(kind), Some(id)),
        }
    }

    /// The reverse of [`stored`](Self::stored); `None` if no such thing is ever stored.
    pub(crate) fn read(word: &str, kind: Option<String>, id: Option<String>) -> Option<Who> {
        match (word, kind, id) {
            ("nobody", None, None) => Some(Who::Nobody),
            ("system", None, None) => Some(Who::System),
            ("named", Some(kind), Some(id)) => {
                Some(Who::Actor { kind: kind.into(), id: id.into() })
            }
            _ => None,
        }
    }
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Who::Nobody => f.write_str("nobody"),
            Who::System => f.write_str("the system"),
            Who::Actor { kind, id } => write!(f, "{kind} {id}"),
        }
    }
}
