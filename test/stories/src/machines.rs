//! Machines of all sizes, and what stands on their screens.

use std::path::Path;
use std::time::{Duration, Instant};

use test_emulator::{Failure, Running};

use crate::monitor::Monitor;
use crate::story::{LIMIT, SHORT_LIMIT, Story, World};

/// Bytes of a picture that differ when a page of text has been added.
const CHANGED_BYTES_MIN: usize = 2000;
/// Pause between two pictures.
const LOOK_AGAIN: Duration = Duration::from_millis(300);

/// The stories.
pub(crate) fn stories() -> Vec<Story> {
    vec![
        Story::new("a_machine_with_128_mib_and_one_cpu_is_enough", |world| starts(world, 1, 128)),
        Story::new("a_machine_with_16_cpus_starts", |world| starts(world, 16, 1024)),
        Story::new("a_machine_with_64_cpus_starts", |world| starts(world, 64, 1024)).only_in_full_runs(),
        Story::new("the_screen_and_the_keyboard_reach_the_monitor", screen_and_keyboard),
    ]
}

fn starts(world: &World<'_>, cpus: u32, memory_mib: u32) -> Result<(), Failure> {
    let machine = world.direct("")?.cpus(cpus).memory_mib(memory_mib).in_parallel();
    let mut running = world.start(&machine)?;
    running.wait_for(&format!("{cpus} of {cpus} processors are up"), LIMIT)?;
    Monitor::wait(&mut running, LIMIT)?;
    Ok(())
}

fn screen_and_keyboard(world: &World<'_>) -> Result<(), Failure> {
    let mut running = world.start(&world.direct("")?)?;
    Monitor::wait(&mut running, LIMIT)?;
    let before = picture(&running)?;

    for key in ["h", "e", "l", "p", "ret"] {
        running.press(key)?;
    }

    let deadline = Instant::now() + SHORT_LIMIT;
    while Instant::now() < deadline {
        let now = picture(&running)?;
        let changed = before.iter().zip(&now).filter(|(old, new)| old != new).count();
        if changed >= CHANGED_BYTES_MIN {
            return Ok(());
        }
        std::thread::sleep(LOOK_AGAIN);
    }
    Err(Failure::Wrong("typing help on the keyboard leaves the screen as it was".into()))
}

fn picture(running: &Running) -> Result<Vec<u8>, Failure> {
    let file = running.screenshot()?;
    read(&file)
}

fn read(file: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(file).map_err(|error| Failure::Host(format!("{}: {error}", file.display())))
}
