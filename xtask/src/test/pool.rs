//! Runs jobs side by side and prints a line for each.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use super::Tally;

/// Takes the outcome of one test, by name; the error is a text of any length.
pub(super) type Report<'r> = dyn FnMut(&str, Result<(), String>) + 'r;

/// One test, or several in a row.
pub(super) struct Job<'j> {
    /// Its name.
    pub(super) name: &'j str,
    /// Runs it.
    pub(super) run: Box<dyn Fn(&mut Report<'_>) + Send + Sync + 'j>,
}

/// Runs all jobs, so many at a time; those that have not begun at `deadline` count as failed.
pub(super) fn run(jobs: Vec<Job<'_>>, width: usize, deadline: Instant) -> Tally {
    let next = AtomicUsize::new(0);
    let tally = Mutex::new(Tally::default());
    std::thread::scope(|scope| {
        for _ in 0..width {
            scope.spawn(|| work(&jobs, &next, &tally, deadline));
        }
    });
    tally.into_inner().unwrap_or_else(PoisonError::into_inner)
}

fn work(jobs: &[Job<'_>], next: &AtomicUsize, tally: &Mutex<Tally>, deadline: Instant) {
    while let Some(job) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
        let is_late = Instant::now() >= deadline;
        let mut started = Instant::now();
        let mut report = |name: &str, result: Result<(), String>| {
            count(tally, name, started, result);
            started = Instant::now();
        };
        if is_late {
            report(job.name, Err("not begun: the time for all tests is over".into()));
        } else {
            (job.run)(&mut report);
        }
    }
}

/// Counts a test that is over, and prints its line.
fn count(tally: &Mutex<Tally>, name: &str, started: Instant, result: Result<(), String>) {
    let seconds = started.elapsed().as_secs_f32();
    // The lock also keeps lines whole.
    let mut tally = tally.lock().unwrap_or_else(PoisonError::into_inner);
    match result {
        Ok(()) => {
            tally.passed += 1;
            println!("ok      {seconds:>6.1} s  {name}");
        }
        Err(reason) => {
            tally.failed += 1;
            println!("FAILED  {seconds:>6.1} s  {name}\n    {reason}");
        }
    }
}
