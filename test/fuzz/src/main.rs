//! Feeds the targets for longer than the tests do, or writes the corpus' seeds.
#![forbid(unsafe_code)]

use std::{env, fs, process::ExitCode};
use test_fuzz::{Campaign, TARGETS, Target, campaign::corpus_folder, seeds};

/// Mutations if none are asked for.
const MUTATIONS: u64 = 1_000_000;
const USAGE: &str = "usage: fuzz seeds | fuzz run TARGET INPUT-FILE | fuzz TARGET|all [MUTATIONS [SEED]]";

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match words.as_slice() {
        ["seeds"] => write_seeds(),
        ["run", name, path] => run_file(name, path),
        ["all", numbers @ ..] => TARGETS.iter().try_for_each(|target| mutate(target, numbers)),
        [name, numbers @ ..] => find(name).and_then(|target| mutate(target, numbers)),
        [] => Err(String::from(USAGE)),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

fn find(name: &str) -> Result<&'static Target, String> {
    let names: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
    Target::find(name).ok_or_else(|| format!("{USAGE}\nthe targets are {}", names.join(", ")))
}

fn mutate(target: &'static Target, numbers: &[&str]) -> Result<(), String> {
    let number = |index: usize, default: u64| match numbers.get(index) {
        Some(word) => word.parse().map_err(|_| format!("{word} is not a number\n{USAGE}")),
        None => Ok(default),
    };
    let (count, seed) = (number(0, MUTATIONS)?, number(1, 1)?);
    let campaign = Campaign::new(target);
    println!("{}: {} seeds, {count} mutations", target.name, campaign.corpus().len());
    campaign.replay().and_then(|()| campaign.mutate(seed, count)).map_err(|found| found.report(target.name))
}

fn run_file(name: &str, path: &str) -> Result<(), String> {
    let input = fs::read(path).map_err(|error| format!("{path}: {error}"))?;
    (find(name)?.run)(&input);
    Ok(())
}

fn write_seeds() -> Result<(), String> {
    for target in TARGETS {
        let folder = corpus_folder().join(target.name);
        fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        for seed in seeds::of(target.name) {
            let path = folder.join(seed.name);
            fs::write(&path, seed.bytes).map_err(|error| format!("{}: {error}", path.display()))?;
        }
    }
    Ok(())
}
