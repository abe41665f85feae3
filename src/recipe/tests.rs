//! What whole recipes mean: defaults, overrides, and that no input makes the reader panic.

use std::collections::BTreeMap;
use std::path::Path;

use proptest::prelude::*;

use super::*;

mod overrides;

const MINIMAL: &str = r#"
[package]
name = "hello"
version = "2.10"
summary = "a friendly greeting"
license = "GPL-3.0-or-later"
maintainer = "Ada Lovelace <ada@example.org>"

[build]
install = "make install DESTDIR=$DESTDIR"
"#;

fn recipe(text: &str) -> RecipeFile {
    RecipeFile::parse(Path::new("recipes/hello/farm.toml"), text.as_bytes()).unwrap_or_else(|error| panic!("{error:?}"))
}

fn problems(text: &str) -> Vec<Problem> {
    match RecipeFile::parse(Path::new("farm.toml"), text.as_bytes()) {
        Err(RecipeError::Invalid { problems, .. }) => problems,
        other => panic!("expected problems, got {other:?}"),
    }
}

pub(crate) const DEB: &str = "debian-12/amd64";
pub(crate) const RPM: &str = "fedora-44/amd64";

pub(crate) fn selection(target: &str) -> Selection {
    let (distro_version, rest) = target.split_once('/').unwrap();
    let (arch, variant) = match rest.split_once('+') {
        Some((arch, variant)) => (arch, Some(variant.to_owned())),
        None => (rest, None),
    };
    let distro = distro_version.split('-').next().unwrap();
    let (format, manager) = match distro {
        "debian" | "ubuntu" => ("deb", "apt"),
        "opensuse" => ("rpm", "zypper"),
        _ => ("rpm", "dnf"),
    };
    Selection {
        format: format.to_owned(),
        manager: manager.to_owned(),
        distro: distro.to_owned(),
        distro_version: distro_version.to_owned(),
        arch: arch.to_owned(),
        variant,
    }
}

pub(crate) fn resolved(file: &RecipeFile, target: &str) -> Recipe {
    file.merged(&selection(target), &BTreeMap::new()).unwrap().without_project().unwrap()
}

/// What is wrong with a recipe for one target: message, label and the text that is marked.
fn target_problems(text: &str, target: &str) -> Vec<(String, String, String)> {
    match recipe(text).merged(&selection(target), &BTreeMap::new()) {
        Err(RecipeError::Invalid { problems, .. }) => problems
            .into_iter()
            .map(|problem| (problem.message, problem.label, text[problem.span].to_owned()))
            .collect(),
        other => panic!("expected problems, got {other:?}"),
    }
}

#[test]
fn a_relation_that_a_format_cannot_write_is_told_at_its_line() {
    let with = |line: &str| MINIMAL.replace("[build]", &format!("{line}\n\n[build]"));
    for (line, target, marked, label) in [
        ("requires = ['a-ok', 'libfoo:arm64']", "fedora-43/amd64", "'libfoo:arm64'", "RPM has no `:arm64`"),
        ("requires = ['foo (>= v1)']", "debian-12/amd64", "'foo (>= v1)'", "must begin with a digit"),
        ("provides = ['foo (>= 1)']", "debian-12/amd64", "'foo (>= 1)'", "one version"),
        ("conflicts = ['python3:any']", "debian-12/amd64", "'python3:any'", "write `python3`"),
        ("recommends = ['(foo if bar)']", "debian-12/amd64", "'(foo if bar)'", "[override.rpm]"),
        ("recommends = ['foo [amd64]']", "fedora-43/amd64", "'foo [amd64]'", "move it to [override.deb]"),
    ] {
        let found = target_problems(&with(line), target);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].1.contains(label) && found[0].2 == marked, "{line}: {found:?}");
    }
    // The other format has it, and so may a project's own packaging.
    resolved(&recipe(&with("provides = ['foo (>= 1)']")), "fedora-43/amd64");
    resolved(&recipe(&with("suggests = ['foo [amd64]']\n\n[packaging]\nspec = 'x.spec'")), "fedora-43/amd64");
    // What no format has is told without a target.
    for line in ["conflicts = ['foo | bar']", "replaces = ['foo (<< 2) | bar']", "provides = ['foo | bar']"] {
        assert!(problems(&with(line))[0].label.contains("a string of its own"), "{line}");
    }
    let for_all = problems(&with("architecture = 'all'\nsuggests = ['foo [amd64]']"));
    assert!(for_all[0].label.contains("same everywhere"), "{for_all:?}");
}

#[test]
fn a_script_of_one_format_is_not_dropped_in_the_other() {
    for (key, only, its, other) in [
        ("purge", "deb", "debian-12/amd64", "fedora-43/amd64"),
        ("post-transaction", "rpm", "fedora-43/amd64", "debian-12/amd64"),
    ] {
        let with = |table: &str| recipe(&MINIMAL.replace("[build]", &format!("[{table}]\n{key} = 'x'\n[build]")));
        let script =
            |recipe: &Recipe| recipe.package.scripts.purge.clone().or(recipe.package.scripts.post_transaction.clone());
        assert_eq!(script(&resolved(&with("package.scripts"), its)).as_deref(), Some("x"));
        let Err(RecipeError::Invalid { problems, .. }) =
            with("package.scripts").merged(&selection(other), &BTreeMap::new())
        else {
            panic!("{key} is for .{only}")
        };
        let help = problems[0].help.clone().unwrap();
        assert!(help.contains(&format!("[override.{only}.package.scripts]")), "{help}");
        let apart = with(&format!("override.{only}.package.scripts"));
        assert_eq!([its, other].map(|target| script(&resolved(&apart, target)).is_some()), [true, false]);
    }
}

#[test]
fn a_package_for_all_architectures_is_installed_once() {
    let text = MINIMAL.replace("[build]", "architecture = 'all'\nmulti-arch = 'same'\n[build]");
    let found = target_problems(&text, "debian-12/amd64");
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].0, "`multi-arch` in [package] does not go with its architecture");
    // It says nothing of an .rpm.
    resolved(&recipe(&text), "fedora-43/amd64");
    let [problem] = &problems(&text.replace("'same'", "'freign'"))[..] else { panic!("one problem") };
    assert_eq!(problem.label, "did you mean \"foreign\"?");
}

#[test]
fn templates_are_neither_enabled_nor_started() {
    let text = |key: &str| format!("{MINIMAL}\n[package.services.\"greet@\"]\n{key}\n");
    for key in ["enable = true", "start = true", "enable = true\nstart = false"] {
        assert!(problems(&text(key))[0].message.ends_with("is about a template"), "{key}");
    }
    recipe(&text("enable = false"));
    recipe(&text("restart = false"));
}

/// debhelper keeps a folder for each package beside its own files, by the package's name.
#[test]
fn packages_that_are_called_as_files_of_debian_are_made_by_farm() {
    for name in ["control", "source", "rules", "tmp"] {
        let file = recipe(&MINIMAL.replace("\"hello\"", &format!("\"{name}\"")));
        for distro in ["debian-12", "debian-13"] {
            let environment = resolved(&file, &format!("{distro}/amd64")).environment.expect("it has one");
            let origin = EnvironmentOrigin::Distro(distro.to_owned());
            assert_eq!(environment, Environment { origin, tools: PackagingTools::Farm });
        }
        assert_eq!(resolved(&file, "fedora-43/amd64").environment, None);
    }
    assert_eq!(resolved(&recipe(MINIMAL), "debian-12/amd64").environment, None);
}

#[test]
fn a_dockerfile_has_defaults_and_templates() {
    let file = recipe(&format!(
        "{MINIMAL}\n[environment]\ndockerfile = 'packaging/Dockerfile'\n[override.rpm.environment]\n\
         dockerfile = 'packaging/{{{{ format }}}}.Dockerfile'\ncontext = 'packaging'\ntarget = 'builder'\n\
         args = {{ DISTRO = '{{{{ distro }}}}', EMPTY = '' }}\n"
    ));
    let dockerfile = |target: &str| match resolved(&file, target).environment.map(|environment| environment.origin) {
        Some(EnvironmentOrigin::Dockerfile(dockerfile)) => dockerfile,
        other => panic!("{other:?}"),
    };
    let (path, context) = ("packaging/Dockerfile".to_owned(), ".".to_owned());
    assert_eq!(dockerfile("debian-12/amd64"), Dockerfile { path, context, target: None, args: BTreeMap::new() });
    let rpm = dockerfile("fedora-43/amd64");
    assert_eq!((rpm.path.as_str(), rpm.context.as_str()), ("packaging/rpm.Dockerfile", "packaging"));
    assert_eq!(rpm.target.as_deref(), Some("builder"));
    assert_eq!(rpm.args["DISTRO"], "fedora-43");
    assert_eq!(rpm.args["EMPTY"], "", "an argument may be empty");
}

#[test]
fn images_are_named_as_registries_do() {
    let digest = "a".repeat(64);
    for (reference, good) in [
        ("debian", true),
        ("debian:12-slim", true),
        ("localhost:5000/a/b_c:1", true),
        ("quay.io/a/b@sha256:DIGEST", true),
        ("a/b:1@sha256:DIGEST", true),
        ("a:b:c", false),
        ("a//b", false),
        ("a/B", false),
        ("a@sha256:xyz", false),
        ("a@md5:00", false),
        ("-a", false),
        ("a:", false),
        ("a b", false),
        ("https://a/b", false),
    ] {
        let text = format!("{MINIMAL}\n[environment]\nimage = '{}'\n", reference.replace("DIGEST", &digest));
        assert_eq!(RecipeFile::parse(Path::new("farm.toml"), text.as_bytes()).is_ok(), good, "{reference}");
    }
}

#[test]
fn defaults_are_as_documented() {
    let file = recipe(MINIMAL);
    let recipe = resolved(&file, "debian-12/amd64");
    assert_eq!(file.name, "hello");
    assert_eq!(recipe.root, Path::new("recipes/hello"));
    assert_eq!((recipe.package.release, recipe.package.epoch), (1, 0));
    assert_eq!(recipe.package.section, "misc");
    assert_eq!(recipe.package.architecture, PackageArch::Any);
    assert_eq!(recipe.package.description, recipe.package.summary);
    assert_eq!(recipe.package.date, None);
    assert_eq!(recipe.limits.memory_bytes, 4 << 30);
    assert_eq!(recipe.limits.pids, 4096);
    assert_eq!(recipe.limits.timeout.as_secs(), 7200);
    assert_eq!(recipe.limits.stall.as_secs(), 1200);
    assert_eq!(recipe.limits.log_bytes, 256 << 20);
    assert!(recipe.sources.is_empty() && recipe.test.is_none() && !recipe.build.network);
    assert!(file.matrices.is_empty());
}

#[test]
fn every_key_is_read() {
    let file = recipe(&format!(
        r#"
{}
[[sources]]
urls = ["mirror://debian/pool/x.tar.gz", "https://example.org/x.tar.gz"]
sha256 = "{}"
patches = ["fix.patch"]
[[sources]]
path = ".."
into = "own"
[[sources]]
git = "https://example.org/x.git"
commit = "{}"
strip = 2
[packages.dev]
summary = "headers"
files = ["/usr/include/**", "${{libdir}}/*.so"]
requires = ["hello"]
section = "libdevel"
multi-arch = "same"
[packages.dev.attributes."/usr/include/own.h"]
mode = "0640"
group = "adm"
[packages.dev.scripts]
post-install = "true"
[matrix]
distros = ["debian-*", "rpm-generic"]
arches = ["amd64", "aarch64"]
exclude = ["debian-11"]
[matrix.variants.minimal]
features = "none"
[matrix.full]
distros = ["*"]
[test]
script = "hello --version"
requires = ["file"]
[limits]
memory = "2 GiB"
pids = 100
timeout = "90 min"
stall = 60
log = 1048576
"#,
        MINIMAL.replace("[build]", "config-files = ['/etc/hello']\ndate = 2026-11-22\n[package.scripts]\npre-remove = 'x'\n[build]\nenv = { CFLAGS = '-O2' }\ncheck = 'make check'\nnetwork = true\nprivate-libraries = ['/usr/lib/libown.so']"),
        "AB".repeat(32),
        "cd".repeat(20),
    ));
    let recipe = resolved(&file, "debian-12/amd64");
    assert_eq!(recipe.package.config_files, ["/etc/hello"]);
    assert_eq!(recipe.package.date, Some(1_795_305_600));
    assert_eq!(recipe.package.scripts.pre_remove.as_deref(), Some("x"));
    assert_eq!(recipe.build.env["CFLAGS"], "-O2");
    assert!(recipe.build.network);
    assert_eq!(recipe.build.private_libraries.named(), ["/usr/lib/libown.so"]);
    let [urls, path, git] = &recipe.sources[..] else { panic!("three sources") };
    assert!(matches!(&urls.origin, Origin::Urls { urls, sha256 } if urls.len() == 2 && *sha256 == "ab".repeat(32)));
    let [patch] = &urls.patches[..] else { panic!("one patch") };
    assert_eq!((urls.strip, urls.into.as_str(), patch.path.as_str(), patch.strip), (1, ".", "fix.patch", 1));
    assert_eq!((path.strip, path.into.as_str()), (0, "own"));
    assert_eq!(git.strip, 2);
    assert_eq!(recipe.packages["dev"].files.len(), 2);
    let attributes = &recipe.packages["dev"].system.attributes["/usr/include/own.h"];
    assert_eq!((attributes.mode, attributes.owners().as_deref()), (Some(0o640), Some("root:adm")));
    assert_eq!((recipe.package.multi_arch, recipe.packages["dev"].multi_arch), (None, Some(MultiArch::Same)));
    assert_eq!(recipe.packages["dev"].scripts.post_install.as_deref(), Some("true"));
    assert_eq!(recipe.test.unwrap().requires, ["file"]);
    assert_eq!(recipe.limits.memory_bytes, 2 << 30);
    assert_eq!((recipe.limits.timeout.as_secs(), recipe.limits.stall.as_secs()), (5400, 60));
    assert_eq!(recipe.limits.log_bytes, 1 << 20);
    assert_eq!(file.matrices.keys().collect::<Vec<_>>(), ["default", "full"]);
    assert_eq!(file.matrices["default"].distros[1].0, "rpm-generic");
    assert_eq!(&file.text[file.matrices["default"].distros[1].1.clone()], "\"rpm-generic\"");
    assert_eq!(file.variant("minimal").unwrap()["features"], "none");
}

#[test]
fn waivers_are_by_rule_and_have_a_reason() {
    let text = format!(
        "{MINIMAL}\n[waivers.setuid-file]\npaths = ['/usr/bin/su2']\nreason = 'it has to be root'\n\
         [override.rpm.waivers.setuid-file]\npaths = ['/usr/bin/*']\n[override.rpm.waivers.elf-in-noarch]\nreason = 'b'\n"
    );
    let waivers = |target| resolved(&recipe(&text), target).waivers;
    assert_eq!(waivers("debian-12/amd64").keys().collect::<Vec<_>>(), ["setuid-file"]);
    let of_rpm = waivers("fedora-43/amd64");
    assert_eq!(of_rpm.keys().collect::<Vec<_>>(), ["elf-in-noarch", "setuid-file"]);
    let both = (of_rpm["setuid-file"].paths.as_slice(), of_rpm["setuid-file"].reason.as_str());
    assert_eq!(both, (&["/usr/bin/*".to_owned()][..], "it has to be root"));

    let wrong =
        |table: &str| problems(&format!("{MINIMAL}\n{table}\n")).into_iter().map(|one| one.message).collect::<Vec<_>>();
    assert_eq!(
        wrong("[waivers.duplicate-path]\nreason = 'a'"),
        ["`duplicate-path` in [waivers] is no rule that a recipe can waive"]
    );
    assert_eq!(wrong("[waivers.setuid-file]"), ["missing key `reason` in [waivers.setuid-file]"]);
    assert_eq!(
        wrong("[waivers.setuid-file]\nreason = 'a'\npaths = []"),
        ["`paths` in [waivers.setuid-file] names none"]
    );
    assert_eq!(wrong("[waivers]\nsetuid-file = true"), ["`setuid-file` in [waivers] must be a table"]);
}

#[test]
fn own_packaging_replaces_scripts_for_its_format_only() {
    let text =
        MINIMAL.replace("[build]\ninstall = \"make install DESTDIR=$DESTDIR\"", "[packaging]\ndebian = 'debian'");
    let file = recipe(&text);
    assert_eq!(resolved(&file, "debian-12/amd64").packaging.debian.as_deref(), Some("debian"));
    let Err(RecipeError::Invalid { problems, .. }) = file.merged(&selection("fedora-43/amd64"), &BTreeMap::new())
    else {
        panic!("an rpm cannot be made")
    };
    assert_eq!(problems[0].message, "nothing says how to make a .rpm");
}

#[test]
fn line_ends_and_byte_order_marks_of_windows_are_read() {
    let text = format!("\u{feff}{MINIMAL}check = '''\nmake check\nmake more\n'''\n").replace('\n', "\r\n");
    let file = recipe(&text);
    assert_eq!(resolved(&file, "debian-12/amd64").build.check.as_deref(), Some("make check\nmake more\n"));
    assert!(!file.text.contains('\r') && !file.text.starts_with('\u{feff}'));
}

#[test]
fn architecture_independent_recipes_are_known() {
    let all = MINIMAL.replace("license", "architecture = 'all'\nlicense");
    assert!(recipe(&all).built_once(&selection("debian-12/amd64")));
    assert!(!recipe(MINIMAL).built_once(&selection("debian-12/amd64")));
    let mixed = format!("{all}\n[packages.tool]\narchitecture = 'any'\nfiles = ['/usr/bin/tool']\n");
    assert!(!recipe(&mixed).built_once(&selection("debian-12/amd64")));
    let only_rpm = format!("{MINIMAL}\n[override.rpm.package]\narchitecture = 'all'\n");
    assert!(recipe(&only_rpm).built_once(&selection("fedora-43/amd64")));
    assert!(!recipe(&only_rpm).built_once(&selection("debian-12/amd64")));
}

#[test]
fn targets_with_the_same_overrides_share_a_recipe() {
    let file = recipe(&format!("{MINIMAL}\n[override.debian-12.package]\nrelease = 2\n"));
    let shared = |target| file.merged(&selection(target), &BTreeMap::new()).unwrap();
    assert!(std::sync::Arc::ptr_eq(&shared("debian-13/amd64"), &shared("debian-11/arm64")));
    assert!(!std::sync::Arc::ptr_eq(&shared("debian-13/amd64"), &shared("debian-12/amd64")));
    assert!(!std::sync::Arc::ptr_eq(&shared("debian-13/amd64"), &shared("fedora-43/amd64")));
}

#[test]
fn templates_are_filled_in_for_each_target() {
    let text = format!(
        "{MINIMAL}\n[[sources]]\nurl = 'https://example.org/{{{{ version }}}}-{{{{ arch }}}}-{{{{ variant.set }}}}.tar'\n\
         sha256 = '{0}'\n[matrix]\ndistros = ['*']\n[matrix.variants.all]\nset = 'a'\n[matrix.variants.few]\nset = 'f'\n\
         [override.rpm.package]\nversion = '2'\nsummary = 'For {{{{ distro }}}}'\n",
        "0".repeat(64)
    );
    let file = recipe(&text);
    let of = |target: &str, variant: &str| {
        let selection = Selection { variant: Some(variant.to_owned()), ..selection(target) };
        let recipe = file.merged(&selection, file.variant(variant).unwrap()).unwrap().without_project().unwrap();
        let Origin::Urls { urls, .. } = &recipe.sources[0].origin else { panic!("an address") };
        (urls[0].secret().to_owned(), recipe.package.summary.clone())
    };
    let (debian, _) = of("debian-12/amd64", "all");
    let (fedora, summary) = of("fedora-43/amd64", "few");
    assert!(debian.ends_with("-amd64-a.tar"), "{debian}");
    assert_eq!(fedora, "https://example.org/2-x86_64-f.tar");
    assert_eq!(summary, "For fedora-43");
}

#[test]
fn a_shell_keeps_its_braces_and_what_is_not_defined_is_told_at_load() {
    let with = |build: &str, requires: &str| format!("{MINIMAL}build = '{build}'\nrequires = ['{requires}']\n");
    let file = recipe(&with("x=${y} awk \"{{print}}\" {% id", "zlib"));
    assert_eq!(resolved(&file, "debian-12/amd64").build.build.as_deref(), Some("x=${y} awk \"{{print}}\" {% id"));
    let found = problems(&with("true", "lib{{ versoin }}"));
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].label, "did you mean `version`?");
}

#[test]
fn files_that_are_no_recipes_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let reason = |path: &Path| match RecipeFile::load(path, &BTreeMap::new()) {
        Err(RecipeError::Read { reason, .. }) => reason,
        other => panic!("{other:?}"),
    };
    assert_eq!(reason(&folder.path().join("none.toml")), "there is no such file");
    assert_eq!(reason(folder.path()), "it is a folder; name the farm.toml in it");
    let huge = folder.path().join("huge.toml");
    std::fs::write(&huge, vec![b'#'; (1 << 20) + 1]).unwrap();
    assert_eq!(reason(&huge), "it is larger than 1 MiB, which no recipe is");
    let latin1 = folder.path().join("latin1.toml");
    std::fs::write(&latin1, b"[package]\nname = \"gr\xfc\xdfe\"\n").unwrap();
    let Err(RecipeError::Invalid { text, problems, .. }) = RecipeFile::load(&latin1, &BTreeMap::new()) else {
        panic!("not UTF-8")
    };
    assert_eq!(&text[problems[0].span.clone()], "\u{fffd}");
}

/// Every example in the reference, as a recipe or with what its first lines do not give.
pub(crate) fn examples() -> Vec<String> {
    let reference = include_str!("../../docs/recipe.md");
    let examples = reference.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let whole = |example: &str| {
        if example.contains("[package]") {
            example.to_owned()
        } else if example.contains("[build]") {
            format!("{}\n{example}", MINIMAL.split("[build]").next().unwrap())
        } else {
            format!("{MINIMAL}\n{example}")
        }
    };
    examples.map(whole).collect()
}

#[test]
fn the_examples_of_the_reference_are_recipes() {
    let examples = examples();
    assert!(examples.len() >= 8, "found only {}", examples.len());
    for example in examples {
        let given = BTreeMap::from([("channel".to_owned(), "stable".to_owned())]);
        if let Err(error) = RecipeFile::parse_with(Path::new("docs/recipe.md"), example.as_bytes(), &given) {
            panic!("{example}\n{error:#?}");
        }
    }
}

#[test]
fn the_recipes_of_this_repository_are_good() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("recipes");
    let mut seen = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path().join("farm.toml");
        if path.is_file() {
            seen += 1;
            RecipeFile::load(&path, &BTreeMap::new()).unwrap_or_else(|error| panic!("{error:#?}"));
        }
    }
    assert!(seen >= 3, "found only {seen}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_makes_the_reader_panic(text in "(\\[|\\]|=|\"|'|\n|\\.|[a-z]|é|#|\\{|\\}|,|1| ){0,80}") {
        let _ = RecipeFile::parse(Path::new("farm.toml"), text.as_bytes());
    }

    /// Any one value of a good recipe replaced by any other value is either fine or a problem inside the text.
    #[test]
    fn problems_stand_inside_the_text(line in 0usize..12, value in prop_oneof![
        Just("1"), Just("-1"), Just("1.5"), Just("true"), Just("[]"), Just("[1]"), Just("{}"), Just("{ a = 1 }"),
        Just("\"\""), Just("\" \""), Just("\"a\\nb\""), Just("\"\\u0000\""), Just("\"\\u001b[31m\""), Just("'é'"),
        Just("2026-11-22"), Just("[[1]]"), Just("99999999999999999999"),
    ]) {
        let lines: Vec<String> = MINIMAL.lines().enumerate().map(|(number, text)| match text.split_once(" = ") {
            Some((key, _)) if number == line => format!("{key} = {value}"),
            _ => text.to_owned(),
        }).collect();
        let text = lines.join("\n");
        if let Err(RecipeError::Invalid { problems, text, .. }) = RecipeFile::parse(Path::new("farm.toml"), text.as_bytes()) {
            prop_assert!(!problems.is_empty());
            for problem in problems {
                prop_assert!(text.get(problem.span.clone()).is_some(), "{problem:?}");
                prop_assert!(!problem.message.chars().any(char::is_control), "{problem:?}");
                prop_assert!(!problem.label.chars().any(char::is_control), "{problem:?}");
            }
        }
    }
}
