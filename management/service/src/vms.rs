//! The VMs as processes.

use crate::{
    boot::{Boot, bundle_name},
    boot_bundle::{BundleFailure, BundleFile},
    keys::{Key, Place},
    link::{Link, LinkKeys, not_started},
    programs::limits,
    roots::Roots,
};
use alloc::{format, string::String, vec::Vec};
use management_config::VmDefinition;
use user_rt::{
    Channel, Error, Group, MESSAGE_BYTES_MAX, Object, OwnedHandle, Port, Rights, SpawnOptions, spawn_program,
};
use vmm_protocol::{DiskConfig, MachineConfig, Start, StartMessage};

/// Bytes of the first thread's stack; it builds the machine.
const STACK_BYTES: u64 = 128 * 1024;
/// Disks are counted in sectors.
const SECTOR_BYTES: u64 = 512;

/// A VM and its process, if it has one.
#[derive(Default)]
pub(crate) struct VmRun {
    pub(crate) link: Option<Link>,
    /// The console's end of the serial line. It is held here too, so that the line outlives a console.
    line: Option<Channel>,
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
        let files = Files::find(vm, boot).map_err(|failure| format!("{failure}"))?;
        let program = boot.bundle.find(&boot.vm_program.entry).map_err(|failure| format!("{failure}"))?;
        let limit = files.memory_limit(vm, boot.vm_program.memory_bytes);
        let group = roots.group.create_child(&limits(&vm.shares, limit)).map_err(kernel)?;
        let (theirs, ours) = Channel::create().map_err(kernel)?;
        let handles = files.handles(boot, &group, theirs).map_err(kernel)?;
        let start =
            Start { message: files.message(vm, boot.unix_nanos_at_zero), cpu_mask: vm.shares.cpu_mask };
        let message = user_ipc::encode_to_vec(&start, MESSAGE_BYTES_MAX)
            .map_err(|_| String::from("its start message is too long"))?;
        let options = SpawnOptions { name: &vm.name, group: &group, stack_bytes: STACK_BYTES };
        let spawned = spawn_program(boot.bundle.program(program), options, &message, handles)
            .map_err(|error| not_started(&error))?;
        let keys = LinkKeys { channel: Key::VmChannel(place).raw(), process: Key::VmProcess(place).raw() };
        self.link = Some(Link::watch(port, spawned, group, place, &keys).map_err(kernel)?);
        self.line = Some(ours);
        Ok(())
    }

    /// Lets go of a process that has ended.
    pub(crate) fn forget(&mut self) {
        self.link = None;
        self.line = None;
    }

    /// A second handle to the console's end of the serial line, if the VM runs.
    pub(crate) fn line(&self) -> Option<OwnedHandle> {
        let rights = Rights::READ | Rights::WRITE | Rights::WAIT | Rights::TRANSFER;
        self.line.as_ref()?.duplicate(rights).ok().map(Channel::into_handle)
    }
}

/// The files of a VM, verified.
struct Files {
    kernel: BundleFile,
    initrd: Option<BundleFile>,
    disks: Vec<(BundleFile, bool)>,
}

impl Files {
    fn find(vm: &VmDefinition, boot: &Boot) -> Result<Self, BundleFailure> {
        let find = |name: &str| boot.bundle.find(&bundle_name(name));
        let disk = |disk: &management_config::DiskDefinition| Ok((find(disk.file.as_str())?, disk.read_only));
        Ok(Self {
            kernel: find(vm.kernel.as_str())?,
            initrd: vm.initrd.as_ref().map(|file| find(file.as_str())).transpose()?,
            disks: vm.disks.iter().map(disk).collect::<Result<_, BundleFailure>>()?,
        })
    }

    /// What the VM's group may use: its RAM, what it can write on its disks, and the process itself.
    fn memory_limit(&self, vm: &VmDefinition, process_bytes: u64) -> u64 {
        let writable = self.disks.iter().filter(|(_, read_only)| !read_only);
        let disks = writable.fold(0u64, |sum, (file, _)| sum.saturating_add(file.bytes));
        vm.memory_bytes.saturating_add(disks).saturating_add(process_bytes)
    }

    /// Clones of the files in the order of [`StartMessage`], the group before and the console after them.
    fn handles(&self, boot: &Boot, group: &Group, console: Channel) -> Result<Vec<OwnedHandle>, Error> {
        let disks = self.disks.iter().map(|(file, _)| file);
        let files = core::iter::once(&self.kernel).chain(&self.initrd).chain(disks);
        let mut handles = Vec::from([group.duplicate_all()?.into_handle()]);
        for file in files {
            handles.push(boot.bundle.clone_file(*file, group)?.into_handle());
        }
        handles.push(console.into_handle());
        Ok(handles)
    }

    fn message(&self, vm: &VmDefinition, unix_nanos_at_zero: u64) -> StartMessage {
        // A file's last page is filled with zeros, so a disk may end with the sector.
        let disk = |(file, read_only): &(BundleFile, bool)| DiskConfig {
            bytes: file.bytes.next_multiple_of(SECTOR_BYTES),
            read_only: *read_only,
        };
        let machine = MachineConfig {
            name: vm.name.clone(),
            vcpus: vm.vcpus,
            memory_bytes: vm.memory_bytes,
            command_line: vm.command_line.clone(),
            disks: self.disks.iter().map(disk).collect(),
        };
        let initrd_bytes = self.initrd.map(|file| file.bytes);
        StartMessage { machine, kernel_bytes: self.kernel.bytes, initrd_bytes, unix_nanos_at_zero }
    }
}
