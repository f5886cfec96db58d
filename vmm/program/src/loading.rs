//! Brings memory, devices and start registers to their first state.

use crate::{
    board, inputs::KernelFiles, kernel_file::KernelFile, platform::Platform, vcpu::start::Entry, vm::Vm,
};
use alloc::{boxed::Box, format, string::String};
use user_rt::Memory;
use vmm_bus::Attention;
use vmm_firmware::{BootImage, BootRequest, Content, StartRegisters, place};
use vmm_machine::MachinePlan;

/// Brings everything to its first state, or back to it. All vCPUs are parked.
pub(crate) fn prepare(vm: &Vm, is_first: bool) -> Result<(), String> {
    if !is_first {
        vm.machine.lock().with_bus(vm, |bus, _, context| bus.reset(context));
    }
    let entry = match &vm.platform {
        Platform::Micro { plan, files } => {
            if !is_first {
                vm.ram.clear().map_err(|error| format!("memory cannot be cleared: {error:?}"))?;
            }
            vm.machine.lock().with_bus(vm, |bus, _, context| board::assign_windows(bus, plan, context));
            Entry::Kernel(Box::new(place_kernel(vm, plan, files)?))
        }
        // RAM keeps what it held: a PC's reset does not empty it.
        Platform::Pc { plan, .. } => {
            vm.machine.lock().with_bus(vm, |_, _, context| context.effects.note(Attention::DIRECT));
            Entry::Firmware { signature: plan.signature }
        }
    };
    let mut start = vm.start.lock();
    start.entry = Some(entry);
    start.tsc_origin = user_rt::read_ticks();
    start.unix_nanos = vm.message.unix_nanos_at_zero.saturating_add(user_rt::now().raw());
    Ok(())
}

/// Places a kernel as a boot loader would; returns the registers that it is entered with.
fn place_kernel(vm: &Vm, plan: &MachinePlan, files: &KernelFiles) -> Result<StartRegisters, String> {
    let KernelFiles { boot, kernel, initrd } = files;
    let request = BootRequest {
        kernel: &KernelFile { memory: kernel, bytes: boot.kernel_bytes },
        initrd_bytes: boot.initrd_bytes,
        command_line: &boot.command_line,
        memory: &plan.memory,
        root_pointer: plan.acpi.root_pointer(),
    };
    let image = place(&request).map_err(|error| format!("{error}"))?;
    vm.ram
        .write(plan.acpi.start(), plan.acpi.image())
        .and_then(|()| copy(vm, &image, kernel, initrd.as_ref()))
        .map_err(|error| format!("the kernel cannot be loaded: {error:?}"))?;
    Ok(image.registers)
}

/// Copies everything to its place. RAM is zero where nothing is copied.
fn copy(vm: &Vm, image: &BootImage, kernel: &Memory, initrd: Option<&Memory>) -> Result<(), user_rt::Error> {
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
