//! `cargo xtask`: builds, packs, runs, tests and measures Corten.
#![forbid(unsafe_code)]

mod bench;
mod build;
mod cd;
mod elf;
mod failure;
mod fat;
mod grub;
mod guest_files;
mod image;
mod places;
mod process;
mod run;
mod setup;
mod test;
mod tidy;
mod toolchain;

use std::process::ExitCode;

use clap::Parser;

use failure::Failure;

/// Builds, packs, runs, tests and measures Corten.
///
/// What a command needs and this machine lacks is installed with apt, and said so.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", disable_help_subcommand = true)]
enum Command {
    Build(build::Arguments),
    Image(image::Arguments),
    Run(run::Arguments),
    Test(test::Arguments),
    Bench(bench::Arguments),
    Tidy(tidy::Arguments),
}

fn main() -> ExitCode {
    let result = match Command::parse() {
        Command::Build(arguments) => build::run(&arguments),
        Command::Image(arguments) => image::run(&arguments),
        Command::Run(arguments) => run::run(&arguments),
        Command::Test(arguments) => test::run(&arguments),
        Command::Bench(arguments) => bench::run(&arguments),
        Command::Tidy(arguments) => tidy::run(&arguments),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if !failure.is_told() {
                eprintln!("error: {failure}");
            }
            ExitCode::FAILURE
        }
    }
}
