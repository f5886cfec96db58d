//! Runs jobs side by side and prints a line for each.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use super::Tally;

/// One test.
pub(super) struct Job<'j> {
    /// Its name.
    pub(super) name: &'j str,
    /// Runs it; the error is a text of any length.
    pub(super) run: Box<dyn Fn() -> Result<(), String> + Send + Sync + 'j>,
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
        let started = Instant::now();
        let result = if started < deadline {
            (job.run)()
        } else {
            Err("not begun: the time for all tests is over".into())
        };
        let seconds = started.elapsed().as_secs_f32();
        // The lock also keeps lines whole.
        let mut tally = tally.lock().unwrap_or_else(PoisonError::into_inner);
        match result {
            Ok(()) => {
                tally.passed += 1;
                println!("ok      {seconds:>6.1} s  {}", job.name);
            }
            Err(reason) => {
                tally.failed += 1;
                println!("FAILED  {seconds:>6.1} s  {}\n    {reason}", job.name);
            }
        }
    }
}
