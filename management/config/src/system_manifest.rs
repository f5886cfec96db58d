//! The system manifest: the programs of the product as data.

use crate::{
    ConfigError, Place, Problem, RestartPolicy, Shares,
    document::Document,
    table::{Located, SizeRange, Table},
    text::{checked_name, checked_text},
};
use alloc::{collections::BTreeMap, string::String, vec::Vec};

/// Programs in the manifest at the most.
pub const PROGRAMS_MAX: usize = 32;

const KEYS: &[&str] = &["program"];
const PROGRAM_KEYS: &[&str] =
    &["name", "entry", "start", "memory", "capabilities", "restart", "weight", "cap", "reservation", "cpus"];
const ENTRY_BYTES_MAX: usize = 64;
const ENTRY_RULE: &str = "the name of a file in the bundle, at most 64 bytes";

/// Who starts a program, and how often.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StartedBy {
    /// The kernel, once: the supervisor.
    Kernel,
    /// The supervisor, once.
    Supervisor,
    /// The supervisor, once for each VM that runs.
    EachVm,
}

impl StartedBy {
    const WORDS: &'static [&'static str] = &["kernel", "supervisor", "each-vm"];
    const VALUES: [Self; 3] = [Self::Kernel, Self::Supervisor, Self::EachVm];
}

/// What a program may touch besides its own memory and channel.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Capability {
    /// Everything: the machine, the bundle, the root group. The supervisor's alone.
    Root,
    /// Reading the kernel's log and taking over its echo.
    Log,
    /// The ports and the interrupt of the serial line.
    Serial,
    /// The memory of the screen.
    Screen,
    /// The ports and the interrupt of the PS/2 keyboard.
    Keyboard,
    /// The other ends of the VMs' serial lines.
    VmConsoles,
    /// Its VM's scheduling group, to make the guest in.
    Group,
    /// Copies of its VM's files.
    Files,
}

impl Capability {
    const WORDS: &'static [&'static str] =
        &["root", "log", "serial", "screen", "keyboard", "vm-consoles", "group", "files"];
    const VALUES: [Self; 8] = [
        Self::Root,
        Self::Log,
        Self::Serial,
        Self::Screen,
        Self::Keyboard,
        Self::VmConsoles,
        Self::Group,
        Self::Files,
    ];
}

/// One program.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Program {
    /// Unique.
    pub name: String,
    /// Its file in the bundle.
    pub entry: String,
    /// Who starts it.
    pub start: StartedBy,
    /// Most memory in bytes, kernel objects included. For a program of each VM: beyond the VM's own
    /// RAM and disks. 0 = no limit of its own, which only the supervisor may have.
    pub memory_bytes: u64,
    /// What it is given, each once.
    pub capabilities: Vec<Capability>,
    /// What happens when it ends. A program of each VM follows its VM's policy instead.
    pub restart: RestartPolicy,
    /// CPU time. For a program of each VM the VM's own shares count.
    pub shares: Shares,
}

impl Program {
    /// Whether it is to be given `capability`.
    pub fn has(&self, capability: Capability) -> bool {
        self.capabilities.contains(&capability)
    }
}

/// The manifest. Having one proves that names are unique and that there is exactly one supervisor
/// and one program for VMs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SystemManifest {
    /// The programs in the order of the file, which is the order of their start.
    pub programs: Vec<Program>,
}

impl SystemManifest {
    /// Parses the text of the manifest.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        Document::new(text)?.read_root("the file", Self::read)
    }

    /// Parses bytes that should be the text of the manifest.
    pub fn parse_bytes(bytes: &[u8]) -> Result<Self, ConfigError> {
        let text = core::str::from_utf8(bytes).map_err(|_| ConfigError::whole(Problem::NotUtf8))?;
        Self::parse(text)
    }

    /// The program that each VM gets one of.
    pub fn vm_program(&self) -> Option<&Program> {
        self.programs.iter().find(|program| program.start == StartedBy::EachVm)
    }

    /// The programs that the supervisor starts once.
    pub fn services(&self) -> impl Iterator<Item = &Program> {
        self.programs.iter().filter(|program| program.start == StartedBy::Supervisor)
    }

    fn read(table: &Table<'_>) -> Result<Self, ConfigError> {
        table.allow_only(KEYS)?;
        let mut names: BTreeMap<String, Place> = BTreeMap::new();
        let mut programs = Vec::new();
        for entry in table.tables("program", "[[program]]", PROGRAMS_MAX)? {
            let (program, place) = read_program(&entry)?;
            if let Some(first) = names.insert(program.name.clone(), place) {
                let problem = Problem::Duplicate { what: "program name", name: program.name, first };
                return Err(ConfigError::at(place, problem));
            }
            programs.push(program);
        }
        require_one(&programs, StartedBy::Kernel, "kernel")?;
        require_one(&programs, StartedBy::EachVm, "each-vm")?;
        Ok(Self { programs })
    }
}

fn require_one(programs: &[Program], start: StartedBy, word: &'static str) -> Result<(), ConfigError> {
    if programs.iter().filter(|program| program.start == start).count() == 1 {
        return Ok(());
    }
    Err(ConfigError::whole(Problem::NotExactlyOne { start: word }))
}

fn read_program(table: &Table<'_>) -> Result<(Program, Place), ConfigError> {
    table.allow_only(PROGRAM_KEYS)?;
    let name = table.require("name", "name = \"console\"", table.text("name")?)?;
    let entry = table.require("entry", "entry = \"program/console\"", table.text("entry")?)?;
    let start = table.choice("start", StartedBy::WORDS, &StartedBy::VALUES)?;
    let start = table.require("start", "start = \"supervisor\"", start)?.value;
    let range = SizeRange { bytes: 64 << 10..=1 << 30, least: "64K", most: "1G" };
    let memory = table.size("memory", &range)?;
    let memory_bytes = match start {
        StartedBy::Kernel => memory.unwrap_or(0),
        _ => table.require("memory", "memory = \"2M\"", memory)?,
    };
    let restart = table.choice("restart", RestartPolicy::WORDS, &RestartPolicy::VALUES)?;
    let program = Program {
        name: checked_name("name", name)?,
        entry: checked_text("entry", entry, ENTRY_BYTES_MAX, ENTRY_RULE)?,
        start,
        memory_bytes,
        capabilities: read_capabilities(table)?,
        restart: restart.map_or(RestartPolicy::Never, |found| found.value),
        shares: Shares::read(table)?,
    };
    Ok((program, name.place))
}

fn read_capabilities(table: &Table<'_>) -> Result<Vec<Capability>, ConfigError> {
    let key = "capabilities";
    let words = table.texts(key, Capability::WORDS.len())?.unwrap_or_default();
    let mut found: Vec<Capability> = Vec::with_capacity(words.len());
    for word in &words {
        let capability = read_capability(key, word)?;
        if let Some(first) = found.iter().position(|known| *known == capability) {
            let first = words.get(first).map_or(word.place, |first| first.place);
            let problem = Problem::Duplicate { what: "capability", name: word.value.into(), first };
            return Err(ConfigError::at(word.place, problem));
        }
        found.push(capability);
    }
    Ok(found)
}

fn read_capability(key: &'static str, word: &Located<&str>) -> Result<Capability, ConfigError> {
    let position = Capability::WORDS.iter().position(|known| *known == word.value);
    position.and_then(|at| Capability::VALUES.get(at)).copied().ok_or_else(|| {
        let value = crate::table::shown(word.value);
        ConfigError::at(word.place, Problem::UnknownChoice { key, value, choices: Capability::WORDS })
    })
}
