//! What a project consists of: the names of its files, and the text of those that say how it is built. Read once, within
//! bounds, as data: nothing here follows a link, runs anything or keeps what is not looked at.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::Path;

use super::InitError;
use crate::stream::Bounded;

/// A build file longer than this is cut: nobody wrote more by hand.
const MAX_FILE: u64 = 1 << 20;
/// Of a source file, only what stands at its beginning is of interest: licence and includes.
const MAX_HEAD: u64 = 4 << 10;
/// All texts together.
const MAX_TEXT: usize = 64 << 20;
const MAX_FILES: usize = 200_000;
/// How deep below the top a build file may lie to be read.
const MAX_DEPTH: usize = 8;
/// What a tar may spend on the description of one entry.
const LARGEST_HEADER: u64 = 4 << 20;

/// A project's files by their path from its top, `/`-separated.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    files: BTreeMap<String, File>,
    /// The folder that all of an archive's files lie in, which was taken off their paths.
    top: Option<String>,
    /// The tags of the folder's repository, and whether it has only the newest commits.
    tags: Vec<String>,
    /// Those of the commit that is checked out.
    tags_here: Vec<String>,
    shallow: bool,
    text: usize,
}

#[derive(Debug, Default)]
struct File {
    executable: bool,
    link: bool,
    /// Of files that say something; the beginning only, of those that are long.
    text: Option<String>,
}

impl Tree {
    /// The files of a folder that a recipe with `path` would take: `.gitignore` is honoured but for what git tracks, which are
    /// paths from there; links are not followed.
    ///
    /// # Errors
    /// When the folder or a file in it cannot be read, or there are too many.
    pub(crate) fn of_folder(folder: &Path, tracked: &[String]) -> Result<Tree, InitError> {
        let failed = |reason: String| InitError::Read { path: folder.to_owned(), reason };
        let mut tree = Tree::default();
        let walk = ignore::WalkBuilder::new(folder)
            .standard_filters(false)
            .git_ignore(true)
            .require_git(false)
            .follow_links(false)
            .filter_entry(|entry| entry.file_name() != ".git")
            .build();
        for entry in walk {
            let entry = entry.map_err(|error| failed(error.to_string()))?;
            let Ok(path) = entry.path().strip_prefix(folder) else { continue };
            let Some(kind) = entry.file_type().filter(|kind| kind.is_file() || kind.is_symlink()) else { continue };
            let parts: Option<Vec<&str>> = path.components().map(|part| part.as_os_str().to_str()).collect();
            // A name that is no text is no build file's.
            let Some(name) = parts.map(|parts| parts.join("/")).filter(|name| !name.is_empty()) else { continue };
            let read = |most: u64| {
                let mut bytes = Vec::new();
                std::fs::File::open(entry.path())?.take(most).read_to_end(&mut bytes)?;
                Ok(bytes)
            };
            let executable = entry.metadata().is_ok_and(|metadata| is_executable(&metadata));
            tree.add(name, (executable, kind.is_symlink()), read).map_err(|error| failed(error.to_string()))?;
        }
        for name in tracked {
            let path = folder.join(name);
            let plain = Path::new(name).components().all(|part| matches!(part, std::path::Component::Normal(_)));
            let Ok(metadata) = path.symlink_metadata() else { continue };
            // Nor through a folder that is a link.
            let real = |path: &Path| path.canonicalize().ok();
            let inside = path.parent().and_then(real).zip(real(folder)).is_some_and(|(at, top)| at.starts_with(top));
            if !plain || !inside || tree.files.contains_key(name) || !(metadata.is_file() || metadata.is_symlink()) {
                continue;
            }
            let read = |most: u64| {
                let mut bytes = Vec::new();
                std::fs::File::open(&path)?.take(most).read_to_end(&mut bytes)?;
                Ok(bytes)
            };
            let about = (is_executable(&metadata), metadata.is_symlink());
            tree.add(name.clone(), about, read).map_err(|error| failed(error.to_string()))?;
        }
        let tags = Tags::of(folder);
        (tree.tags, tree.tags_here) = (tags.all, tags.here);
        tree.shallow = folder.join(".git/shallow").exists();
        Ok(tree)
    }

    /// The files of an uncompressed tar. When all of them lie in one folder, their paths start in that.
    ///
    /// # Errors
    /// When it is damaged, or has too many files.
    pub(crate) fn of_tar(reader: impl Read) -> Result<Tree, InitError> {
        let failed = |error: io::Error| InitError::Archive { reason: error.to_string() };
        let mut tree = Tree::default();
        let (reader, allowance) = Bounded::new(reader);
        let mut archive = tar::Archive::new(reader);
        let mut entries = archive.entries().map_err(failed)?;
        loop {
            allowance.set(LARGEST_HEADER);
            let Some(entry) = entries.next() else { break };
            allowance.set(u64::MAX);
            let mut entry = entry.map_err(failed)?;
            let link = match entry.header().entry_type() {
                tar::EntryType::Regular | tar::EntryType::Continuous => false,
                tar::EntryType::Symlink | tar::EntryType::Link => true,
                _ => continue,
            };
            let Ok(name) = String::from_utf8(entry.path_bytes().into_owned()) else { continue };
            let name = name.trim_start_matches("./").to_owned();
            let executable = entry.header().mode().is_ok_and(|mode| mode & 0o111 != 0);
            let read = |most: u64| {
                let mut bytes = Vec::new();
                entry.by_ref().take(most).read_to_end(&mut bytes)?;
                Ok(bytes)
            };
            tree.add(name, (executable, link), read).map_err(failed)?;
        }
        tree.strip();
        Ok(tree)
    }

    /// A project for tests: paths and texts.
    #[cfg(test)]
    pub(super) fn of_texts(files: &[(&str, &str)]) -> Tree {
        let mut tree = Tree::default();
        for (path, text) in files {
            let executable = text.starts_with("#!");
            tree.add((*path).to_owned(), (executable, false), |_| Ok(text.as_bytes().to_vec())).unwrap();
        }
        tree
    }

    /// The same project in a repository with these tags.
    #[cfg(test)]
    pub(super) fn tagged(mut self, tags: &[&str]) -> Tree {
        self.tags = tags.iter().map(|tag| (*tag).to_owned()).collect();
        self
    }

    fn add(
        &mut self,
        name: String,
        (executable, link): (bool, bool),
        read: impl FnOnce(u64) -> io::Result<Vec<u8>>,
    ) -> io::Result<()> {
        if self.files.len() == MAX_FILES {
            return Err(io::Error::other(format!("it has more than {MAX_FILES} files")));
        }
        let wanted = match interest(&name) {
            Interest::Whole => MAX_FILE,
            Interest::Head => MAX_HEAD,
            Interest::None => 0,
        };
        let mut text = None;
        if wanted > 0 && !link && self.text < MAX_TEXT && name.matches('/').count() <= MAX_DEPTH {
            let bytes = read(wanted)?;
            self.text += bytes.len();
            // A byte that is no UTF-8, in a name say, must not hide what stands around it.
            text = Some(String::from_utf8_lossy(&bytes).replace("\r\n", "\n"));
        }
        self.files.insert(name, File { executable, link, text });
        Ok(())
    }

    fn strip(&mut self) {
        let Some(top) = self.files.keys().next().and_then(|name| name.split_once('/')).map(|(top, _)| top.to_owned())
        else {
            return;
        };
        let prefix = format!("{top}/");
        if self.files.keys().all(|name| name.starts_with(&prefix)) {
            let files = std::mem::take(&mut self.files);
            self.files = files.into_iter().map(|(name, file)| (name[prefix.len()..].to_owned(), file)).collect();
            self.top = Some(top);
        }
    }

    /// Whether all files of an archive lay in one folder.
    pub(crate) fn has_top(&self) -> bool {
        self.top.is_some()
    }

    /// Whether `.gitignore` at the top has a line for a folder.
    pub(crate) fn ignores(&self, folder: &str) -> bool {
        let lines = self.text(".gitignore").unwrap_or_default().lines();
        lines.map(|line| line.trim().trim_matches('/')).any(|line| line == folder)
    }

    /// The folder of an archive that all its files lie in.
    pub(super) fn top(&self) -> Option<&str> {
        self.top.as_deref()
    }

    /// The names of the repository's tags that are at the commit that is checked out, as far as git's files say so plainly.
    pub(super) fn tags_here(&self) -> &[String] {
        &self.tags_here
    }

    /// The names of the repository's tags.
    pub(super) fn tags(&self) -> &[String] {
        &self.tags
    }

    /// Whether the repository lacks the commits that its tags are at.
    pub(super) fn is_shallow(&self) -> bool {
        self.shallow
    }

    pub(super) fn has(&self, path: &str) -> bool {
        self.files.contains_key(path)
    }

    /// Whether anything lies below a folder.
    pub(super) fn has_folder(&self, folder: &str) -> bool {
        let prefix = format!("{folder}/");
        self.files.range(prefix.clone()..).next().is_some_and(|(name, _)| name.starts_with(&prefix))
    }

    pub(super) fn text(&self, path: &str) -> Option<&str> {
        self.files.get(path)?.text.as_deref()
    }

    pub(super) fn is_executable(&self, path: &str) -> bool {
        self.files.get(path).is_some_and(|file| file.executable && !file.link)
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.files.keys().map(String::as_str)
    }

    /// Path and text of all files of the project's own that were read and whose path is wanted, those nearer to the top first.
    pub(super) fn texts(&self, wanted: impl Fn(&str) -> bool) -> Vec<(&str, &str)> {
        let mut found: Vec<(&str, &str)> = self
            .files
            .iter()
            .filter(|(name, _)| is_own(name) && wanted(name))
            .filter_map(|(name, file)| Some((name.as_str(), file.text.as_deref()?)))
            .collect();
        found.sort_by_key(|(name, _)| name.matches('/').count());
        found
    }
}

enum Interest {
    Whole,
    Head,
    None,
}

/// Whether a file is the project's own, and not of a copy of somebody else's work that lies in it.
pub(super) fn is_own(path: &str) -> bool {
    const FOREIGN: [&str; 21] = [
        "vendor",
        "vendored",
        "third_party",
        "third-party",
        "thirdparty",
        "3rdparty",
        "3rd_party",
        "3rd-party",
        "extern",
        "external",
        "externals",
        "deps",
        "dependencies",
        "node_modules",
        "subprojects",
        "submodules",
        "bower_components",
        "site-packages",
        "gnulib",
        "bundled",
        "_vendor",
    ];
    let folder = path.strip_suffix(base_name(path)).unwrap_or_default();
    // `googletest-1.16.0`: what was unpacked is called like its archive.
    let unpacked = |part: &str| {
        part.rsplit_once('-').is_some_and(|(_, version)| {
            version.split('.').count() > 2 && version.split('.').all(|number| number.parse::<u32>().is_ok())
        })
    };
    !folder.split('/').any(|part| FOREIGN.contains(&part.to_ascii_lowercase().as_str()) || unpacked(part))
}

/// The tags of a checkout, by git's own files: nothing is run, and no link or pointer elsewhere is followed.
#[derive(Debug, Default)]
struct Tags {
    all: Vec<String>,
    /// Those of the commit that is checked out.
    here: Vec<String>,
}

impl Tags {
    fn of(folder: &Path) -> Tags {
        let git = folder.join(".git");
        if !git.symlink_metadata().is_ok_and(|metadata| metadata.is_dir()) {
            return Tags::default();
        }
        // Names that are no longer read are those of a repository with very many.
        let packed = start_of(&git.join("packed-refs"), 8 * MAX_FILE).unwrap_or_default();
        let packed = String::from_utf8_lossy(&packed);
        let head =
            start_of(&git.join("HEAD"), MAX_FILE).and_then(|head| String::from_utf8(head).ok()).unwrap_or_default();
        let commit = match head.trim().strip_prefix("ref: ").filter(|branch| branch.starts_with("refs/heads/")) {
            None => Some(head.trim().to_owned()),
            Some(branch) if branch.split('/').any(|part| part == "..") => None,
            Some(branch) => {
                let loose = start_of(&git.join(branch), MAX_FILE).and_then(|text| String::from_utf8(text).ok());
                let of_line = |line: &str| {
                    line.split_once(' ').filter(|(_, name)| *name == branch).map(|(commit, _)| commit.to_owned())
                };
                loose.map(|text| text.trim().to_owned()).or_else(|| packed.lines().find_map(of_line))
            }
        };
        let commit = commit.filter(|commit| commit.len() >= 40 && commit.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let is_here = |of: &str| commit.as_deref() == Some(of.trim());

        let mut tags = Tags::default();
        let mut last = None;
        for line in packed.lines() {
            // What an annotated tag is of stands in the line after it.
            match (line.strip_prefix('^'), line.split_once(" refs/tags/")) {
                (Some(of), _) => tags.here.extend(last.take().filter(|_| is_here(of))),
                (None, Some((of, tag))) => {
                    tags.all.push(tag.to_owned());
                    last = Some(tag.to_owned());
                    tags.here.extend(is_here(of).then(|| tag.to_owned()));
                }
                (None, None) => last = None,
            }
        }
        let entries = std::fs::read_dir(git.join("refs/tags")).into_iter().flatten().flatten().take(MAX_FILES);
        for entry in entries {
            let Ok(tag) = entry.file_name().into_string() else { continue };
            let of = start_of(&entry.path(), MAX_FILE).and_then(|of| String::from_utf8(of).ok()).unwrap_or_default();
            if is_here(&of) || annotated(&git, of.trim()).is_some_and(|of| is_here(&of)) {
                tags.here.push(tag.clone());
            }
            tags.all.push(tag);
        }
        for list in [&mut tags.all, &mut tags.here] {
            list.sort();
            list.dedup();
        }
        tags
    }
}

/// What a tag is of that is an object of its own, if that is in a file of its own.
fn annotated(git: &Path, object: &str) -> Option<String> {
    if object.len() < 40 || !object.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let packed = start_of(&git.join("objects").join(&object[..2]).join(&object[2..]), MAX_FILE)?;
    let mut text = Vec::new();
    flate2::read::ZlibDecoder::new(&packed[..]).take(MAX_FILE).read_to_end(&mut text).ok()?;
    let text = String::from_utf8_lossy(&text);
    let (_, tag) = text.split_once('\0').filter(|(header, _)| header.starts_with("tag "))?;
    tag.lines().next()?.strip_prefix("object ").map(str::to_owned)
}

/// A plain file's bytes, at most so many; no link is followed.
fn start_of(path: &Path, most: u64) -> Option<Vec<u8>> {
    if !path.symlink_metadata().is_ok_and(|metadata| metadata.is_file()) {
        return None;
    }
    let mut bytes = Vec::new();
    std::fs::File::open(path).ok()?.take(most).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

/// The last part of a path.
pub(super) fn base_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// The ending of a file's name, without the dot; empty without one.
pub(super) fn ending(path: &str) -> &str {
    base_name(path).rsplit_once('.').map_or("", |(_, ending)| ending)
}

/// Languages that a compiler turns into machine code: their files make a package depend on the architecture.
pub(super) const COMPILED: [&str; 16] =
    ["c", "cc", "cpp", "cxx", "C", "c++", "m", "mm", "s", "S", "asm", "f", "f90", "rs", "go", "xs"];

fn interest(path: &str) -> Interest {
    const BUILD: [&str; 38] = [
        "cmakelists.txt",
        "meson.build",
        "meson_options.txt",
        "meson.options",
        "configure.ac",
        "configure.in",
        "configure",
        "makefile",
        "gnumakefile",
        "makefile.am",
        "makefile.in",
        "cargo.toml",
        "cargo.lock",
        "go.mod",
        "pyproject.toml",
        "setup.py",
        "setup.cfg",
        "requirements.txt",
        "makefile.pl",
        "build.pl",
        "meta.json",
        "meta.yml",
        "package.json",
        "main.go",
        "version",
        ".version",
        "version.txt",
        "version.rb",
        "__init__.py",
        "__main__.py",
        ".gitignore",
        "pom.xml",
        "build.gradle",
        "build.gradle.kts",
        "gradle.properties",
        "package-lock.json",
        "npm-shrinkwrap.json",
        "gemfile.lock",
    ];
    const WORDS: [&str; 7] = ["readme", "copying", "license", "licence", "copyright", "authors", "unlicense"];
    let name = base_name(path).to_ascii_lowercase();
    let folder = &path[..path.len() - base_name(path).len()];
    let in_debian = ["", "source/"].iter().any(|inner| {
        let folder = folder.strip_suffix(inner).and_then(|folder| folder.strip_suffix("debian/"));
        folder.is_some_and(|above| above.is_empty() || above.ends_with('/'))
    });
    if BUILD.contains(&name.as_str())
        || WORDS.iter().any(|word| name.starts_with(word))
        || name.ends_with(".spec.in")
        || matches!(ending(&name), "cmake" | "m4" | "spec" | "gemspec" | "mk" | "mak" | "pod" | "pm")
        || in_debian
    {
        return Interest::Whole;
    }
    match ending(&name) {
        "sh" | "bash" | "py" | "pl" | "rb" | "h" | "hh" | "hpp" => Interest::Head,
        ending if COMPILED.contains(&ending) => Interest::Head,
        // Manual pages have the ending of their section; what options a program has stands anywhere in its own.
        "1" | "6" | "8" => Interest::Whole,
        // Scripts mostly have none.
        "" | "2" | "3" | "4" | "5" | "7" => Interest::Head,
        _ => Interest::None,
    }
}

#[cfg(unix)]
fn is_executable(metadata: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt;
    metadata.permissions().mode() & 0o111 != 0
}

#[cfg(not(unix))]
fn is_executable(_metadata: &std::fs::Metadata) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tar(files: &[(&str, &str)]) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        for (path, text) in files {
            let mut header = tar::Header::new_gnu();
            header.set_size(text.len() as u64);
            header.set_mode(0o644);
            builder.append_data(&mut header, path, text.as_bytes()).unwrap();
        }
        builder.into_inner().unwrap()
    }

    #[test]
    fn the_one_folder_of_an_archive_is_taken_off() {
        let tree = Tree::of_tar(&tar(&[("a-1/Makefile", "all:"), ("a-1/src/a.c", "int a;")])[..]).unwrap();
        assert_eq!(tree.names().collect::<Vec<_>>(), ["Makefile", "src/a.c"]);
        assert_eq!((tree.top(), tree.text("Makefile")), (Some("a-1"), Some("all:")));
        let tree = Tree::of_tar(&tar(&[("Makefile", "all:"), ("src/a.c", "")])[..]).unwrap();
        assert_eq!(tree.top(), None);
        assert!(tree.has_folder("src") && !tree.has_folder("sr"));
    }

    #[test]
    fn tags_are_read_from_git_s_files_and_copies_of_others_are_not_one_s_own() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join(".git/refs/tags")).unwrap();
        let packed = "# pack-refs with: peeled\n0123 refs/heads/v9\n0123 refs/tags/v1.0\n^4567\n";
        std::fs::write(folder.path().join(".git/packed-refs"), packed).unwrap();
        std::fs::write(folder.path().join(".git/refs/tags/v1.1"), "0123").unwrap();
        std::fs::create_dir_all(folder.path().join("a/Vendor/b")).unwrap();
        for path in ["Makefile", "a/Vendor/b/Makefile"] {
            std::fs::write(folder.path().join(path), "all:").unwrap();
        }
        let tree = Tree::of_folder(folder.path(), &[]).unwrap();
        assert_eq!(tree.tags(), ["v1.0", "v1.1"]);
        assert_eq!(tree.texts(|_| true), [("Makefile", "all:")]);
        assert!(
            is_own("vendor")
                && is_own("src/deps.c")
                && !is_own("test/gtest-1.16.0/a.c")
                && is_own("v1.2.3/a.c")
                && !is_own("deps/a/b.c")
        );
    }

    #[test]
    fn tags_of_what_is_checked_out_are_told_from_others() {
        let folder = tempfile::tempdir().unwrap();
        let git = folder.path().join(".git");
        std::fs::create_dir_all(git.join("refs/tags")).unwrap();
        std::fs::create_dir_all(git.join("objects/dd")).unwrap();
        let id = |digit: &str| digit.repeat(40);
        let (here, other, tag) = (id("a"), id("b"), id("d"));
        let packed = format!(
            "# pack-refs with: peeled\n{here} refs/heads/main\n{tag} refs/tags/v1.0\n^{here}\n{other} refs/tags/v2.0\n\
             {here} refs/tags/light\n"
        );
        std::fs::write(git.join("packed-refs"), packed).unwrap();
        std::fs::write(git.join("refs/tags/v1.1"), format!("{tag}\n")).unwrap();
        std::fs::write(git.join("refs/tags/v3.0"), format!("{other}\n")).unwrap();
        let object = format!("tag 150\0object {here}\ntype commit\ntag v1.1\n");
        let mut packed = Vec::new();
        let mut encoder = flate2::read::ZlibEncoder::new(object.as_bytes(), flate2::Compression::fast());
        encoder.read_to_end(&mut packed).unwrap();
        std::fs::write(git.join("objects/dd").join("d".repeat(38)), packed).unwrap();
        for (head, expected) in [
            (here.clone(), &["light", "v1.0", "v1.1"][..]),
            ("ref: refs/heads/main".to_owned(), &["light", "v1.0", "v1.1"]),
            (other, &["v2.0", "v3.0"]),
            ("ref: refs/heads/../../x".to_owned(), &[]),
            ("ref: refs/heads/none".to_owned(), &[]),
        ] {
            std::fs::write(git.join("HEAD"), format!("{head}\n")).unwrap();
            let tree = Tree::of_folder(folder.path(), &[]).unwrap();
            assert_eq!(tree.tags_here(), expected, "{head}");
            assert_eq!(tree.tags(), ["light", "v1.0", "v1.1", "v2.0", "v3.0"]);
        }
    }

    #[test]
    fn what_git_tracks_is_there_whatever_is_ignored() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("vendor")).unwrap();
        for (path, text) in
            [(".gitignore", "vendor/\n*.ac\n"), ("configure.ac", "x"), ("vendor/a.gem", ""), ("other.ac", "")]
        {
            std::fs::write(folder.path().join(path), text).unwrap();
        }
        let tracked = ["configure.ac", "vendor/a.gem", "../etc/passwd", "gone"].map(str::to_owned);
        let tree = Tree::of_folder(folder.path(), &tracked).unwrap();
        assert_eq!(tree.names().collect::<Vec<_>>(), [".gitignore", "configure.ac", "vendor/a.gem"]);
        assert_eq!(tree.text("configure.ac"), Some("x"));
    }

    #[test]
    fn archives_cut_anywhere_are_errors_or_less_and_never_panics() {
        let whole = tar(&[("a/Makefile", "all:\n"), ("a/README", "x")]);
        for end in (0..whole.len()).step_by(37) {
            let _ = Tree::of_tar(&whole[..end]);
        }
    }

    #[test]
    fn long_files_are_cut_and_links_are_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("Makefile"), vec![b'x'; 3 << 20]).unwrap();
        std::fs::write(folder.path().join("a.c"), vec![b'x'; 64 << 10]).unwrap();
        #[cfg(unix)]
        std::os::unix::fs::symlink("/etc/passwd", folder.path().join("README")).unwrap();
        let tree = Tree::of_folder(folder.path(), &[]).unwrap();
        assert_eq!(tree.text("Makefile").unwrap().len() as u64, MAX_FILE);
        assert_eq!(tree.text("a.c").unwrap().len() as u64, MAX_HEAD);
        #[cfg(unix)]
        assert!(tree.has("README") && tree.text("README").is_none());
    }
}
