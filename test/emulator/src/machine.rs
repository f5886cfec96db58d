//! What kind of computer a test wants.

use std::path::PathBuf;

use crate::Model;

/// QEMU's processor with AMD-V, nested paging and all that TCG can do. Family 23 is a Zen; MONITOR is
/// left out because TCG's MWAIT raises #GP for Linux' use of it.
pub const PROCESSOR: &str = "max,family=23,model=1,stepping=2,-monitor";
/// The same without AMD-V.
pub const PROCESSOR_WITHOUT_SVM: &str = "max,family=23,model=1,stepping=2,-monitor,-svm";

/// How the machine gets its first program.
#[derive(Clone, Debug)]
pub enum Boot {
    /// UEFI firmware starts this program as `EFI/BOOT/BOOTX64.EFI` of a FAT disk.
    UefiProgram(PathBuf),
    /// UEFI firmware boots this image from a CD.
    UefiCd(PathBuf),
    /// BIOS firmware boots this image from a CD.
    BiosCd(PathBuf),
    /// BIOS firmware boots this image from a USB disk.
    BiosUsb(PathBuf),
    /// UEFI firmware boots this image from a USB disk.
    UefiUsb(PathBuf),
    /// QEMU loads an ELF with a PVH note, or a Linux kernel, and the file that it is to find in memory.
    Direct {
        /// The kernel.
        kernel: PathBuf,
        /// What it finds as its initrd or first module.
        initrd: Option<PathBuf>,
        /// Its command line.
        command_line: String,
    },
    /// UEFI or BIOS firmware boots the disk that [`Machine::extra`] adds.
    Disk {
        /// Whether it is UEFI firmware.
        by_uefi: bool,
    },
}

/// What the machine's clock counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Clock {
    /// The time of the host.
    Host,
    /// Instructions: one tick of the TSC for each, the same in every run. One processor only.
    Instructions,
}

/// The program that plays the computer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Emulator {
    /// QEMU with a processor that has AMD-V.
    Qemu,
    /// Bochs with this processor model. Its clock always counts instructions.
    Bochs(Model),
}

/// An emulated computer.
#[derive(Clone, Debug)]
pub struct Machine {
    pub(crate) emulator: Emulator,
    pub(crate) boot: Boot,
    pub(crate) cpus: u32,
    pub(crate) memory_mib: u32,
    pub(crate) processor: String,
    pub(crate) clock: Clock,
    pub(crate) is_parallel: bool,
    pub(crate) has_screen: bool,
    pub(crate) stops_at_reset: bool,
    pub(crate) fatal: Vec<String>,
    pub(crate) extra: Vec<String>,
}

impl Machine {
    /// A machine with 2 processors and 1 GiB, in QEMU.
    pub fn new(boot: Boot) -> Self {
        Self {
            emulator: Emulator::Qemu,
            boot,
            cpus: 2,
            memory_mib: 1024,
            processor: PROCESSOR.into(),
            clock: Clock::Host,
            is_parallel: false,
            has_screen: false,
            stops_at_reset: true,
            fatal: Vec::new(),
            extra: Vec::new(),
        }
    }

    /// Chooses the emulator. What is said below to be in QEMU's words means nothing to Bochs.
    pub fn emulator(mut self, emulator: Emulator) -> Self {
        self.emulator = emulator;
        self
    }

    /// Sets the number of processors.
    pub fn cpus(mut self, cpus: u32) -> Self {
        self.cpus = cpus;
        self
    }

    /// Sets the memory.
    pub fn memory_mib(mut self, memory_mib: u32) -> Self {
        self.memory_mib = memory_mib;
        self
    }

    /// Sets the processor, in the words of `qemu -cpu`.
    pub fn processor(mut self, processor: &str) -> Self {
        self.processor = processor.into();
        self
    }

    /// Sets what the clock counts.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// Lets QEMU's processors run at the same time; otherwise they take turns. Only for machines whose processor 0 runs no guests:
    /// QEMU's processors change each other's state without locks. With version 7.2 each FXRSTOR and XRSTOR clears a flag of processor
    /// 0, in a word that also says whether nested paging is on; if processor 0 leaves a guest at that moment, it goes on with the
    /// guest's nested table, and ends in a triple fault. One start of two Linux guests in some hundred did so.
    pub fn in_parallel(mut self) -> Self {
        self.is_parallel = true;
        self
    }

    /// Opens a window with the machine's screen.
    pub fn with_screen(mut self) -> Self {
        self.has_screen = true;
        self
    }

    /// Lets a reset restart the machine; otherwise it turns the machine off (in QEMU; in Bochs it always restarts).
    pub fn surviving_reset(mut self) -> Self {
        self.stops_at_reset = false;
        self
    }

    /// Makes every wait fail as soon as the machine prints this.
    pub fn fatal(mut self, text: &str) -> Self {
        self.fatal.push(text.into());
        self
    }

    /// Adds arguments to QEMU's command line.
    pub fn extra<'a>(mut self, arguments: impl IntoIterator<Item = &'a str>) -> Self {
        self.extra.extend(arguments.into_iter().map(String::from));
        self
    }
}
