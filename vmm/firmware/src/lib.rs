//! Places a bzImage or a PVH ELF in guest memory and says how to enter it.
#![no_std]
#![forbid(unsafe_code)]
