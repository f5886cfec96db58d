//! Fuzz targets: foreign bytes go into the code that ships, and its promises are checked.
//!
//! A [`Target`] is a function over any bytes ([`targets`]). It panics where a promise is broken: not only
//! where the code itself panics, but also where what was accepted is not what the type's documentation says
//! of it. Three drivers feed the targets:
//!
//! - `cargo test -p test_fuzz` replays the corpus and a fixed number of seeded mutations of it: the
//!   same bytes every time, no clock;
//! - the program `fuzz` goes on with other seeds for as long as one likes ([`campaign`]), and writes
//!   the corpus' seeds ([`seeds`]);
//! - the crate in `libfuzzer/`, outside of the workspace, lets libFuzzer look for new paths.
//!
//! Many targets drive the same board of devices ([`board`]), some other ones; [`pair`] compares devices with those that were
//! restored from them.
#![forbid(unsafe_code)]

pub mod board;
pub mod campaign;
pub mod input;
pub mod mutation;
pub mod pair;
pub mod seeds;
pub mod target;
pub mod targets;

pub use campaign::{Campaign, Finding};
pub use input::Input;
pub use mutation::Mutator;
pub use target::{TARGETS, Target};
