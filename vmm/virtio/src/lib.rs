//! Virtqueues, PCI transport and negotiation, once for all virtio devices.
#![no_std]
#![forbid(unsafe_code)]
