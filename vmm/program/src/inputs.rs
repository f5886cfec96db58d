//! The start message, taken apart.

use alloc::vec::Vec;
use user_rt::{Channel, Group, Memory, Object, OwnedHandle, Startup};
use vmm_protocol::{Start, StartMessage};

/// What the supervisor gave.
pub(crate) struct Inputs {
    pub(crate) message: StartMessage,
    /// Processors that the VM's threads may run on.
    pub(crate) cpu_mask: Option<u64>,
    /// To the supervisor.
    pub(crate) channel: Channel,
    /// Pays for everything.
    pub(crate) group: Group,
    pub(crate) kernel: Memory,
    pub(crate) initrd: Option<Memory>,
    pub(crate) disks: Vec<Memory>,
    /// The first serial line.
    pub(crate) console: Channel,
}

impl Inputs {
    /// Decodes the message and matches the handles that came with it.
    pub(crate) fn unpack(startup: Startup) -> Option<Self> {
        let Start { message, cpu_mask } = user_ipc::decode(&startup.bytes).ok()?;
        let mut handles = startup.handles.into_iter();
        let group = take(&mut handles)?;
        let kernel = take(&mut handles)?;
        let initrd = if message.initrd_bytes.is_some() { Some(take(&mut handles)?) } else { None };
        let mut disks = Vec::with_capacity(message.machine.disks.len().min(vmm_protocol::DISKS_MAX));
        for _ in &message.machine.disks {
            disks.push(take(&mut handles)?);
        }
        let console = take(&mut handles)?;
        Some(Self { message, cpu_mask, channel: startup.channel, group, kernel, initrd, disks, console })
    }
}

fn take<T: Object>(handles: &mut impl Iterator<Item = OwnedHandle>) -> Option<T> {
    handles.next().map(T::from_handle)
}
