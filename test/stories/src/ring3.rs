//! A program in ring 3 that does all it may not: the kernel and the VMs must not care.

use std::path::{Path, PathBuf};

use loader_bundle::{Bundle, BundleWriter, names};
use test_emulator::{Boot, Failure};

use crate::isolation::claimant;
use crate::monitor::Monitor;
use crate::story::{LIMIT, Story, World};

/// The program's place in the manifest; its file comes along as that of a VM that never starts.
const PROGRAM: &str = "\n[[program]]\nname = \"hostile\"\nentry = \"file/ring3.elf\"\nstart = \"supervisor\"\n\
                       memory = \"64M\"\n";
/// What the VM beside it does.
const WITNESS: &str = "memory-keeps-its-pattern";

/// The stories.
pub(crate) fn stories() -> Vec<Story> {
    vec![Story::new("a_hostile_program_harms_nobody", hostile)]
}

fn hostile(world: &World<'_>) -> Result<(), Failure> {
    let carrier =
        "[[vm]]\nname = \"carrier\"\nvcpus = 1\nmemory = \"16M\"\nkernel = \"ring3.elf\"\nstart = false\n";
    let witness = claimant("witness", &format!("claim={WITNESS} rounds=400"));
    let (kernel, bundle) = world.files(&format!("{carrier}{witness}"))?;
    let bundle = with_program(&bundle)?;
    let boot = Boot::Direct { kernel, initrd: Some(bundle), command_line: String::new() };
    let machine = world.machine(boot).fatal("RING3 fails").fatal(" fails: ");
    let mut running = world.start(&machine)?;

    running.wait_for("deeds ended as they should", LIMIT)?;
    running.wait_for("RING3 holds", LIMIT)?;

    let mut monitor = Monitor::open(&mut running, LIMIT)?;
    monitor.wait_for_console("witness", &format!("CLAIM {WITNESS} holds"))
}

/// The bundle with one program more in its manifest.
fn with_program(path: &Path) -> Result<PathBuf, Failure> {
    let wrong = |what: String| Failure::Host(format!("{}: {what}", path.display()));
    let bytes = std::fs::read(path).map_err(|error| wrong(error.to_string()))?;
    let table = Bundle::parse(&bytes, bytes.len() as u64).map_err(|refusal| wrong(refusal.to_string()))?;
    let mut writer = BundleWriter::new();
    for entry in table.entries() {
        let content = table.content(&bytes, entry.name).map_err(|refusal| wrong(refusal.to_string()))?;
        let mut content = content.to_vec();
        if entry.name == names::SYSTEM {
            content.extend_from_slice(PROGRAM.as_bytes());
        }
        writer.add(entry.name, content).map_err(|refusal| wrong(refusal.to_string()))?;
    }
    let copy = path.with_extension("hostile");
    std::fs::write(&copy, writer.finish()).map_err(|error| wrong(error.to_string()))?;
    Ok(copy)
}
