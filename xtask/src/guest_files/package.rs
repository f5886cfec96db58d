//! Debian packages that are unpacked and not installed: this machine's own boot menu is not to know of them.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{Failure, places, process, setup};

/// The packages of Debian for one kind of processor.
pub(super) struct Packages {
    /// What makes apt look at them.
    options: Vec<String>,
}

impl Packages {
    /// Those for this machine.
    pub(super) fn native() -> Self {
        Self { options: Vec::new() }
    }

    /// Those for 32-bit PCs, from the same archives. This machine's apt need not know that there are any: the lists
    /// of packages lie in a folder of ours.
    pub(super) fn i386() -> Result<Self, Failure> {
        let folder = places::folder("i386-packages")?;
        for name in ["lists/partial", "cache/archives/partial"] {
            places::make_folder(&folder.join(name))?;
        }
        let status = folder.join("status");
        places::write(&status, "")?;
        let place = |key: &str, path: &Path| format!("-o{key}={}", path.display());
        let options = vec![
            String::from("-oAPT::Architecture=i386"),
            String::from("-oAPT::Architectures=i386"),
            place("Dir::State", &folder),
            place("Dir::State::status", &status),
            place("Dir::Cache", &folder.join("cache")),
        ];
        let packages = Self { options };
        // Archives that know no i386 refuse here; what is missing in the end is told when it is fetched.
        let _ = process::step("fetching the list of i386 packages", packages.apt("apt-get").arg("update"));
        Ok(packages)
    }

    /// The kernel that a package without files depends on, which is the newest one.
    pub(super) fn newest_kernel(&self, package: &str) -> Result<String, Failure> {
        let find = || {
            let printed = process::output(self.apt("apt-cache").args(["depends", package]))?;
            let dependency =
                printed.lines().find_map(|line| line.trim().strip_prefix("Depends: linux-image-"));
            let name =
                dependency.ok_or_else(|| Failure::new(format!("apt knows no kernel for {package}")))?;
            Ok(format!("linux-image-{name}"))
        };
        match find() {
            Ok(found) => Ok(found),
            Err(_) => {
                setup::refresh_lists()?;
                find()
            }
        }
    }

    /// The names of all packages that begin so; there is one at least.
    pub(super) fn names(&self, beginning: &str) -> Result<Vec<String>, Failure> {
        let find = || {
            let printed = process::output(self.apt("apt-cache").args(["pkgnames", beginning]))?;
            let names: Vec<String> = printed.lines().map(String::from).collect();
            if names.is_empty() {
                return Err(Failure::new(format!("apt knows no package whose name begins with {beginning}")));
            }
            Ok(names)
        };
        find().or_else(|_| {
            setup::refresh_lists()?;
            find()
        })
    }

    /// The name of the release of Debian whose packages they are.
    pub(super) fn release(&self) -> Result<String, Failure> {
        let policy = process::output(self.apt("apt-cache").arg("policy"))?;
        let release = release_in(&policy).map(String::from);
        release.ok_or_else(|| {
            Failure::new("apt's sources have no release of Debian: see what \"apt-cache policy\" prints")
        })
    }

    /// Fetches a package, unpacks it and lets `take` copy what is needed of it.
    pub(super) fn take(
        &self,
        package: &str,
        take: impl FnOnce(&Path) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let scratch = places::empty_folder("package")?;
        take(&self.unpack(package, &scratch)?)?;
        std::fs::remove_dir_all(&scratch).map_err(|error| Failure::file(&scratch, &error))
    }

    /// Fetches a package and unpacks it below `scratch`, an empty folder; gives the folder that holds its files.
    fn unpack(&self, package: &str, scratch: &Path) -> Result<PathBuf, Failure> {
        let fetch = || {
            let mut command = self.apt("apt-get");
            command.current_dir(scratch).args(["download", package]);
            process::step(&format!("fetching {package}"), &mut command)
        };
        if fetch().is_err() {
            setup::refresh_lists()?;
            fetch()?;
        }
        let is_archive = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "deb");
        let archive = places::list(scratch)?.into_iter().find(is_archive);
        let archive = archive.ok_or_else(|| Failure::new(format!("apt fetched no archive for {package}")))?;
        let tree = scratch.join("tree");
        process::step("unpacking it", Command::new("dpkg-deb").arg("-x").arg(&archive).arg(&tree))?;
        Ok(tree)
    }

    fn apt(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.args(&self.options);
        command
    }
}

/// The name in apt's list of sources, of which each has a line like `release v=12.5,o=Debian,a=stable,n=bookworm,c=main`. The
/// names of updates to a release have a hyphen.
fn release_in(policy: &str) -> Option<&str> {
    policy.lines().filter_map(|line| line.trim().strip_prefix("release ")).find_map(|line| {
        let value = |key: &str| line.split(',').find_map(|field| field.strip_prefix(key));
        let is_debians = value("o=") == Some("Debian") && value("c=") == Some("main");
        value("n=").filter(|name| is_debians && !name.contains('-'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_release_is_that_of_debians_main_archive() {
        let policy = "Package files:
 100 /var/lib/dpkg/status
     release a=now
 500 http://example.org/apt other/main amd64 Packages
     release o=Example,n=other,c=main,b=amd64
 500 http://deb.debian.org/debian trixie-updates/main amd64 Packages
     release v=13-updates,o=Debian,a=stable-updates,n=trixie-updates,l=Debian,c=main,b=amd64
 500 http://deb.debian.org/debian trixie/main amd64 Packages
     release v=13.1,o=Debian,a=stable,n=trixie,l=Debian,c=main,b=amd64
Pinned packages:";

        assert_eq!(release_in(policy), Some("trixie"));
        assert_eq!(release_in("release o=Example,n=other,c=main"), None);
    }
}
