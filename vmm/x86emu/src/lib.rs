//! Decodes and emulates the instructions that touch emulated devices.
#![no_std]
#![forbid(unsafe_code)]
