//! Links the kernel with its own script and stamps it with the build id.

fn main() {
    let folder = std::env::var("CARGO_MANIFEST_DIR").unwrap_or_default();
    println!("cargo:rerun-if-changed=kernel.ld");
    println!("cargo:rerun-if-env-changed=CORTEN_BUILD_ID");
    // On the host (plain `cargo check`) the image is an ordinary program without content.
    if std::env::var("CARGO_CFG_TARGET_OS").as_deref() != Ok("none") {
        return;
    }
    for argument in [
        &format!("-T{folder}/kernel.ld"),
        // The image runs at the address it is linked for; nobody relocates it.
        "--no-pie",
        "-zmax-page-size=4096",
        "-znoexecstack",
        "--build-id=none",
    ] {
        println!("cargo:rustc-link-arg-bins={argument}");
    }
}
