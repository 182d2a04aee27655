//! As much of a statement as must be known: whether it may write, and whether it changes tables or
//! ends the transaction.

/// What a statement is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind<'s> {
    /// It reads, unless a function that it calls writes.
    Read,
    /// It changes tables, so that triggers may be out of date afterwards.
    Schema,
    /// It begins or ends a transaction or a savepoint.
    Control(&'s str),
    /// Anything else: it may write.
    Other,
}

const READS: [&str; 5] = ["select", "values", "table", "show", "fetch"];
const VERBS: [&str; 8] =
    ["insert", "update", "delete", "merge", "create", "execute", "call", "into"];
/// `DO` executes anything.
const SCHEMA: [&str; 4] = ["create", "alter", "drop", "do"];
const CONTROL: [&str; 8] =
    ["begin", "start", "commit", "end", "rollback", "abort", "savepoint", "release"];

impl Kind<'_> {
    /// What the first statement is that matters: of several, one that ends the transaction, else
    /// one that changes tables, else one that may write.
    pub(super) fn of(sql: &str) -> Kind<'_> {
        let mut kind = Kind::Read;
        let mut words = Words(sql).peekable();
        while words.peek().is_some() {
            let mut statement = words.by_ref().take_while(|word| *word != ";");
            let Some(first) = statement.next() else { continue };
            let second = statement.next();
            let found = one(first, second, statement);
            kind = match (kind, found) {
                (Kind::Control(_), _) | (Kind::Schema, Kind::Read | Kind::Other) => kind,
                (Kind::Other, Kind::Read) => kind,
                _ => found,
            };
        }
        kind
    }
}

fn one<'s>(
    first: &'s str,
    second: Option<&'s str>,
    mut rest: impl Iterator<Item = &'s str>,
) -> Kind<'s> {
    let is = |word: &str, these: &[&str]| these.iter().any(|this| word.eq_ignore_ascii_case(this));
    // What follows is read to its end in any case: the next statement begins behind it.
    let writes =
        second.into_iter().chain(rest.by_ref()).fold(false, |w, word| w | is(word, &VERBS));
    let prepares = is(first, &["prepare"]) && second.is_some_and(|w| is(w, &["transaction"]));
    match first {
        first if is(first, &CONTROL) || prepares => Kind::Control(first),
        first if is(first, &SCHEMA) => Kind::Schema,
        first if is(first, &READS) || is(first, &["with", "explain"]) && !writes => Kind::Read,
        _ => Kind::Other,
    }
}

/// The words of statements and single signs, without strings, names in quotes and comments.
struct Words<'s>(&'s str);

impl<'s> Iterator for Words<'s> {
    type Item = &'s str;

    fn next(&mut self) -> Option<&'s str> {
        loop {
            self.0 = self.0.trim_start();
            let first = self.0.chars().next()?;
            if self.0.starts_with("--") {
                self.take(self.0.find('\n').unwrap_or(self.0.len()));
            } else if self.0.starts_with("/*") {
                self.comment();
            } else if let Some(escapes) = string(self.0) {
                self.take(escapes.len());
                self.quoted('\'', !escapes.is_empty());
            } else if first == '"' {
                self.quoted('"', false);
            } else if let Some(tag) = dollar(self.0) {
                self.take(tag.len());
                let end = self.0.find(tag).map_or(self.0.len(), |at| at + tag.len());
                self.take(end);
            } else if is_word(first) {
                return Some(self.take(self.0.find(|c| !is_word(c)).unwrap_or(self.0.len())));
            } else {
                return Some(self.take(first.len_utf8()));
            }
        }
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '$' || !c.is_ascii()
}

/// The letter in front of a string with escapes, or nothing; `None` if no string begins here.
fn string(sql: &str) -> Option<&str> {
    if sql.starts_with('\'') {
        return Some("");
    }
    (sql.starts_with("E'") || sql.starts_with("e'")).then(|| &sql[..1])
}

/// The tag, `$$` or `$name$`, if a string in dollars begins here.
fn dollar(sql: &str) -> Option<&str> {
    let name = sql.strip_prefix('$')?;
    let end = name.find(|c: char| !(c.is_alphanumeric() || c == '_'))?;
    let is_tag = name[end..].starts_with('$') && !name.starts_with(|c: char| c.is_ascii_digit());
    is_tag.then(|| &sql[..end + 2])
}

impl<'s> Words<'s> {
    fn take(&mut self, bytes: usize) -> &'s str {
        let (word, rest) = self.0.split_at(bytes);
        self.0 = rest;
        word
    }

    /// Comments nest.
    fn comment(&mut self) {
        let mut depth = 0_usize;
        loop {
            let Some(at) = self.0.find("/*").into_iter().chain(self.0.find("*/")).min() else {
                self.0 = "";
                return;
            };
            depth = if self.0[at..].starts_with("/*") { depth + 1 } else { depth - 1 };
            self.take(at + 2);
            if depth == 0 {
                return;
            }
        }
    }

    /// Passes over what is in quotes. A quote that stands twice begins another one at once, which
    /// comes to the same.
    fn quoted(&mut self, quote: char, escapes: bool) {
        self.take(1);
        let mut escaped = false;
        let end = self.0.find(|c| {
            let ends = c == quote && !escaped;
            escaped = escapes && c == '\\' && !escaped;
            ends
        });
        self.take(end.map_or(self.0.len(), |at| at + 1));
    }
}

#[cfg(test)]
mod tests {
    use super::Kind::{self, Control, Other, Read, Schema};

    #[test]
    fn a_statement_tells_whether_it_may_write_and_what_it_ends() {
        let cases = [
            ("select 1", Read),
            (" /* a /* nested */ one */ -- more\n SELECT 'x; commit'", Read),
            ("select 'it''s; ' || E'\\'; commit' || $a$; commit $$ $a$ || $1", Read),
            ("with x as (select 1) select * from x", Read),
            ("with x as (insert into t values (1) returning a) select * from x", Other),
            ("explain select 1", Read),
            ("explain analyze delete from t", Other),
            ("update t set a = 1", Other),
            ("call p()", Other),
            ("do $$ begin commit; end $$", Schema),
            ("copy t from stdin", Other),
            ("create table t(a int)", Schema),
            ("select 1; alter table t add a int; update t set a = 1", Schema),
            ("update t set a = 1; commit; select 1", Control("commit")),
            ("select \"; commit\"; values (1);;", Read),
            ("ROLLBACK TO x", Control("ROLLBACK")),
            ("prepare transaction 'x'", Control("prepare")),
            ("prepare p as select 1", Other),
            ("select 'never ends; commit", Read),
            ("/* never ends", Read),
            ("", Read),
        ];
        for (sql, kind) in cases {
            assert_eq!(Kind::of(sql), kind, "{sql}");
        }
    }
}
