//! A recipe in the words of one distribution: capabilities and toolchain words become what its package manager takes and
//! its packagers write. RPM's managers know capabilities themselves. For apt the answers come from the distribution's
//! archive: here are the questions, and the places that the answers go to.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;

use super::foreign::{self, StandIn};
use super::managers::{manager, takes_names_only};
use super::relation::{self, Alternative};
use super::target_recipe::TargetRecipe;
use super::words::Word;
use crate::capability::{Capability, CapabilityKind};
use crate::distro::Distro;
use crate::recipe::{Recipe, Relations};
use crate::types::{Format, PackageManager};

/// What a -dev package's .pc file needs to be read. RPM's -devel packages bring it along, Debian's do not.
const PKG_CONFIG: &str = "/usr/bin/pkg-config";

/// By capability, as it is written out.
pub type Answers = BTreeMap<String, Answer>;

/// The package that a capability resolves to.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct Answer {
    pub(crate) package: String,
    pub(crate) version: String,
    /// The file that it is provided by.
    pub(crate) path: String,
    /// What is written: `zlib1g-dev (>= 1:1.2)`
    #[serde(skip)]
    pub(crate) relation: String,
}

/// What only an archive can answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Question {
    /// Where it stands in the recipe: `build.requires`, `packages.dev.requires`.
    pub(crate) key: String,
    /// The string that it is part of.
    pub(crate) written: String,
    pub(crate) capability: Capability,
    /// It can do without an answer: a package is named beside it, or nobody has written it.
    pub(crate) optional: bool,
}

/// A capability or word of the recipe, and what stands in its place.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub(crate) struct Replaced {
    pub(crate) key: String,
    /// As in the recipe: `pkgconfig(zlib) >= 1.2`
    pub(crate) wanted: String,
    /// In the distribution's words. Nothing: every build has it, or it is not known.
    pub(crate) becomes: Vec<String>,
    /// On apt: what it was found by.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) found: Option<Answer>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) unknown: bool,
}

/// A recipe for one distribution.
#[derive(Debug, Clone)]
pub struct Answered {
    /// The recipe itself when there is nothing to replace.
    pub recipe: TargetRecipe,
    pub(crate) is_changed: bool,
    pub(crate) replaced: Vec<Replaced>,
    /// Debian packages that stand in for what an RPM made on Debian requires at runtime.
    pub(crate) stand_ins: Vec<String>,
}

/// Whose words a list of relations is to be in.
#[derive(Debug, Clone, Copy)]
struct Speech {
    format: Format,
    manager: PackageManager,
    /// What is installed to build: there build-essential is installed anyway.
    build: bool,
    /// Installed where something is built or tried, and so where pkg-config runs.
    installed_here: bool,
}

/// What the archive of an apt distribution must be asked before a recipe can be planned for it; nothing for others.
pub(crate) fn questions(recipe: &Recipe, distro: &Distro) -> Vec<Question> {
    let mut questions = Vec::new();
    if !takes_names_only(distro) {
        return questions;
    }
    for (key, list, speech) in lists(recipe, distro) {
        // Of what an RPM requires at runtime only the stand-ins are asked for, which a test can do without.
        let stand_in = speech.format == Format::Rpm;
        let mut pkg_config = None;
        for written in list {
            let alternatives = relation::alternatives(written);
            let named = alternatives.iter().any(|one| !matches!(Meant::of(one), Meant::Capability(_)));
            for alternative in &alternatives {
                let Ok(capability) = Capability::parse(&alternative.text) else { continue };
                if capability.kind == CapabilityKind::PkgConfig && speech.installed_here {
                    pkg_config.get_or_insert(written);
                }
                let optional = named || stand_in;
                questions.push(Question { key: key.clone(), written: written.clone(), capability, optional });
            }
        }
        if let (Some(written), Ok(capability)) = (pkg_config, Capability::parse(PKG_CONFIG)) {
            questions.push(Question { key, written: written.clone(), capability, optional: true });
        }
    }
    questions
}

/// Whether a recipe has anything that [`answered`] replaces, on whatever distribution.
pub(crate) fn has_capabilities(recipe: &Recipe) -> bool {
    let test = recipe.test.as_ref().map(|test| test.requires.as_slice()).unwrap_or_default();
    let relations =
        std::iter::once(&recipe.package.relations).chain(recipe.packages.values().map(|sub| &sub.relations));
    let runtime = relations.flat_map(|relations| {
        [&relations.pre_requires, &relations.requires, &relations.recommends, &relations.suggests]
    });
    let mut all = recipe.build.requires.iter().chain(test).chain(runtime.flatten());
    all.any(|written| {
        relation::alternatives(written)
            .iter()
            .any(|alternative| Word::find(&alternative.text).is_some() || Capability::parse(&alternative.text).is_ok())
    })
}

/// The recipe with answers in place of its questions. What has no answer is left out, and said in `replaced`.
pub fn answered(recipe: &Arc<Recipe>, distro: &Distro, answers: &Answers) -> Answered {
    let mut writer = Writer { answers, replaced: Vec::new(), stand_ins: Vec::new() };
    let mut changed = Vec::new();
    for (key, list, speech) in lists(recipe, distro) {
        let new = writer.list(&key, list, speech);
        if new != list {
            changed.push((key, new));
        }
    }
    let own = writer.spec(recipe, distro);
    if !own.is_empty() {
        let (_, of_build) =
            lists(recipe, distro).into_iter().map(|(key, list, _)| (key, list)).next().unwrap_or_default();
        if !changed.iter().any(|(key, _): &(String, Vec<String>)| key == "build.requires") {
            changed.push(("build.requires".to_owned(), of_build.to_vec()));
        }
        for (_, list) in changed.iter_mut().filter(|(key, _)| key == "build.requires") {
            list.extend(own.iter().filter(|relation| !of_build.contains(relation)).cloned());
            list.dedup();
        }
    }
    let Writer { replaced, mut stand_ins, .. } = writer;
    stand_ins.sort();
    stand_ins.dedup();
    if changed.is_empty() {
        return Answered { recipe: TargetRecipe::new(Arc::clone(recipe)), is_changed: false, replaced, stand_ins };
    }
    let mut new = Recipe::clone(recipe);
    for (key, list) in changed {
        if let Some(place) = place(&mut new, &key) {
            *place = list;
        }
    }
    Answered { recipe: TargetRecipe::new(Arc::new(new)), is_changed: true, replaced, stand_ins }
}

struct Writer<'a> {
    answers: &'a Answers,
    replaced: Vec<Replaced>,
    stand_ins: Vec<String>,
}

impl Writer<'_> {
    fn list(&mut self, key: &str, list: &[String], speech: Speech) -> Vec<String> {
        let mut written = Vec::new();
        let mut pkg_config = false;
        for relation in list {
            let alternatives = relation::alternatives(relation);
            let parsed: Vec<_> = alternatives.iter().map(|one| (one, Meant::of(one))).collect();
            pkg_config |= parsed
                .iter()
                .any(|(_, meant)| matches!(meant, Meant::Capability(capability) if capability.kind == CapabilityKind::PkgConfig));
            if parsed.iter().all(|(_, meant)| matches!(meant, Meant::Name)) {
                written.push(relation.clone());
            } else {
                written.extend(self.relation(key, &parsed, speech));
            }
        }
        if pkg_config
            && speech.installed_here
            && manager(speech.manager).by_name_only
            && let Some(answer) = self.answers.get(PKG_CONFIG)
            && !list.contains(&answer.package)
        {
            written.push(answer.relation.clone());
            self.note(key, PKG_CONFIG, vec![answer.relation.clone()], Some(answer));
        }
        written
    }

    fn relation(&mut self, key: &str, alternatives: &[(&Alternative, Meant)], speech: Speech) -> Vec<String> {
        let only = alternatives.len() == 1;
        let mut texts: Vec<String> = Vec::new();
        for (alternative, meant) in alternatives {
            let restricted = |text: &str| format!("{text} {}", alternative.restrictions).trim_end().to_owned();
            match meant {
                Meant::Name => texts.push(restricted(&alternative.text)),
                Meant::Word(word) => {
                    // On Debian, RPMs are written in the words of the Fedora family.
                    let is_foreign = speech.format != speech.manager.format();
                    let manager = if is_foreign { PackageManager::Dnf } else { speech.manager };
                    let there = speech.build && word.is_essential(manager) && only;
                    let packages = if there { &[] } else { word.packages(manager) };
                    let packages = if only { packages } else { &packages[..1] };
                    let becomes: Vec<String> = packages.iter().map(|name| restricted(name)).collect();
                    self.note(key, &alternative.text, becomes.clone(), None);
                    texts.extend(becomes);
                }
                Meant::Capability(capability) if speech.format == Format::Rpm => {
                    if let Some(answer) = self.answers.get(&capability.to_string()) {
                        self.stand_ins.push(answer.package.clone());
                    }
                    let text = in_rpm(capability);
                    self.note(key, &alternative.text, vec![text.clone()], None);
                    texts.push(restricted(&text));
                }
                Meant::Capability(capability) => {
                    let answer = self.answers.get(&capability.to_string());
                    let becomes: Vec<String> = answer.iter().map(|answer| restricted(&answer.relation)).collect();
                    self.note(key, &alternative.text, becomes.clone(), answer);
                    texts.extend(becomes);
                }
            }
        }
        if only {
            return texts;
        }
        texts.dedup();
        match texts.len() {
            0 => Vec::new(),
            1 => texts,
            _ if speech.format == Format::Rpm => vec![format!("({})", texts.join(" or "))],
            _ => vec![texts.join(" | ")],
        }
    }

    /// What stands in for the requirements of a project's own .spec, as Debian relations.
    fn spec(&mut self, recipe: &Recipe, distro: &Distro) -> Vec<String> {
        let mut relations: Vec<String> = Vec::new();
        let spec = recipe.packaging.spec.as_deref().unwrap_or_default();
        for (required, stand_in) in foreign::stand_ins(recipe, distro) {
            let (becomes, found, unknown) = match stand_in {
                StandIn::Known(known) => (known, None, false),
                StandIn::Asked(wish) => match self.answers.get(&foreign::key(&wish)) {
                    Some(answer) => (vec![answer.relation.clone()], Some(answer.clone()), false),
                    None => (Vec::new(), None, true),
                },
            };
            relations.extend(becomes.iter().cloned());
            let key = format!("{spec}:{}", required.line);
            self.replaced.push(Replaced { key, wanted: required.text.clone(), becomes, found, unknown });
        }
        relations.sort();
        relations.dedup();
        relations
    }

    fn note(&mut self, key: &str, wanted: &str, becomes: Vec<String>, found: Option<&Answer>) {
        let unknown = becomes.is_empty() && Capability::parse(wanted).is_ok();
        let replaced =
            Replaced { key: key.to_owned(), wanted: wanted.to_owned(), becomes, found: found.cloned(), unknown };
        self.replaced.push(replaced);
    }
}

/// What an alternative is.
enum Meant {
    Capability(Capability),
    Word(Word),
    Name,
}

impl Meant {
    fn of(alternative: &Alternative) -> Meant {
        match (Word::find(&alternative.text), Capability::parse(&alternative.text)) {
            (Some(word), _) => Meant::Word(word),
            (None, Ok(capability)) => Meant::Capability(capability),
            (None, Err(_)) => Meant::Name,
        }
    }
}

/// RPM has no capability for a library to link with: it is the file that the linker looks for.
fn in_rpm(capability: &Capability) -> String {
    match capability.kind {
        CapabilityKind::Library => format!("%{{_libdir}}/lib{}.so", capability.name),
        _ => capability.to_string(),
    }
}

/// Every list of relations in which capabilities are understood, with its key.
fn lists<'a>(recipe: &'a Recipe, distro: &Distro) -> Vec<(String, &'a [String], Speech)> {
    let manager = distro.manager;
    let building = Speech { format: manager.format(), manager, build: true, installed_here: true };
    let mut lists = vec![("build.requires".to_owned(), recipe.build.requires.as_slice(), building)];
    if let Some(test) = &recipe.test {
        let testing = Speech { build: false, ..building };
        lists.push(("test.requires".to_owned(), test.requires.as_slice(), testing));
    }
    let own = match distro.format {
        Format::Deb => &recipe.packaging.debian,
        Format::Rpm => &recipe.packaging.spec,
    };
    if own.is_some() {
        return lists;
    }
    let runtime = Speech { format: distro.format, manager, build: false, installed_here: false };
    let mut of_package = |key: &str, relations: &'a Relations| {
        let Relations { pre_requires, requires, recommends, suggests, .. } = relations;
        let all = [
            ("pre-requires", pre_requires),
            ("requires", requires),
            ("recommends", recommends),
            ("suggests", suggests),
        ];
        for (name, list) in all {
            lists.push((format!("{key}.{name}"), list.as_slice(), runtime));
        }
    };
    of_package("package", &recipe.package.relations);
    for (key, sub) in &recipe.packages {
        of_package(&format!("packages.{key}"), &sub.relations);
    }
    lists
}

/// The list with a key that [`lists`] has given.
fn place<'a>(recipe: &'a mut Recipe, key: &str) -> Option<&'a mut Vec<String>> {
    let (table, name) = key.rsplit_once('.')?;
    let relations = match table {
        "build" => return Some(&mut recipe.build.requires),
        "test" => return recipe.test.as_mut().map(|test| &mut test.requires),
        "package" => &mut recipe.package.relations,
        table => &mut recipe.packages.get_mut(table.strip_prefix("packages.")?)?.relations,
    };
    match name {
        "pre-requires" => Some(&mut relations.pre_requires),
        "requires" => Some(&mut relations.requires),
        "recommends" => Some(&mut relations.recommends),
        _ => Some(&mut relations.suggests),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::{GuestFile, Packaging, builder, check, generate, test};
    use super::*;
    use crate::distro::Catalogue;
    use crate::recipe::{RecipeFile, Selection};

    /// Without a line for any distribution; `tests/matrix` builds it.
    const CAPABLE: &str = include_str!("../../tests/capabilities/farm.toml");

    fn recipe_of(text: &str, distro: &Distro) -> Arc<Recipe> {
        let file =
            RecipeFile::parse(Path::new("farm.toml"), text.as_bytes()).unwrap_or_else(|error| panic!("{error:#?}"));
        let selection = Selection {
            format: distro.format.to_string(),
            manager: distro.manager.as_str().to_owned(),
            distro: distro.family.clone(),
            distro_version: distro.id.clone(),
            arch: "amd64".to_owned(),
            variant: None,
        };
        Arc::new(file.merged(&selection, &BTreeMap::new()).unwrap().without_project().unwrap())
    }

    fn recipe(requires: &str, more: &str, distro: &Distro) -> Arc<Recipe> {
        let text =
            CAPABLE.replace("requires = [\"perl(JSON)\", \"python3dist(pyyaml) >= 5\", \"/usr/bin/xsltproc\"]", more);
        let (start, rest) = text.split_once("requires = [\n").unwrap();
        let (_, end) = rest.split_once("]\n").unwrap();
        recipe_of(&format!("{start}requires = [{requires}]\n{end}"), distro)
    }

    fn distro(id: &str) -> Arc<Distro> {
        Arc::clone(Catalogue::load(&[]).unwrap().get(id).unwrap())
    }

    fn answers(of: &[(&str, &str)]) -> Answers {
        let answer = |relation: &str| Answer {
            package: relation.split(' ').next().unwrap().to_owned(),
            version: "1.2-3".to_owned(),
            path: "/usr/x".to_owned(),
            relation: relation.to_owned(),
        };
        of.iter().map(|(capability, relation)| ((*capability).to_owned(), answer(relation))).collect()
    }

    /// As Ubuntu 24.04 has them.
    fn of_ubuntu() -> Answers {
        answers(&[
            ("pkgconfig(zlib) >= 1.2", "zlib1g-dev (>= 1:1.2)"),
            ("/usr/include/popt.h", "libpopt-dev"),
            ("python3dist(pyyaml)", "python3-yaml"),
            ("python3dist(pyyaml) >= 5", "python3-yaml (>= 5)"),
            ("perl(JSON) >= 4", "libjson-perl (>= 4)"),
            ("perl(JSON)", "libjson-perl"),
            ("/usr/bin/help2man", "help2man"),
            ("/usr/bin/xsltproc", "xsltproc"),
            ("/usr/bin/pkg-config", "pkgconf"),
            ("lib(z)", "zlib1g-dev"),
        ])
    }

    /// What the files and scripts of a distribution say of other packages.
    fn packaged(id: &str) -> String {
        let distro = distro(id);
        let answered = answered(&recipe_of(CAPABLE, &distro), &distro, &of_ubuntu());
        let recipe = &answered.recipe;
        assert_eq!(check(recipe, &distro, Some(&distro)), Vec::<String>::new());
        let Packaging { files, .. } = generate(recipe, &distro, 0);
        let control = files.iter().find(|GuestFile { path, .. }| path.ends_with("control") || path.ends_with(".spec"));
        let mut in_field = false;
        let control = control.unwrap().content.whole();
        let mut lines: Vec<&str> = control.lines().collect();
        lines.retain(|line| {
            in_field =
                ["Build-Depends", "Depends", "BuildRequires", "Requires"].iter().any(|field| line.starts_with(field))
                    || (in_field && line.starts_with(' '));
            in_field
        });
        let builder = builder(recipe, &distro).script.to_string();
        let asks = |line: &&str| line.starts_with("apt_require ") || line.contains("_install ");
        let installs = builder.lines().filter(asks).filter(|line| !line.contains("()") && !line.contains("$@"));
        let install = test(recipe, &distro, &answered.stand_ins).install.to_string();
        let tested = install.lines().filter(|line| line.starts_with("set -- ") && !line.contains("$@"));
        let all: Vec<&str> = lines.into_iter().chain(installs).chain(tested).collect();
        format!("== {id}\n{}\n", all.join("\n"))
    }

    #[test]
    fn each_distribution_gets_what_its_packagers_write() {
        let ids = ["ubuntu-24.04", "fedora-43", "rocky-9", "opensuse-tumbleweed"];
        insta::assert_snapshot!(ids.map(packaged).join("\n"));
    }

    /// The build requirements that these become on `id`.
    fn written(requires: &str, id: &str, answers: &Answers) -> String {
        let distro = distro(id);
        answered(&recipe(requires, "", &distro), &distro, answers).recipe.build.requires.join(", ")
    }

    #[test]
    fn alternatives_restrictions_and_names_stay() {
        let answers = answers(&[("pkgconfig(a)", "liba-dev"), ("pkgconfig(a) >= 2", "liba-dev (>= 1:2)")]);
        for (requires, debian, fedora) in [
            ("'foo', 'python3:any'", "foo, python3:any", "foo, python3:any"),
            ("'pkgconfig(a) (>= 2)'", "liba-dev (>= 1:2)", "pkgconfig(a) >= 2"),
            ("'pkgconfig(a) | pkgconfig(b)'", "liba-dev", "(pkgconfig(a) or pkgconfig(b))"),
            ("'pkgconfig(b) | foo (>= 1)'", "foo >= 1", "(pkgconfig(b) or foo >= 1)"),
            ("'lib(a) | foo'", "foo", "(%{_libdir}/liba.so or foo)"),
            ("'pkgconfig(b)'", "", "pkgconfig(b)"),
            ("'cc', 'c++', 'go', 'ninja'", "golang-go, ninja-build", "gcc, gcc-c++, golang, ninja-build"),
            ("'cc | clang'", "gcc | clang", "(gcc or clang)"),
            ("'font(x)', '(a if b)'", "font(x), (a if b)", "font(x), (a if b)"),
        ] {
            assert_eq!(written(requires, "debian-12", &answers), debian, "{requires}");
            assert_eq!(written(requires, "fedora-43", &answers), fedora, "{requires}");
        }
        assert_eq!(written("'go', 'ninja', 'fortran'", "opensuse-tumbleweed", &answers), "go, ninja, gcc-fortran");
        assert_eq!(written("'pkgconfig(a) <!nocheck>'", "debian-12", &answers), "liba-dev <!nocheck>");
    }

    #[test]
    fn only_apt_is_asked_and_a_recipe_of_names_is_not_touched() {
        let asked = |requires: &str, more: &str, id: &str| -> Vec<String> {
            let distro = distro(id);
            let questions = questions(&recipe(requires, more, &distro), &distro);
            let shown = |question: Question| {
                format!("{} {}{}", question.key, question.capability, if question.optional { "?" } else { "" })
            };
            questions.into_iter().map(shown).collect()
        };
        let more = "requires = ['perl(A)']\nconflicts = ['foo']";
        assert_eq!(asked("'pkgconfig(a)'", more, "fedora-43"), Vec::<String>::new());
        assert_eq!(
            asked("'pkgconfig(a)', 'cmake(B) | c', 'cmake(B) | cmake(C)'", more, "debian-12"),
            [
                "build.requires pkgconfig(a)",
                "build.requires cmake(B)?",
                "build.requires cmake(B)",
                "build.requires cmake(C)",
                "build.requires /usr/bin/pkg-config?",
                "test.requires lib(z)",
                "package.requires perl(A)",
            ]
        );
        let generic = asked("", more, "rpm-generic");
        assert_eq!(generic, ["test.requires lib(z)", "package.requires perl(A)?"], "runtime relations are RPM's");
        let debian = distro("debian-12");
        let text = CAPABLE.replace("\"cc\", \"lib(z)\"", "'gcc'");
        let (start, rest) = text.split_once("requires = [\"perl").unwrap();
        let names = format!("{start}requires = ['foo']\n{}", rest.split_once('\n').unwrap().1);
        let (start, rest) = names.split_once("requires = [\n").unwrap();
        let names = recipe_of(&format!("{start}requires = ['make']\n{}", rest.split_once("]\n").unwrap().1), &debian);
        assert!(!has_capabilities(&names));
        let same = answered(&names, &debian, &Answers::new());
        assert!(!same.is_changed && same.replaced.is_empty());
    }

    #[test]
    fn what_an_rpm_made_on_debian_requires_stays_and_is_stood_in_for() {
        let generic = distro("rpm-generic");
        let recipe = recipe("'pkgconfig(a)', 'cc'", "requires = ['perl(A)', 'go', 'perl(B)']", &generic);
        let answers = answers(&[("pkgconfig(a)", "liba-dev"), ("perl(A)", "liba-perl"), ("lib(z)", "zlib1g-dev")]);
        let answered = answered(&recipe, &generic, &answers);
        assert_eq!(answered.recipe.build.requires, ["liba-dev"]);
        assert_eq!(answered.recipe.package.relations.requires, ["perl(A)", "golang", "perl(B)"]);
        assert_eq!(answered.stand_ins, ["liba-perl"]);
        let tester = test(&answered.recipe, &generic, &answered.stand_ins).tester.unwrap();
        assert!(
            tester.script.whole().contains(" liba-perl ") && tester.script.whole().contains(" zlib1g-dev"),
            "{:?}",
            tester.script
        );
    }

    #[test]
    fn what_is_not_answered_is_said() {
        let debian = distro("debian-12");
        let answered = answered(&recipe("'pkgconfig(a)'", "", &debian), &debian, &Answers::new());
        let unknown: Vec<_> =
            answered.replaced.iter().filter(|one| one.unknown).map(|one| one.wanted.as_str()).collect();
        assert_eq!(unknown, ["pkgconfig(a)", "lib(z)"]);
        assert!(answered.recipe.build.requires.is_empty());
    }
}
