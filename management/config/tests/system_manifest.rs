//! Claims about the system manifest, the shipped one among them.
#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use management_config::{Capability, RestartPolicy, StartedBy, SystemManifest};

const SHIPPED: &str = include_str!("../../../system.toml");

#[test]
fn the_shipped_manifest_is_good() {
    let manifest = SystemManifest::parse(SHIPPED).unwrap();

    let console = manifest.services().next().unwrap();
    assert_eq!(console.name, "console");
    assert_eq!(console.restart, RestartPolicy::Always);
    assert!(console.has(Capability::Serial) && !console.has(Capability::Root));
    assert_eq!(manifest.vm_program().unwrap().start, StartedBy::EachVm);
}

#[test]
fn only_the_supervisor_of_the_shipped_manifest_has_root() {
    let manifest = SystemManifest::parse(SHIPPED).unwrap();

    let with_root: Vec<_> = manifest
        .programs
        .iter()
        .filter(|program| program.has(Capability::Root))
        .map(|program| program.start)
        .collect();

    assert_eq!(with_root, [StartedBy::Kernel]);
}

#[test]
fn a_manifest_without_a_vm_program_is_refused() {
    let text = "[[program]]\nname = \"s\"\nentry = \"program/s\"\nstart = \"kernel\"\n";

    let error = SystemManifest::parse(text).unwrap_err();

    assert_eq!(error.to_string(), "exactly one [[program]] must have start = \"each-vm\"");
}

#[test]
fn a_program_without_a_limit_is_refused() {
    let text = "[[program]]\nname = \"c\"\nentry = \"program/c\"\nstart = \"supervisor\"\n";

    assert!(SystemManifest::parse(text).unwrap_err().to_string().contains("has no \"memory\""));
}

#[test]
fn unknown_and_double_capabilities_are_refused() {
    let with = |words: &str| {
        let text = format!(
            "[[program]]\nname = \"c\"\nentry = \"e\"\nstart = \"supervisor\"\nmemory = \"1M\"\ncapabilities = {words}\n"
        );
        SystemManifest::parse(&text).unwrap_err().to_string()
    };

    assert!(with("[\"network\"]").contains("line 6, column 17: capabilities = \"network\" is not one of"));
    assert!(with("[\"log\", \"log\"]").contains("capability log was given before"));
}
