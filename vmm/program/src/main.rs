//! One VM: vCPU loops, device loop, control channel. Composition only.

fn main() {}
