//! What a virtual machine starts with: a kernel on the micro platform, or firmware on a PC.

use crate::{
    ConfigError, FileName, Place, Problem,
    table::{Located, Table},
    text::checked_text,
};
use alloc::{string::String, vec::Vec};
use vmm_protocol::{BootDevice, ClockBase, DiskBus, Display, Firmware, NICS_MAX, NicModel};

/// Bytes in a kernel command line at the most (Linux on x86 takes 2047).
pub const COMMAND_LINE_BYTES_MAX: usize = 2047;

const COMMAND_LINE_RULE: &str = "at most 2047 bytes without control characters";
const PLATFORMS: &[&str] = &["micro", "pc"];
const DISPLAY_WORDS: &[&str] = &["none", "vga", "virtio-gpu"];
const DISPLAYS: [Display; 3] = [Display::None, Display::Vga, Display::VirtioGpu];
const CLOCK_WORDS: &[&str] = &["utc", "local"];
const CLOCKS: [ClockBase; 2] = [ClockBase::Utc, ClockBase::Local];
const CDROM_BUS_WORDS: &[&str] = &["ahci", "ide"];
const CDROM_BUSES: [DiskBus; 2] = [DiskBus::Ahci, DiskBus::Ide];
const NIC_WORDS: &[&str] = &["virtio", "e1000e", "e1000"];
const NICS: [NicModel; 3] = [NicModel::Virtio, NicModel::E1000e, NicModel::E1000];
const BOOT_WORDS: &[&str] = &["disk", "cdrom", "floppy", "network"];
const BOOTS: [BootDevice; 4] = [BootDevice::Disk, BootDevice::Cdrom, BootDevice::Floppy, BootDevice::Network];
pub(crate) const DISK_BUS_WORDS: &[&str] = &["virtio", "ahci", "nvme", "ide"];
pub(crate) const DISK_BUSES: [DiskBus; 4] = [DiskBus::Virtio, DiskBus::Ahci, DiskBus::Nvme, DiskBus::Ide];
/// Keys that only a PC has.
const PC_KEYS: &[&str] =
    &["firmware", "secure_boot", "cdrom", "cdrom_bus", "floppy", "display", "usb", "nics", "boot", "rtc"];
/// Keys about a kernel that nobody else loads: those of the micro platform and of UEFI.
const KERNEL_KEYS: &[&str] = &["kernel", "initrd", "cmdline"];

/// What a VM starts with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum BootDefinition {
    /// A kernel: the *micro* platform.
    Kernel(KernelDefinition),
    /// Firmware: the *pc* platform.
    Pc(PcDefinition),
}

/// A kernel that the VMM places in memory.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KernelDefinition {
    /// A bzImage or an ELF with a PVH note.
    pub kernel: FileName,
    /// The initial RAM disk.
    pub initrd: Option<FileName>,
    /// Kernel command line.
    pub command_line: String,
}

/// A PC.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PcDefinition {
    /// What it starts with.
    pub firmware: FirmwareFile,
    /// A kernel that the firmware starts itself.
    pub kernel: Option<KernelDefinition>,
    /// The CD image and the bus of its drive.
    pub cdrom: Option<(FileName, DiskBus)>,
    /// The image of the floppy in drive A.
    pub floppy: Option<FileName>,
    /// Display.
    pub display: Display,
    /// A USB controller with a keyboard and a tablet.
    pub usb: bool,
    /// Network cards.
    pub nics: Vec<NicModel>,
    /// What is tried first, second, ...; empty = the firmware's own order.
    pub boot_order: Vec<BootDevice>,
    /// What the real-time clock shows.
    pub clock: ClockBase,
}

/// The firmware of a PC.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum FirmwareFile {
    /// UEFI (OVMF).
    Uefi,
    /// A legacy BIOS (SeaBIOS).
    Bios,
    /// A ROM that the definition names.
    File(FileName),
}

/// A firmware image that comes with the system, not with the definition.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum FirmwareImage {
    /// OVMF's code.
    UefiCode,
    /// OVMF's variable store as it is before the first boot.
    UefiVariables,
    /// SeaBIOS.
    Bios,
    /// The video BIOS of VGA that goes with it.
    VideoBios,
    /// The video BIOS of virtio-gpu.
    GpuVideoBios,
}

impl FirmwareImage {
    /// Its name in the bundle.
    pub const fn bundle_name(self) -> &'static str {
        match self {
            FirmwareImage::UefiCode => "firmware/uefi-code",
            FirmwareImage::UefiVariables => "firmware/uefi-variables",
            FirmwareImage::Bios => "firmware/bios",
            FirmwareImage::VideoBios => "firmware/video-bios",
            FirmwareImage::GpuVideoBios => "firmware/video-bios-virtio-gpu",
        }
    }
}

impl BootDefinition {
    /// The PC, if it is one.
    pub fn pc(&self) -> Option<&PcDefinition> {
        match self {
            BootDefinition::Pc(pc) => Some(pc),
            BootDefinition::Kernel(_) => None,
        }
    }

    /// The files it names: firmware, kernel and initrd, CD and floppy.
    pub fn files(&self) -> impl Iterator<Item = &FileName> {
        let (kernel, pc) = match self {
            BootDefinition::Kernel(kernel) => (Some(kernel), None),
            BootDefinition::Pc(pc) => (pc.kernel.as_ref(), Some(pc)),
        };
        let firmware = pc.and_then(|pc| pc.firmware.file());
        let media = pc.map(|pc| [pc.cdrom.as_ref().map(|(file, _)| file), pc.floppy.as_ref()]);
        let kernel = kernel.map(|kernel| [Some(&kernel.kernel), kernel.initrd.as_ref()]);
        firmware.into_iter().chain(kernel.into_iter().chain(media).flatten().flatten())
    }

    pub(crate) fn firmware_images(&self) -> impl Iterator<Item = FirmwareImage> + use<> {
        let images = self.pc().map_or([None, None], |pc| {
            let video = pc.video_bios();
            match pc.firmware {
                FirmwareFile::Uefi => [Some(FirmwareImage::UefiCode), Some(FirmwareImage::UefiVariables)],
                FirmwareFile::Bios => [Some(FirmwareImage::Bios), video],
                FirmwareFile::File(_) => [video, None],
            }
        });
        images.into_iter().flatten()
    }

    /// The least RAM that it starts with, and a sentence about it.
    pub(crate) fn memory_needed(&self) -> Option<(u64, &'static str)> {
        let (firmware, sentence) = match self.pc()?.firmware {
            FirmwareFile::Uefi => (Firmware::Uefi, "UEFI firmware needs at least \"64M\""),
            FirmwareFile::Bios | FirmwareFile::File(_) => (Firmware::Bios, "a BIOS needs at least \"4M\""),
        };
        Some((firmware.memory_bytes_min(), sentence))
    }
}

impl PcDefinition {
    /// The video BIOS that a legacy BIOS shows its text with.
    pub fn video_bios(&self) -> Option<FirmwareImage> {
        match self.display {
            Display::None => None,
            Display::Vga => Some(FirmwareImage::VideoBios),
            Display::VirtioGpu => Some(FirmwareImage::GpuVideoBios),
        }
    }
}

impl FirmwareFile {
    fn file(&self) -> Option<&FileName> {
        match self {
            FirmwareFile::File(file) => Some(file),
            FirmwareFile::Uefi | FirmwareFile::Bios => None,
        }
    }
}

/// Reads what the machine starts with. `platform` need not be said: firmware makes a PC.
pub(crate) fn read_boot(table: &Table<'_>) -> Result<BootDefinition, ConfigError> {
    let firmware = table.text("firmware")?;
    let platform = table.choice("platform", PLATFORMS, &[false, true])?;
    let is_pc = platform.map_or(firmware.is_some(), |found| found.value);
    if is_pc {
        if firmware.as_ref().is_none_or(|found| found.value != "uefi") {
            let reason =
                "a BIOS boots a disk or CD; write firmware = \"uefi\", or leave out platform and firmware";
            refuse_keys(table, KERNEL_KEYS, reason)?;
        }
        return read_pc(table, firmware).map(BootDefinition::Pc);
    }
    let reason = "only a PC has this; write platform = \"pc\" and firmware instead of a kernel";
    refuse_keys(table, PC_KEYS, reason)?;
    read_kernel(table).map(BootDefinition::Kernel)
}

fn refuse_keys(
    table: &Table<'_>,
    keys: &'static [&'static str],
    reason: &'static str,
) -> Result<(), ConfigError> {
    match keys.iter().find_map(|key| Some((*key, table.place_of(key)?))) {
        Some((key, place)) => Err(ConfigError::at(place, Problem::Conflict { key, reason })),
        None => Ok(()),
    }
}

fn read_kernel(table: &Table<'_>) -> Result<KernelDefinition, ConfigError> {
    let kernel = table.require("kernel", "kernel = \"vmlinuz\"", table.text("kernel")?)?;
    let command_line = match table.text("cmdline")? {
        Some(found) => checked_text("cmdline", found, COMMAND_LINE_BYTES_MAX, COMMAND_LINE_RULE)?,
        None => String::new(),
    };
    Ok(KernelDefinition {
        kernel: FileName::read("kernel", kernel)?,
        initrd: file(table, "initrd")?,
        command_line,
    })
}

fn read_kernel_of_firmware(table: &Table<'_>) -> Result<Option<KernelDefinition>, ConfigError> {
    if table.text("kernel")?.is_some() {
        return read_kernel(table).map(Some);
    }
    refuse_keys(table, KERNEL_KEYS, "there is no kernel; add a line such as kernel = \"vmlinuz\"")?;
    Ok(None)
}

fn read_pc(table: &Table<'_>, firmware: Option<Located<&str>>) -> Result<PcDefinition, ConfigError> {
    let firmware = match table.require("firmware", "firmware = \"uefi\"", firmware)? {
        Located { value: "uefi", .. } => FirmwareFile::Uefi,
        Located { value: "bios", .. } => FirmwareFile::Bios,
        found => FirmwareFile::File(FileName::read("firmware", found)?),
    };
    refuse_secure_boot(table)?;
    let bus = table.choice("cdrom_bus", CDROM_BUS_WORDS, &CDROM_BUSES)?;
    let cdrom = file(table, "cdrom")?;
    if let Some(found) = bus.filter(|_| cdrom.is_none()) {
        let reason = "there is no cdrom; add a line such as cdrom = \"install.iso\"";
        return Err(ConfigError::at(found.place, Problem::Conflict { key: "cdrom_bus", reason }));
    }
    let display = choice(table, "display", DISPLAY_WORDS, &DISPLAYS)?;
    // What a person needs who looks at the display.
    let usb = table.truth("usb")?.unwrap_or(display != Display::None);
    let pc = PcDefinition {
        firmware,
        kernel: read_kernel_of_firmware(table)?,
        cdrom: cdrom.map(|file| (file, bus.map_or(DiskBus::Ahci, |found| found.value))),
        floppy: file(table, "floppy")?,
        display,
        usb,
        nics: words(table, "nics", NICS_MAX, NIC_WORDS, &NICS)?.into_iter().map(|(nic, _)| nic).collect(),
        boot_order: read_boot_order(table)?,
        clock: choice(table, "rtc", CLOCK_WORDS, &CLOCKS)?,
    };
    check_boot_order(&pc, table)?;
    Ok(pc)
}

/// UEFI that enforces Secure Boot keeps its variables where only system management mode writes (OVMF, `SMM_REQUIRE`):
/// without it the firmware stops before it shows anything, so that its owner is told here.
fn refuse_secure_boot(table: &Table<'_>) -> Result<(), ConfigError> {
    if table.truth("secure_boot")? != Some(true) {
        return Ok(());
    }
    let reason =
        "UEFI with Secure Boot needs system management mode, which these PCs do not have; leave it out";
    let place = table.place_of("secure_boot").unwrap_or(table.place());
    Err(ConfigError::at(place, Problem::Conflict { key: "secure_boot", reason }))
}

fn read_boot_order(table: &Table<'_>) -> Result<Vec<BootDevice>, ConfigError> {
    let mut order = Vec::new();
    let mut places: Vec<(BootDevice, Place)> = Vec::new();
    for (device, place) in words(table, "boot", BOOTS.len(), BOOT_WORDS, &BOOTS)? {
        if let Some((_, first)) = places.iter().find(|(other, _)| *other == device) {
            let name = word_of(device).into();
            return Err(ConfigError::at(
                place,
                Problem::Duplicate { what: "boot device", name, first: *first },
            ));
        }
        places.push((device, place));
        order.push(device);
    }
    Ok(order)
}

/// A boot device that the machine does not have is a mistake that the firmware would pass over in silence. Disks
/// are not looked for: a machine may get them later.
fn check_boot_order(pc: &PcDefinition, table: &Table<'_>) -> Result<(), ConfigError> {
    for device in &pc.boot_order {
        let reason = match device {
            BootDevice::Cdrom if pc.cdrom.is_none() => "it names \"cdrom\" but there is none; add cdrom",
            BootDevice::Floppy if pc.floppy.is_none() => "it names \"floppy\" but there is none; add floppy",
            BootDevice::Network if pc.nics.is_empty() => "it names \"network\" but there is none; add nics",
            _ => continue,
        };
        let place = table.place_of("boot").unwrap_or(table.place());
        return Err(ConfigError::at(place, Problem::Conflict { key: "boot", reason }));
    }
    Ok(())
}

fn word_of(device: BootDevice) -> &'static str {
    let position = BOOTS.iter().position(|other| *other == device);
    position.and_then(|at| BOOT_WORDS.get(at)).copied().unwrap_or_default()
}

fn file(table: &Table<'_>, key: &'static str) -> Result<Option<FileName>, ConfigError> {
    table.text(key)?.map(|found| FileName::read(key, found)).transpose()
}

fn choice<Value: Copy + Default>(
    table: &Table<'_>,
    key: &'static str,
    choices: &'static [&'static str],
    values: &[Value],
) -> Result<Value, ConfigError> {
    Ok(table.choice(key, choices, values)?.map_or(Value::default(), |found| found.value))
}

/// A list of words that stand for values.
fn words<Value: Copy>(
    table: &Table<'_>,
    key: &'static str,
    most: usize,
    choices: &'static [&'static str],
    values: &[Value],
) -> Result<Vec<(Value, Place)>, ConfigError> {
    let found = table.texts(key, most)?.unwrap_or_default();
    let meanings = found
        .into_iter()
        .map(|found| crate::table::meaning(key, found, choices, values).map(|value| (value, found.place)));
    meanings.collect()
}
