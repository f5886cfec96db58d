//! Feeds one target with its corpus and with mutations of it.

use crate::{Mutator, Target};
use std::{
    cell::RefCell,
    fmt::Write as _,
    fs,
    panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook},
    path::{Path, PathBuf},
    sync::Once,
};

/// Programs are built without unwinding, tests with it.
const PANIC_ENDS_PROGRAM: bool = cfg!(panic = "abort");

thread_local! {
    /// What this thread's target said when it panicked; `None` while no target runs.
    static COMPLAINT: RefCell<Option<String>> = const { RefCell::new(None) };
    /// The input of the target that runs, where a panic ends the program and leaves no time to make it shorter.
    static INPUT: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// An input that breaks a promise.
pub struct Finding {
    /// The input, made as short as simple means can make it.
    pub input: Vec<u8>,
    /// What the target said when it panicked.
    pub message: String,
}

/// One target and its corpus.
pub struct Campaign {
    target: &'static Target,
    corpus: Vec<Vec<u8>>,
}

/// The folder of all corpora.
pub fn corpus_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus")
}

impl Campaign {
    /// Reads the corpus of a target: every file of its folder, in the order of their names.
    ///
    /// # Panics
    /// If a file of the folder cannot be read.
    pub fn new(target: &'static Target) -> Self {
        let folder = corpus_folder().join(target.name);
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
        paths.sort();
        let read =
            |path: &PathBuf| fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Self { target, corpus: paths.iter().map(read).collect() }
    }

    /// The corpus.
    pub fn corpus(&self) -> &[Vec<u8>] {
        &self.corpus
    }

    /// Runs the inputs of the corpus as they are.
    pub fn replay(&self) -> Result<(), Finding> {
        self.corpus.iter().try_for_each(|input| self.attempt(input))
    }

    /// Runs mutations of the corpus, the same ones for the same seed.
    pub fn mutate(&self, seed: u64, count: u64) -> Result<(), Finding> {
        let mut mutator = Mutator::new(seed, self.target.words);
        (0..count).try_for_each(|_| self.attempt(&mutator.next(&self.corpus)))
    }

    fn attempt(&self, input: &[u8]) -> Result<(), Finding> {
        let Some(message) = self.complaint(input) else { return Ok(()) };
        let input = self.shorten(input);
        // The shorter input may break another promise.
        let message = self.complaint(&input).unwrap_or(message);
        Err(Finding { input, message })
    }

    /// What the target says if it panics, and where.
    fn complaint(&self, input: &[u8]) -> Option<String> {
        listen();
        COMPLAINT.set(Some(String::new()));
        if PANIC_ENDS_PROGRAM {
            INPUT.with_borrow_mut(|last| input.clone_into(last));
        }
        let outcome = catch_unwind(AssertUnwindSafe(|| (self.target.run)(input)));
        let words = COMPLAINT.take().unwrap_or_default();
        outcome.is_err().then_some(words)
    }

    /// Takes out blocks, large ones first, and sets bytes to zero, as long as the target still panics.
    fn shorten(&self, input: &[u8]) -> Vec<u8> {
        let mut best = input.to_vec();
        let mut block = best.len().next_power_of_two();
        while block > 0 {
            let mut start = 0;
            while start < best.len() {
                let mut shorter = best.clone();
                shorter.drain(start..best.len().min(start + block));
                if self.complaint(&shorter).is_some() { best = shorter } else { start += block }
            }
            block /= 2;
        }
        for at in 0..best.len() {
            let mut simpler = best.clone();
            simpler[at] = 0;
            if self.complaint(&simpler).is_some() {
                best = simpler;
            }
        }
        best
    }
}

/// Keeps the panics of targets from the terminal: there are many while an input is made shorter.
fn listen() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = take_hook();
        set_hook(Box::new(move |info| {
            let is_target = COMPLAINT.with_borrow_mut(|complaint| {
                let Some(complaint) = complaint else { return false };
                *complaint = info.to_string();
                if PANIC_ENDS_PROGRAM {
                    let input = INPUT.take();
                    eprintln!("{}", Finding { input, message: complaint.clone() }.report("the target"));
                }
                true
            });
            if !is_target {
                usual(info);
            }
        }));
    });
}

impl Finding {
    /// The finding as a person can report it: the words and the input in hexadecimal.
    pub fn report(&self, target: &str) -> String {
        let mut text = format!("{target}: {}\ninput of {} bytes: ", self.message, self.input.len());
        for byte in &self.input {
            // Writing to a string cannot fail.
            let _ = write!(text, "{byte:02x}");
        }
        text
    }
}
