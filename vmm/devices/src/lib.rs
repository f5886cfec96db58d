//! virtio block, console, entropy and balloon devices.
#![no_std]
#![forbid(unsafe_code)]
