//! The boot bundle: programs, system manifest, VM definitions and files in one blob.
#![no_std]
#![forbid(unsafe_code)]
