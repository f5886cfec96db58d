//! Messages between the supervisor and the console.
#![no_std]
#![forbid(unsafe_code)]
