//! A program in ring 3 that does all it may not: the kernel and the VMs must not care.

use std::path::{Path, PathBuf};

use loader_bundle::{Bundle, BundleWriter, names};
use test_emulator::{Boot, Failure, Model};

use crate::isolation::claimant;
use crate::monitor::Monitor;
use crate::story::{LIMIT, Story, World};

/// The program's place in the manifest; its file comes along as that of a VM that never starts.
const PROGRAM: &str = "\n[[program]]\nname = \"hostile\"\nentry = \"file/ring3.elf\"\nstart = \"supervisor\"\n\
                       memory = \"";
/// Its memory.
const MEMORY: &str = "64M";
/// With this memory it only does what it may.
const TAME_MEMORY: &str = "32M";
/// The VM that brings the program's file along.
const CARRIER: &str =
    "[[vm]]\nname = \"carrier\"\nvcpus = 1\nmemory = \"16M\"\nkernel = \"ring3.elf\"\nstart = false\n";
/// What the VM beside it does.
const WITNESS: &str = "memory-keeps-its-pattern";

/// The stories.
pub(crate) fn stories() -> Vec<Story> {
    let ruled = Model::ALL.map(|model| {
        Story::new(&format!("a_program_rules_its_guest_on_{}", model.name()), move |world| {
            rules(world, model)
        })
    });
    let mut stories = vec![Story::new("a_hostile_program_harms_nobody", hostile)];
    stories.extend(ruled);
    stories
}

fn hostile(world: &World<'_>) -> Result<(), Failure> {
    let witness = claimant("witness", &format!("claim={WITNESS} rounds=400"));
    let (kernel, bundle) = world.files(&format!("{CARRIER}{witness}"))?;
    let bundle = with_program(&bundle, MEMORY)?;
    let boot = Boot::Direct { kernel, initrd: Some(bundle), command_line: String::new() };
    let machine = world.machine(boot).fatal("RING3 fails").fatal(" fails: ");
    let mut running = world.start(&machine)?;

    running.wait_for("deeds ended as they should", LIMIT)?;
    running.wait_for("RING3 holds", LIMIT)?;

    let mut monitor = Monitor::open(&mut running, LIMIT)?;
    monitor.wait_for_console("witness", &format!("CLAIM {WITNESS} holds"))?;
    match running.printed().matches("supervisor: program hostile: ended").count() {
        1 => Ok(()),
        times => Err(Failure::Wrong(format!(
            "its end was told {times} times: who else writes to the serial line?"
        ))),
    }
}

/// What ring 0 offers for guests' memory and clocks. Whether writes are logged shows in the faults that they cost once all
/// pages were written.
fn rules(world: &World<'_>, model: Model) -> Result<(), Failure> {
    let (_, bundle) = world.files(CARRIER)?;
    let changed = with_program(&bundle, TAME_MEMORY)?;
    std::fs::rename(&changed, &bundle).map_err(|error| Failure::Host(error.to_string()))?;
    let machine = world.bochs_with(&bundle, model)?.fatal("RING3 fails");
    let mut running = world.start(&machine)?;
    let faults = if model == Model::TigerLake { 0 } else { 1300 };

    running.wait_for(&format!("RING3 tracking again: 1300 pages cost {faults} faults"), LIMIT)?;
    running.wait_for("RING3 tracking is right", LIMIT)?;
    let rate = if model == Model::TigerLake { "a rate of its own" } else { "the host's rate" };
    running.wait_for(&format!("RING3 a guest's clock has {rate}"), LIMIT)?;
    running.wait_for("RING3 holds", LIMIT)?;
    Ok(())
}

/// The bundle with one program more in its manifest.
fn with_program(path: &Path, memory: &str) -> Result<PathBuf, Failure> {
    let wrong = |what: String| Failure::Host(format!("{}: {what}", path.display()));
    let bytes = std::fs::read(path).map_err(|error| wrong(error.to_string()))?;
    let table = Bundle::parse(&bytes, bytes.len() as u64).map_err(|refusal| wrong(refusal.to_string()))?;
    let mut writer = BundleWriter::new();
    for entry in table.entries() {
        let content = table.content(&bytes, entry.name).map_err(|refusal| wrong(refusal.to_string()))?;
        let mut content = content.to_vec();
        if entry.name == names::SYSTEM {
            content.extend_from_slice(format!("{PROGRAM}{memory}\"\n").as_bytes());
        }
        writer.add(entry.name, content).map_err(|refusal| wrong(refusal.to_string()))?;
    }
    let copy = path.with_extension("hostile");
    std::fs::write(&copy, writer.finish()).map_err(|error| wrong(error.to_string()))?;
    Ok(copy)
}
