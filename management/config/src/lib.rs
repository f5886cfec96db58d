//! VM definition files and the system manifest: TOML in, checked values out.
#![no_std]
#![forbid(unsafe_code)]
