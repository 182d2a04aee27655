//! The grammar of baggage, one input at a time.

use super::{REQUEST, TENANT, baggage, rejected, tenant, wire};
use stackholm::wire::{Peer, Reason};

/// What comes, what `tenant` is, and how many members are malformed or unfit.
const MEMBERS: &[(&[u8], Option<&str>, usize)] = &[
    (b"tenant=acme", Some("acme"), 0),
    (b"tenant=b=c", Some("b=c"), 0),
    (b"tenant=", Some(""), 0),
    (b" tenant = acme ", Some("acme"), 0),
    (b"\ttenant\t=\tacme\t", Some("acme"), 0),
    (b"tenant=acme;p", Some("acme"), 0),
    (b"tenant=acme; p = 1 ;q", Some("acme"), 0),
    (b"tenant=a%20b", Some("a b"), 0),
    (b"tenant=%C3%A4", Some("\u{e4}"), 0),
    (b"tenant=one,tenant=two", Some("two"), 0),
    (b"tenant=acme,,", Some("acme"), 0),
    (b"tenant=%FF", None, 1),
    (b"tenant=%2", None, 1),
    (b"tenant=%zz", None, 1),
    (b"tenant=%", None, 1),
    (b"=v", None, 1),
    (b"tenant", None, 1),
    (b"tenant=;p;", None, 1),
    (b"tenant=acme;=1", None, 1),
    (b"ten ant=acme", None, 1),
    (b"tenant=ac me", None, 1),
    (b"tenant=\"acme\"", None, 1),
    (b"tenant=a\\b", None, 1),
    (b"tenant=\xc3\xa4", None, 1),
    (b"tenant=a\0b", None, 1),
    (b"\xff\xfe=1,tenant=acme", Some("acme"), 1),
    (b"=v,tenant=acme", Some("acme"), 1),
    (b"Tenant=acme", None, 1),
];

#[test]
fn each_member_is_read_as_the_table_says() {
    for (line, expected, dropped) in MEMBERS {
        let received = wire().extract(&baggage(&[line]), Peer::Trusted);
        let line = line.escape_ascii();
        assert_eq!(tenant(&received), *expected, "{line}");
        let counts = received.rejected().iter().map(|it| it.count());
        assert_eq!(counts.sum::<usize>(), *dropped, "{line}: {:?}", received.rejected());
    }
}

#[test]
fn a_value_with_an_equals_sign_is_not_cut() {
    let received = wire().extract(&baggage(&[b"tenant=a=b=c"]), Peer::Trusted);
    assert_eq!(tenant(&received), Some("a=b=c"));
}

#[test]
fn a_plus_is_sent_encoded_as_some_read_it_as_a_space_and_stays_one_where_it_comes() {
    let mut lines: Vec<(String, String)> = Vec::new();
    let context = stackholm::Context::empty().with(&TENANT, "a+b c".into());
    let _ = wire().inject(&context, &mut lines).unwrap();
    assert_eq!(lines[0].1, "tenant=a%2Bb%20c");
    let received = wire().extract(&baggage(&[b"tenant=a+b"]), Peer::Trusted);
    assert_eq!(tenant(&received), Some("a+b"));
}

#[test]
fn members_of_several_lines_are_all_read() {
    let lines = baggage(&[b"other=1", b"tenant=acme"]);
    assert_eq!(tenant(&wire().extract(&lines, Peer::Trusted)), Some("acme"));
}

#[test]
fn one_bad_member_costs_no_other_one() {
    let received = wire().extract(&baggage(&[b"=x,tenant=acme,%%%,y"]), Peer::Trusted);
    assert_eq!(tenant(&received), Some("acme"));
    assert_eq!(rejected(&received), [("baggage", Reason::Malformed, 3)]);
}

#[test]
fn an_id_from_anyone_has_a_bounded_length_and_bounded_letters() {
    let read = |line: &str| {
        let received = wire().extract(&vec![("X-Request-ID", line)], Peer::Unknown);
        received.context().get(&REQUEST).cloned().ok_or_else(|| received.rejected()[0].reason())
    };
    assert_eq!(read("r-1.a:b_C").as_deref(), Ok("r-1.a:b_C"));
    assert_eq!(read(&"x".repeat(64)).map(|id| id.len()), Ok(64));
    for line in ["", "a b", "a%0Ab", "a\u{e4}", "<script>", "${jndi:x}", "a'--"] {
        assert!(read(line).is_err(), "{line}");
    }
    assert_eq!(read(&"x".repeat(65)), Err(Reason::Unfit));
    assert_eq!(read(&"x".repeat(513)), Err(Reason::TooLong));
}

#[test]
fn a_header_of_one_value_in_two_lines_is_rejected() {
    let lines = vec![("x-request-id", "a"), ("x-request-id", "b")];
    let received = wire().extract(&lines, Peer::Unknown);
    assert_eq!(received.context().get(&REQUEST), None);
    assert_eq!(rejected(&received), [("x-request-id", Reason::Repeated, 1)]);
}

#[test]
fn binary_headers_are_strict_base64_with_padding_or_without() {
    let read = |line: &str| {
        let received = wire().extract(&vec![("raw-bin", line)], Peer::Trusted);
        received.context().get(&super::RAW).cloned()
    };
    for line in ["AQI", "AQI="] {
        assert_eq!(read(line), Some(vec![1, 2]), "{line}");
    }
    assert_eq!(read(""), Some(vec![]));
    for line in ["A", "AQI==", "AQJ", "AQ=I", "A*I", "====", "AQID="] {
        assert_eq!(read(line), None, "{line}");
    }
}

/// The examples of the recommendation and of its test suite: the line, and what `key` and `other`
/// are.
const RECOMMENDED: &[(&[&str], Option<&str>, Option<&str>)] = &[
    (
        &["key=value1;property1;property2, other = value2, key3=value3; propertyKey=propertyValue"],
        Some("value1"),
        Some("value2"),
    ),
    (&["key=alice,other=DF%2028,isProduction=false"], Some("alice"), Some("DF 28")),
    (&["key=Am%C3%A9lie,other=DF%2028,isProduction=false"], Some("Am\u{e9}lie"), Some("DF 28")),
    (&["key=alice", "other=DF%2028,isProduction=false"], Some("alice"), Some("DF 28")),
    (&["key=SomeValue"], Some("SomeValue"), None),
    (&["key=SomeValue;SomeProp"], Some("SomeValue"), None),
    (&["key=SomeValue;SomePropKey=SomePropValue"], Some("SomeValue"), None),
    (&["key=SomeValue,other=SomeValue2"], Some("SomeValue"), Some("SomeValue2")),
    (&["key \t = \t SomeValue \t "], Some("SomeValue"), None),
    (&["key \t = \t SomeValue \t ; \t SomeProp"], Some("SomeValue"), None),
    (
        &["key \t = \t SomeValue \t , \t other \t = \t SomeValue2 \t "],
        Some("SomeValue"),
        Some("SomeValue2"),
    ),
    (
        &["key=%09%20%22%27%3B%3Dasdf%21%40%23%24%25%5E%26%2A%28%29"],
        Some("\t \"';=asdf!@#$%^&*()"),
        None,
    ),
    (&["key=\u{e9}"], None, None),
];

#[test]
fn the_examples_of_the_recommendation_are_read_as_it_says() {
    use stackholm::wire::{self, Text, Wire};
    static KEY: stackholm::Var<String> = stackholm::Var::new("key");
    static OTHER: stackholm::Var<String> = stackholm::Var::new("other");
    let wire = Wire::builder()
        .list(wire::baggage("key", &KEY, Text))
        .list(wire::baggage("other", &OTHER, Text))
        .passing_unknown_baggage()
        .build()
        .unwrap();
    for (lines, key, other) in RECOMMENDED {
        let lines: Vec<_> = lines.iter().map(|line| ("baggage", *line)).collect();
        let received = wire.extract(&lines, Peer::Trusted);
        let context = received.context();
        assert_eq!(context.get(&KEY).map(String::as_str), *key, "{lines:?}");
        assert_eq!(context.get(&OTHER).map(String::as_str), *other, "{lines:?}");
        assert_eq!(received.rejected().is_empty(), key.is_some(), "{lines:?}");
    }
}
