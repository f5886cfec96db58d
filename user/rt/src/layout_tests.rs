//! The target's linker script and its readable copy must not drift apart.

#[test]
fn the_target_embeds_the_linker_script() {
    let script = include_str!("../program.ld").replace('\n', "\\n").replace('"', "\\\"");
    let target = include_str!("../../x86_64-corten.json");

    assert!(target.contains(&format!("\"link-script\": \"{script}\"")));
}

#[test]
fn programs_are_linked_where_the_loader_expects_them() {
    let script = include_str!("../program.ld");

    assert!(script.contains(&format!(". = {:#x};", crate::IMAGE_BASE)));
}
