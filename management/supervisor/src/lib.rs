//! Desired state to actions: program and VM life cycles, restarts, back-off.
#![no_std]
#![forbid(unsafe_code)]
