//! The claims of the small test kernels (`test/guests`), each in a virtual machine of its own.
//!
//! All of an emulated machine's claims share one boot: it would take longer than they do. The machine waits at its monitor,
//! where each VM is started in turn and its console looked at. If a claim takes the machine down or never ends,
//! the others get a new one.

use std::time::Duration;

use test_emulator::{Failure, Machine, Model, Running};

use crate::story::{Report, SHORT_LIMIT, Story, World};

/// vCPUs of a test kernel.
const VCPUS: u32 = 4;
/// Machines that the claims of one story may wear out.
const MACHINES_MAX: usize = 5;
/// A net for one claim. An emulator does ten times as much work for an instruction in a guest as for others.
const CLAIM_LIMIT: Duration = Duration::from_secs(120);
/// Ctrl-]: from a VM's console to the monitor.
const ESCAPE: &str = "\x1d";
/// What the monitor shows when it waits for a line.
const PROMPT: &str = "corten> ";

/// The claim that the test kernels hold as the firmware of a PC: it needs a device whose memory is like RAM, a VGA's.
const ON_A_PC: &str = "random-instructions-do-the-same-on-device-memory";

/// What plays the machine.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Place {
    Qemu,
    Bochs(Model),
}

/// Words in the names of those claims that a model of Bochs is tried with always if it is not the first: what depends most
/// on what the processor offers.
const SELECTED: [&str; 12] = [
    "cpuid",
    "msr",
    "efer",
    "ipi",
    "priority",
    "nmi",
    "timer",
    "all-processors",
    "real-mode",
    "paging",
    "storm",
    "hypercalls",
];
/// Words in the names of those claims that cannot be tried on Bochs' AMD model, because Bochs 2.7 is wrong there.
const LEFT_OUT_ON_RYZEN: [&str; 3] = [
    // There is no exit for a shutdown, whatever the intercepts say: Bochs ends itself ("3rd exception with no resolution").
    "triple-fault",
    // Host interrupts do not end a guest that is entered with IF = 0 until it sets IF, which this one never does.
    "an-endless-loop-hangs-nobody",
    // A switch by INT n says that external interrupt 0 was on its way (EXITINTINFO 8000_0000h), so that the INT runs again.
    "task-switches-work",
];

/// A story for each machine, from the source of the test kernels' table of claims.
pub fn claims(table: &str) -> Vec<Story> {
    let all: Vec<String> = names(table).collect();
    let mut stories = vec![story("claims_on_qemu", all.clone(), Place::Qemu)];
    for model in Model::ALL {
        let name = format!("claims_on_{}", model.name());
        if model == Model::Haswell {
            stories.push(story(&name, all.clone(), Place::Bochs(model)));
            continue;
        }
        let is_selected = |name: &String| SELECTED.iter().any(|word| name.contains(word));
        let (mut selected, mut others): (Vec<String>, Vec<String>) =
            all.iter().cloned().partition(is_selected);
        if model == Model::Ryzen {
            for names in [&mut selected, &mut others] {
                names.retain(|name| !LEFT_OUT_ON_RYZEN.iter().any(|word| name.contains(word)));
            }
        }
        stories.push(story(&name, selected, Place::Bochs(model)));
        let further = story(&format!("further_{name}"), others, Place::Bochs(model));
        stories.push(further.only_in_full_runs());
    }
    stories
}

fn story(name: &str, claims: Vec<String>, place: Place) -> Story {
    Story::each(name, claims, move |world, claims, report| hold(world, claims, place, report))
}

/// The names in rows such as `("a-claim", module::function),`, whose parts may stand on lines of their own.
fn names(table: &str) -> impl Iterator<Item = String> {
    let rows = table.lines().filter_map(|line| line.trim().trim_start_matches('(').strip_prefix('"'));
    rows.filter_map(|row| Some(row.split_once("\",")?.0.to_string()))
}

/// The VMs of these claims, all off.
fn definition(claims: &[String]) -> String {
    let vm = |name: &String| {
        let what = match name.as_str() {
            ON_A_PC => "firmware = \"test-guest.rom\"\n".to_string(),
            _ => format!(
                "vcpus = {VCPUS}\nkernel = \"test-guest.elf\"\ncmdline = \"claim={name}\"\n\
                 disks = [ {{ file = \"disk.img\" }} ]\n"
            ),
        };
        format!("[[vm]]\nname = \"{}\"\nmemory = \"64M\"\n{what}start = false\n", vm_name(claims, name))
    };
    claims.iter().map(vm).collect()
}

/// The VM of a claim: names of VMs are shorter than those of claims.
fn vm_name(claims: &[String], name: &str) -> String {
    let number = claims.iter().position(|claim| claim == name).unwrap_or(claims.len());
    format!("claim{number}")
}

/// Shows that the claims hold, on as many machines as it takes.
fn hold(world: &World<'_>, claims: &[String], place: Place, report: &mut Report<'_>) {
    let definition = definition(claims);
    let machine = match place {
        Place::Qemu => world.direct(&definition).map(|machine| machine.memory_mib(512)),
        Place::Bochs(model) => world.bochs(&definition, model),
    };
    let machine = match machine {
        Ok(machine) => machine,
        Err(failure) => return refuse(claims, &failure.to_string(), report),
    };
    let mut done = 0;
    for number in 0..MACHINES_MAX {
        let world = world.again(number);
        match hold_on_one_machine(&world, &machine, claims, &mut done, report) {
            Ok(()) => return,
            Err(failure) => {
                // It is the fault of the claim that was next, or of the machine, which then fails with the others too.
                if let Some(claim) = claims.get(done) {
                    report(claim, Err(failure));
                    done += 1;
                }
            }
        }
    }
    let rest = claims.get(done..).unwrap_or(&[]);
    refuse(rest, "not tried: too many machines have gone down", report);
}

/// Reports the same reason for all of these claims.
fn refuse(claims: &[String], reason: &str, report: &mut Report<'_>) {
    for claim in claims {
        report(claim, Err(Failure::Host(reason.into())));
    }
}

/// Shows the claims after the first `done` of them until all are done or the machine is no more.
fn hold_on_one_machine(
    world: &World<'_>,
    machine: &Machine,
    claims: &[String],
    done: &mut usize,
    report: &mut Report<'_>,
) -> Result<(), Failure> {
    if *done == claims.len() {
        return Ok(());
    }
    let mut running = world.start(machine)?;
    running.wait_for(PROMPT, CLAIM_LIMIT)?;
    while let Some(claim) = claims.get(*done) {
        let outcome = holds(&mut running, claim, &vm_name(claims, claim));
        match outcome {
            Ok(()) | Err(Failure::Wrong(_)) => report(claim, outcome),
            Err(failure) => return Err(failure),
        }
        *done += 1;
    }
    Ok(())
}

/// Starts the VM of a claim at the monitor and waits on its console for what it says; leaves the line at the monitor.
fn holds(running: &mut Running, claim: &str, vm: &str) -> Result<(), Failure> {
    running.send(&format!("start {vm}\rconsole {vm}\r"))?;
    // A claim that panics does not know its name, and processors that do so together say nothing legible.
    let (verdict, end) = (format!("CLAIM {claim} "), format!("[{vm} has ended"));
    running.wait_for_any(&[&verdict, "CLAIM fails: ", &end], CLAIM_LIMIT)?;
    let verdict = running.wait_for("\n", SHORT_LIMIT)?;
    // If the VM is off already this is the monitor, which says so and stays.
    running.send(ESCAPE)?;
    running.wait_for(PROMPT, SHORT_LIMIT)?;
    match verdict.trim() {
        "holds" => Ok(()),
        words => Err(Failure::Wrong(words.into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "const ALL: &[(&str, fn())] = &[\n    (\"one-claim\", one::claim),\n    (\n        \"two\",\n        two,\n    ),\n];\n";

    #[test]
    fn the_names_are_read_from_the_table() {
        assert_eq!(names(TABLE).collect::<Vec<_>>(), ["one-claim", "two"]);
    }

    #[test]
    fn each_claim_has_a_vm_that_waits_to_be_started() {
        let claims: Vec<String> = names(TABLE).collect();
        let text = definition(&claims);
        assert_eq!(text.matches("[[vm]]").count(), 2);
        assert_eq!(text.matches("start = false").count(), 2);
        assert!(text.contains("name = \"claim1\""), "{text}");
        assert!(text.contains("cmdline = \"claim=two\""), "{text}");
    }

    #[test]
    fn on_ryzen_only_what_bochs_gets_wrong_is_left_out() {
        let table = "(\"one-claim\", f),\n(\"a-triple-fault-resets\", f),\n(\"an-endless-loop-hangs-nobody\", f),\n\
             (\"task-switches-work\", f),\n";
        let stories = claims(table);
        let stories = stories.iter().filter(|story| story.name.ends_with("claims_on_ryzen"));
        assert_eq!(
            stories.flat_map(Story::claims).collect::<Vec<_>>(),
            ["further_claims_on_ryzen/one_claim"]
        );
    }

    #[test]
    fn every_claim_runs_on_the_first_model_of_each_vendor_in_every_run() {
        for name in ["claims_on_qemu", "claims_on_haswell"] {
            let stories = claims(TABLE);
            let story = stories.iter().find(|story| story.name == name).expect("the story");
            assert_eq!(story.extent, crate::Extent::Always);
            assert_eq!(story.claims(), [format!("{name}/one_claim"), format!("{name}/two")]);
        }
    }
}
