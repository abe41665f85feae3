//! Random staged trees through the real tools of both formats, and what strip must not touch: dpkg and rpm say what the
//! packages hold.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::support::{Test, native_engine, tool};

/// Trees in one recipe; each has a handful of files.
const TREES: u32 = 500;
/// Packages, of which each gets its share of the trees.
const PARTS: u32 = 4;

/// xorshift: the same trees on every machine.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % bound as u64).unwrap()
    }

    fn of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }
}

const TOPS: [&str; 5] = ["/usr/share", "/usr/lib", "/etc", "/opt", "/var/lib"];
const NAMES: [&str; 24] = [
    "plain",
    "with blank",
    " leading",
    "trailing ",
    "it's",
    "say \"x\"",
    "back\\slash",
    "100% off",
    "%{_bindir}",
    "#hash",
    "a[b]c",
    "{x,y}",
    "star*",
    "why?",
    "grüße",
    "-dash",
    "~tilde",
    "$HOME",
    "a;b&c",
    "semi:colon",
    "x.tar.gz",
    "a+b=c",
    "UPPER.TXT",
    "no.such.so",
];

/// A tree of folders, files and links, as a tar that the recipe unpacks; by path, the modes that both formats keep.
fn forest(seed: u64) -> (Vec<u8>, BTreeMap<String, u32>) {
    let mut random = Random(seed);
    let mut builder = tar::Builder::new(Vec::new());
    let mut kept = BTreeMap::new();
    let mut add = |path: &str, kind: tar::EntryType, mode: u32, content: &str| {
        let mut header = tar::Header::new_ustar();
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_size(if kind.is_file() { content.len() as u64 } else { 0 });
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(1_700_000_000);
        let path = path.trim_start_matches('/');
        if kind.is_file() {
            builder.append_data(&mut header, path, content.as_bytes()).unwrap();
        } else if kind.is_dir() {
            builder.append_data(&mut header, format!("{path}/"), std::io::empty()).unwrap();
        } else {
            builder.append_link(&mut header, path, content).unwrap();
        }
    };
    for tree in 0..TREES {
        let part = tree % PARTS;
        let top = random.of(&TOPS);
        let folder = format!("{top}/forest{part}/{tree}");
        let mode = random.of(&[0o755, 0o755, 0o755, 0o700, 0o555, 0o750, 0o1777, 0o2755, 0o500]);
        add(&folder, tar::EntryType::Directory, mode, "");
        if [0o700, 0o750, 0o1777, 0o2755, 0o500].contains(&mode) {
            kept.insert(folder.clone(), mode);
        }
        let mut names: Vec<&str> = NAMES.to_vec();
        let mut first: Option<String> = None;
        for _ in 0..1 + random.below(5) {
            let name = names.swap_remove(random.below(names.len()));
            let path = format!("{folder}/{name}");
            let target = first.as_deref().map(|first| first.trim_start_matches('/').to_owned());
            match (random.below(8), target) {
                (0, _) => add(&path, tar::EntryType::Directory, random.of(&[0o755, 0o700]), ""),
                (1, _) => {
                    // A link to itself is refused.
                    let beside = if name == "plain" { "#hash" } else { "plain" };
                    let target = random.of(&[beside, "../0/x", "/usr/share", "/nowhere/at all"]);
                    add(&path, tar::EntryType::Symlink, 0o777, target);
                }
                (2, Some(target)) => add(&path, tar::EntryType::Link, 0o644, &target),
                _ => {
                    let mode = random.of(&[0o644, 0o644, 0o755, 0o600, 0o640, 0o4755, 0o2755, 0o444, 0o664, 0o400]);
                    add(&path, tar::EntryType::Regular, mode, &"x".repeat(random.below(3000)));
                    if [0o600, 0o640, 0o4755, 0o2755, 0o400].contains(&mode) {
                        kept.insert(path.clone(), mode);
                    }
                    first = Some(path);
                }
            }
        }
    }
    (builder.into_inner().unwrap(), kept)
}

fn recipe(folder: &Path, name: &str, environment: &str) {
    let mut text = format!(
        "[package]\nname = \"{name}\"\nversion = \"1.0\"\nsummary = \"Random trees\"\nlicense = \"MIT\"\n\
         maintainer = \"Ada Lovelace <ada@example.org>\"\narchitecture = \"all\"\ndate = 2026-01-02\n\
         config-files = [\"/opt/forest0\"]\n\n\
         [[sources]]\npath = \"src\"\n\n[build]\n\
         install = \"tar -xp --delay-directory-restore -f forest.tar -C $DESTDIR\"\n\n\
         [matrix]\ndistros = [\"debian-12\", \"rpm-generic\"]\n{environment}"
    );
    for part in 1..PARTS {
        let patterns = TOPS.map(|top| format!("\"{top}/forest{part}\""));
        write!(text, "\n[packages.part{part}]\nfiles = [{}]\n", patterns.join(", ")).unwrap();
    }
    fs::write(folder.join("farm.toml"), text).unwrap();
}

type Modes = BTreeMap<String, String>;

/// What dpkg-deb and rpm say of modes, by path, over all packages of a target.
fn modes_by_tools(test: &Test, name: &str) -> Option<(Modes, Modes)> {
    let mut deb = Modes::new();
    for file in test.files(&format!("{name}/debian-12-amd64"), ".deb") {
        let script = r#"dpkg-deb --fsys-tarfile "$0" | tar -tv --quoting-style=literal"#;
        let listing = tool("sh", &["-c", script, file.to_str().unwrap()])?.exits(0).text();
        for line in listing.lines() {
            let (Some(mode), Some((_, path))) = (line.get(..10), line.split_once(" ./")) else { continue };
            let path = path.split(" -> ").next().unwrap().split(" link to ").next().unwrap();
            deb.insert(format!("/{}", path.trim_end_matches('/')), mode.replacen('h', "-", 1));
        }
    }
    let mut rpm = Modes::new();
    for file in test.files(&format!("{name}/rpm-generic-x86_64"), ".noarch.rpm") {
        let format = "[%{FILEMODES:perms} %{FILENAMES}\n]";
        let listing = tool("rpm", &["-qp", "--nosignature", "--qf", format, file.to_str().unwrap()])?.exits(0).text();
        for line in listing.lines() {
            if let Some((mode, path)) = line.split_once(' ') {
                rpm.insert(path.to_owned(), mode.to_owned());
            }
        }
    }
    Some((deb, rpm))
}

/// `4755` as `ls` writes it, without the type.
fn permissions(mode: u32) -> String {
    let bit = |(at, letter): (usize, char)| if (mode >> (8 - at)) & 1 == 1 { letter } else { '-' };
    let mut text: Vec<char> = "rwxrwxrwx".chars().enumerate().map(bit).collect();
    for (bit, at, letter) in [(0o4000, 2, 's'), (0o2000, 5, 's'), (0o1000, 8, 't')] {
        if mode & bit != 0 {
            text[at] = if text[at] == 'x' { letter } else { letter.to_ascii_uppercase() };
        }
    }
    text.into_iter().collect()
}

const BY_FARM: &str = "\n[environment]\ndistro = \"debian-12\"\ntools = \"farm\"\n";

#[test]
fn random_trees_come_through_the_tools_of_both_formats() {
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        return;
    }
    let test = Test::on("staged", &native_engine());
    for (name, seed, environment) in [("forest", 0x5eed, ""), ("forest-by-farm", 0xfa12, BY_FARM)] {
        let project = test.folder().join(name);
        fs::create_dir_all(project.join("src")).unwrap();
        let (tar, kept) = forest(seed);
        fs::write(project.join("src/forest.tar"), tar).unwrap();
        recipe(&project, name, environment);
        let run = test.run_in(&project, &["build", "--matrix", "--no-test"]).exits(0).says("2 succeeded");
        for rule in ["-as-installed", "missing-from-package", "not-installed", "in-other-package"] {
            assert!(!run.text().contains(rule), "{}", run.text());
        }
        let Some((deb, rpm)) = modes_by_tools(&test, name) else { return };
        for (path, mode) in kept {
            let expected = permissions(mode);
            for (format, found) in [("deb", &deb), ("rpm", &rpm)] {
                let found = found.get(&path).map(|mode| &mode[1..]);
                assert_eq!(found, Some(expected.as_str()), "{format} of {name}: {path}");
            }
        }
        // What is in one format is in the other.
        let own = |path: &&String| path.contains("/forest") && !path.starts_with("/usr/share/doc/");
        let (deb, rpm): (Vec<_>, Vec<_>) = (deb.keys().filter(own).collect(), rpm.keys().filter(own).collect());
        assert!(deb.len() > 1500, "{}", deb.len());
        assert_eq!(deb, rpm);
    }
}

/// Programs with a script, an archive and a signature behind them, and those that the recipe names.
#[test]
fn programs_with_something_behind_them_stay_whole() {
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        return;
    }
    let test = Test::on("whole", &native_engine());
    for (name, environment) in [("whole", ""), ("whole-by-farm", BY_FARM)] {
        let project = test.folder().join(name);
        fs::create_dir_all(project.join("src")).unwrap();
        fs::write(project.join("src/x.c"), "int main(void) { return 0; }\n").unwrap();
        let text = WHOLE.replace("NAME", name).replace("ENVIRONMENT", environment);
        fs::write(project.join("farm.toml"), text).unwrap();
        let run = test.run_in(&project, &["build", "--matrix"]).exits(0).says("2 succeeded");
        // Lines are wrapped for people.
        let text = run.text().split_whitespace().collect::<Vec<_>>().join(" ");
        for words in ["/script carries 8 bytes behind its ELF image", "/archive carries 5000 bytes", "[not-stripped]"] {
            assert!(text.contains(words), "{words:?} is missing in:\n{}", run.text());
        }
        assert!(!text.contains("/named carries"), "{}", run.text());
    }
}

const WHOLE: &str = r#"
[package]
name = "NAME"
version = "1.0"
summary = "Programs with more than code"
license = "MIT"
maintainer = "Ada Lovelace <ada@example.org>"
date = 2026-01-02

[[sources]]
path = "src"

[build]
strip = ["/usr/lib/NAME/named*"]
build = "cc $CPPFLAGS -g $CFLAGS $LDFLAGS -o plain x.c"
install = '''
to=$DESTDIR/usr/lib/NAME
mkdir -p $to
for name in plain script archive 'a blank' named; do cp plain "$to/$name"; done
printf 'exit now' >>$to/script
head -c 5000 /dev/zero >>$to/archive
printf '~signed~' >>"$to/a blank"
chmod 4555 "$to/a blank"
chmod 555 $to/plain $to
'''

[test]
script = '''
cd /usr/lib/NAME
test "$(tail -c 8 script)" = 'exit now'
test "$(tail -c 8 'a blank')" = '~signed~'
test "$(stat -c %a 'a blank')" = 4555
test "$(tail -c 5000 archive | tr -d '\0' | wc -c)" -eq 0
test "$(stat -c %s plain)" -lt "$(stat -c %s named)"
./script && ./archive && ./named && ./plain
'''

[matrix]
distros = ["debian-12", "rpm-generic"]
ENVIRONMENT
"#;
