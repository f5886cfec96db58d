//! Who uses whom, and who may.

use std::collections::BTreeMap;
use std::path::Path;

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package};

use super::sources::Source;
use crate::{Failure, places};

/// The rules of `layers.toml`.
struct Rules {
    layers: BTreeMap<String, Layer>,
    abi_users: Vec<String>,
    unsafe_allowed: Vec<String>,
    ring0_crates: Vec<String>,
    ring0_external: Vec<String>,
}

/// What crates of one layer may use.
struct Layer {
    uses: Vec<String>,
    beside: Vec<String>,
    may_use_closed: bool,
}

/// A crate of ours.
struct Member<'m> {
    name: &'m str,
    layer: &'m str,
    /// The top folder it lies in.
    folder: String,
    is_open: bool,
    package: &'m Package,
}

/// Layers whose crates everybody may use who may use the layer.
const PUBLIC_LAYERS: [&str; 4] = ["base", "spec", "abi", "protocol"];
/// Layers whose crates do without the standard library.
const BARE_LAYERS: [&str; 5] = ["base", "spec", "abi", "protocol", "logic"];

/// A sentence for each edge, attribute or external crate that the rules do not allow.
pub(super) fn check(sources: &[Source]) -> Result<Vec<String>, Failure> {
    let rules = Rules::read()?;
    let metadata = MetadataCommand::new()
        .manifest_path(places::root().join("Cargo.toml"))
        .no_deps()
        .exec()
        .map_err(|error| Failure::new(format!("cargo metadata: {error}")))?;
    let (members, mut complaints) = members(&metadata);
    for member in members.values() {
        complaints.extend(check_edges(member, &members, &rules));
        complaints.extend(check_roots(member, &rules, sources));
    }
    Ok(complaints)
}

impl Rules {
    fn read() -> Result<Self, Failure> {
        let text = places::read_text(&places::root().join("layers.toml"))?;
        let bad = |what: &str| Failure::new(format!("layers.toml: {what}"));
        let root: toml::Table = text.parse().map_err(|error| bad(&format!("{error}")))?;
        let table = |name: &str| {
            root.get(name).and_then(toml::Value::as_table).ok_or_else(|| bad(&format!("no [{name}]")))
        };
        let mut layers = BTreeMap::new();
        for (name, value) in table("layer")? {
            let value = value.as_table().ok_or_else(|| bad(&format!("[layer.{name}] is no table")))?;
            let may_use_closed = value.get("may_use_closed").and_then(toml::Value::as_bool).unwrap_or(false);
            let layer = Layer { uses: words(value, "uses"), beside: words(value, "beside"), may_use_closed };
            layers.insert(name.clone(), layer);
        }
        Ok(Self {
            layers,
            abi_users: words(table("abi")?, "users"),
            unsafe_allowed: words(table("unsafe")?, "allowed"),
            ring0_crates: words(table("ring0")?, "crates"),
            ring0_external: words(table("ring0")?, "external"),
        })
    }

    /// Whether `from` may use `to`.
    fn allow(&self, from: &Member<'_>, to: &Member<'_>) -> bool {
        if to.layer == "abi" {
            return from.layer == "test" || self.abi_users.iter().any(|name| name == from.name);
        }
        let Some(layer) = self.layers.get(from.layer) else { return false };
        let is_listed = |list: &[String]| list.iter().any(|name| name == to.layer);
        if from.folder == to.folder && is_listed(&layer.beside) {
            return true;
        }
        let is_visible =
            PUBLIC_LAYERS.contains(&to.layer) || to.is_open || layer.may_use_closed || to.layer == "test";
        is_listed(&layer.uses) && is_visible
    }
}

fn words(table: &toml::Table, key: &str) -> Vec<String> {
    let values = table.get(key).and_then(toml::Value::as_array).map(Vec::as_slice).unwrap_or_default();
    values.iter().filter_map(|value| Some(value.as_str()?.to_string())).collect()
}

fn members(metadata: &Metadata) -> (BTreeMap<&str, Member<'_>>, Vec<String>) {
    let mut members = BTreeMap::new();
    let mut complaints = Vec::new();
    for package in metadata.workspace_packages() {
        let path =
            package.manifest_path.strip_prefix(&metadata.workspace_root).unwrap_or(&package.manifest_path);
        let Some(layer) = package.metadata.get("layer").and_then(|layer| layer.as_str()) else {
            complaints.push(format!("{path}: [package.metadata] names no layer"));
            continue;
        };
        let folder = path.components().next().map(|part| part.to_string()).unwrap_or_default();
        let expected = path.parent().map(|folder| folder.as_str().replace('/', "_")).unwrap_or_default();
        if expected != package.name.as_str() {
            complaints
                .push(format!("{path}: by its folder the crate is called {expected}, not {}", package.name));
        }
        let is_open = package.metadata.get("open").and_then(|open| open.as_bool()).unwrap_or(false);
        let member = Member { name: package.name.as_str(), layer, folder, is_open, package };
        members.insert(member.name, member);
    }
    (members, complaints)
}

fn check_edges(member: &Member<'_>, members: &BTreeMap<&str, Member<'_>>, rules: &Rules) -> Vec<String> {
    let mut complaints = Vec::new();
    let normal = member.package.dependencies.iter().filter(|needed| needed.kind == DependencyKind::Normal);
    for needed in normal {
        let name = needed.name.as_str();
        match members.get(name) {
            Some(to) if !rules.allow(member, to) => complaints.push(format!(
                "{} ({}) may not use {name} ({}): see layers.toml",
                member.name, member.layer, to.layer
            )),
            None if is_forbidden_in_ring0(member, name, rules) => complaints.push(format!(
                "{} runs in ring 0 or before it and may not use the external crate {name}: see layers.toml",
                member.name
            )),
            _ => {}
        }
    }
    complaints
}

fn is_forbidden_in_ring0(member: &Member<'_>, external: &str, rules: &Rules) -> bool {
    let lists = |list: &[String], name: &str| list.iter().any(|known| known == name);
    lists(&rules.ring0_crates, member.name) && !lists(&rules.ring0_external, external)
}

/// Checks the attributes on top of a crate's root files.
fn check_roots(member: &Member<'_>, rules: &Rules, sources: &[Source]) -> Vec<String> {
    let may_have_unsafe = rules.unsafe_allowed.iter().any(|name| name == member.name);
    let must_be_bare = BARE_LAYERS.contains(&member.layer);
    let folder = member.package.manifest_path.parent();
    let mut complaints = Vec::new();
    for root in ["src/lib.rs", "src/main.rs"] {
        let Some(path) = folder.map(|folder| folder.join(root)) else { continue };
        let Some(source) =
            sources.iter().find(|source| places::root().join(&source.path) == Path::new(path.as_str()))
        else {
            continue;
        };
        let shown = source.path.display();
        let has = |attribute: &str| source.text.lines().any(|line| line == attribute);
        if !may_have_unsafe && !has("#![forbid(unsafe_code)]") {
            complaints.push(format!("{shown}: #![forbid(unsafe_code)] is missing"));
        }
        if must_be_bare && !has("#![no_std]") && !has("#![cfg_attr(not(test), no_std)]") {
            complaints.push(format!("{shown}: #![no_std] is missing"));
        }
    }
    complaints
}
