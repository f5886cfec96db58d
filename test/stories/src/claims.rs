//! The claims of the small test kernels (`test/guests`), each in a virtual machine of its own.

use test_emulator::Failure;

use crate::story::{SHORT_LIMIT, Story, World};

/// vCPUs of a test kernel.
const VCPUS: u32 = 4;

/// A story for each claim in the source of the test kernels' table.
pub fn claims(table: &str) -> Vec<Story> {
    names(table).map(|name| Story::new(&name.replace('-', "_"), move |world| holds(world, &name))).collect()
}

/// The names in lines such as `    ("a-claim", module::function),`.
fn names(table: &str) -> impl Iterator<Item = String> {
    let rows = table.lines().filter_map(|line| line.trim().strip_prefix("(\""));
    rows.filter_map(|row| Some(row.split_once("\",")?.0.to_string()))
}

fn holds(world: &World<'_>, name: &str) -> Result<(), Failure> {
    let definition = format!(
        "when_all_stopped = \"poweroff\"\n[[vm]]\nname = \"claim\"\nvcpus = {VCPUS}\nmemory = \"64M\"\n\
         kernel = \"test-guest.elf\"\ncmdline = \"claim={name}\"\nconsole = \"host\"\n"
    );
    let machine = world.direct(&definition)?.memory_mib(512).fatal(" fails: ");
    let mut running = world.start(&machine)?;
    running.wait_for(&format!("CLAIM {name} holds"), SHORT_LIMIT)?;
    running.wait_until_off(SHORT_LIMIT)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_are_read_from_the_table() {
        let table =
            "const ALL: &[(&str, fn())] = &[\n    (\"one-claim\", one::claim),\n    (\"two\", two),\n];\n";
        assert_eq!(names(table).collect::<Vec<_>>(), ["one-claim", "two"]);
    }
}
