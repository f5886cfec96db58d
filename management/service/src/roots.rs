//! The handles that the kernel gives the first process.

use user_rt::{Group, Log, Memory, Object, Process, RootHandle, Startup, System};

/// Authority over the machine.
pub(crate) struct Roots {
    pub(crate) system: System,
    pub(crate) group: Group,
    pub(crate) bundle: Memory,
    pub(crate) log: Log,
    /// This process; held so that nobody else can have it.
    _process: Process,
}

impl Roots {
    /// Takes the handles in the order of [`RootHandle`]; `None` if one is missing.
    pub(crate) fn unpack(startup: Startup) -> Option<Self> {
        let mut handles: [_; RootHandle::COUNT] =
            startup.handles.try_into().ok().map(|handles: [_; _]| handles.map(Some))?;
        let mut take = |root: RootHandle| handles.get_mut(root as usize).and_then(Option::take);
        Some(Self {
            system: System::from_handle(take(RootHandle::System)?),
            group: Group::from_handle(take(RootHandle::Group)?),
            bundle: Memory::from_handle(take(RootHandle::Bundle)?),
            _process: Process::from_handle(take(RootHandle::Process)?),
            log: Log::from_handle(take(RootHandle::Log)?),
        })
    }
}
