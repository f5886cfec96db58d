//! Small bare test kernels, one claim each.

fn main() {}
