//! The kernel image: joins core to arch.

fn main() {}
