//! The text files of the repository.

use std::path::{Path, PathBuf};

use crate::{Failure, places};

/// Folders that hold nothing written by hand.
const SKIPPED: [&str; 4] = ["target", ".git", "corpus", "node_modules"];
/// Endings of the files that are read.
const ENDINGS: [&str; 8] = ["rs", "toml", "md", "sh", "ld", "json", "S", "c"];

/// A text file.
pub(super) struct Source {
    /// Relative to the root of the repository.
    pub(super) path: PathBuf,
    /// Its content.
    pub(super) text: String,
}

impl Source {
    /// Whether the file is Rust.
    pub(super) fn is_rust(&self) -> bool {
        self.path.extension().is_some_and(|ending| ending == "rs")
    }
}

/// Reads all text files.
pub(super) fn read_all() -> Result<Vec<Source>, Failure> {
    let root = places::root();
    let mut sources = Vec::new();
    collect(&root, &root, &mut sources)?;
    Ok(sources)
}

fn collect(root: &Path, folder: &Path, sources: &mut Vec<Source>) -> Result<(), Failure> {
    for path in places::list(folder)? {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() {
            if !SKIPPED.contains(&name.as_str()) && !name.starts_with("target") {
                collect(root, &path, sources)?;
            }
            continue;
        }
        let is_text = path.extension().is_some_and(|ending| ENDINGS.iter().any(|known| ending == *known));
        if is_text {
            let text = places::read_text(&path)?;
            sources.push(Source { path: path.strip_prefix(root).unwrap_or(&path).into(), text });
        }
    }
    Ok(())
}
