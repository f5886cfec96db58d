//! Runs QEMU and judges what a machine prints.
