//! Machines that Corten cannot run on, and images that it cannot run: it says so in a sentence.

use std::path::{Path, PathBuf};

use test_emulator::{Boot, Failure, Machine, PROCESSOR_WITHOUT_SVM};

use crate::story::{SHORT_LIMIT, Story, World};
use crate::vms::{Linux, until_all_stopped};

/// The stories.
pub(crate) fn stories() -> Vec<Story> {
    vec![
        Story::new("a_machine_without_amd_v_is_told_so", without_svm),
        Story::new("a_machine_with_little_memory_is_told_so", little_memory),
        Story::new("a_damaged_table_of_the_bundle_is_told", |world| damaged(world, 100, "damaged")),
        Story::new("a_damaged_program_in_the_bundle_is_told", damaged_program),
        Story::new("a_bundle_cut_short_is_told", cut_bundle),
        Story::new("a_missing_bundle_is_told", missing_bundle),
    ]
}

fn definition() -> String {
    until_all_stopped(&[Linux::new("linux", "poweroff").on_host_console()])
}

fn without_svm(world: &World<'_>) -> Result<(), Failure> {
    let machine = world.direct(&definition())?.processor(PROCESSOR_WITHOUT_SVM);
    expect_refusal(world, &machine, "AMD-V")
}

fn little_memory(world: &World<'_>) -> Result<(), Failure> {
    // The least with which QEMU still loads the bundle.
    expect_refusal(world, &world.direct("")?.memory_mib(48), "memory")
}

fn damaged(world: &World<'_>, offset: usize, words: &str) -> Result<(), Failure> {
    let (kernel, bundle) = world.files(&definition())?;
    let changed = change(&bundle, |bytes| {
        if let Some(byte) = bytes.get_mut(offset) {
            *byte ^= 0x40;
        }
    })?;
    expect_words(world, kernel, Some(changed), words)
}

fn damaged_program(world: &World<'_>) -> Result<(), Failure> {
    let (kernel, bundle) = world.files(&definition())?;
    // The supervisor's ELF header is the only place that starts so on a page of its own after the kernel's: damage all of them.
    let changed = change(&bundle, |bytes| {
        for page in bytes.chunks_exact_mut(4096).filter(|page| page.starts_with(b"\x7fELF")) {
            page[2000] ^= 0x40;
        }
    })?;
    expect_words(world, kernel, Some(changed), "damaged")
}

fn cut_bundle(world: &World<'_>) -> Result<(), Failure> {
    let (kernel, bundle) = world.files(&definition())?;
    let changed = change(&bundle, |bytes| bytes.truncate(bytes.len() / 2))?;
    expect_words(world, kernel, Some(changed), "cut short")
}

fn missing_bundle(world: &World<'_>) -> Result<(), Failure> {
    let (kernel, _) = world.files(&definition())?;
    expect_words(world, kernel, None, "bundle")
}

/// Boots the kernel with this bundle and waits for these words of refusal.
fn expect_words(
    world: &World<'_>,
    kernel: PathBuf,
    bundle: Option<PathBuf>,
    words: &str,
) -> Result<(), Failure> {
    let boot = Boot::Direct { kernel, initrd: bundle, command_line: String::new() };
    expect_refusal(world, &world.machine(boot), words)
}

/// Waits for a sentence that says that Corten cannot start, with these words in it.
fn expect_refusal(world: &World<'_>, machine: &Machine, words: &str) -> Result<(), Failure> {
    let mut running = world.start(machine)?;
    let sentence = running.wait_for_value("cannot start:", SHORT_LIMIT)?;
    if sentence.contains(words) {
        Ok(())
    } else {
        Err(Failure::Wrong(format!("\"{words}\" is not in: {sentence}")))
    }
}

/// A changed copy of a file, beside it.
fn change(path: &Path, change: impl FnOnce(&mut Vec<u8>)) -> Result<PathBuf, Failure> {
    let refused = |error: std::io::Error| Failure::Host(format!("{}: {error}", path.display()));
    let mut bytes = std::fs::read(path).map_err(refused)?;
    change(&mut bytes);
    let copy = path.with_extension("changed");
    std::fs::write(&copy, bytes).map_err(refused)?;
    Ok(copy)
}
