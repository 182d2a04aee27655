//! Threads that serve all requests, one job after the other: a pool, and a mailbox.
//!
//! Neither knows of contexts; each job brings its own. A job and everything that it holds is
//! dropped before its end is reported.

use crossbeam_channel::{Receiver, Sender, unbounded};
use stackholm::{Context, Envelope};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{LazyLock, mpsc};
use std::thread;

type Work = Box<dyn FnOnce() + Send>;

/// Something to do, and where to tell of its end.
struct Job<W> {
    work: W,
    ended: Sender<thread::Result<()>>,
}

impl<W> Job<W> {
    fn new(work: W) -> (Self, Receiver<thread::Result<()>>) {
        let (ended, end) = unbounded();
        (Job { work, ended }, end)
    }

    fn carry_out(self, how: impl FnOnce(W)) {
        let end = catch_unwind(AssertUnwindSafe(|| how(self.work)));
        assert!(Context::current().is_empty(), "nothing is left of a job");
        self.ended.send(end).expect("somebody waits");
    }
}

fn awaited(end: &Receiver<thread::Result<()>>) {
    end.recv().expect("each job is carried out").unwrap_or_else(|panic| resume_unwind(panic));
}

/// A pool of plain threads.
pub(crate) struct Pool(Sender<Job<Work>>);

static POOL: LazyLock<Pool> = LazyLock::new(|| {
    let (jobs, inbox) = unbounded::<Job<Work>>();
    for _ in 0..2 {
        let inbox = inbox.clone();
        thread::spawn(move || inbox.iter().for_each(|job| job.carry_out(|work| work())));
    }
    Pool(jobs)
});

impl Pool {
    /// Has one of the threads do the work, and waits for its end.
    pub(crate) fn execute(work: impl FnOnce() + Send + 'static) {
        let (job, end) = Job::new(Box::new(work) as Work);
        POOL.0.send(job).expect("its threads never end");
        awaited(&end);
    }
}

/// One thread behind a channel of the standard library.
pub(crate) struct Mailbox(mpsc::Sender<Job<Envelope<Work>>>);

static MAILBOX: LazyLock<Mailbox> = LazyLock::new(|| {
    let (messages, inbox) = mpsc::channel::<Job<Envelope<Work>>>();
    thread::spawn(move || {
        inbox.iter().for_each(|job| job.carry_out(|sealed| sealed.open(|work| work())))
    });
    Mailbox(messages)
});

impl Mailbox {
    /// Has the thread do the work, in the context of the caller, and waits for its end.
    pub(crate) fn post(work: impl FnOnce() + Send + 'static) {
        let (job, end) = Job::new(Envelope::new(Box::new(work) as Work));
        MAILBOX.0.send(job).expect("its thread never ends");
        awaited(&end);
    }
}
