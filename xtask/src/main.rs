//! Builds, runs, tests and measures Corten.

fn main() {}
