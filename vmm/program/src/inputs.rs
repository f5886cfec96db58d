//! The start message, taken apart.

use alloc::vec::Vec;
use user_rt::{Channel, Group, Memory, Object, OwnedHandle, Startup};
use vmm_protocol::{Boot, StartMessage};

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
    Kernel { kernel: Memory, initrd: Option<Memory> },
    Firmware(FirmwareFiles),
}

/// The firmware of a PC.
pub(crate) struct FirmwareFiles {
    pub(crate) code: Memory,
    pub(crate) variables: Option<Memory>,
    pub(crate) video_bios: Option<Memory>,
}

/// What is in the drives.
pub(crate) struct Media {
    pub(crate) disks: Vec<Memory>,
    pub(crate) cdroms: Vec<Memory>,
    pub(crate) floppy: Option<Memory>,
}

impl Inputs {
    /// Decodes the message and matches the handles that came with it.
    pub(crate) fn unpack(startup: Startup) -> Option<Self> {
        let message: StartMessage = user_ipc::decode(&startup.bytes).ok()?;
        let mut handles = Handles(startup.handles.into_iter());
        let group = handles.take()?;
        let (boot, cdroms, has_floppy) = match &message.machine.boot {
            Boot::Kernel(kernel) => {
                let boot = BootFiles::Kernel {
                    kernel: handles.take()?,
                    initrd: handles.take_if(kernel.initrd_bytes.is_some())?,
                };
                (boot, 0, false)
            }
            Boot::Firmware(firmware) => {
                let boot = BootFiles::Firmware(FirmwareFiles {
                    code: handles.take()?,
                    variables: handles.take_if(firmware.variables_bytes.is_some())?,
                    video_bios: handles.take_if(firmware.video_bios_bytes.is_some())?,
                });
                (boot, firmware.devices.cdroms.len(), firmware.devices.floppy.is_some())
            }
        };
        let media = Media {
            disks: handles.take_many(message.machine.disks.len())?,
            cdroms: handles.take_many(cdroms)?,
            floppy: handles.take_if(has_floppy)?,
        };
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

    fn take_many<T: Object>(&mut self, count: usize) -> Option<Vec<T>> {
        (0..count).map(|_| self.take()).collect()
    }
}
