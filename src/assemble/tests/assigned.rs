//! Which package gets which installed file is decided twice: by `assign.awk` in containers, and by `layout` for packages that
//! farm makes itself. One table says what both have to answer; the program is run by every awk that is installed.

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::Command;

use super::*;

const PROGRAM: &str =
    concat!(include_str!("../../packaging/scripts/patterns.awk"), include_str!("../../packaging/scripts/assign.awk"));
pub(super) const LIBDIR: &str = "/usr/lib64";
/// What the tools of distributions have for an awk.
pub(super) const AWKS: [&[&str]; 5] = [&["awk"], &["mawk"], &["gawk"], &["original-awk"], &["busybox", "awk"]];

pub(super) fn is_installed(awk: &[&str]) -> bool {
    let run = Command::new(awk[0]).args(&awk[1..]).arg("BEGIN { exit 0 }").output();
    run.is_ok_and(|output| output.status.success())
}

/// One recipe and tree.
struct Case {
    about: &'static str,
    /// Package and pattern, in the recipe's order. `pkg` is the main package, which gets what no pattern takes.
    patterns: &'static [(&'static str, &'static str)],
    /// Type (`f`, `d`, `l`), path as it is installed, and the package that gets it; none for a folder of the system, which
    /// no .rpm has, and a .deb's main package.
    files: &'static [(char, &'static str, &'static str)],
    /// What is wrong, and the path or pattern concerned; packages are only told where nothing is.
    mistakes: &'static [(&'static str, &'static str)],
}

const fn case(
    about: &'static str,
    patterns: &'static [(&'static str, &'static str)],
    files: &'static [(char, &'static str, &'static str)],
) -> Case {
    Case { about, patterns, files, mistakes: &[] }
}

const TWO: &str = "in two packages";
const NONE: &str = "in no package";
const UNUSED: &str = "pattern without files";

const CASES: &[Case] = &[
    case("without patterns all is the main package's", &[], &[('f', "/usr/bin/a", "pkg"), ('f', "/etc/a", "pkg")]),
    case(
        "a name without wildcards is that file",
        &[("sub", "/usr/bin/a")],
        &[('f', "/usr/bin/a", "sub"), ('f', "/usr/bin/ab", "pkg"), ('f', "/usr/bin/b", "pkg")],
    ),
    case(
        "* stays within one component, and may be nothing",
        &[("sub", "/usr/bin/a*"), ("sub", "/usr/*/c"), ("sub", "/opt/*.so")],
        &[
            ('f', "/usr/bin/a", "sub"),
            ('f', "/usr/bin/abc", "sub"),
            ('f', "/usr/bin/a.b c", "sub"),
            ('f', "/usr/bin/ba", "pkg"),
            ('f', "/usr/x/c", "sub"),
            ('f', "/usr/x/y/c", "pkg"),
            ('f', "/opt/.so", "sub"),
            ('f', "/opt/a.so.1", "pkg"),
        ],
    ),
    case(
        "** is any path",
        &[("sub", "/usr/include/**"), ("sub", "/opt/**.h"), ("sub", "/srv/a**z")],
        &[
            ('f', "/usr/include/a.h", "sub"),
            ('f', "/usr/include/a/b/c.h", "sub"),
            ('f', "/usr/included/a.h", "pkg"),
            ('f', "/opt/a.h", "sub"),
            ('f', "/opt/a/b.h", "sub"),
            ('f', "/opt/a.hh", "pkg"),
            ('f', "/srv/a/b/z", "sub"),
            ('f', "/srv/az", "sub"),
            ('f', "/srv/b/az", "pkg"),
        ],
    ),
    case(
        "/**/ is any number of folders, none among them",
        &[("sub", "/usr/**/abc"), ("sub", "/opt/**/man1/*")],
        &[
            ('f', "/usr/abc", "sub"),
            ('f', "/usr/share/bin/abc", "sub"),
            ('f', "/usr/b/c/abc/d", "sub"),
            ('f', "/usrabc", "pkg"),
            ('f', "/usr/xabc", "pkg"),
            ('f', "/opt/man1/a", "sub"),
            ('f', "/opt/x/man1/a", "sub"),
            ('f', "/opt/x/man2/a", "pkg"),
        ],
    ),
    case("/** is all there is", &[("sub", "/**")], &[('f', "/a", "sub"), ('f', "/usr/bin/a", "sub")]),
    case("so is the root", &[("sub", "/")], &[('f', "/a", "sub"), ('f', "/usr/bin/a", "sub")]),
    case(
        "? is one character, of however many bytes, and no slash",
        &[("sub", "/usr/bin/?"), ("sub", "/usr/lib/lib?.so.*"), ("sub", "/usr/share/?x?")],
        &[
            ('f', "/usr/bin/a", "sub"),
            ('f', "/usr/bin/é", "sub"),
            ('f', "/usr/bin/🙂", "sub"),
            ('f', "/usr/bin/aé", "pkg"),
            ('f', "/usr/bin/éa", "pkg"),
            ('f', "/usr/lib/liba.so.1.2", "sub"),
            ('f', "/usr/lib/libab.so.1", "pkg"),
            ('f', "/usr/share/éxé", "sub"),
            ('f', "/usr/share/a/b", "pkg"),
        ],
    ),
    case(
        "brackets and braces are no wildcards",
        &[("sub", "/usr/share/[ab]"), ("sub", "/usr/share/{a,b}"), ("sub", "/usr/share/[!x]*")],
        &[
            ('f', "/usr/share/[ab]", "sub"),
            ('f', "/usr/share/{a,b}", "sub"),
            ('f', "/usr/share/[!x]y", "sub"),
            ('f', "/usr/share/a", "pkg"),
            ('f', "/usr/share/b", "pkg"),
        ],
    ),
    case(
        "nor is anything that means something to a regular expression",
        &[("sub", "/usr/share/a.c"), ("sub", "/usr/share/a+b(c)|d$^\\e/*"), ("sub", "/usr/share/x{2}")],
        &[
            ('f', "/usr/share/a.c", "sub"),
            ('f', "/usr/share/abc", "pkg"),
            ('f', "/usr/share/a+b(c)|d$^\\e/f", "sub"),
            ('f', "/usr/share/aab", "pkg"),
            ('f', "/usr/share/x{2}", "sub"),
            ('f', "/usr/share/xx", "pkg"),
        ],
    ),
    case(
        "names may hold blanks and what shells, awk and rpm take for signs",
        &[
            ("sub", "/opt/a b"),
            ("sub", "/opt/q\"'*"),
            ("sub", "/opt/%{x}"),
            ("sub", "/opt/#*"),
            ("sub", "/opt/-x"),
            ("sub", "/opt/&~"),
            ("sub", "/opt/ä*"),
        ],
        &[
            ('f', "/opt/a b", "sub"),
            ('f', "/opt/a  b", "pkg"),
            ('f', "/opt/a", "pkg"),
            ('f', "/opt/q\"'z", "sub"),
            ('f', "/opt/%{x}", "sub"),
            ('f', "/opt/# a", "sub"),
            ('f', "/opt/-x", "sub"),
            ('f', "/opt/&~", "sub"),
            ('f', "/opt/äö", "sub"),
            ('f', "/opt/$(x)`y`;", "pkg"),
            ('f', "/opt/ends with a blank ", "pkg"),
        ],
    ),
    case(
        "a star in a name is taken by a star in a pattern, which takes others, too",
        &[("sub", "/opt/a*b")],
        &[('f', "/opt/a*b", "sub"), ('f', "/opt/axb", "sub"), ('f', "/opt/a?", "pkg")],
    ),
    case(
        "a pattern that names a folder takes all below it",
        &[("sub", "/usr/include"), ("sub", "/opt/x/"), ("sub", "/srv/*")],
        &[
            ('f', "/usr/include/x/y.h", "sub"),
            ('f', "/usr/include2/y.h", "pkg"),
            ('f', "/opt/x/a/b", "sub"),
            ('f', "/opt/xy", "pkg"),
            ('f', "/srv/a/b/c", "sub"),
        ],
    ),
    case(
        "folders are assigned where nothing is in them, links like files",
        &[("sub", "/opt/x/**"), ("sub", "/opt/link")],
        &[
            ('d', "/opt/x/empty", "sub"),
            ('d', "/opt/y/empty", "pkg"),
            ('l', "/opt/x/l", "sub"),
            ('l', "/opt/link", "sub"),
            ('l', "/opt/other", "pkg"),
        ],
    ),
    case(
        "${libdir} is the target's",
        &[("sub", "${libdir}/*.so")],
        &[('l', "/usr/lib64/liba.so", "sub"), ('f', "/usr/lib64/liba.so.1", "pkg"), ('f', "/usr/lib/liba.so", "pkg")],
    ),
    case(
        "several patterns of one package may take the same file",
        &[("sub", "/usr/bin/*"), ("sub", "/usr/bin/a"), ("other", "/opt")],
        &[('f', "/usr/bin/a", "sub"), ('f', "/opt/a", "other")],
    ),
    case(
        "the order of patterns decides nothing",
        &[("other", "/opt/b"), ("sub", "/opt/a"), ("other", "/opt/c"), ("sub", "/opt/d")],
        &[('f', "/opt/a", "sub"), ('f', "/opt/b", "other"), ('f', "/opt/c", "other"), ('f', "/opt/d", "sub")],
    ),
    case(
        "pages are known by their names with and without compression",
        &[
            ("sub", "/usr/share/man/man1/a.1"),
            ("sub", "/usr/share/man/man1/b.1.gz"),
            ("sub", "/usr/share/man/man1/c.1"),
            ("sub", "/usr/share/man/man1/d.1.gz"),
            ("sub", "/usr/share/info/e.info"),
            ("sub", "/usr/share/f"),
        ],
        &[
            ('f', "/usr/share/man/man1/a.1", "sub"),
            ('f', "/usr/share/man/man1/b.1", "sub"),
            ('f', "/usr/share/man/man1/c.1.xz", "sub"),
            ('f', "/usr/share/man/man1/d.1.bz2", "sub"),
            ('l', "/usr/share/man/man1/z.1", "pkg"),
            ('f', "/usr/share/info/e.info", "sub"),
            ('f', "/usr/share/f", "sub"),
            ('f', "/usr/share/f.gz", "pkg"),
        ],
    ),
    case(
        "compiled Python goes with its source",
        &[("sub", "/usr/lib/python3/m/a.py")],
        &[
            ('f', "/usr/lib/python3/m/a.py", "sub"),
            ('f', "/usr/lib/python3/m/__pycache__/a.cpython-311.pyc", "sub"),
            ('f', "/usr/lib/python3/m/__pycache__/a.cpython-311.opt-1.pyc", "sub"),
            ('f', "/usr/lib/python3/m/__pycache__/b.cpython-311.pyc", "pkg"),
            ('f', "/usr/lib/python3/m/__pycache__/ab.cpython-311.pyc", "pkg"),
        ],
    ),
    case(
        "a main package with patterns has them for itself, and empty folders of the system are nobody's",
        &[("sub", "/opt/a"), ("pkg", "/opt/b")],
        &[('f', "/opt/a", "sub"), ('f', "/opt/b", "pkg"), ('d', "/usr/share/pkgconfig", ""), ('d', "/usr/bin", "")],
    ),
    Case {
        about: "a main package with patterns leaves no file behind",
        patterns: &[("pkg", "/usr/bin/*"), ("sub", "/usr/include")],
        files: &[
            ('f', "/usr/bin/a", ""),
            ('f', "/usr/include/a.h", ""),
            ('f', "/etc/a b.conf", ""),
            ('d', "/usr/share/a/empty", ""),
        ],
        mistakes: &[(NONE, "/etc/a b.conf"), (NONE, "/usr/share/a/empty")],
    },
    Case {
        about: "no file is in two packages, whichever pattern comes first or says more",
        patterns: &[("sub", "/usr/bin/*"), ("other", "/usr/bin/a"), ("other", "/usr/bin/b c")],
        files: &[('f', "/usr/bin/a", ""), ('f', "/usr/bin/b c", ""), ('f', "/usr/bin/d", "")],
        mistakes: &[(TWO, "/usr/bin/a"), (TWO, "/usr/bin/b c")],
    },
    Case {
        about: "every pattern takes something",
        patterns: &[("sub", "/usr/sbin/*"), ("sub", "/usr/bin/[a]"), ("pkg", "/usr/bin")],
        files: &[('f', "/usr/bin/a", "")],
        mistakes: &[(UNUSED, "/usr/bin/[a]"), (UNUSED, "/usr/sbin/*")],
    },
];

/// What one of the two says of a case: packages by path, and mistakes.
type Answer = (BTreeMap<String, String>, Vec<(String, String)>);

fn wanted(case: &Case, format: Format) -> Answer {
    let of_system = if format == Format::Deb { "pkg" } else { "" };
    let package = |package: &str| if package.is_empty() { of_system.to_owned() } else { package.to_owned() };
    let packages = case.files.iter().map(|(_, path, name)| ((*path).to_owned(), package(name)));
    let mistakes = case.mistakes.iter().map(|(what, of)| ((*what).to_owned(), (*of).to_owned())).collect();
    if case.mistakes.is_empty() { (packages.collect(), mistakes) } else { (BTreeMap::new(), mistakes) }
}

/// The mistakes in messages, which the two word alike as far as it matters here.
fn mistakes<'a>(messages: impl Iterator<Item = &'a str>) -> Vec<(String, String)> {
    let mistake = |message: &str| {
        let found = |what: &str, of: &str| (what.to_owned(), of.to_owned());
        let unused = message.strip_prefix("nothing that was installed matches ");
        if let Some((pattern, _)) = unused.and_then(|rest| rest.rsplit_once(" of package ")) {
            return found(UNUSED, pattern);
        }
        for (words, what) in
            [(" is in two packages: ", TWO), (" belongs to two packages, ", TWO), (" is in no package: ", NONE)]
        {
            if let Some((path, _)) = message.split_once(words) {
                return found(what, path);
            }
        }
        found("something else", message)
    };
    let mut found: Vec<_> = messages.map(mistake).collect();
    found.sort();
    found
}

fn answer_of_awk(awk: &[&str], case: &Case, format: Format) -> Answer {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("assign.awk", PROGRAM);
    let mut packages = String::new();
    for (package, pattern) in case.patterns {
        writeln!(packages, "{package} files {pattern}").unwrap();
    }
    write("packages", &packages);
    // All folders on the way are in the listing, which is sorted.
    let mut listing = BTreeMap::new();
    for (kind, path, _) in case.files {
        for (slash, _) in path.match_indices('/') {
            listing.entry(if slash == 0 { "/" } else { &path[..slash] }).or_insert('d');
        }
        listing.insert(path, *kind);
    }
    write("listing", &listing.iter().map(|(path, kind)| format!("{kind} {path}\n")).collect::<String>());
    let output = Command::new(awk[0])
        .args(&awk[1..])
        .args(["-v", &format!("format={format}"), "-v", "main=pkg", "-v", &format!("libdir={LIBDIR}")])
        .args(["-v", "out=out.", "-v", "manifest=manifest", "-f", "assign.awk", "packages", "listing"])
        .env("LC_ALL", "C")
        .env_remove("FARM_PHASE_TOKEN")
        .current_dir(folder.path())
        .output()
        .unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.success(), errors.is_empty(), "{awk:?}, {}: {errors}", case.about);
    if !output.status.success() {
        return (BTreeMap::new(), mistakes(errors.lines().map(|line| line.strip_prefix("farm: ").unwrap_or(line))));
    }
    let manifest = std::fs::read_to_string(folder.path().join("manifest")).unwrap();
    let mut found = BTreeMap::new();
    for line in manifest.lines() {
        let mut words = line.splitn(3, ' ');
        let (kind, package, path) = (words.next().unwrap(), words.next().unwrap(), words.next().unwrap());
        match kind {
            "in" => found.insert(path.to_owned(), package.to_owned()),
            "shared" => found.insert(path.to_owned(), String::new()),
            _ => continue,
        };
    }
    (found, Vec::new())
}

fn answer_of_layout(case: &Case, format: Format) -> Answer {
    let named: Vec<(String, EntryType, &str)> = case
        .files
        .iter()
        .map(|(kind, path, _)| match kind {
            'd' => (format!("staged/root{path}"), EntryType::Directory, ""),
            'l' => (format!("staged/root{path}"), EntryType::Symlink, "somewhere"),
            _ => (format!("staged/root{path}"), EntryType::Regular, "x"),
        })
        .collect();
    let entries: Vec<_> = named.iter().map(|(path, kind, content)| (path.as_str(), *kind, *content)).collect();
    let (_folder, tree) = receive(&entries);
    let mut tree = tree.unwrap();
    layout::compress_pages(&mut tree).unwrap();
    let mut names = vec!["pkg"];
    for (package, _) in case.patterns {
        if !names.contains(package) {
            names.push(package);
        }
    }
    let patterns = |name: &str| -> Vec<&str> {
        case.patterns.iter().filter(|(package, _)| *package == name).map(|(_, pattern)| *pattern).collect()
    };
    let assembly = assembly(format, names.iter().map(|name| package(name, &patterns(name))).collect());
    let layout = match layout::layout(&tree, &assembly, LIBDIR) {
        Ok(layout) => layout,
        Err(AssembleError::Refused(problems)) => {
            return (BTreeMap::new(), mistakes(problems.iter().map(String::as_str)));
        }
        Err(error) => panic!("{error}"),
    };
    let mut found = BTreeMap::new();
    for (_, path, _) in case.files {
        let packed = format!("{path}.gz");
        let holder_of = |path: &str| layout.iter().position(|contents| contents.contains_key(path));
        let holder = holder_of(path).or_else(|| holder_of(&packed));
        found.insert((*path).to_owned(), holder.map(|holder| names[holder].to_owned()).unwrap_or_default());
    }
    (found, Vec::new())
}

#[test]
fn both_give_every_file_to_the_package_of_the_table() {
    let (there, missing): (Vec<_>, Vec<_>) = AWKS.iter().partition(|awk| is_installed(awk));
    let names = |awks: &[&&[&str]]| awks.iter().map(|awk| awk.join(" ")).collect::<Vec<_>>().join(", ");
    // Around the harness, which keeps what tests print to itself.
    let _ = writeln!(
        std::io::stderr(),
        "assign.awk was run by: {}; not installed: {}",
        names(&there),
        if missing.is_empty() { "none".to_owned() } else { names(&missing) }
    );
    assert!(!there.is_empty(), "no awk is installed");
    let mut wrong = String::new();
    for case in CASES {
        for format in Format::ALL {
            let wanted = wanted(case, format);
            let mut hold = |who: &str, found: Answer| {
                if found != wanted {
                    writeln!(wrong, "{who}, {format}, {}:\n  {found:?}\n  {wanted:?}", case.about).unwrap();
                }
            };
            hold("layout", answer_of_layout(case, format));
            for awk in &there {
                hold(&awk.join(" "), answer_of_awk(awk, case, format));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}
