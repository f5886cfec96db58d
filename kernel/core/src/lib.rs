//! Ring 0 without the processor: objects, scheduler, memory, vCPU policy. Safe, generic over `Machine`.
#![no_std]
#![forbid(unsafe_code)]
