//! The start message, taken apart.

use alloc::{boxed::Box, vec::Vec};
use user_rt::{Channel, Group, Memory, Object, OwnedHandle, Startup};
use vmm_protocol::{Boot, DiskConfig, FirmwareBoot, KernelBoot, StartMessage};

/// What the supervisor gave.
pub(crate) struct Inputs {
    pub(crate) message: StartMessage,
    /// To the supervisor.
    pub(crate) channel: Channel,
    /// Pays for everything.
    pub(crate) group: Group,
    pub(crate) boot: BootFiles,
    pub(crate) media: Media,
    /// The first serial line.
    pub(crate) console: Channel,
    /// To whoever looks at the display, if there is one.
    pub(crate) screen: Option<Channel>,
}

/// The files that the machine starts with.
pub(crate) enum BootFiles {
    Kernel(KernelFiles),
    Firmware(Box<FirmwareFiles>),
}

/// A kernel that is placed in memory.
pub(crate) struct KernelFiles {
    pub(crate) boot: KernelBoot,
    pub(crate) kernel: Memory,
    pub(crate) initrd: Option<Memory>,
}

/// The firmware of a PC.
pub(crate) struct FirmwareFiles {
    pub(crate) boot: FirmwareBoot,
    pub(crate) code: Memory,
    pub(crate) variables: Option<Memory>,
    pub(crate) video_bios: Option<Memory>,
    pub(crate) kernel: Option<KernelFiles>,
}

/// The drives and what is in them.
pub(crate) struct Media {
    pub(crate) disks: Vec<(DiskConfig, Memory)>,
    /// Bytes and content of each CD.
    pub(crate) cdroms: Vec<(u64, Memory)>,
    pub(crate) floppy: Option<(DiskConfig, Memory)>,
}

impl Inputs {
    /// Decodes the message and matches the handles that came with it.
    pub(crate) fn unpack(startup: Startup) -> Option<Self> {
        let message: StartMessage = user_ipc::decode(&startup.bytes).ok()?;
        let mut handles = Handles(startup.handles.into_iter());
        let group = handles.take()?;
        let boot = handles.boot_files(&message.machine.boot)?;
        let mut media =
            Media { disks: handles.beside(&message.machine.disks)?, cdroms: Vec::new(), floppy: None };
        if let Boot::Firmware(FirmwareBoot { devices, .. }) = &message.machine.boot {
            media.cdroms = handles.beside(devices.cdroms.iter().map(|cdrom| &cdrom.bytes))?;
            media.floppy = handles.beside(&devices.floppy)?.pop();
        }
        let console = handles.take()?;
        let screen = handles.take_if(message.machine.boot.has_display())?;
        Some(Self { message, channel: startup.channel, group, boot, media, console, screen })
    }
}

/// The handles that are left, first to last.
struct Handles<I>(I);

impl<I: Iterator<Item = OwnedHandle>> Handles<I> {
    fn take<T: Object>(&mut self) -> Option<T> {
        self.0.next().map(T::from_handle)
    }

    /// `None` if a handle is missing; `Some(None)` if none is expected.
    fn take_if<T: Object>(&mut self, is_there: bool) -> Option<Option<T>> {
        if is_there { self.take().map(Some) } else { Some(None) }
    }

    /// Each of `configs` with the object that is its content.
    fn beside<'a, C: Clone + 'a>(
        &mut self,
        configs: impl IntoIterator<Item = &'a C>,
    ) -> Option<Vec<(C, Memory)>> {
        configs.into_iter().map(|config| Some((config.clone(), self.take()?))).collect()
    }

    fn boot_files(&mut self, boot: &Boot) -> Option<BootFiles> {
        Some(match boot {
            Boot::Kernel(boot) => BootFiles::Kernel(self.kernel_files(boot)?),
            Boot::Firmware(boot) => BootFiles::Firmware(Box::new(FirmwareFiles {
                code: self.take()?,
                variables: self.take_if(boot.variables_bytes.is_some())?,
                video_bios: self.take_if(boot.video_bios_bytes.is_some())?,
                kernel: match &boot.kernel {
                    Some(kernel) => Some(self.kernel_files(kernel)?),
                    None => None,
                },
                boot: boot.clone(),
            })),
        })
    }

    fn kernel_files(&mut self, boot: &KernelBoot) -> Option<KernelFiles> {
        Some(KernelFiles {
            kernel: self.take()?,
            initrd: self.take_if(boot.initrd_bytes.is_some())?,
            boot: boot.clone(),
        })
    }
}
