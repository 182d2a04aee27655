//! Where what crosses is read from, and written to.

use std::collections::{BTreeMap, HashMap};
use std::hash::BuildHasher;
use std::ops::ControlFlow;

/// What was received: lines by name. Names are compared without regard to case.
pub trait Carried {
    /// Calls `f` with each line of that name, in order, until `f` breaks. `name` is in lower case.
    fn lines(&self, name: &str, f: &mut dyn FnMut(&[u8]) -> ControlFlow<()>);
}

/// What is sent: a place for lines by name.
pub trait Carrier: Carried {
    /// Sets the one line of that name, in place of all that are there. Both are ASCII, the name in
    /// lower case.
    fn put(&mut self, name: &str, line: &str);

    /// Takes away all lines of that name, if the carrier can.
    fn remove(&mut self, _name: &str) {}
}

fn visit<'a, V: AsRef<[u8]> + 'a>(
    lines: impl Iterator<Item = (&'a [u8], &'a V)>,
    name: &str,
    f: &mut dyn FnMut(&[u8]) -> ControlFlow<()>,
) {
    for (_, line) in lines.filter(|(known, _)| known.eq_ignore_ascii_case(name.as_bytes())) {
        if f(line.as_ref()).is_break() {
            return;
        }
    }
}

impl<N: AsRef<[u8]>, V: AsRef<[u8]>> Carried for [(N, V)] {
    fn lines(&self, name: &str, f: &mut dyn FnMut(&[u8]) -> ControlFlow<()>) {
        visit(self.iter().map(|(known, line)| (known.as_ref(), line)), name, f);
    }
}

/// Pairs: headers of a message broker, metadata.
impl<N: AsRef<[u8]>, V: AsRef<[u8]>> Carried for Vec<(N, V)> {
    fn lines(&self, name: &str, f: &mut dyn FnMut(&[u8]) -> ControlFlow<()>) {
        self.as_slice().lines(name, f);
    }
}

impl<N, V> Carrier for Vec<(N, V)>
where
    N: AsRef<[u8]> + for<'a> From<&'a str>,
    V: AsRef<[u8]> + for<'a> From<&'a str>,
{
    fn put(&mut self, name: &str, line: &str) {
        Carrier::remove(self, name);
        self.push((name.into(), line.into()));
    }

    fn remove(&mut self, name: &str) {
        self.retain(|(known, _)| !known.as_ref().eq_ignore_ascii_case(name.as_bytes()));
    }
}

macro_rules! maps {
    ($($map:ident $([$hasher:ident])?),*) => { $(
        impl<V: AsRef<[u8]> $(, $hasher: BuildHasher)?> Carried for $map<String, V $(, $hasher)?> {
            fn lines(&self, name: &str, f: &mut dyn FnMut(&[u8]) -> ControlFlow<()>) {
                visit(self.iter().map(|(known, line)| (known.as_bytes(), line)), name, f);
            }
        }

        impl<V $(, $hasher: BuildHasher)?> Carrier for $map<String, V $(, $hasher)?>
        where
            V: AsRef<[u8]> + for<'a> From<&'a str>,
        {
            fn put(&mut self, name: &str, line: &str) {
                Carrier::remove(self, name);
                self.insert(name.into(), line.into());
            }

            fn remove(&mut self, name: &str) {
                self.retain(|known, _| !known.eq_ignore_ascii_case(name));
            }
        }
    )* };
}

maps!(HashMap[S], BTreeMap);

/// Reads with a closure that returns the line of a name, if there is one.
#[derive(Clone, Copy, Debug)]
pub struct FromFn<F>(pub F);

impl<F: Fn(&str) -> Option<L>, L: AsRef<[u8]>> Carried for FromFn<F> {
    fn lines(&self, name: &str, f: &mut dyn FnMut(&[u8]) -> ControlFlow<()>) {
        if let Some(line) = (self.0)(name) {
            let _ = f(line.as_ref());
        }
    }
}

/// Writes with a closure that is given name and line. It cannot read, so it counts as empty.
#[derive(Clone, Copy, Debug)]
pub struct ToFn<F>(pub F);

impl<F: FnMut(&str, &str)> Carried for ToFn<F> {
    fn lines(&self, _: &str, _: &mut dyn FnMut(&[u8]) -> ControlFlow<()>) {}
}

impl<F: FnMut(&str, &str)> Carrier for ToFn<F> {
    fn put(&mut self, name: &str, line: &str) {
        (self.0)(name, line);
    }
}

#[cfg(feature = "tower")]
impl Carried for ::http::HeaderMap {
    fn lines(&self, name: &str, f: &mut dyn FnMut(&[u8]) -> ControlFlow<()>) {
        for line in self.get_all(name) {
            if f(line.as_bytes()).is_break() {
                return;
            }
        }
    }
}

#[cfg(feature = "tower")]
impl Carrier for ::http::HeaderMap {
    fn put(&mut self, name: &str, line: &str) {
        let name = ::http::HeaderName::from_bytes(name.as_bytes());
        let line = ::http::HeaderValue::from_str(line);
        if let (Ok(name), Ok(line)) = (name, line) {
            self.insert(name, line);
        }
    }

    fn remove(&mut self, name: &str) {
        ::http::HeaderMap::remove(self, name);
    }
}
