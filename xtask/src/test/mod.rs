//! `cargo xtask test`: everything that shows that Corten works.

mod host;
mod images;
mod pool;

use std::path::Path;
use std::time::{Duration, Instant};

use test_stories::{Extent, Story, World};

use crate::build::System;
use crate::setup::Need;
use crate::{Failure, places, setup, tidy};

use images::TestImages;
use pool::Job;

/// Runs the tests of the logic on this machine, the rules of `tidy`, and the stories on emulated machines.
///
/// Prints a line for each emulated test, with its time, and at the end one line `N passed, N failed` that counts
/// all tests. What each machine printed stays below target/corten/test.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Also tell the stories that are variations of others
    #[arg(long)]
    full: bool,
    /// Only emulated tests whose name contains TEXT; leaves host tests and tidy out
    #[arg(long, value_name = "TEXT")]
    filter: Option<String>,
    /// Emulated machines that run at the same time; as many as this machine has processors by default
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=64))]
    jobs: Option<u32>,
    /// Only list the emulated tests
    #[arg(long)]
    list: bool,
}

/// How many tests went which way.
#[derive(Clone, Copy, Default)]
pub(crate) struct Tally {
    /// Tests that showed what they claim.
    pub(crate) passed: usize,
    /// Tests that did not.
    pub(crate) failed: usize,
}

impl std::ops::AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
    }
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let stories = chosen(arguments)?;
    if arguments.list {
        stories.iter().flat_map(Story::claims).for_each(|claim| println!("{claim}"));
        return Ok(());
    }
    let mut tally = Tally::default();
    if arguments.filter.is_none() {
        setup::ensure(&[Need::Compiler])?;
        tally += host::run()?;
        tally += tidiness()?;
    }
    let time = if arguments.full { TIME_FOR_FULL } else { TIME_FOR_ALL };
    tally += emulated(&stories, arguments.jobs, time)?;
    println!("{} passed, {} failed", tally.passed, tally.failed);
    if tally.failed == 0 { Ok(()) } else { Err(Failure::told()) }
}

/// Where the table of the test kernels' claims stands.
const CLAIMS: &str = "test/guests/src/claims/mod.rs";

fn chosen(arguments: &Arguments) -> Result<Vec<Story>, Failure> {
    // The claims of one machine share it, one after the other: such a story takes longest.
    let mut stories = test_stories::claims(&places::read_text(&places::root().join(CLAIMS))?);
    stories.extend(test_stories::all());
    match &arguments.filter {
        Some(text) => {
            stories.iter_mut().for_each(|story| story.keep(text));
            stories.retain(|story| story.claims().iter().any(|claim| claim.contains(text)));
            if stories.is_empty() {
                return Err(Failure::new(format!(
                    "the name of no emulated test contains {text:?}; cargo xtask test --full --list shows them"
                )));
            }
        }
        None => stories.retain(|story| arguments.full || story.extent == Extent::Always),
    }
    Ok(stories)
}

/// The rules of `tidy`, counted as two tests.
fn tidiness() -> Result<Tally, Failure> {
    let mut tally = Tally::default();
    for (name, complaints) in
        [("tidy: rules", tidy::own_rules()?), ("tidy: rustfmt and clippy", tidy::tools()?)]
    {
        if complaints.is_empty() {
            tally.passed += 1;
            println!("ok      {name}");
            continue;
        }
        tally.failed += 1;
        println!("FAILED  {name}");
        complaints.iter().for_each(|complaint| println!("{complaint}"));
    }
    Ok(tally)
}

/// After this time no further test is started: a system that is broken throughout must not hold up the others.
const TIME_FOR_ALL: Duration = Duration::from_secs(40 * 60);
/// The same for full runs.
const TIME_FOR_FULL: Duration = Duration::from_secs(3 * 60 * 60);

/// Builds what the stories need and tells them side by side.
fn emulated(stories: &[Story], jobs: Option<u32>, time: Duration) -> Result<Tally, Failure> {
    setup::ensure(&[Need::Compiler, Need::Qemu, Need::Bochs, Need::Firmware, Need::IsoTools, Need::Busybox])?;
    let system = System::build()?;
    let images = TestImages::new(&system)?;
    let folder = places::folder("test")?;
    let started = Instant::now();
    let told: Vec<Job<'_>> = stories
        .iter()
        .map(|story| {
            let (images, place) = (&images, folder.join(&story.name));
            Job { name: &story.name, run: Box::new(move |report| tell(story, images, &place, report)) }
        })
        .collect();
    let count: usize = stories.iter().map(|story| story.claims().len()).sum();
    println!("{count} tests on emulated machines:");
    let tally = pool::run(told, jobs.map_or_else(processors, |jobs| jobs as usize), started + time);
    println!(
        "emulated tests took {} s; their logs are below {}",
        started.elapsed().as_secs(),
        folder.display()
    );
    Ok(tally)
}

fn tell(story: &Story, images: &TestImages<'_>, folder: &Path, report: &mut pool::Report<'_>) {
    if let Err(failure) = empty(folder) {
        return report(&story.name, Err(failure.to_string()));
    }
    let mut holds = true;
    story.tell(&World::new(images, folder), &mut |claim, outcome| {
        holds &= outcome.is_ok();
        report(claim, outcome.map_err(|failure| failure.to_string()));
    });
    // Nobody needs the image of a story that holds, and some are large. If it stays, it is removed with the next run.
    if holds {
        let _ = std::fs::remove_dir_all(folder.join(images::FOLDER));
    }
}

/// An empty folder, whatever was there before.
fn empty(folder: &Path) -> Result<(), Failure> {
    if folder.exists() {
        std::fs::remove_dir_all(folder).map_err(|error| Failure::file(folder, &error))?;
    }
    places::make_folder(folder)
}

fn processors() -> usize {
    std::thread::available_parallelism().map_or(2, usize::from)
}
