//! The manifest of the system's programs.

use super::vm_file::{check_error, check_shares};
use management_config::{PROGRAMS_MAX, Program, StartedBy, SystemManifest};
use std::collections::BTreeSet;

/// What manifests are made of.
pub const WORDS: &[&[u8]] = &[
    b"[[program]]\n",
    b"name = \"x\"\n",
    b"entry = \"program/x\"\n",
    b"start = \"kernel\"\n",
    b"start = \"supervisor\"\n",
    b"start = \"each-vm\"\n",
    b"memory = \"2M\"\n",
    b"capabilities = [\"root\", \"log\"]\n",
    b"restart = \"always\"\n",
    b"weight = 10000\n",
    b"cpus = []\n",
    b"\"\\u001b[2J\"",
    b"'",
    b"#",
];

/// Reads the bytes as the system manifest.
pub fn run(data: &[u8]) {
    let manifest = match SystemManifest::parse_bytes(data) {
        Ok(manifest) => manifest,
        Err(error) => return check_error(&error, data),
    };
    assert!(manifest.programs.len() <= PROGRAMS_MAX);
    let names: BTreeSet<&str> = manifest.programs.iter().map(|program| program.name.as_str()).collect();
    assert_eq!(names.len(), manifest.programs.len(), "two programs of one name");
    let count = |start: StartedBy| manifest.programs.iter().filter(|program| program.start == start).count();
    assert_eq!((count(StartedBy::Kernel), count(StartedBy::EachVm)), (1, 1));
    assert!(manifest.vm_program().is_some());
    assert_eq!(manifest.services().count(), manifest.programs.len() - 2);
    manifest.programs.iter().for_each(check_program);
}

fn check_program(program: &Program) {
    assert!(program.memory_bytes > 0 || program.start == StartedBy::Kernel, "a program without a limit");
    assert!(program.memory_bytes.is_multiple_of(base_units::PAGE_BYTES));
    let capabilities: BTreeSet<_> = program.capabilities.iter().collect();
    assert_eq!(capabilities.len(), program.capabilities.len(), "a capability given twice");
    assert!(program.capabilities.iter().all(|capability| program.has(*capability)));
    check_shares(&program.shares);
}
