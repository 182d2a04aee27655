//! The hosts that are sent anything.

/// The hosts that are sent what crosses: none, unless they are listed.
///
/// Only the host of a request is compared, whole and without regard to case; never its path, its
/// query or its user. A name that begins with a dot stands for all hosts that end with it.
///
/// # Examples
/// ```
/// use stackholm::wire::Hosts;
///
/// let hosts = Hosts::none().and("api.example").and(".svc.cluster.local");
/// assert!(hosts.has("api.example") && hosts.has("users.svc.cluster.local"));
/// assert!(!hosts.has("svc.cluster.local.evil.example") && !hosts.has("not-api.example"));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Hosts {
    names: Vec<String>,
    is_only_peer: bool,
}

impl Hosts {
    /// No host.
    pub const fn none() -> Hosts {
        Hosts { names: Vec::new(), is_only_peer: false }
    }

    /// Every host, also if a request names none. For a client that has one peer, such as a channel
    /// of tonic. Not for a client that follows redirects.
    pub const fn the_only_peer() -> Hosts {
        Hosts { names: Vec::new(), is_only_peer: true }
    }

    /// One more host, or all that end with the name if it begins with a dot.
    pub fn and(mut self, name: impl Into<String>) -> Hosts {
        self.names.push(name.into());
        self
    }

    /// Whether this host is sent what crosses.
    pub fn has(&self, host: &str) -> bool {
        let host = host.strip_suffix('.').unwrap_or(host).as_bytes();
        let ends = |end: &[u8]| {
            host.len().checked_sub(end.len()).is_some_and(|at| {
                host[at..].eq_ignore_ascii_case(end) && (at > 0) == (end[0] == b'.')
            })
        };
        self.is_only_peer || self.names.iter().any(|name| !name.is_empty() && ends(name.as_bytes()))
    }

    #[cfg(feature = "tower")]
    pub(super) fn has_that_of(&self, uri: &::http::Uri) -> bool {
        self.is_only_peer || uri.host().is_some_and(|host| self.has(host))
    }
}
