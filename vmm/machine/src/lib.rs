//! MachineConfig to MachinePlan: memory map, CPUID, ACPI, slots. A pure function.
#![no_std]
#![forbid(unsafe_code)]
