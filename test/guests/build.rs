//! Links the test kernel at 1 MiB, as a PVH loader expects it.

fn main() {
    let script = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("guest.ld");
    println!("cargo:rerun-if-changed={}", script.display());
    println!("cargo:rustc-link-arg-bins=-T{}", script.display());
    println!("cargo:rustc-link-arg-bins=--no-pie");
}
