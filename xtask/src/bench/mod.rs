//! `cargo xtask bench`.
mod guests;
use crate::Failure;
pub(crate) use guests::build_guests;
/// Measures.
#[derive(clap::Args)]
pub(crate) struct Arguments {}
/// Runs the command.
pub(crate) fn run(_arguments: &Arguments) -> Result<(), Failure> {
    Err(Failure::new("not yet"))
}
