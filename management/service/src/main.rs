//! The first process: starts and watches programs and VMs.

fn main() {}
