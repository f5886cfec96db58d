//! The files of a VM in the bundle, and the message that explains them to its VMM.

use crate::{
    boot::{Boot, bundle_name},
    boot_bundle::{BundleFailure, BundleFile},
};
use alloc::vec::Vec;
use management_config::{
    BootDefinition, FileName, FirmwareFile, FirmwareImage, KernelDefinition, PcDefinition, VmDefinition,
};
use user_rt::{Channel, Error, Group, Memory, Object, OwnedHandle};
use vmm_protocol::{
    Boot as BootMessage, CdromConfig, DiskBus, DiskConfig, Firmware, FirmwareBoot, KernelBoot, MachineConfig,
    PcDevices, StartMessage,
};

/// Disks are counted in sectors.
const SECTOR_BYTES: u64 = 512;
/// Video memory and what else a PC's devices own, beyond RAM and files.
const PC_DEVICE_BYTES: u64 = 32 << 20;

/// A file that the machine starts with.
#[derive(Clone, Copy)]
enum BootFile {
    /// Each start has a copy of it.
    Fresh(BundleFile),
    /// The VM's first start has a copy of it, which the starts after it go on with.
    Kept(BundleFile),
}

impl BootFile {
    fn bytes(self) -> u64 {
        let (Self::Fresh(file) | Self::Kept(file)) = self;
        file.bytes
    }
}

/// The files of a VM, verified, in the order of [`StartMessage`].
pub(crate) struct VmFiles {
    boot: BootMessage,
    boot_files: Vec<BootFile>,
    disks: Vec<(BundleFile, DiskConfig)>,
    cdroms: Vec<BundleFile>,
    floppy: Option<BundleFile>,
}

impl VmFiles {
    /// Finds and verifies them.
    pub(crate) fn find(vm: &VmDefinition, boot: &Boot) -> Result<Self, BundleFailure> {
        let disk = |disk: &management_config::DiskDefinition| {
            let file = named(boot, &disk.file)?;
            Ok((file, disk_config(file, disk.read_only, disk.bus)))
        };
        let disks = vm.disks.iter().map(disk).collect::<Result<_, BundleFailure>>()?;
        let (message, boot_files) = match &vm.boot {
            BootDefinition::Kernel(kernel) => {
                let (message, files) = kernel_boot(kernel, boot)?;
                (BootMessage::Kernel(message), files)
            }
            BootDefinition::Pc(pc) => firmware_boot(pc, boot)?,
        };
        let mut files = Self { boot: message, boot_files, disks, cdroms: Vec::new(), floppy: None };
        if let (BootMessage::Firmware(message), Some(pc)) = (&mut files.boot, vm.boot.pc()) {
            let devices = &mut message.devices;
            if let Some((name, bus)) = &pc.cdrom {
                let file = named(boot, name)?;
                files.cdroms.push(file);
                devices.cdroms.push(CdromConfig { bytes: file.bytes, bus: *bus });
            }
            files.floppy = pc.floppy.as_ref().map(|name| named(boot, name)).transpose()?;
            devices.floppy = files.floppy.map(|file| disk_config(file, false, DiskBus::Virtio));
        }
        Ok(files)
    }

    /// What the VM's group may use: its RAM, what it can write on its disks, the memory of its devices, and the
    /// process itself.
    pub(crate) fn memory_limit(&self, vm: &VmDefinition, process_bytes: u64) -> u64 {
        let writable = self.disks.iter().filter(|(_, config)| !config.read_only).map(|(file, _)| file);
        let files = writable.chain(&self.floppy).fold(0u64, |sum, file| sum.saturating_add(file.bytes));
        let devices = match &self.boot {
            BootMessage::Kernel(_) => 0,
            BootMessage::Firmware(_) => {
                self.boot_files.iter().fold(PC_DEVICE_BYTES, |sum, file| sum.saturating_add(file.bytes()))
            }
        };
        [files, devices, process_bytes].into_iter().fold(vm.memory_bytes, u64::saturating_add)
    }

    /// Whether the machine has a display.
    pub(crate) fn has_display(&self) -> bool {
        self.boot.has_display()
    }

    /// Clones of the files, the group before, the console and the display after them. `kept` gives what the VM has of
    /// a file that outlives it.
    pub(crate) fn handles(
        &self,
        boot: &Boot,
        group: &Group,
        mut kept: impl FnMut(BundleFile) -> Result<Memory, Error>,
        (console, screen): (Channel, Option<Channel>),
    ) -> Result<Vec<OwnedHandle>, Error> {
        let mut handles = Vec::from([group.duplicate_all()?.into_handle()]);
        for file in &self.boot_files {
            let memory = match file {
                BootFile::Fresh(file) => boot.bundle.clone_file(*file, group)?,
                BootFile::Kept(file) => kept(*file)?,
            };
            handles.push(memory.into_handle());
        }
        let disks = self.disks.iter().map(|(file, _)| file);
        for file in disks.chain(&self.cdroms).chain(&self.floppy) {
            handles.push(boot.bundle.clone_file(*file, group)?.into_handle());
        }
        handles.push(console.into_handle());
        handles.extend(screen.map(Channel::into_handle));
        Ok(handles)
    }

    /// The message that goes with the handles.
    pub(crate) fn message(&self, vm: &VmDefinition, unix_nanos_at_zero: u64) -> StartMessage {
        let machine = MachineConfig {
            name: vm.name.clone(),
            vcpus: vm.vcpus,
            memory_bytes: vm.memory_bytes,
            boot: self.boot.clone(),
            disks: self.disks.iter().map(|(_, config)| config.clone()).collect(),
        };
        StartMessage { machine, unix_nanos_at_zero, cpu_mask: vm.shares.cpu_mask }
    }
}

fn named(boot: &Boot, name: &FileName) -> Result<BundleFile, BundleFailure> {
    let file = boot.bundle.find(&bundle_name(name.as_str()))?;
    if file.bytes == 0 { Err(BundleFailure::Empty(name.as_str().into())) } else { Ok(file) }
}

/// A file's last page is filled with zeros, so a disk may end with the sector.
fn disk_config(file: BundleFile, read_only: bool, bus: DiskBus) -> DiskConfig {
    DiskConfig { bytes: file.bytes.next_multiple_of(SECTOR_BYTES), read_only, bus }
}

fn kernel_boot(
    definition: &KernelDefinition,
    boot: &Boot,
) -> Result<(KernelBoot, Vec<BootFile>), BundleFailure> {
    let kernel = named(boot, &definition.kernel)?;
    let initrd = definition.initrd.as_ref().map(|name| named(boot, name)).transpose()?;
    let message = KernelBoot {
        kernel_bytes: kernel.bytes,
        initrd_bytes: initrd.map(|file| file.bytes),
        command_line: definition.command_line.clone(),
    };
    let files = core::iter::once(kernel).chain(initrd).map(BootFile::Fresh);
    Ok((message, files.collect()))
}

fn firmware_boot(
    definition: &PcDefinition,
    boot: &Boot,
) -> Result<(BootMessage, Vec<BootFile>), BundleFailure> {
    let image = |image: FirmwareImage| boot.bundle.find(image.bundle_name());
    let (firmware, code, variables) = match &definition.firmware {
        FirmwareFile::Uefi => {
            (Firmware::Uefi, image(FirmwareImage::UefiCode)?, Some(image(FirmwareImage::UefiVariables)?))
        }
        FirmwareFile::Bios => (Firmware::Bios, image(FirmwareImage::Bios)?, None),
        FirmwareFile::File(name) => (Firmware::Bios, named(boot, name)?, None),
    };
    let video = definition.video_bios().filter(|_| firmware == Firmware::Bios);
    let video = video.map(image).transpose()?;
    let kernel = definition.kernel.as_ref().map(|kernel| kernel_boot(kernel, boot)).transpose()?;
    let (kernel, kernel_files) = kernel.unzip();
    let message = FirmwareBoot {
        firmware,
        code_bytes: code.bytes,
        variables_bytes: variables.map(|file| file.bytes),
        video_bios_bytes: video.map(|file| file.bytes),
        kernel,
        devices: PcDevices {
            cdroms: Vec::new(),
            floppy: None,
            display: definition.display,
            usb: definition.usb,
            nics: definition.nics.clone(),
            boot_order: definition.boot_order.clone(),
            clock: definition.clock,
        },
    };
    let variables = variables.map(BootFile::Kept);
    let files = [Some(BootFile::Fresh(code)), variables, video.map(BootFile::Fresh)];
    let files = files.into_iter().flatten().chain(kernel_files.into_iter().flatten()).collect();
    Ok((BootMessage::Firmware(message), files))
}
