//! The VMs as processes.

use crate::{
    boot::Boot,
    kept_file::KeptFile,
    keys::{Key, Place},
    link::{Link, LinkKeys, not_started},
    programs::limits,
    roots::Roots,
    vm_files::VmFiles,
};
use alloc::{format, string::String};
use user_rt::{
    Channel, Error, MESSAGE_BYTES_MAX, Object, OwnedHandle, Port, Rights, SpawnOptions, spawn_program,
};

/// Bytes of the first thread's stack; it builds the machine.
const STACK_BYTES: u64 = 128 * 1024;

/// A VM and its process, if it has one.
#[derive(Default)]
pub(crate) struct VmRun {
    pub(crate) link: Option<Link>,
    /// The console's end of the serial line. It is held here too, so that the line outlives a console.
    line: Option<Channel>,
    /// The same of its display, if it has one.
    screen: Option<Channel>,
    /// UEFI's variables, which survive the process as flash memory survives a board's power-off.
    variables: KeptFile,
    generation: u32,
}

impl VmRun {
    /// Starts the process. An error is a sentence.
    pub(crate) fn start(
        &mut self,
        index: usize,
        (roots, boot): (&Roots, &Boot),
        port: &Port,
    ) -> Result<(), String> {
        self.generation = self.generation.wrapping_add(1);
        let place = Place { index, generation: self.generation };
        let vm = boot.vms.vms.get(index).ok_or("it is not defined")?;
        let kernel = |error: Error| not_started(&error.into());
        let files = VmFiles::find(vm, boot).map_err(|failure| format!("{failure}"))?;
        let program = boot.bundle.find(&boot.vm_program.entry).map_err(|failure| format!("{failure}"))?;
        let limit = files.memory_limit(vm, boot.vm_program.memory_bytes);
        let group = roots.group.create_child(&limits(&vm.shares, limit)).map_err(kernel)?;
        let (theirs, ours) = Channel::create().map_err(kernel)?;
        let screen = files.has_display().then(Channel::create).transpose().map_err(kernel)?;
        let (their_screen, our_screen) = screen.unzip();
        let kept = |file| self.variables.get(boot, file, &roots.group);
        let handles = files.handles(boot, &group, kept, (theirs, their_screen)).map_err(kernel)?;
        let start = files.message(vm, boot.unix_nanos_at_zero);
        let message = user_ipc::encode_to_vec(&start, MESSAGE_BYTES_MAX)
            .map_err(|_| String::from("its start message is too long"))?;
        let options = SpawnOptions { name: &vm.name, group: &group, stack_bytes: STACK_BYTES };
        let spawned = spawn_program(boot.bundle.program(program), options, &message, handles)
            .map_err(|error| not_started(&error))?;
        let keys = LinkKeys { channel: Key::VmChannel(place).raw(), process: Key::VmProcess(place).raw() };
        self.link = Some(Link::watch(port, spawned, group, place, &keys).map_err(kernel)?);
        self.line = Some(ours);
        self.screen = our_screen;
        Ok(())
    }

    /// Lets go of a process that has ended.
    pub(crate) fn forget(&mut self) {
        self.link = None;
        self.line = None;
        self.screen = None;
    }

    /// A second handle to the console's end of the serial line, if the VM runs.
    pub(crate) fn line(&self) -> Option<OwnedHandle> {
        for_console(self.line.as_ref()?)
    }

    /// The same to the console's end of the display, if the VM has one.
    pub(crate) fn screen(&self) -> Option<OwnedHandle> {
        for_console(self.screen.as_ref()?)
    }
}

fn for_console(channel: &Channel) -> Option<OwnedHandle> {
    let rights = Rights::READ | Rights::WRITE | Rights::WAIT | Rights::TRANSFER;
    channel.duplicate(rights).ok().map(Channel::into_handle)
}
