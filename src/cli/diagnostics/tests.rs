//! One snapshot per wrong recipe: they are read by people, so they are looked at by people.

use std::path::PathBuf;

use super::*;
use crate::distro::Catalogue;
use crate::matrix::Target;
use crate::recipe::RecipeFile;
use crate::types::{Arch, Format};

const PACKAGE: &str = r#"[package]
name = "jq"
version = "1.7.1"
summary = "command-line JSON processor"
license = "MIT"
maintainer = "Ada Lovelace <ada@example.org>"
"#;
const BUILD: &str = "[build]\ninstall = \"make install DESTDIR=$DESTDIR\"\n";

/// Name, and what is wrong: a whole recipe if it begins with `!`, otherwise what follows a good beginning.
const WRONG: &[(&str, &str)] = &[
    ("unknown_key_near", "[build]\ninstal = 'make install'\ninstall = 'x'\n"),
    ("unknown_key_of_another_table", "build-requires = ['oniguruma']\n[build]\ninstall = 'x'\n"),
    ("unknown_key_of_other_tools", "[build]\nbuild-depends = ['libonig-dev']\ninstall = 'x'\n"),
    ("unknown_table", "[biuld]\ninstall = 'x'\n"),
    ("key_outside_of_its_table", "!name = 'jq'\nversion = '1.7'\n"),
    ("missing_keys", "![package]\nname = 'jq'\n[build]\ninstall = 'x'\n"),
    ("empty_file", "!"),
    ("only_a_comment", "!# to do\n"),
    (
        "version_with_revision",
        "![package]\nname = 'jq'\nversion = '1.7-2'\nsummary = 'x'\nlicense = 'MIT'\nmaintainer = 'A <a@b.c>'\n[build]\ninstall = 'x'\n",
    ),
    (
        "version_is_a_number",
        "![package]\nname = 'jq'\nversion = 1.7\nsummary = 'x'\nlicense = 'MIT'\nmaintainer = 'A <a@b.c>'\n[build]\ninstall = 'x'\n",
    ),
    (
        "upper_case_name",
        "![package]\nname = 'JQ'\nversion = 'v1.7'\nsummary = 'x'\nlicense = 'MIT'\nmaintainer = 'A <a@b.c>'\n[build]\ninstall = 'x'\n",
    ),
    (
        "licence_not_spdx",
        "![package]\nname = 'jq'\nversion = '1'\nsummary = 'x'\nlicense = 'MIT and GPLv2'\nmaintainer = 'Ada'\n[build]\ninstall = 'x'\n",
    ),
    (
        "header_injection",
        "![package]\nname = 'jq'\nversion = '1'\nsummary = \"\"\"x\nDepends: evil\"\"\"\nlicense = 'MIT'\nmaintainer = 'A <a@b.c>'\n[build]\ninstall = 'x'\n",
    ),
    ("nothing_to_install", ""),
    ("string_for_an_array", "[build]\nrequires = 'libonig-dev'\ninstall = 'x'\n"),
    ("number_in_an_array", "[build]\nrequires = ['bison', 3]\nnetwork = 'no'\ninstall = 'x'\n"),
    ("two_relations_in_one", "requires = ['libonig5, libc6']\n[build]\ninstall = 'x'\n"),
    ("environment", "[build]\nenv = { 'A B' = 'x', FARM_X = 'y', N = 4 }\ninstall = 'x'\n"),
    ("source_without_hash", "[[sources]]\nurl = 'https://example.org/jq.tar.gz'\n[build]\ninstall = 'x'\n"),
    (
        "source_with_short_hash",
        "[[sources]]\nurl = 'https://example.org/jq.tar.gz'\nsha256 = 'abc'\n[build]\ninstall = 'x'\n",
    ),
    (
        "source_of_two_kinds",
        "[[sources]]\nurl = 'https://example.org/jq.tar.gz'\ngit = 'https://example.org/jq'\n[build]\ninstall = 'x'\n",
    ),
    ("source_from_nowhere", "[[sources]]\nstrip = 1\n[build]\ninstall = 'x'\n"),
    ("source_single_brackets", "[sources]\npath = '.'\n[build]\ninstall = 'x'\n"),
    (
        "source_branch_for_a_commit",
        "[[sources]]\ngit = 'https://example.org/jq'\ncommit = 'main'\n[build]\ninstall = 'x'\n",
    ),
    (
        "source_that_runs_commands",
        "[[sources]]\ngit = 'ext::sh -c id'\ncommit = 'da39a3ee5e6b4b0d3255bfef95601890afd80709'\n[build]\ninstall = 'x'\n",
    ),
    ("source_leaves_the_tree", "[[sources]]\npath = '/etc'\ninto = '../..'\n[build]\ninstall = 'x'\n"),
    (
        "split_package",
        "[build]\ninstall = 'x'\n[packages.dev]\nname = 'jq'\nsummary = 'headers'\n[packages.doc]\nfiles = ['usr/share/doc']\narchitecture = 'noarch'\n",
    ),
    (
        "services",
        "services = ['jqd.service']\n[build]\ninstall = 'x'\n[packages.a]\nfiles = ['/usr/a']\n[packages.a.services.jqd]\nenabled = true\nrestart = 'after'\n[packages.a.services.'jqd.service']\n[packages.a.services.'jqd@tty1']\n",
    ),
    (
        "users",
        "tmpfiles = ['/run/jqd 0755 jqd jqd']\n[package.users.Jqd]\n[package.users.jqd]\ncomment = 'JSON: fast'\nhome = '~/jq'\ngroup = 'json'\n[build]\ninstall = 'x'\n",
    ),
    (
        "alternatives",
        "[package.alternatives.jq]\nlink = '/usr/bin/jq'\npath = '/usr/bin/jq'\n[package.alternatives.jq.slaves.'jq.1.gz']\nlink = '/usr/share/man/man1/jq.1.gz'\n[build]\ninstall = 'x'\n",
    ),
    ("limits", "[build]\ninstall = 'x'\n[limits]\nmemory = '4 gigs'\ntimeout = '0 s'\npids = 1\nstall = true\n"),
    ("syntax", "[build]\ninstall = make install\n"),
    ("syntax_unclosed_string", "[build]\ninstall = 'make install\n[test]\nscript = 'x'\n"),
    ("duplicate_key", "[build]\ninstall = 'x'\ninstall = 'y'\n"),
    ("duplicate_table", "[build]\ninstall = 'x'\n[build]\ncheck = 'y'\n"),
    ("override_key_without_table", "[build]\ninstall = 'x'\n[override.rpm]\nrequires = ['oniguruma']\n"),
    ("override_without_selector", "[build]\ninstall = 'x'\n[override.build]\ncheck = 'x'\n"),
    (
        "override_of_an_unknown_variant",
        "[build]\ninstall = 'x'\n[matrix]\ndistros = ['*']\n[matrix.variants.minimal]\n[override.'variant:minimul'.build]\ncheck = ''\n[override.minimal.build]\ncheck = ''\n",
    ),
    ("override_that_never_matches", "[build]\ninstall = 'x'\n[override.'debian-12/ubuntu'.build]\ncheck = ''\n"),
    ("override_value", "[build]\ninstall = 'x'\n[override.rpm.build]\nrequires = 'oniguruma-devel'\n"),
    ("matrix_keys", "[build]\ninstall = 'x'\n[matrix]\ndistro = ['debian-12']\n[matrix.full]\narches = ['amd64']\n"),
    ("terminal_steering", "[build]\ninstall = 'x' # \u{1b}[31m\u{202e}\n\"\\u001b[2Jkey\" = 1\n"),
];

/// Wrong only in the light of the catalogue.
const WRONG_MATRIX: &[(&str, &str)] = &[
    ("matrix_unknown_distributions", "[matrix]\ndistros = ['debain-12', 'debian', 'debian-7']\n"),
    ("matrix_unknown_architecture", "[matrix]\ndistros = ['debian-12']\narches = ['amd65', 'riscv64']\n"),
    ("matrix_exclude", "[matrix]\ndistros = ['debian-*']\nexclude = ['fedoar-43', 'debian-12/vax']\n"),
    (
        "override_of_an_unknown_distribution",
        "[matrix]\ndistros = ['debian-*']\n[override.debain-12.build]\ncheck = ''\n",
    ),
];

fn whole(wrong: &str) -> String {
    match wrong.strip_prefix('!') {
        Some(text) => text.to_owned(),
        None => format!("{PACKAGE}{wrong}"),
    }
}

fn rendered(text: &[u8], style: &Style) -> String {
    match RecipeFile::parse(Path::new("recipes/jq/farm.toml"), text) {
        Ok(_) => panic!("a good recipe:\n{}", String::from_utf8_lossy(text)),
        Err(error) => recipe(&error, style),
    }
}

#[test]
fn wrong_recipes() {
    for (name, wrong) in WRONG {
        insta::assert_snapshot!(*name, rendered(whole(wrong).as_bytes(), &Style::PLAIN));
    }
}

#[test]
fn wrong_matrices() {
    let catalogue = Catalogue::load(&[]).unwrap();
    for (name, wrong) in WRONG_MATRIX {
        let text = format!("{PACKAGE}{BUILD}{wrong}");
        let file = RecipeFile::parse(Path::new("recipes/jq/farm.toml"), text.as_bytes()).unwrap();
        let error = crate::matrix::expand(&file, "default", &catalogue, Arch::Amd64).unwrap_err();
        insta::assert_snapshot!(*name, matrix(&error, &Style::PLAIN));
    }
}

#[test]
fn files_that_are_no_text() {
    insta::assert_snapshot!("latin_1", rendered(b"[package]\nname = \"gr\xfc\xdfe\"\n", &Style::PLAIN));
    insta::assert_snapshot!("utf_16", rendered(b"\xff\xfe[\0p\0a\0", &Style::PLAIN));
    let long = format!("{PACKAGE}x = '{}'\n{BUILD}", "y".repeat(100_000));
    insta::assert_snapshot!("long_line", rendered(long.as_bytes(), &Style::PLAIN));
    let missing = RecipeError::Read { path: "farm.toml".into(), reason: "there is no such file".to_owned() };
    insta::assert_snapshot!("no_file", recipe(&missing, &Style::PLAIN));
}

#[test]
fn narrow_ascii_and_colour() {
    let wrong = whole("[build]\ninstal = 'make install'\ninstall = 'x'\n");
    let ascii = Style { unicode: false, width: 50, ..Style::PLAIN };
    insta::assert_snapshot!("ascii_narrow", rendered(wrong.as_bytes(), &ascii));
    let color = rendered(wrong.as_bytes(), &Style { color: true, ..Style::PLAIN });
    assert!(color.starts_with("\u{1b}["));
    assert_eq!(console::strip_ansi_codes(&color), rendered(wrong.as_bytes(), &Style::PLAIN));
}

#[test]
fn nothing_in_a_file_reaches_the_terminal_raw() {
    for (_, wrong) in WRONG {
        let text = rendered(whole(wrong).as_bytes(), &Style::PLAIN);
        assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "{text:?}");
        assert!(!text.contains('\u{202e}'), "{text:?}");
    }
}

#[test]
fn unknown_matrices() {
    let error = |name: &str, known: &[&str]| {
        let known = known.iter().map(|name| (*name).to_owned()).collect();
        matrix(&MatrixError::UnknownMatrix { path: "jq/farm.toml".into(), name: name.to_owned(), known }, &Style::PLAIN)
    };
    insta::assert_snapshot!(error("fulll", &["default", "full"]), @r"
    error: jq/farm.toml has no matrix `fulll`
      help: did you mean `full`?
    ");
    insta::assert_snapshot!(error("nightly", &["default", "full"]), @r"
    error: jq/farm.toml has no matrix `nightly`
      help: its matrices are default, full
    ");
    insta::assert_snapshot!(error("default", &["full"]), @r"
    error: jq/farm.toml has no matrix `default`
      help: its matrices are full: choose one with --matrix, or write a
            [matrix]
    ");
    insta::assert_snapshot!(error("default", &[]), @r#"
    error: jq/farm.toml has no [matrix]
      help: say in [matrix] distros for which distributions it is built, for
            example distros = ["debian-*"]
    "#);
}

#[test]
fn problems_of_a_plan_are_said_once_for_all_their_targets() {
    let target = |distro: &str| Target {
        recipe: "jq".to_owned(),
        distro: distro.to_owned(),
        arch: Arch::Amd64,
        format: Format::Deb,
        variant: None,
    };
    let problems = ["debian-12", "debian-13", "debian-14", "debian-sid"]
        .iter()
        .map(|distro| (target(distro), "[package] section: `x y` is no section".to_owned()))
        .chain([(target("debian-12"), "the summary is too long".to_owned())])
        .collect();
    insta::assert_snapshot!(plan(&PlanError { problems }, &Style::PLAIN), @r"
    error: [package] section: `x y` is no section
      for jq@debian-12/amd64, jq@debian-13/amd64, jq@debian-14/amd64 and 1 more
    error: the summary is too long
      for jq@debian-12/amd64
    ");
}

#[test]
fn a_wrong_distribution() {
    let text = "name = \"Mine\"\nformt = \"deb\"\n";
    let error = DistroError::Invalid {
        path: PathBuf::from("distros/mine-1.toml"),
        text: text.into(),
        span: 14..19,
        message: "unknown key `formt`".to_owned(),
        help: Some("did you mean `format`?".to_owned()),
    };
    insta::assert_snapshot!("distribution", distro(&error, &Style::PLAIN));
}
