//! Child processes that run a piece of machine code.

use alloc::{format, string::String};
use base_units::Nanos;
use user_rt::{
    Group, GroupLimits, MapFlags, MapRange, Memory, MemoryFlags, Object, OwnedHandle, Packet, Port, Process,
    ProcessInfo, ProcessState, Signals, now,
};

/// Ring-0 memory that objects may keep which hold handles to each other: they end with their group. A child that makes
/// calls at random makes such cycles now and then.
const CYCLE_BYTES_MAX: u64 = 64 << 10;
/// How long ring 0 may take to give back what was let go of.
const SETTLE: Nanos = Nanos::new(10_000_000_000);
/// Pause between two looks.
const STEP: Nanos = Nanos::new(10_000_000);

/// Where a child's code lies.
pub(crate) const CODE: u64 = 0x40_0000;
/// Where its data lies; its stack is at the end.
pub(crate) const DATA: u64 = 0x50_0000;
/// Bytes of its data.
pub(crate) const DATA_BYTES: u64 = 128 * 1024;
const CODE_BYTES: u64 = 4096;
/// Memory of all children together.
const MEMORY_BYTES: u64 = 24 << 20;
/// Children that may go on for ever get so much time. What they do then is no failure.
pub(crate) const WHILE: Nanos = Nanos::from_millis(500);
/// Children that must end by themselves get so much: a net, not a measure.
pub(crate) const NET: Nanos = Nanos::from_millis(60_000);
/// Exit code of a killed child.
const KILLED: i64 = 99;

/// Where children live.
pub(crate) struct Nursery {
    group: Group,
    port: Port,
    /// Memory of the kernel when there were no children.
    kernel_bytes: u64,
}

/// A running child.
pub(crate) struct Child {
    pub(crate) process: Process,
    /// Its data, which can be looked at from outside.
    pub(crate) data: Memory,
}

/// What became of a child.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum End {
    /// It exited with this code.
    Exited(i64),
    /// An exception ended it: vector and address.
    Faulted(u32, u64),
    /// It was killed.
    Killed,
}

fn sentence(error: user_rt::Error) -> String {
    format!("the kernel refuses what every program may do: {error:?}")
}

impl Nursery {
    /// An empty one below `parent`.
    pub(crate) fn new(parent: &Group) -> Result<Self, String> {
        let limits = GroupLimits { memory_bytes: MEMORY_BYTES, ..GroupLimits::default() };
        let group = parent.create_child(&limits).map_err(sentence)?;
        let kernel_bytes = group.info().map_err(sentence)?.kernel_bytes;
        Ok(Self { group, port: Port::create().map_err(sentence)?, kernel_bytes })
    }

    /// The children's group.
    pub(crate) fn group(&self) -> &Group {
        &self.group
    }

    /// Makes a child with this code and these handles, and starts it. RDI is the address of its data.
    pub(crate) fn start(
        &self,
        name: &str,
        code: &[u8],
        data: &[u8],
        give: impl FnOnce(&Process) -> Result<(), user_rt::Error>,
    ) -> Result<Child, String> {
        self.try_start(name, code, data, give).map_err(|error| format!("{name}: {}", sentence(error)))
    }

    fn try_start(
        &self,
        name: &str,
        code: &[u8],
        data: &[u8],
        give: impl FnOnce(&Process) -> Result<(), user_rt::Error>,
    ) -> Result<Child, user_rt::Error> {
        let process = Process::create(&self.group, name)?;
        let text = Memory::create(&self.group, CODE_BYTES, MemoryFlags::empty())?;
        text.write(0, code)?;
        let range = |address, bytes| MapRange { offset: 0, bytes, address };
        let read_execute = MapFlags::READ | MapFlags::EXECUTE | MapFlags::FIXED;
        process.map(&text, range(CODE, CODE_BYTES), read_execute)?;
        let memory = Memory::create(&self.group, DATA_BYTES, MemoryFlags::empty())?;
        memory.write(0, data)?;
        process.map(&memory, range(DATA, DATA_BYTES), MapFlags::READ | MapFlags::WRITE | MapFlags::FIXED)?;
        give(&process)?;
        self.port.bind(&process, Signals::TERMINATED, 1)?;
        // The process is not ours, and nothing runs in it yet.
        unsafe { process.start_thread(CODE, DATA + DATA_BYTES - 64, DATA)? };
        Ok(Child { process, data: memory })
    }

    /// Waits so long for a child's end, then brings it about.
    pub(crate) fn wait(&self, child: &Child, limit: Nanos) -> Result<End, String> {
        let deadline = Nanos::new(now().raw().saturating_add(limit.raw()));
        let mut packets = [Packet::default(); 4];
        loop {
            let info = child.process.info().map_err(sentence)?;
            if let Some(end) = end(&info) {
                return Ok(end);
            }
            if now() >= deadline {
                child.process.kill(KILLED).map_err(sentence)?;
                continue;
            }
            // A packet of another child, or none in time, is no harm: the state is looked at again.
            let _ = self.port.wait(&mut packets, deadline);
        }
    }

    /// Fails if memory is left of the children, or more of ring 0's own than a few cycles of handles hold. What was let
    /// go of may be given back a little later, by a processor that has nothing else to do.
    pub(crate) fn must_be_empty(&self) -> Result<(), String> {
        let deadline = now().raw().saturating_add(SETTLE.raw());
        loop {
            let info = self.group.info().map_err(sentence)?;
            let kept = info.kernel_bytes.saturating_sub(self.kernel_bytes);
            if info.memory_bytes == 0 && kept <= CYCLE_BYTES_MAX {
                return Ok(());
            }
            if now().raw() >= deadline {
                let pages = info.memory_bytes;
                return Err(format!("{pages} bytes are left of the children, and {kept} of ring 0's own"));
            }
            let _ = self.port.wait(&mut [Packet::default(); 1], Nanos::new(now().raw() + STEP.raw()));
        }
    }
}

fn end(info: &ProcessInfo) -> Option<End> {
    match ProcessState::from_raw(info.state)? {
        ProcessState::New | ProcessState::Running => None,
        ProcessState::Exited => Some(End::Exited(info.code)),
        ProcessState::Killed => Some(End::Killed),
        ProcessState::Faulted => Some(End::Faulted(info.fault_vector, info.fault_address)),
    }
}

/// Gives a child a second handle to an object, with all rights.
pub(crate) fn give(process: &Process, object: &impl Object) -> Result<(), user_rt::Error> {
    let handle: OwnedHandle = object.duplicate_all()?.into_handle();
    process.give(handle)?;
    Ok(())
}
