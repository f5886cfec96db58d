//! The UEFI program that carries the bundle and starts the kernel.

fn main() {}
