//! The VM definition file.
//!
//! | key | value | if left out |
//! |---|---|---|
//! | `when_all_stopped` | `"wait"` or `"poweroff"` | `"wait"` |
//! | in each `[[vm]]`: `name` | 1 to 32 letters, digits, `-`, `_`, `.` | must be there |
//! | `memory` | a size such as `"256M"`, whole 4 KiB, 2M to 4T | must be there |
//! | `kernel` | a file, relative to this one: bzImage or ELF with a PVH note | must be there, or `firmware` |
//! | `firmware` | `"uefi"`, `"bios"` or a ROM file: makes the machine a PC | a kernel is started |
//! | `vcpus` | 1 to 64 | 1 |
//! | `initrd` | a file | none |
//! | `cmdline` | the kernel's command line, at most 2047 bytes | empty |
//! | `disks` | up to 16 of `{ file = "disk.img", read_only = false, bus = "virtio" }` | none |
//! | of a PC: `platform`, `cdrom`, `cdrom_bus`, `floppy`, `display`, `usb`, `nics`, `boot`, `rtc` | see docs/vm-file.md | |
//! | `console` | `"buffer"`, or `"host"` for one VM: the machine's serial line | `"buffer"` |
//! | `restart` | `"never"`, `"on-failure"`, `"always"` | `"never"` |
//! | `start` | whether it is started with the machine | `true` |
//! | `weight` | share of contended CPU time, 1 to 10000 | 100 |
//! | `cap` | most CPU time in percent of one processor, 1 to 6400 | no cap |
//! | `reservation` | CPU time it gets at least, in percent of one processor | 0 |
//! | `cpus` | the processors it may run on, such as `[0, 1]` | all |

use crate::{
    ConfigError, ConsoleKind, FileName, Place, Problem, VmDefinition, WhenAllStopped, document::Document,
    table::Table, vm_definition::PlacedVm,
};
use alloc::{collections::BTreeMap, vec::Vec};

/// VMs in one file at the most.
pub const VMS_MAX: usize = 256;

const KEYS: &[&str] = &["when_all_stopped", "vm"];

/// What a VM definition file says. Having one proves that names are unique and that at most one
/// VM has the machine's serial line.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct VmFile {
    /// What happens when the last VM has stopped.
    pub when_all_stopped: WhenAllStopped,
    /// The VMs in the order of the file.
    pub vms: Vec<VmDefinition>,
}

impl VmFile {
    /// Parses the text of a definition file.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        Document::new(text)?.read_root("the file", Self::read)
    }

    /// Parses bytes that should be the text of a definition file.
    pub fn parse_bytes(bytes: &[u8]) -> Result<Self, ConfigError> {
        let text = core::str::from_utf8(bytes).map_err(|_| ConfigError::whole(Problem::NotUtf8))?;
        Self::parse(text)
    }

    /// The files that the VMs name, each name once, in the order of the file.
    pub fn files(&self) -> Vec<&FileName> {
        let mut names = BTreeMap::new();
        let mut files = Vec::new();
        for file in self.vms.iter().flat_map(VmDefinition::files) {
            if names.insert(file.as_str(), ()).is_none() {
                files.push(file);
            }
        }
        files
    }

    fn read(table: &Table<'_>) -> Result<Self, ConfigError> {
        table.allow_only(KEYS)?;
        let when = table.choice("when_all_stopped", WhenAllStopped::WORDS, &WhenAllStopped::VALUES)?;
        let tables = table.tables("vm", "[[vm]]", VMS_MAX)?;
        let placed = tables.iter().map(PlacedVm::read).collect::<Result<Vec<_>, _>>()?;
        refuse_duplicate_names(&placed)?;
        refuse_second_host_console(&placed)?;
        Ok(Self {
            when_all_stopped: when.map_or(WhenAllStopped::Wait, |found| found.value),
            vms: placed.into_iter().map(|placed| placed.vm).collect(),
        })
    }
}

fn refuse_duplicate_names(placed: &[PlacedVm]) -> Result<(), ConfigError> {
    let mut names: BTreeMap<&str, Place> = BTreeMap::new();
    for placed in placed {
        let name = placed.vm.name.as_str();
        if let Some(first) = names.insert(name, placed.name_place) {
            let problem = Problem::Duplicate { what: "VM name", name: name.into(), first };
            return Err(ConfigError::at(placed.name_place, problem));
        }
    }
    Ok(())
}

fn refuse_second_host_console(placed: &[PlacedVm]) -> Result<(), ConfigError> {
    let mut hosts = placed.iter().filter(|placed| placed.vm.console == ConsoleKind::Host);
    let (Some(first), Some(second)) = (hosts.next(), hosts.next()) else { return Ok(()) };
    Err(ConfigError::at(second.console_place, Problem::SecondHostConsole { first: first.console_place }))
}
