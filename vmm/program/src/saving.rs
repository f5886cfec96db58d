//! The machine's state as a snapshot, and back.
