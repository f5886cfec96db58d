//! The tests of the logic, which run on this machine.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use super::Tally;
use crate::{Failure, places, setup};

/// Runs `cargo test` on the default members and counts what it reports.
pub(super) fn run() -> Result<Tally, Failure> {
    println!("Tests on this machine:");
    let mut command = Command::new(setup::cargo());
    command.current_dir(places::root()).args(["test", "--no-fail-fast"]).stdout(Stdio::piped());
    let cannot = |error: std::io::Error| Failure::new(format!("cannot run cargo test: {error}"));
    let mut child = command.spawn().map_err(cannot)?;
    let mut tally = Tally::default();
    let mut shown_suites = 0;
    if let Some(stdout) = child.stdout.take() {
        for line in BufReader::new(stdout).lines() {
            let line = line.map_err(cannot)?;
            let counts = counts(&line);
            shown_suites += usize::from(counts.is_some());
            tally += counts.unwrap_or_default();
            if !is_noise(&line) {
                println!("{line}");
            }
        }
    }
    let status = child.wait().map_err(cannot)?;
    // Without any test's failure, a failed run means that something does not compile.
    if !status.success() && tally.failed == 0 {
        tally.failed += 1;
    }
    println!("{} passed, {} failed in {shown_suites} suites on this machine", tally.passed, tally.failed);
    Ok(tally)
}

/// Lines that say that all is well.
fn is_noise(line: &str) -> bool {
    line.is_empty()
        || line.starts_with("running ")
        || (line.starts_with("test ") && (line.ends_with(" ok") || line.ends_with("ignored")))
        || line.starts_with("test result: ok")
}

/// The counts of a line such as `test result: ok. 12 passed; 0 failed; ...`.
fn counts(line: &str) -> Option<Tally> {
    let rest = line.strip_prefix("test result: ")?;
    let number_before = |word: &str| {
        let before = rest.split(';').find(|part| part.ends_with(word))?.trim_end_matches(word).trim();
        before.rsplit(' ').next()?.parse().ok()
    };
    Some(Tally { passed: number_before("passed")?, failed: number_before("failed")? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counts_of_a_suite_are_read_from_its_last_line() {
        let line = "test result: FAILED. 12 passed; 3 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.1s";
        let tally = counts(line).expect("a result");
        assert_eq!((tally.passed, tally.failed), (12, 3));
        assert!(counts("test a ... ok").is_none());
    }
}
