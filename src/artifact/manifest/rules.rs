//! What the tools of a format do with files by themselves, and what of that a comparison has to know.

use super::{Maker, Manifest, StagedKind};
use crate::artifact::contents::{EntryKind, PackagedFile, Start};
use crate::formats::elf::Looked;
use crate::types::Format;

const COMPRESSED: [&[u8]; 6] = [b".gz", b".bz2", b".xz", b".zst", b".lzma", b".Z"];
/// Files with the time of the build in them, which strip-nondeterminism(1) and add-determinism take out.
const DATED: [&[u8]; 17] = [
    b".gz", b".a", b".ar", b".cpio", b".zip", b".jar", b".war", b".ear", b".whl", b".egg", b".apk", b".xpi", b".hpi",
    b".mo", b".gmo", b".png", b".pyc",
];

pub(super) fn below(path: &[u8], folder: &[u8]) -> bool {
    path.strip_prefix(folder).is_some_and(|rest| rest.starts_with(b"/"))
}

fn ends(path: &[u8], ends: &[&[u8]]) -> bool {
    ends.iter().any(|end| path.ends_with(end))
}

/// Manual and info pages, which both formats compress (Policy 12.1; brp-compress).
pub(super) fn is_page(path: &[u8]) -> bool {
    // Where brp-compress looks beside: manual pages among documentation, and fish's.
    below(path, b"/usr/share/man")
        || below(path, b"/usr/share/info")
        || (path.windows(8).any(|part| part == b"/man/man") && below(path, b"/usr"))
}

fn is_documentation(path: &[u8]) -> bool {
    below(path, b"/usr/share/doc") || below(path, b"/usr/share/fonts/X11")
}

fn stem(path: &[u8]) -> &[u8] {
    COMPRESSED.iter().find_map(|end| path.strip_suffix(*end)).unwrap_or(path)
}

/// Units have one place in the packages, which depends on the release.
fn in_one_place(path: &[u8]) -> Vec<u8> {
    match path.strip_prefix(b"/lib/systemd".as_slice()) {
        Some(rest) if rest.is_empty() || rest.starts_with(b"/") => [b"/usr/lib/systemd", rest].concat(),
        _ => path.to_vec(),
    }
}

/// What an installed file is found by.
pub(super) fn key(path: &[u8]) -> Vec<u8> {
    let path = in_one_place(path);
    if is_page(&path) { stem(&path).to_vec() } else { path }
}

/// What a file of a package may have been, likelier first.
pub(super) fn keys(path: &[u8]) -> Vec<Vec<u8>> {
    let first = key(path);
    let second = (is_documentation(path)).then(|| path.strip_suffix(b".gz")).flatten().map(<[u8]>::to_vec);
    std::iter::once(first).chain(second).collect()
}

/// In which order dh_installchangelogs takes files for the changelog of a project's authors; none for others. It moves the first
/// to `changelog` (Policy 12.7).
pub(crate) fn changelog_rank(name: &str) -> Option<usize> {
    let name = name.to_ascii_lowercase();
    let endings = ["", ".txt", ".md", ".rst", ".org"];
    let mut ranked = endings.into_iter().flat_map(|end| ["changelog", "changes", "history"].map(|stem| (stem, end)));
    ranked.position(|(stem, end)| name.strip_suffix(end) == Some(stem))
}

/// The installed file that dh_installchangelogs has moved to this path.
pub(super) fn moved_changelog(manifest: &Manifest, path: &[u8]) -> Option<usize> {
    let path = std::str::from_utf8(path).ok().filter(|_| matches!(manifest.maker, Maker::Debhelper { .. }))?;
    let (folder, name) = path.strip_prefix("/usr/share/doc/")?.split_once('/')?;
    matches!(name, "changelog" | "changelog.gz").then_some(())?;
    let folder = format!("/usr/share/doc/{folder}/");
    let ranked = manifest.staged.iter().enumerate().filter_map(|(index, known)| {
        let name = std::str::from_utf8(known.staged.path.strip_prefix(folder.as_bytes())?).ok()?;
        let is_file = matches!(known.staged.kind, StagedKind::File { .. });
        Some((changelog_rank(name).filter(|_| is_file)?, index))
    });
    ranked.min().map(|(_, index)| index)
}

/// Whether a file that was not installed is one that the format's own tools add.
pub(super) fn is_added(manifest: &Manifest, package: usize, name: &str, entry: &PackagedFile) -> bool {
    let path = entry.path.as_slice();
    let own = |path: &[u8]| manifest.own.contains(&(package, path.to_vec()));
    if own(path) || (entry.is_ghost && below(path, b"/etc/alternatives")) {
        return true;
    }
    let is_folder = entry.kind == EntryKind::Folder;
    let documents = format!("/usr/share/doc/{name}");
    let is_above = |file: &[u8]| below(file, path);
    let is_above_unit = |key: &[u8]| below(key, b"/usr/lib/systemd") && is_above(&key[b"/usr".len()..]);
    match manifest.maker {
        _ if manifest.format == Format::Deb => {
            let (python, helpers) = match manifest.maker {
                Maker::Debhelper { python, helpers } => (python, helpers),
                Maker::Rpmbuild { .. } | Maker::Farm => (false, false),
            };
            let document = path.strip_prefix(documents.as_bytes()).and_then(|rest| rest.strip_prefix(b"/"));
            // Policy 12.5, 12.7
            let is_document = document.is_some_and(|name| {
                matches!(name, b"copyright" | b"changelog.gz" | b"changelog.Debian.gz" | b"changelog.html.gz")
                    || matches!(name, b"changelog" | b"changelog.Debian" | b"changelog.html")
            });
            let is_needed_folder = is_folder
                && (path == documents.as_bytes()
                    || is_above(documents.as_bytes())
                    // Above units that were moved, to or from /lib.
                    || manifest.by_key.keys().any(|key| is_above(key) || is_above_unit(key))
                    || manifest.own.iter().any(|(owner, own)| *owner == package && is_above(own)));
            helpers || is_document || is_needed_folder || (python && is_of_python(path))
        }
        Maker::Rpmbuild { policy } => {
            let is_build_id = below(path, b"/usr/lib/.build-id") || path == b"/usr/lib/.build-id";
            let is_compiled = ends(path, &[b".pyc", b".pyo"]) || path.ends_with(b"/__pycache__");
            // What ldconfig makes of a library's name.
            let is_soname = entry.kind == EntryKind::Symlink && path.windows(4).any(|part| part == b".so.");
            is_build_id || (policy && (is_compiled || is_soname))
        }
        Maker::Debhelper { .. } | Maker::Farm => false,
    }
}

/// Where dh_python3 moves, renames and removes files.
pub(super) fn is_of_python(path: &[u8]) -> bool {
    path.starts_with(b"/usr/lib/python3") || path.starts_with(b"/usr/share/python3")
}

/// Whether a file that was installed is rightly in no package.
pub(super) fn is_dropped(manifest: &Manifest, path: &[u8], is_folder: bool) -> bool {
    // The index of all pages: made on the user's machine.
    if path == b"/usr/share/info/dir" || path.starts_with(b"/usr/share/info/dir.") {
        return true;
    }
    match manifest.maker {
        Maker::Debhelper { python, .. } => {
            // dh_usrlocal makes them when the package is installed.
            (python && is_of_python(path)) || (is_folder && below(path, b"/usr/local"))
        }
        Maker::Rpmbuild { policy } => {
            let is_debug = below(path, b"/usr/lib/debug") || below(path, b"/usr/src/debug");
            is_debug || (policy && ends(path, &[b".la", b".pyc", b".pyo"])) || (policy && path.ends_with(b"/.packlist"))
        }
        Maker::Farm => false,
    }
}

/// Whether a tool may have changed a file's content; both are files of the same place.
pub(super) fn may_change(manifest: &Manifest, installed: &[u8], entry: &PackagedFile) -> bool {
    let path = entry.path.as_slice();
    let is_stripped = matches!(entry.looked, Looked::Elf(_)) || ends(path, &[b".a"]);
    let is_script = matches!(entry.start, Start::Script(_));
    match manifest.maker {
        Maker::Farm => false,
        Maker::Debhelper { python, helpers } => {
            // dh_installman recodes pages to UTF-8.
            helpers
                || is_stripped
                || is_page(path)
                || ends(path, &DATED)
                || (python && (is_script || is_of_python(path)))
                || (path.ends_with(b".html") && is_documentation(installed))
        }
        // brp-compress packs anew what was packed otherwise.
        Maker::Rpmbuild { policy } => {
            let is_repacked = is_page(path) && stem(installed) != installed;
            is_stripped || is_repacked || (policy && (is_script || ends(path, &DATED)))
        }
    }
}

/// Whether a link is still what was installed. Distributions with a policy of their own write links anew (openSUSE's
/// brp-symlink), and pages that are compressed take links to them along.
pub(super) fn is_same_link(maker: Maker, path: &[u8], installed: &[u8], target: &[u8]) -> bool {
    let is_packed = is_page(path) || is_documentation(path);
    if installed == target || (is_packed && stem(target) == stem(installed)) {
        return true;
    }
    let (one, other) = (key(&resolve(path, installed)), key(&resolve(path, target)));
    match maker {
        Maker::Rpmbuild { policy: true } if one == other => true,
        _ => is_packed && stem(&one) == stem(&other),
    }
}

/// Where a link leads, without looking at other links.
pub(super) fn resolve(path: &[u8], target: &[u8]) -> Vec<u8> {
    let mut parts: Vec<&[u8]> = Vec::new();
    let folder = super::parent(path).unwrap_or_default();
    let start: &[u8] = if target.starts_with(b"/") { b"" } else { folder };
    for part in start.split(|byte| *byte == b'/').chain(target.split(|byte| *byte == b'/')) {
        match part {
            b"" | b"." => {}
            b".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.iter().fold(Vec::new(), |mut whole, part| {
        whole.push(b'/');
        whole.extend_from_slice(part);
        whole
    })
}
