//! Text screen, keyboard decoding, line editor and monitor commands.
#![no_std]
#![forbid(unsafe_code)]
