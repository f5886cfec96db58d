//! The machine's own console on the serial line and the screen.

fn main() {}
