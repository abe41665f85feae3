//! Capabilities where an archive has no Contents indexes that are those of its signed Release file: a mirror that is being
//! updated, or that leaves them out. Then packages are guessed, by what the mirror has in their place and by how packages
//! of this kind are named, and each that is guessed is fetched and looked into: the answer rests on signed packages alone.
//! What no guess has is not known, which is not to say that nothing has it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::BufReader;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::contents::Contents;
use super::packages::{Index, Package};
use super::{ArchiveError, ArchiveIndex, Archives, Components, blocking};
use crate::capability::{Capability, CapabilityKind};
use crate::distro::Distro;
use crate::formats::compression::decompressed;
use crate::formats::deb::{self, Part, tarball};
use crate::types::{Arch, NoProgress};

/// More packages than these are not looked into for one capability.
const MOST_GUESSES: usize = 12;
/// Larger ones are not fetched for a guess, in bytes.
const LARGEST_GUESS: u64 = 128 << 20;
/// Endings of `libexpat1-dev`, `zlib1g-dev`: libraries carry their own version, not that of their name.
const SONAMES: [&str; 12] = ["", "0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "1g"];

/// What can be said of an archive.
#[derive(Debug)]
pub(crate) struct Looked {
    pub(crate) index: ArchiveIndex,
    /// Whether what the index lacks is not there. Else it holds only packages that were guessed.
    pub(crate) is_whole: bool,
}

impl Archives {
    /// As [`Archives::index`], for these capabilities alone: of an archive without usable Contents indexes, too.
    ///
    /// # Errors
    /// As [`Archives::index`].
    pub(crate) async fn look_up(
        &self,
        distro: &Distro,
        arch: Arch,
        capabilities: Vec<Capability>,
        warn: &(dyn Fn(String) + Sync),
        cancel: &CancellationToken,
    ) -> Result<Looked, ArchiveError> {
        if self.believes_stale_contents() || capabilities.is_empty() {
            let index = self.index(distro, arch, &NoProgress, warn, cancel).await?;
            return Ok(Looked { index, is_whole: true });
        }
        let suites = self.suites(distro, Components::All)?;
        let (packages, contents) = tokio::try_join!(
            self.packages(distro, arch, Components::All, &NoProgress, &|_| (), cancel),
            self.signed_contents(&suites, arch, warn, cancel),
        )?;
        let hints = match contents {
            Ok(contents) => return Ok(Looked { index: ArchiveIndex::of(contents, packages), is_whole: true }),
            Err(hints) => hints,
        };
        warn(
            "its mirror has no Contents indexes that are those of the signed Release file: packages are looked for by \
             their names, and each that is named was looked into"
                .to_owned(),
        );
        let known = Arc::clone(&packages);
        let guessed = blocking(move || guesses(&capabilities, hints.as_ref(), &known)).await?;
        let files = self.reader().download(&guessed, &NoProgress, cancel).await?;
        let (deb, cancelled) = (arch.deb(), cancel.clone());
        let contents = blocking(move || {
            let mut lines = Vec::new();
            for (package, file) in guessed.iter().zip(files) {
                list(&file, package, &mut lines)?;
            }
            Contents::of_lines(&lines, deb, &cancelled)
        });
        Ok(Looked { index: ArchiveIndex::of(Arc::new(contents.await?), packages), is_whole: false })
    }
}

/// The packages that may have these. Blocks.
fn guesses(capabilities: &[Capability], hints: Option<&Contents>, index: &Index) -> Result<Vec<Package>, ArchiveError> {
    let mut guessed: BTreeMap<String, Package> = BTreeMap::new();
    for capability in capabilities {
        let hinted = hints.map(|hints| hints.providers(capability)).unwrap_or_default();
        let mut found: BTreeSet<String> = BTreeSet::new();
        for name in hinted.into_iter().map(|provider| provider.package).chain(names(capability)) {
            if found.len() == MOST_GUESSES {
                break;
            }
            let Some(package) = index.newest(&name)? else { continue };
            // What a name stands for may be in what it brings along: `pkg-config`, `perl`.
            let parts: Vec<&str> = package.depends.iter().filter_map(|any| any.first()).map(|one| &*one.name).collect();
            for part in parts.into_iter().filter(|part| is_part(&name, part)) {
                if let Some(part) = index.newest(part)?.filter(|part| part.size <= LARGEST_GUESS) {
                    found.insert(part.name.clone());
                    guessed.insert(part.name.clone(), part);
                }
            }
            if package.size <= LARGEST_GUESS {
                found.insert(name);
                guessed.insert(package.name.clone(), package);
            }
        }
    }
    Ok(guessed.into_values().collect())
}

/// `perl-base` and `perl-modules-5.40` of `perl`, `pkgconf` of `pkg-config`, `libruby3.3` of `ruby3.3`.
fn is_part(of: &str, name: &str) -> bool {
    let start = |text: &str| text.trim_start_matches("lib").replace('-', "").chars().take(4).collect::<String>();
    start(of) == start(name)
}

/// Names that packages with this capability have by the customs of Debian.
fn names(capability: &Capability) -> Vec<String> {
    let name = capability.name.to_ascii_lowercase().replace('_', "-");
    match capability.kind {
        CapabilityKind::Python3Dist => {
            let short = name.strip_prefix("python-").or_else(|| name.strip_prefix("py")).unwrap_or(&name);
            vec![format!("python3-{name}"), format!("python3-{short}"), "python3-distutils".to_owned(), name]
        }
        CapabilityKind::Perl => {
            vec!["perl".to_owned(), "perl-base".to_owned(), format!("lib{}-perl", name.replace("::", "-"))]
        }
        CapabilityKind::RubyGem => vec![format!("ruby-{name}"), name, "ruby".to_owned(), "libruby".to_owned()],
        CapabilityKind::PkgConfig | CapabilityKind::Library | CapabilityKind::Cmake => development(&name),
        CapabilityKind::Path => {
            let file = name.rsplit('/').next().unwrap_or_default();
            match name.starts_with("/usr/include/") {
                true => development(file.trim_end_matches(".hpp").trim_end_matches(".h")),
                false => {
                    [file.to_owned(), format!("{file}-bin"), format!("{file}-minimal"), format!("{file}-utils")].into()
                }
            }
        }
    }
}

fn development(name: &str) -> Vec<String> {
    let stem = name.strip_prefix("lib").unwrap_or(name);
    // `gtk+-3.0` is in libgtk-3-dev, `libusb-1.0` in libusb-1.0-0-dev.
    let plain = stem.replace('+', "");
    let short = plain.trim_end_matches(".0");
    let bare = plain.trim_end_matches(|c: char| c.is_ascii_digit() || ".-".contains(c));
    let mut names = Vec::new();
    for stem in [stem, &plain, short, bare].into_iter().filter(|stem| !stem.is_empty()) {
        for number in SONAMES {
            names.push(format!("lib{stem}{number}-dev"));
            names.push(format!("{stem}{number}-dev"));
        }
        names.push(format!("lib{stem}-0-dev"));
        names.push(format!("lib{stem}-dev-bin"));
    }
    names.push(name.to_owned());
    names
}

/// The files of a package, as a Contents index lists them.
fn list(file: &Path, package: &Package, lines: &mut Vec<u8>) -> Result<(), ArchiveError> {
    let mut read = || -> Result<(), String> {
        let mut ar = BufReader::with_capacity(128 * 1024, File::open(file).map_err(|error| error.to_string())?);
        deb::read(&mut ar, |part| {
            let Part::Data { compression, content } = part else { return Ok(ControlFlow::Continue(())) };
            tarball::read("data.tar", decompressed(compression, content)?, |member, _| {
                let is_file = !matches!(member.kind, tarball::MemberKind::Folder | tarball::MemberKind::Special);
                if is_file && !member.path.contains(&b'\n') {
                    lines.extend_from_slice(member.path.strip_prefix(b"/").unwrap_or(&member.path));
                    lines.extend_from_slice(format!(" {}/{}\n", package.section, package.name).as_bytes());
                }
                Ok(())
            })?;
            Ok(ControlFlow::Break(()))
        })
    };
    let what = || format!("{} {}", package.name, package.version);
    read().map_err(|reason| ArchiveError::Untrusted { what: what(), reason })
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::super::mirror::{Mirror, Origin};
    use super::super::testing::{Archive, gz, skipped};
    use super::super::{Choice, Reader};
    use super::*;
    use crate::fetch::Fetcher;

    fn deb(files: &[&str]) -> Vec<u8> {
        let mut out = Cursor::new(Vec::new());
        let control = BTreeMap::from([("control".to_owned(), ("Package: x\n".to_owned(), 0o644))]);
        let data = |tar: &mut deb::write::Tarball<'_>| {
            files.iter().try_for_each(|path| tar.file(path, 0o644, 0, 1, &b"x"[..]))
        };
        deb::write::write(&mut out, 0, &control, data).unwrap();
        out.into_inner()
    }

    /// What is chosen for each of these, and what was warned of.
    async fn look_up(archive: &Archive, texts: &[&str]) -> (Vec<String>, bool, Vec<String>) {
        archive.write("keyring.gpg", &archive.signer.keyring());
        let mut distro = super::super::tests::distro("sid");
        distro.bootstrap.as_mut().unwrap().keyrings =
            vec![archive.folder.path().join("keyring.gpg").display().to_string()];
        let cache = tempfile::tempdir().unwrap();
        let reader = Reader { fetcher: Fetcher::new().unwrap(), cache: cache.path().to_owned() };
        let mirror = Mirror { url: archive.url().into(), origin: Origin::Configured };
        let archives = Archives::new(reader, BTreeMap::from([("debian".to_owned(), mirror)]));
        let warnings = std::sync::Mutex::new(Vec::new());
        let warn = |warning: String| warnings.lock().unwrap().push(warning);
        let asked: Vec<Capability> = texts.iter().map(|text| Capability::parse(text).unwrap()).collect();
        let cancel = CancellationToken::new();
        let looked = archives.look_up(&distro, Arch::Amd64, asked.clone(), &warn, &cancel).await.unwrap();
        let told = |capability: &Capability| match looked.index.choose(capability).unwrap() {
            Choice::Package(chosen) => format!("{} {}", chosen.relation, chosen.path),
            Choice::Absent { .. } => "absent".to_owned(),
            other => format!("{other:?}"),
        };
        (asked.iter().map(told).collect(), looked.is_whole, warnings.into_inner().unwrap())
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn packages_that_are_guessed_are_looked_into() {
        let Some(mut archive) = Archive::new() else { return skipped() };
        let zlib = deb(&["/usr/include/zlib.h", "/usr/lib/x86_64-linux-gnu/pkgconfig/zlib.pc"]);
        archive.add("zlib1g-dev", "1:1.3-1", "Section: libdevel\n", &zlib);
        archive.add("pkgconf", "1.8", "", &deb(&["/usr/bin/pkg-config"]));
        archive.add("pkg-config", "1.8", "Depends: pkgconf\n", &deb(&["/usr/share/doc/pkg-config/x"]));
        archive.add("odd", "1", "", &deb(&["/usr/bin/other"]));
        archive.add("liar", "1", "", &deb(&["/usr/bin/nothing"]));
        let asked = ["pkgconfig(zlib) >= 1.2", "/usr/bin/pkg-config", "/usr/bin/other", "/usr/bin/evil"];
        let signed = "usr/bin/other  utils/odd\n";
        let (zlib, pkgconf) =
            ("zlib1g-dev (>= 1:1.2) /usr/lib/x86_64-linux-gnu/pkgconfig/zlib.pc", "pkgconf /usr/bin/pkg-config");

        // What the mirror has is not what was signed: it says where to look, and what it says wrongly is not believed.
        archive.publish_with("", &[("main/Contents-amd64", signed)]);
        let unsigned = "usr/bin/other  utils/odd\nusr/bin/evil  utils/liar\n";
        archive.write("dists/sid/main/Contents-amd64.gz", &gz(unsigned));
        let (chosen, is_whole, warnings) = look_up(&archive, &asked).await;
        assert_eq!(chosen, [zlib, pkgconf, "odd /usr/bin/other", "absent"]);
        assert!(!is_whole && warnings.len() == 1 && warnings[0].contains("looked into"), "{warnings:?}");

        // It has none at all, or the archive lists none.
        std::fs::remove_file(archive.folder.path().join("dists/sid/main/Contents-amd64.gz")).unwrap();
        for _ in 0..2 {
            let (chosen, is_whole, _) = look_up(&archive, &asked).await;
            assert_eq!(chosen, [zlib, pkgconf, "absent", "absent"]);
            assert!(!is_whole);
            archive.publish("", |release| release);
        }

        // As it was signed, also when only its hash leads to it.
        archive.publish_with("Acquire-By-Hash: yes\n", &[("main/Contents-amd64", signed)]);
        let by_hash = format!("dists/sid/main/by-hash/SHA256/{}", super::super::testing::hash(&gz(signed)));
        archive.write(&by_hash, &gz(signed));
        archive.write("dists/sid/main/Contents-amd64.gz", &gz(unsigned));
        let (chosen, is_whole, warnings) = look_up(&archive, &asked).await;
        assert_eq!(chosen, ["absent", "absent", "odd /usr/bin/other", "absent"]);
        assert!(is_whole && warnings.is_empty(), "{warnings:?}");
    }

    #[test]
    fn packages_are_named_as_debian_names_them() {
        let named = |text: &str, package: &str| {
            let names = names(&Capability::parse(text).unwrap());
            assert!(names.iter().any(|name| name == package), "{text}: {names:?}");
        };
        named("pkgconfig(zlib) >= 1.2", "zlib1g-dev");
        named("pkgconfig(ncurses)", "libncurses-dev");
        named("pkgconfig(expat)", "libexpat1-dev");
        named("pkgconfig(libusb-1.0)", "libusb-1.0-0-dev");
        named("pkgconfig(gtk+-3.0)", "libgtk-3-dev");
        named("lib(popt)", "libpopt-dev");
        named("cmake(Catch2)", "catch2-dev");
        named("cmake(Catch2)", "catch2");
        named("python3dist(pyyaml)", "python3-yaml");
        named("python3dist(setuptools)", "python3-setuptools");
        named("perl(File::Next)", "libfile-next-perl");
        named("rubygem(rake)", "rake");
        named("/usr/bin/help2man", "help2man");
        named("/usr/include/zlib.h", "zlib1g-dev");
    }

    #[test]
    fn parts_go_with_what_they_are_parts_of() {
        assert!(is_part("perl", "perl-base") && is_part("perl", "libperl5.40") && is_part("pkg-config", "pkgconf"));
        assert!(!is_part("perl", "libc6") && !is_part("zlib1g-dev", "libc6-dev"));
    }
}
