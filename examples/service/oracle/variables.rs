//! The variables of a request: ten that come in its headers, and where it is.

use super::hop::Hop;
use super::live_count::{Counted, KINDS, LiveCount};
use axum::http::HeaderMap;
use stackholm::fields::{Field, Project};
use stackholm::{Context, Var};
use tokio_util::sync::CancellationToken;

/// What a header said.
pub(crate) type Text = Counted<String>;

/// What of a header's text is logged: all of it.
pub(crate) struct Whole;

impl Project<Text> for Whole {
    fn put(text: &Text, field: Field<'_>) {
        field.str(text);
    }
}

/// In each line that is logged; the others are in none.
pub(crate) static REQUEST_ID: Var<Text> = Var::new("request_id").logged_by::<Whole>();
pub(crate) static TENANT: Var<Text> = Var::new("tenant");
pub(crate) static USER: Var<Text> = Var::new("user");
pub(crate) static SESSION: Var<Text> = Var::new("session");
pub(crate) static LOCALE: Var<Text> = Var::new("locale");
pub(crate) static REGION: Var<Text> = Var::new("region");
pub(crate) static TRACE: Var<Text> = Var::new("trace");
pub(crate) static PRIORITY: Var<Text> = Var::new("priority");
pub(crate) static DEADLINE: Var<Text> = Var::new("deadline");
pub(crate) static ORIGIN: Var<Text> = Var::new("origin");

/// Where the request is; bound anew at every hop.
pub(crate) static STAGE: Var<Counted<Hop>> = Var::new("stage");

/// A token that a task waits for; bound at one hop only.
pub(crate) static TOKEN: Var<CancellationToken> = Var::new("token");

/// How many variables come in headers.
pub(crate) const CARRIED: usize = KINDS - 1;

/// How many variables there are, [`STAGE`] included.
pub(crate) const ALL: usize = KINDS;

/// The headers and their variables.
pub(crate) static HEADERS: [(&str, &Var<Text>); CARRIED] = [
    ("x-request-id", &REQUEST_ID),
    ("x-tenant", &TENANT),
    ("x-user", &USER),
    ("x-session", &SESSION),
    ("x-locale", &LOCALE),
    ("x-region", &REGION),
    ("x-trace", &TRACE),
    ("x-priority", &PRIORITY),
    ("x-deadline", &DEADLINE),
    ("x-origin", &ORIGIN),
];

/// What the headers say, in the order of [`HEADERS`]; nothing is said by an absent one.
pub(crate) fn texts(headers: &HeaderMap) -> [String; CARRIED] {
    let said = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    HEADERS.map(|(name, _)| said(name).unwrap_or_default().to_owned())
}

/// The same, counted.
pub(crate) fn values(live_count: &LiveCount, headers: &HeaderMap) -> [Text; CARRIED] {
    let mut kinds = 0..;
    texts(headers).map(|text| live_count.count(kinds.next().expect("is endless"), text))
}

/// The value of [`STAGE`] at a hop, counted.
pub(crate) fn stage(live_count: &LiveCount, hop: Hop) -> Counted<Hop> {
    live_count.count(CARRIED, hop)
}

/// A value of [`TENANT`] that no header has.
pub(crate) fn wrong_tenant(live_count: &LiveCount, tenant: &str) -> Text {
    live_count.count(1, tenant.to_owned())
}

/// The variables whose values are alive, and how many of each; nothing, if none is.
pub(crate) fn alive(live_count: &LiveCount) -> Option<String> {
    let names = HEADERS.iter().map(|(_, var)| var.name()).chain([STAGE.name()]);
    let counts = names.enumerate().map(|(kind, name)| (name, live_count.alive_of(kind)));
    let alive: Vec<_> = counts
        .filter(|(_, n)| *n > 0)
        .map(|(name, n)| match n {
            1 => name.to_owned(),
            _ => format!("{name} ×{n}"),
        })
        .collect();
    let all = live_count.alive();
    (all > 0).then(|| format!("{all} values are alive after the shutdown:\n  {}", alive.join(", ")))
}

/// A context with all of them added.
pub(crate) fn bound(
    base: Context,
    live_count: &LiveCount,
    headers: &HeaderMap,
    at: Hop,
) -> Context {
    let named = HEADERS.iter().zip(values(live_count, headers));
    let context = named.fold(base, |context, ((_, var), value)| context.with(var, value));
    context.with(&STAGE, stage(live_count, at))
}
