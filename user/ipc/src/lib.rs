//! Typed channel messages and byte queues as pure code.
#![no_std]
#![forbid(unsafe_code)]
