//! Finds the bundle that goes into the program.
//!
//! `CORTEN_BUNDLE` names it. Without it (plain `cargo check`) the program carries nothing and says so when started.

use std::path::PathBuf;

fn main() {
    println!("cargo:rerun-if-env-changed=CORTEN_BUNDLE");
    let given = std::env::var_os("CORTEN_BUNDLE").map(PathBuf::from);
    let bundle = given.unwrap_or_else(|| {
        let empty = PathBuf::from(std::env::var_os("OUT_DIR").unwrap_or_default()).join("empty.bundle");
        if let Err(error) = std::fs::write(&empty, []) {
            println!("cargo:warning=cannot write {}: {error}", empty.display());
        }
        empty
    });
    println!("cargo:rerun-if-changed={}", bundle.display());
    println!("cargo:rustc-env=CORTEN_BUNDLE_FILE={}", bundle.display());
}
