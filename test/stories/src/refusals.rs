//! Machines that Corten cannot run on, and images that it cannot run: it says so in a sentence.

use std::path::{Path, PathBuf};

use loader_bundle::{Bundle, names};
use test_emulator::{Boot, Failure, Machine, Model, PROCESSOR_WITHOUT_SVM, Running};

use crate::story::{LIMIT, SHORT_LIMIT, Story, World};
use crate::vms::{Linux, until_all_stopped};

/// The stories.
pub(crate) fn stories() -> Vec<Story> {
    vec![
        Story::new("a_machine_without_amd_v_is_told_so", without_svm),
        Story::new("a_machine_with_vt_x_locked_off_is_told_so", locked_vmx),
        Story::new("a_machine_with_little_memory_is_told_so", little_memory),
        Story::new("a_damaged_table_of_the_bundle_is_told", damaged_table),
        Story::new("a_damaged_supervisor_is_told", damaged_supervisor),
        Story::new("a_damaged_vmm_is_told", damaged_vmm),
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

fn locked_vmx(world: &World<'_>) -> Result<(), Failure> {
    let mut running = world.start(&world.bochs_locked("", Model::Haswell)?)?;
    // The firmware takes its time in Bochs.
    running.wait_for("corten: loader", LIMIT)?;
    refuses(&mut running, "locked it off")
}

fn little_memory(world: &World<'_>) -> Result<(), Failure> {
    // The least with which QEMU still loads the bundle.
    expect_refusal(world, &world.direct("")?.memory_mib(48), "memory")
}

fn damaged_table(world: &World<'_>) -> Result<(), Failure> {
    let (kernel, bundle) = world.files(&definition())?;
    let changed = change(&bundle, |bytes| flip(bytes, 100))?;
    expect_words(world, kernel, Some(changed), "damaged")
}

fn damaged_supervisor(world: &World<'_>) -> Result<(), Failure> {
    let (kernel, bundle) = with_damage(world, names::SUPERVISOR)?;
    expect_words(world, kernel, Some(bundle), "damaged")
}

fn damaged_vmm(world: &World<'_>) -> Result<(), Failure> {
    let (kernel, initrd) = with_damage(world, names::VMM)?;
    let boot = Boot::Direct { kernel, initrd: Some(initrd), command_line: String::new() };
    let mut running = world.start(&world.machine(boot))?;
    running.wait_for("program/vmm", SHORT_LIMIT)?;
    running.wait_for("damaged", SHORT_LIMIT)?;
    Ok(())
}

/// Kernel and bundle, one bit of a file in which has changed.
fn with_damage(world: &World<'_>, name: &str) -> Result<(PathBuf, PathBuf), Failure> {
    let (kernel, bundle) = world.files(&definition())?;
    let changed = change(&bundle, |bytes| {
        let entry = Bundle::parse(bytes, bytes.len() as u64).and_then(|table| table.find(name));
        if let Ok((offset, length)) = entry.map(|entry| (entry.offset, entry.bytes)) {
            flip(bytes, (offset + length / 2) as usize);
        }
    })?;
    Ok((kernel, changed))
}

/// Changes one bit.
fn flip(bytes: &mut [u8], offset: usize) {
    if let Some(byte) = bytes.get_mut(offset) {
        *byte ^= 0x40;
    }
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
    refuses(&mut world.start(machine)?, words)
}

fn refuses(running: &mut Running, words: &str) -> Result<(), Failure> {
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
