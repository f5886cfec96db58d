//! One processor: its registers, its tables, what it keeps for itself.

pub mod control;
mod descriptors;
pub mod features;
pub mod local;
pub mod msr;
pub mod port;

pub(crate) use descriptors::{
    DEBUG, DOUBLE_FAULT, Descriptors, GENERAL_PROTECTION, KERNEL_CODE, KERNEL_DATA, MACHINE_CHECK, NMI,
    PAGE_FAULT, TASK, USER_CODE, USER_DATA, expect_stray_steps, install_descriptors, load_boot_descriptors,
    syscall_registers,
};
