//! Brings memory, devices and start registers to their first state.

use crate::{board, inputs::BootFiles, kernel_file::KernelFile, vm::Vm};
use alloc::{format, string::String};
use user_rt::Memory;
use vmm_firmware::{BootImage, BootRequest, Content, StartRegisters, place};
use vmm_protocol::{Boot, KernelBoot};

/// Resets the devices, empties memory if the guest has used it, and places the kernel. All vCPUs are parked.
pub(crate) fn prepare(vm: &Vm, is_first: bool) -> Result<(), String> {
    if !is_first {
        vm.ram.clear().map_err(|error| format!("memory cannot be cleared: {error:?}"))?;
        vm.machine.lock().with_bus(vm, |bus, _, context| bus.reset(context));
    }
    vm.machine.lock().with_bus(vm, |bus, _, context| board::assign_windows(bus, &vm.plan, context));
    let registers = match (&vm.boot, &vm.message.machine.boot) {
        (BootFiles::Kernel { kernel, initrd }, Boot::Kernel(config)) => {
            place_kernel(vm, config, kernel, initrd.as_ref())?
        }
        _ => return Err(String::from("a machine without firmware")),
    };
    let mut start = vm.start.lock();
    start.registers = Some(registers);
    start.tsc_origin = user_rt::read_ticks();
    start.unix_nanos = vm.message.unix_nanos_at_zero.saturating_add(user_rt::now().raw());
    Ok(())
}

/// Places a kernel as a boot loader would; returns the registers that it is entered with.
fn place_kernel(
    vm: &Vm,
    config: &KernelBoot,
    kernel: &Memory,
    initrd: Option<&Memory>,
) -> Result<StartRegisters, String> {
    let request = BootRequest {
        kernel: &KernelFile { memory: kernel, bytes: config.kernel_bytes },
        initrd_bytes: config.initrd_bytes,
        command_line: &config.command_line,
        memory: &vm.plan.memory,
        root_pointer: vm.plan.acpi.root_pointer(),
    };
    let image = place(&request).map_err(|error| format!("{error}"))?;
    copy(vm, &image, kernel, initrd).map_err(|error| format!("the kernel cannot be loaded: {error:?}"))?;
    Ok(image.registers)
}

/// Copies everything to its place. RAM is zero where nothing is copied.
fn copy(vm: &Vm, image: &BootImage, kernel: &Memory, initrd: Option<&Memory>) -> Result<(), user_rt::Error> {
    vm.ram.write(vm.plan.acpi.start(), vm.plan.acpi.image())?;
    for piece in &image.pieces {
        match &piece.content {
            Content::Bytes(bytes) => vm.ram.write(piece.to, bytes)?,
            Content::Kernel { offset, bytes } => vm.ram.copy_from(kernel, *offset, *bytes, piece.to)?,
            Content::Initrd { bytes } => {
                if let Some(initrd) = initrd {
                    vm.ram.copy_from(initrd, 0, *bytes, piece.to)?;
                }
            }
            Content::Zero { .. } => {}
        }
    }
    Ok(())
}
