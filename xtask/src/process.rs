//! Runs other programs and shows that they are at work.

use std::fs::File;
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::{Failure, places};

/// How often a running program is looked at.
const POLL: Duration = Duration::from_millis(50);
/// How often a line says so where the output is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(15);
/// How often the line on a terminal is drawn again.
const DRAW_EVERY: Duration = Duration::from_millis(500);
/// Lines of its output that are shown of a program that failed.
const TAIL_LINES: usize = 40;
/// Columns of a program's last words that are shown beside the time.
const WORDS_COLUMNS: usize = 60;

/// Runs a long step to its end: shows its title and the seconds, keeps its output in a log, and
/// shows the end of that only if it fails.
pub(crate) fn step(title: &str, command: &mut Command) -> Result<(), Failure> {
    run_step(title, command, None)
}

/// As [`step`], but the program is killed after `limit`.
pub(crate) fn step_within(title: &str, command: &mut Command, limit: Duration) -> Result<(), Failure> {
    run_step(title, command, Some(limit))
}

/// Runs a long piece of our own work and says how long it took.
pub(crate) fn task<Made>(title: &str, work: impl FnOnce() -> Result<Made, Failure>) -> Result<Made, Failure> {
    let is_over = Mutex::new(false);
    let bell = Condvar::new();
    let mut progress = Progress::new(title);
    std::thread::scope(|scope| {
        let watch = scope.spawn(|| {
            let mut over = is_over.lock().unwrap_or_else(PoisonError::into_inner);
            while !*over {
                over = bell.wait_timeout(over, POLL).unwrap_or_else(PoisonError::into_inner).0;
                progress.draw("");
            }
            progress
        });
        let result = work();
        *is_over.lock().unwrap_or_else(PoisonError::into_inner) = true;
        bell.notify_all();
        if let Ok(progress) = watch.join() {
            progress.finish(if result.is_ok() { "done" } else { "failed" });
        }
        result
    })
}

/// What a short program prints on standard output.
pub(crate) fn output(command: &mut Command) -> Result<String, Failure> {
    let result = command.stderr(Stdio::piped()).output().map_err(|error| cannot_start(command, &error))?;
    if !result.status.success() {
        let words = String::from_utf8_lossy(&result.stderr).trim().to_string();
        return Err(Failure::new(format!("{} ended with {}: {words}", name(command), result.status)));
    }
    Ok(String::from_utf8_lossy(&result.stdout).into_owned())
}

/// Runs a program that talks to the user itself.
pub(crate) fn interactive(command: &mut Command) -> Result<ExitStatus, Failure> {
    command.status().map_err(|error| cannot_start(command, &error))
}

fn run_step(title: &str, command: &mut Command, limit: Option<Duration>) -> Result<(), Failure> {
    let log = log_path(title)?;
    let file = File::create(&log).map_err(|error| Failure::file(&log, &error))?;
    let errors = file.try_clone().map_err(|error| Failure::file(&log, &error))?;
    command.stdin(Stdio::null()).stdout(file).stderr(errors);
    let mut child = command.spawn().map_err(|error| cannot_start(command, &error))?;
    let mut progress = Progress::new(title);
    let status = watch(&mut child, &log, &mut progress, limit);
    match status {
        Ok(status) if status.success() => {
            progress.finish("done");
            Ok(())
        }
        Ok(status) => {
            progress.finish("failed");
            Err(Failure::new(format!(
                "{title} failed ({status}); the end of {}:\n{}",
                log.display(),
                tail(&log)
            )))
        }
        Err(failure) => {
            progress.finish("given up");
            Err(failure)
        }
    }
}

fn watch(
    child: &mut Child,
    log: &Path,
    progress: &mut Progress,
    limit: Option<Duration>,
) -> Result<ExitStatus, Failure> {
    loop {
        let state = child.try_wait().map_err(|error| Failure::new(format!("{}: {error}", progress.title)))?;
        if let Some(status) = state {
            return Ok(status);
        }
        if limit.is_some_and(|limit| progress.started.elapsed() > limit) {
            // Fails only if the child has just ended.
            let _ = child.kill();
            let _ = child.wait();
            let seconds = progress.started.elapsed().as_secs();
            return Err(Failure::new(format!("{} did not end within {seconds} s", progress.title)));
        }
        progress.draw(&last_line(log));
        std::thread::sleep(POLL);
    }
}

/// The line that shows a step at work.
struct Progress {
    title: String,
    started: Instant,
    drawn: Instant,
    is_terminal: bool,
}

impl Progress {
    fn new(title: &str) -> Self {
        let now = Instant::now();
        let progress = Self {
            title: title.into(),
            started: now,
            drawn: now,
            is_terminal: std::io::stderr().is_terminal(),
        };
        if progress.is_terminal {
            eprint!("  {title} ...");
        } else {
            eprintln!("  {title} ...");
        }
        progress
    }

    fn draw(&mut self, words: &str) {
        let pause = if self.is_terminal { DRAW_EVERY } else { LINE_EVERY };
        if self.drawn.elapsed() < pause {
            return;
        }
        self.drawn = Instant::now();
        let seconds = self.started.elapsed().as_secs();
        let words: String = words.chars().take(WORDS_COLUMNS).collect();
        if self.is_terminal {
            eprint!("\r\x1b[K  {} ... {seconds} s  {words}", self.title);
            // A terminal that has gone away needs no progress.
            let _ = std::io::stderr().flush();
        } else {
            eprintln!("  {} ... {seconds} s  {words}", self.title);
        }
    }

    fn finish(&self, word: &str) {
        let seconds = self.started.elapsed().as_secs_f32();
        let start = if self.is_terminal { "\r\x1b[K" } else { "" };
        eprintln!("{start}  {}: {word} in {seconds:.1} s", self.title);
    }
}

fn log_path(title: &str) -> Result<PathBuf, Failure> {
    let name: String =
        title.chars().map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '-' }).collect();
    Ok(places::folder("logs")?.join(format!("{}.log", name.to_lowercase())))
}

fn tail(log: &Path) -> String {
    let text = std::fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text).into_owned();
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n")
}

fn last_line(log: &Path) -> String {
    let text = std::fs::read(log).unwrap_or_default();
    let end = &text[text.len().saturating_sub(512)..];
    String::from_utf8_lossy(end).lines().last().unwrap_or_default().trim().into()
}

fn name(command: &Command) -> String {
    command.get_program().to_string_lossy().into_owned()
}

fn cannot_start(command: &Command, error: &std::io::Error) -> Failure {
    Failure::new(format!("cannot start {}: {error}", name(command)))
}
