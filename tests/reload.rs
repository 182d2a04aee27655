//! The example `reload`: each version of a file that is rewritten under load arrives, no request
//! that pins or holds a picture sees two, and its check notices one that does.

#[path = "../examples/reload/main.rs"]
#[expect(dead_code, reason = "the program's own entry is not called")]
mod reload;

use reload::file::{self, Refused};
use reload::load::Pace;
use reload::service::{FLAGS, ROUTES, Seen, Service};
use reload::tables::{Held, Pinned, Tables, Unpinned, View};
use reload::watch::Folder;
use stackholm::Shared;
use std::fs;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// There is one set of process-wide values, and each test fills it.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn block_on<R>(body: impl Future<Output = R>) -> R {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_time().build();
    runtime.expect("a runtime").block_on(body)
}

fn text(version: u64) -> String {
    file::text(version, ROUTES, FLAGS)
}

fn serve(tables: impl Tables) {
    let _alone = alone();
    let folder = Folder::new().unwrap();
    let service = Arc::new(Service::new(tables));
    let ran = block_on(service.serve(&folder.file(), Pace::Times(40))).unwrap();
    assert_eq!((ran.written, ran.loaded), (40, 40));
    assert_eq!(ran.seen, Seen { requests: ran.seen.requests, ..Seen::default() });
    assert!(ran.seen.requests >= 8, "each task had one");
}

#[test]
fn every_version_arrives_and_a_pinned_request_sees_one() {
    serve(Pinned);
}

#[test]
fn every_version_arrives_and_a_request_with_a_snapshot_sees_one() {
    serve(Held(Shared::default()));
}

/// What a request sees into which a reload comes, and the next one.
fn interrupted(tables: impl Tables) -> [Seen; 2] {
    let _alone = alone();
    let folder = Folder::new().unwrap();
    let (file, service) = (folder.file(), Arc::new(Service::new(tables)));
    let _watcher = service.follow(&file).unwrap();
    block_on(async {
        let reload = async { assert_eq!(service.rewrite(&file, &text(1)).await.unwrap(), Ok(1)) };
        [service.request(5, reload).await, service.request(5, async {}).await]
    })
}

#[test]
fn a_reload_that_comes_into_a_request_is_seen_by_the_next_one() {
    let one = Seen { requests: 1, ..Seen::default() };
    assert_eq!(interrupted(Pinned), [one; 2]);
    assert_eq!(interrupted(Held(Shared::default())), [one; 2]);
    assert_eq!(interrupted(Unpinned), [Seen { torn: 1, ..one }, one]);
}

#[test]
fn a_bad_file_is_refused_by_its_line_and_what_was_there_stays() {
    let _alone = alone();
    let folder = Folder::new().unwrap();
    let (file, service) = (folder.file(), Arc::new(Service::new(Pinned)));
    let _watcher = service.follow(&file).unwrap();
    let change = |text: &str| block_on(service.rewrite(&file, text)).unwrap();
    assert_eq!(change(&text(1)), Ok(1));
    let good = text(2);
    let cases = [
        (good.replace("version 2\n", ""), 1, "the first line is no `version`"),
        (good.replace("version 2", "version two"), 1, "`two` is no version"),
        (good.replacen("10.0.0.2:8080", "nowhere", 1), 2, "`nowhere` is no address"),
        (good.replace("path/3 ", "path/2 "), 5, "`/path/2` is there twice"),
        (good.replace("flag_1 on", "flag_1 perhaps"), 67, "`perhaps` is neither `on` nor `off`"),
        (
            good.replace("flag flag_1", "flags flag_1"),
            67,
            "`flags flag_1 on` is neither a route nor a flag",
        ),
        (good.replace("end\n", ""), 74, "the file ends without `end`"),
        (good.clone() + "flag more on\n", 75, "there is something after `end`"),
    ];
    for (bad, line, why) in cases {
        assert_eq!(change(&bad), Err(Refused::Line(line, why.into())));
        assert_eq!(service.tables.view().flag("flag_1").map(|flag| flag.version), Some(1), "{why}");
    }
    assert_eq!(change(&good), Ok(2));
}

#[test]
fn a_file_that_is_gone_leaves_what_was_there_until_it_is_back() {
    let _alone = alone();
    let folder = Folder::new().unwrap();
    let (file, service) = (folder.file(), Arc::new(Service::new(Pinned)));
    let _watcher = service.follow(&file).unwrap();
    block_on(async {
        assert_eq!(service.rewrite(&file, &text(1)).await.unwrap(), Ok(1));
        let before = service.last.version();
        fs::remove_file(&file).unwrap();
        service.next(before).await.unwrap();
        assert!(matches!(*service.last.load(), Err(Refused::Unread(_))), "{:?}", service.last);
        assert_eq!(service.tables.view().route("/path/1").map(|route| route.version), Some(1));
        assert_eq!(service.rewrite(&file, &text(2)).await.unwrap(), Ok(2));
    });
}

#[test]
fn the_program_says_what_each_way_saw_and_what_it_refused() {
    let _alone = alone();
    let mut out = Vec::new();
    reload::run(&mut out, Pace::Times(5)).unwrap();
    let out = String::from_utf8(out).unwrap();
    let lines: Vec<_> = out.lines().collect();
    let told = "5 of 5 versions loaded; requests that saw two versions: 0, a wrong value: 0, an \
                old version: 0";
    assert!(lines[1].starts_with("pinned ") && lines[1].ends_with(told), "{out}");
    assert!(lines[2].starts_with("held ") && lines[2].ends_with(told), "{out}");
    assert!(lines[3].starts_with("neither "), "{out}");
    let refused = [
        "refused: line 69: `sideways` is neither `on` nor `off`",
        "refused: line 74: the file ends without `end`",
    ];
    assert_eq!(lines[4..], refused);
}
