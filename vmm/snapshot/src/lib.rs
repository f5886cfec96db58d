//! The saved-state format and its versions.
#![no_std]
#![forbid(unsafe_code)]
