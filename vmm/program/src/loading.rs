//! Brings memory, devices and start registers to their first state.

use crate::{board, kernel_file::KernelFile, vm::Vm};
use alloc::{format, string::String};
use vmm_firmware::{BootImage, BootRequest, Content, place};

/// Resets the devices, empties memory if the guest has used it, and places the kernel. All vCPUs are parked.
pub(crate) fn prepare(vm: &Vm, is_first: bool) -> Result<(), String> {
    if !is_first {
        vm.ram.clear().map_err(|error| format!("memory cannot be cleared: {error:?}"))?;
        vm.machine.lock().with_bus(vm, |bus, _, context| bus.reset(context));
    }
    vm.machine.lock().with_bus(vm, |bus, _, context| board::assign_windows(bus, &vm.plan, context));
    let image = boot_image(vm)?;
    copy(vm, &image).map_err(|error| format!("the kernel cannot be loaded: {error:?}"))?;
    let mut start = vm.start.lock();
    start.registers = Some(image.registers);
    start.tsc_origin = user_rt::read_ticks();
    start.unix_nanos = vm.message.unix_nanos_at_zero.saturating_add(user_rt::now().raw());
    Ok(())
}

fn boot_image(vm: &Vm) -> Result<BootImage, String> {
    let kernel = KernelFile { memory: &vm.kernel, bytes: vm.message.kernel_bytes };
    let request = BootRequest {
        kernel: &kernel,
        initrd_bytes: vm.message.initrd_bytes,
        command_line: &vm.message.machine.command_line,
        memory: &vm.plan.memory,
        root_pointer: vm.plan.acpi.root_pointer(),
    };
    place(&request).map_err(|error| format!("{error}"))
}

/// Copies everything to its place. RAM is zero where nothing is copied.
fn copy(vm: &Vm, image: &BootImage) -> Result<(), user_rt::Error> {
    vm.ram.write(vm.plan.acpi.start(), vm.plan.acpi.image())?;
    for piece in &image.pieces {
        match &piece.content {
            Content::Bytes(bytes) => vm.ram.write(piece.to, bytes)?,
            Content::Kernel { offset, bytes } => vm.ram.copy_from(&vm.kernel, *offset, *bytes, piece.to)?,
            Content::Initrd { bytes } => {
                if let Some(initrd) = &vm.initrd {
                    vm.ram.copy_from(initrd, 0, *bytes, piece.to)?;
                }
            }
            Content::Zero { .. } => {}
        }
    }
    Ok(())
}
