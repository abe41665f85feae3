use std::path::Path;

use proptest::prelude::*;

use super::*;

/// Read once: tests with many cases would spend their time on it.
static BUILT_IN: std::sync::LazyLock<Catalogue> = std::sync::LazyLock::new(|| Catalogue::load(&[]).unwrap());

const PACKAGE: &str = r#"
[package]
name = "hello"
version = "1"
summary = "a greeting"
license = "MIT"
maintainer = "Ada <ada@example.org>"
[build]
install = "true"
"#;

fn recipe(matrix: &str) -> RecipeFile {
    RecipeFile::parse(Path::new("farm.toml"), format!("{PACKAGE}{matrix}").as_bytes())
        .unwrap_or_else(|error| panic!("{error:#?}"))
}

fn ids(matrix: &str) -> Vec<String> {
    let catalogue = &*BUILT_IN;
    let targets = expand(&recipe(matrix), "default", catalogue, Architecture::Amd64).unwrap();
    targets.iter().map(Target::to_string).collect()
}

fn problems(matrix: &str) -> Vec<Problem> {
    let catalogue = &*BUILT_IN;
    match expand(&recipe(matrix), "default", catalogue, Architecture::Amd64) {
        Err(MatrixError::Invalid { problems, .. }) => problems,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_matrix_without_arches_is_for_the_engine() {
    assert_eq!(
        ids("[matrix]\ndistros = ['debian-13', 'debian-12', 'debian-1?']\nexclude = ['debian-11', 'debian-14']\n"),
        ["hello@debian-13/amd64", "hello@debian-12/amd64"]
    );
}

#[test]
fn arches_are_those_that_both_sides_have() {
    let found = ids("[matrix]\ndistros = ['debian-12', 'rocky-9']\narches = ['x86_64', 'armhf', 'amd64']\n");
    assert_eq!(found, ["hello@debian-12/amd64", "hello@debian-12/armhf", "hello@rocky-9/x86_64"]);
}

#[test]
fn excludes_and_variants_shape_the_cells() {
    let found = ids("[matrix]\ndistros = ['debian-12', 'debian-13']\narches = ['amd64', 'arm64']\n\
                     exclude = ['debian-13/aarch64', 'jq@*']\n");
    assert_eq!(found, ["hello@debian-12/amd64", "hello@debian-12/arm64", "hello@debian-13/amd64"]);
    let found = ids("[matrix]\ndistros = ['debian-12', 'debian-13']\nexclude = ['debian-12+minimal']\n\
                     [matrix.variants.minimal]\nx = '1'\n[matrix.variants.standard]\n");
    assert_eq!(
        found,
        ["hello+standard@debian-12/amd64", "hello+minimal@debian-13/amd64", "hello+standard@debian-13/amd64"]
    );
}

#[test]
fn architecture_independent_packages_are_built_once() {
    let all = "[matrix]\ndistros = ['debian-12', 'rocky-9']\narches = ['arm64', 'amd64']\n\
               [override.deb.package]\narchitecture = 'all'\n";
    assert_eq!(ids(all), ["hello@debian-12/amd64", "hello@rocky-9/aarch64", "hello@rocky-9/x86_64"]);
    let without_engine = all.replace("'arm64', 'amd64'", "'arm64', 'ppc64el'");
    assert_eq!(ids(&without_engine)[0], "hello@debian-12/arm64");
}

#[test]
fn what_matches_nothing_is_told_with_a_suggestion() {
    let found = problems(
        "[matrix]\ndistros = ['debain-12', 'debian', 'debian-99', 'beos-*']\narches = ['amd65']\nexclude = ['fedroa-43', 'a@b@c']\n\
         [override.debain-12.package]\nrelease = 2\n",
    );
    let told: Vec<(&str, &str)> = found.iter().map(|p| (p.message.as_str(), p.label.as_str())).collect();
    assert_eq!(
        told,
        [
            ("unknown distribution `debain-12`", "did you mean `debian-12`?"),
            ("unknown distribution `debian`", "a family of distributions: did you mean `debian-*`?"),
            ("unknown distribution `debian-99`", "no such release of it is known"),
            ("unknown distribution `beos-*`", "no distribution matches"),
            ("unknown architecture `amd65`", "did you mean `amd64`?"),
            ("unknown excluded distribution `fedroa-43`", "did you mean `fedora-43`?"),
            ("`a@b@c` is no target pattern", "it has more than one `@`"),
            ("unknown selector `debain-12`", "did you mean `debian-12`?"),
        ]
    );
    let found = problems("[matrix]\ndistros = ['rocky-9']\narches = ['amd64', 'armhf']\n");
    assert_eq!(found[0].message, "no distribution of this matrix has the architecture `armhf`");
}

#[test]
fn an_unknown_matrix_names_the_known_ones() {
    let catalogue = &*BUILT_IN;
    let recipe = recipe("[matrix]\ndistros = ['*']\n[matrix.full]\ndistros = ['*']\n");
    let Err(MatrixError::UnknownMatrix { known, .. }) = expand(&recipe, "fulll", catalogue, Architecture::Amd64) else {
        panic!("unknown")
    };
    assert_eq!(known, ["default", "full"]);
}

#[test]
fn kinds_of_filters_must_all_hold() {
    let file = recipe("[matrix]\ndistros = ['debian-*', 'rocky-*']\n");
    let targets = expand(&file, "default", &BUILT_IN, Architecture::Amd64).unwrap();
    let chosen = |filter: Filter| -> Vec<String> {
        targets.iter().filter(|target| filter.matches(target)).map(Target::to_string).collect()
    };
    let patterns = vec!["*-9".to_owned(), "debian-12".to_owned()];
    let filter = Filter { targets: patterns, ..Filter::default() };
    assert_eq!(chosen(filter.clone()), ["hello@debian-12/amd64", "hello@rocky-9/x86_64"]);
    let rpm = Filter { formats: vec![Format::Rpm], arches: vec![Architecture::Amd64], ..filter.clone() };
    assert_eq!(chosen(rpm), ["hello@rocky-9/x86_64"]);
    assert!(chosen(Filter { arches: vec![Architecture::Arm64], ..filter }).is_empty());
    assert_eq!(chosen(Filter::default()).len(), targets.len());
    assert!(chosen(Filter { targets: vec!["debian-12/vax".to_owned()], ..Filter::default() }).is_empty());
}

#[test]
fn ten_thousand_cells_expand_into_distinct_targets() {
    let folder = tempfile::tempdir().unwrap();
    for number in 0..250 {
        let text = format!(
            "extends = \"common/debian\"\nname = \"Made {number}\"\nfamily = \"made\"\nversion = \"{number}\"\n\
             arches = [\"amd64\", \"arm64\", \"armhf\", \"i386\"]\nrelease-tag = \"~made{number}\"\n\
             [bootstrap]\nsuite = \"made{number}\"\n"
        );
        std::fs::write(folder.path().join(format!("made-{number}.toml")), text).unwrap();
    }
    let catalogue = Catalogue::load(&[folder.path().to_owned()]).unwrap();
    let mut matrix = "[matrix]\ndistros = ['made-*']\narches = ['amd64', 'arm64', 'armhf', 'i386']\n".to_owned();
    for number in 0..10 {
        matrix.push_str(&format!("[matrix.variants.v{number}]\nx = '{number}'\n"));
    }
    let targets = expand(&recipe(&matrix), "default", &catalogue, Architecture::Amd64).unwrap();
    assert_eq!(targets.len(), 10_000);
    let distinct: BTreeSet<String> = targets.iter().map(Target::folder).collect();
    assert_eq!(distinct.len(), 10_000);
}

proptest! {
    #[test]
    fn no_pattern_panics_and_exclude_is_the_complement(pattern in "[a-z0-9*?@/+ -]{0,24}") {
        let catalogue = &*BUILT_IN;
        let all = expand(&recipe("[matrix]\ndistros = ['debian-*']\narches = ['amd64', 'arm64']\n"), "default", catalogue, Architecture::Amd64).unwrap();
        let filter = Filter { targets: vec![pattern.clone()], ..Filter::default() };
        let excluding = format!("[matrix]\ndistros = ['debian-*']\narches = ['amd64', 'arm64']\nexclude = ['x@*', '{pattern}']\n");
        if let Ok(file) = RecipeFile::parse(Path::new("farm.toml"), format!("{PACKAGE}{excluding}").as_bytes())
            && let Ok(left) = expand(&file, "default", catalogue, Architecture::Amd64)
        {
            for target in &all {
                prop_assert_eq!(filter.matches(target), !left.contains(target));
            }
        }
    }
}
