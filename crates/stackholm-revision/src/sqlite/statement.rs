//! As much of a statement as must be known: what kind it is, and which table it names.

/// The first of several statements with its semicolon, and the rest; `None` if there is none.
///
/// The body of a trigger has semicolons of its own, between `BEGIN` and `END`.
pub(super) fn first(sql: &str) -> Option<(&str, &str)> {
    let mut words = Words(sql);
    let begins = words.find(|word| !word.is(&[";"]))?;
    let mut ahead = Words(words.0).map_while(|word| (!word.is(&[";", "begin"])).then_some(word));
    let makes_trigger = begins.is(&["create"]) && ahead.any(|word| word.is(&["trigger"]));
    let (mut word, mut blocks) = (begins, 0_usize);
    loop {
        if makes_trigger && word.is(&["begin", "case"]) {
            blocks += 1;
        } else if makes_trigger && word.is(&["end"]) {
            blocks = blocks.saturating_sub(1);
        } else if word.is(&[";"]) && blocks == 0 {
            break;
        }
        match words.next() {
            Some(next) => word = next,
            None => break,
        }
    }
    Some(sql.split_at(sql.len() - words.0.len()))
}

/// What a statement is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind<'s> {
    /// It changes rows of this table, as far as it says.
    Write(&'s str),
    /// It changes tables, so that what stands about them may be wrong afterwards.
    Schema,
    /// It begins or ends a transaction or a savepoint.
    Control(&'s str),
    /// Anything else.
    Other,
}

const VERBS: [&str; 4] = ["insert", "replace", "update", "delete"];

impl Kind<'_> {
    pub(super) fn of(sql: &str) -> Kind<'_> {
        let mut words = Words(sql);
        let Some(first) = words.next() else { return Kind::Other };
        if first.is(&["with"]) {
            return match words.find(|word| word.is(&VERBS)) {
                Some(verb) => Kind::Write(target(verb, &mut words)),
                None => Kind::Other,
            };
        }
        if first.is(&VERBS) {
            Kind::Write(target(first, &mut words))
        } else if first.is(&["create", "alter", "drop", "attach", "detach"]) {
            Kind::Schema
        } else if first.is(&["begin", "commit", "end", "rollback", "savepoint", "release"]) {
            Kind::Control(first.text)
        } else {
            Kind::Other
        }
    }
}

/// The table behind the verb: `INSERT OR IGNORE INTO main.post`, `UPDATE post`, `DELETE FROM post`.
fn target<'s>(verb: Word<'s>, words: &mut Words<'s>) -> &'s str {
    let mut word = words.next();
    if word.is_some_and(|word| word.is(&["or"])) {
        word = words.nth(1);
    }
    if word.is_some_and(|word| word.is(&["into", "from"])) && !verb.is(&["update"]) {
        word = words.next();
    }
    let mut after = Words(words.0);
    if after.next().is_some_and(|sign| sign.is(&["."])) {
        word = after.next();
    }
    word.map_or("", |word| word.text)
}

/// A name without its quotes, or a single sign.
#[derive(Clone, Copy)]
struct Word<'s> {
    text: &'s str,
    quoted: bool,
}

impl Word<'_> {
    /// Whether it is one of these keywords or signs, which no name in quotes is.
    fn is(&self, these: &[&str]) -> bool {
        !self.quoted && these.iter().any(|this| self.text.eq_ignore_ascii_case(this))
    }
}

/// The words of a statement at the outermost level: names without their quotes, and single signs.
/// What stands in parentheses and comments is left out.
struct Words<'s>(&'s str);

impl<'s> Iterator for Words<'s> {
    type Item = Word<'s>;

    fn next(&mut self) -> Option<Word<'s>> {
        let mut depth = 0_usize;
        loop {
            self.0 = self.0.trim_start();
            let first = self.0.chars().next()?;
            let word = match first {
                '-' if self.0.starts_with("--") => {
                    self.take(self.0.find('\n').unwrap_or(self.0.len()));
                    continue;
                }
                '/' if self.0.starts_with("/*") => {
                    self.take(self.0[2..].find("*/").map_or(self.0.len(), |end| end + 4));
                    continue;
                }
                '(' => {
                    depth += 1;
                    self.take(1);
                    continue;
                }
                ')' => {
                    depth = depth.saturating_sub(1);
                    self.take(1);
                    continue;
                }
                '"' | '`' | '\'' | '[' => self.quoted(if first == '[' { ']' } else { first }),
                _ if is_word(first) => {
                    self.take(self.0.find(|c| !is_word(c)).unwrap_or(self.0.len()))
                }
                _ => self.take(first.len_utf8()),
            };
            if depth == 0 {
                let quoted = matches!(first, '"' | '`' | '\'' | '[');
                return Some(Word { text: word, quoted });
            }
        }
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '$' || !c.is_ascii()
}

impl<'s> Words<'s> {
    fn take(&mut self, bytes: usize) -> &'s str {
        let (word, rest) = self.0.split_at(bytes);
        self.0 = rest;
        word
    }

    /// A name in quotes, without them; a quote that stands twice is left as it is.
    fn quoted(&mut self, quote: char) -> &'s str {
        self.take(1);
        let mut end = 0;
        loop {
            match self.0[end..].find(quote) {
                None => return self.take(self.0.len()),
                Some(at) if self.0[end + at + 1..].starts_with(quote) && quote != ']' => {
                    end += at + 2;
                }
                Some(at) => {
                    let name = self.take(end + at);
                    self.take(1);
                    return name;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Kind::{self, Control, Other, Schema, Write};
    use super::first;

    #[test]
    fn several_statements_are_told_apart_bodies_of_triggers_included() {
        let statements = [
            "create table a(b);",
            " insert into a values (';');",
            "select ';', \";\" -- ; \n;",
            "create temp trigger t after update on a begin \
             update a set b = case when 1 then 2 end; \
             delete from a; end;",
            "create table \"trigger\"(c);",
            "update a set b = 1",
        ];
        let all = statements.concat();
        let mut rest = all.as_str();
        for statement in statements {
            let (found, after) = first(rest).unwrap();
            assert_eq!(found, statement);
            rest = after;
        }
        assert_eq!(first(rest), None);
        assert_eq!(first(" ; ; -- nothing\n /* more of it */"), None);
    }

    #[test]
    fn a_statement_tells_its_kind_and_the_table_that_it_names() {
        let cases = [
            ("update post set a = 1", Write("post")),
            ("UPDATE OR IGNORE main.post SET a = 1", Write("post")),
            ("insert into \"po st\"(a) values (1)", Write("po st")),
            ("insert or replace into [post] default values", Write("post")),
            ("replace into post values (1)", Write("post")),
            ("delete from main . `post` where 1", Write("post")),
            ("delete from post", Write("post")),
            ("-- why\n /* and (how) */ delete from post", Write("post")),
            ("with x(a) as (delete), y as (select ')') update post set a = 1", Write("post")),
            ("with x as (select 1) select * from x", Other),
            ("select 'update post'", Other),
            ("create table t(a)", Schema),
            ("alter table t add b", Schema),
            ("rollback to x", Control("rollback")),
            ("/* */ COMMIT", Control("COMMIT")),
            ("insert into \"update\" values (1)", Write("update")),
            ("with \"delete\" as (select 1) update post set a = 1", Write("post")),
            ("", Other),
            ("/* never ends", Other),
            ("insert into \"never ends", Write("never ends")),
        ];
        for (sql, kind) in cases {
            assert_eq!(Kind::of(sql), kind, "{sql}");
        }
    }
}
