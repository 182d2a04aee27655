//! Who changes the file, and who is told that it has changed.

use super::file::{self, Config, Refused};
use super::service::{Outcome, Service};
use super::tables::Tables;
use notify::event::{ModifyKind, RenameMode};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use std::{env, fs, io, process};

/// How long a change may take to be seen, before the watcher is held to be broken.
const PATIENCE: Duration = Duration::from_secs(30);

/// A folder for the file, which ends with this.
#[derive(Debug)]
pub(crate) struct Folder(PathBuf);

impl Folder {
    /// A new one.
    pub(crate) fn new() -> io::Result<Folder> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = env::temp_dir().join(format!("stackholm-reload-{}-{number}", process::id()));
        fs::create_dir(&path)?;
        Ok(Folder(path))
    }

    /// The file in it.
    pub(crate) fn file(&self) -> PathBuf {
        self.0.join("service.conf")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Calls `reload` with what the file says, each time that this is something else, until what it
/// gives is dropped.
///
/// The folder is watched and not the file: a rename puts another file in its place, and a watch of
/// the old one hears nothing of that.
pub(crate) fn watch(
    file: &Path,
    mut reload: impl FnMut(Result<Config, Refused>) + Send + 'static,
) -> notify::Result<RecommendedWatcher> {
    let folder = file.parent().expect("a file is in a folder");
    let (path, mut last) = (file.to_owned(), None);
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
        if event.is_ok_and(|event| !is_change(&event, &path)) {
            return;
        }
        // One change may be several events.
        let text = fs::read_to_string(&path).map_err(|error| Refused::Unread(error.to_string()));
        if last.as_ref() != Some(&text) {
            reload(text.as_deref().map_err(Refused::clone).and_then(Config::parse));
            last = Some(text);
        }
    })?;
    watcher.watch(folder, RecursiveMode::NonRecursive)?;
    Ok(watcher)
}

/// Whether the file may say something else. That somebody reads it is an event as well, and that it
/// has a new name and had another is one besides the two that say so.
fn is_change(event: &Event, file: &Path) -> bool {
    let is_it = |path: &PathBuf| path.file_name() == file.file_name();
    let is_told_already = EventKind::Modify(ModifyKind::Name(RenameMode::Both));
    let tells = !event.kind.is_access() && event.kind != is_told_already;
    event.need_rescan() || tells && event.paths.iter().any(is_it)
}

impl<T: Tables> Service<T> {
    /// Reloads at each change of the file.
    pub(crate) fn follow(self: &Arc<Self>, file: &Path) -> notify::Result<RecommendedWatcher> {
        let service = Arc::clone(self);
        watch(file, move |read| service.reload(read))
    }

    /// Changes the file, and waits for what comes of it.
    pub(crate) async fn rewrite(&self, file: &Path, text: &str) -> io::Result<Outcome> {
        let before = self.last.version();
        file::replace(file, text)?;
        self.next(before).await?;
        Ok(self.last.with(Outcome::clone))
    }

    /// Waits for a reload after that one.
    pub(crate) async fn next(&self, before: u64) -> io::Result<u64> {
        let next = tokio::time::timeout(PATIENCE, self.last.changed(before)).await;
        next.map_err(|_| io::Error::new(io::ErrorKind::TimedOut, "no change of the file is seen"))
    }
}
