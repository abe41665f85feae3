//! From the capabilities of recipes to the packages of apt distributions, before anything is planned: asks each archive
//! once, and says where in a recipe something stands that has no answer, or more than one.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::{Project, ProjectError, Unread, wishes};
use crate::archive::{ArchiveError, Archives, Candidate, Choice, Looked};
use crate::capability::Capability;
use crate::distro::Distro;
use crate::matrix::{self, Target};
use crate::packaging::{self, Answer, Answers, Question, Search, SpecWish};
use crate::plan::TargetInputs;
use crate::recipe::{Problem, RecipeError, RecipeId, Repository};
use crate::repositories::{self, RepositoryError};
use crate::types::{Arch, Comparison, printable};

/// Candidates that are named.
const NAMED: usize = 4;

/// What came of asking.
#[derive(Debug)]
pub(super) struct Answered {
    /// By `debian-12/amd64`.
    pub(super) answers: BTreeMap<String, Arc<Answers>>,
    pub(super) unread: Vec<Unread>,
    /// The targets that cannot be built without what is unread, and why.
    pub(super) blocked: BTreeMap<Target, String>,
    /// For people.
    pub(super) notes: Vec<String>,
}

/// What an archive chooses for capabilities.
#[derive(Debug, Default)]
struct PlaceAnswers {
    chosen: BTreeMap<String, Choice>,
    /// What it can neither find nor say to be absent.
    open: BTreeSet<String>,
    warnings: Vec<String>,
}

/// A distribution for one architecture, and all that is asked of its archive.
struct ArchiveQuestions {
    distro: Arc<Distro>,
    arch: Arch,
    /// Of the recipe: asked where the archive has no answer.
    repositories: Vec<Repository>,
    capabilities: BTreeMap<String, Capability>,
    /// What a project's own .spec requires, by what the answers go by.
    wishes: BTreeMap<String, SpecWish>,
}

/// A target, and what its project's own .spec requires.
pub(super) type Wished<'a> = (&'a TargetInputs, Vec<SpecWish>);

/// A target, and what is asked for it.
type Asked<'a> = (&'a TargetInputs, Arc<[Question]>);

/// What the archives answer to all that these targets ask. Nothing is read for targets that ask nothing.
///
/// # Errors
/// What is wrong with recipes: nothing provides a capability, or several packages do.
pub(super) async fn answers(
    project: &Project,
    targets: &[TargetInputs],
    archives: &Archives,
) -> Result<Answered, ProjectError> {
    let asked = questions(targets);
    let wished = wishes(targets);
    let mut places: BTreeMap<String, ArchiveQuestions> = BTreeMap::new();
    let mut place = |inputs: &TargetInputs, add: &dyn Fn(&mut ArchiveQuestions)| {
        let TargetInputs { target, distro, .. } = inputs;
        let new = || ArchiveQuestions {
            distro: Arc::clone(distro),
            arch: target.arch,
            repositories: inputs.recipe.repositories.clone(),
            capabilities: BTreeMap::new(),
            wishes: BTreeMap::new(),
        };
        add(places.entry(inputs.place()).or_insert_with(new));
    };
    for (inputs, questions) in &asked {
        place(inputs, &|place| {
            let named = questions.iter().map(|question| (question.capability.to_string(), question.capability.clone()));
            place.capabilities.extend(named);
        });
    }
    for (inputs, wishes) in &wished {
        let named = |wish: &SpecWish| (packaging::wish_key(wish), wish.clone());
        place(inputs, &|place| place.wishes.extend(wishes.iter().map(named)));
    }
    let read = futures_util::future::join_all(places.iter().map(|(name, place)| ask(name, place, archives))).await;
    let mut choices: BTreeMap<&str, BTreeMap<String, Choice>> = BTreeMap::new();
    let (mut unread, mut notes) = (Vec::new(), Vec::new());
    for ((name, place), read) in places.iter().zip(read) {
        match read {
            Ok(PlaceAnswers { chosen, open, warnings }) => {
                choices.insert(name, chosen);
                notes.extend(warnings);
                if !open.is_empty() {
                    let shown = |key: String| place.wishes.get(&key).map_or(key, |wish| wish.text.clone());
                    let capabilities = open.into_iter().map(shown).collect();
                    unread.push(Unread { place: short(name).to_owned(), capabilities, source: no_contents() });
                }
            }
            Err(source) => {
                let wished = place.wishes.values().map(|wish| wish.text.clone());
                let capabilities = place.capabilities.keys().cloned().chain(wished).collect();
                unread.push(Unread { place: short(name).to_owned(), capabilities, source });
            }
        }
    }
    let mut errors = problems(project, &asked, &choices);
    errors.extend(wishes::problems(project, &wished, &choices));
    if !errors.is_empty() {
        return Err(ProjectError::Recipes(errors));
    }
    let answered = |found: &BTreeMap<String, Choice>| -> Answers {
        let answer = |(capability, choice): (&String, &Choice)| match choice {
            Choice::Package(chosen) => Some((
                capability.clone(),
                Answer {
                    package: chosen.name.clone(),
                    version: chosen.version.clone(),
                    path: chosen.path.clone(),
                    relation: chosen.relation.clone(),
                },
            )),
            _ => None,
        };
        found.iter().filter_map(answer).collect()
    };
    let answers = choices.iter().map(|(name, found)| ((*name).to_owned(), Arc::new(answered(found)))).collect();
    let blocked = blocked(&asked, &wished, &choices, &unread);
    Ok(Answered { answers, unread, blocked, notes })
}

fn no_contents() -> ArchiveError {
    ArchiveError::Absent {
        what:
            "Contents indexes that are those of its signed Release file, and no package named like it has it: choose \
               another mirror with --mirror NAME=URL, name the package, or believe what the mirror has with \
               --stale-contents"
                .to_owned(),
    }
}

/// The targets that something is required for whose package nobody knows, each with what that is.
fn blocked(
    asked: &[Asked<'_>],
    wished: &[Wished<'_>],
    choices: &BTreeMap<&str, BTreeMap<String, Choice>>,
    unread: &[Unread],
) -> BTreeMap<Target, String> {
    let mut open: BTreeMap<&Target, (&TargetInputs, Vec<String>)> = BTreeMap::new();
    for (inputs, questions) in asked {
        let found = choices.get(inputs.place().as_str());
        let is_open = |question: &Question| {
            !question.optional
                && found.is_none_or(|found| !found.contains_key(&question.capability.to_string()))
                && !has_alternative(question, questions, found)
        };
        let texts: Vec<String> = questions.iter().filter(|one| is_open(one)).map(|one| one.written.clone()).collect();
        open.entry(&inputs.target).or_insert_with(|| (inputs, Vec::new())).1.extend(texts);
    }
    for (inputs, wishes) in wished {
        let found = choices.get(inputs.place().as_str());
        let is_open = |wish: &&SpecWish| {
            wish.is_certain && found.is_none_or(|found| !found.contains_key(&packaging::wish_key(wish)))
        };
        let texts = wishes.iter().filter(is_open).map(|wish| wish.text.clone());
        open.entry(&inputs.target).or_insert_with(|| (inputs, Vec::new())).1.extend(texts);
    }
    let told = |(target, (inputs, mut texts)): (&Target, (&TargetInputs, Vec<String>))| {
        texts.sort();
        texts.dedup();
        let source =
            unread.iter().find(|unread| unread.place == short(&inputs.place())).map(|unread| &unread.source)?;
        let reason = printable(&format!("{} cannot be looked up: {}", texts.join(", "), chain(source)));
        (!texts.is_empty()).then(|| (target.clone(), reason))
    };
    open.into_iter().filter_map(told).collect()
}

/// An error, and what it came from.
fn chain(error: &ArchiveError) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        let reason = error.to_string();
        if !text.contains(&reason) {
            text.push_str(&format!(": {reason}"));
        }
        source = error.source();
    }
    text
}

/// Whether another package that is written as an alternative to it is there.
fn has_alternative(question: &Question, questions: &[Question], found: Option<&BTreeMap<String, Choice>>) -> bool {
    questions.iter().any(|other| {
        let same = (&other.key, &other.written) == (&question.key, &question.written);
        let choice = found.and_then(|found| found.get(&other.capability.to_string()));
        same && !other.optional && matches!(choice, Some(Choice::Package(_)))
    })
}

/// A place without its repositories: `debian-12/amd64`.
fn short(place: &str) -> &str {
    place.split(' ').next().unwrap_or(place)
}

/// The targets that ask something. Targets that share recipe and distribution ask the same.
fn questions(targets: &[TargetInputs]) -> Vec<Asked<'_>> {
    let mut known: HashMap<(RecipeId, &str), Arc<[Question]>> = HashMap::new();
    let mut asked = Vec::new();
    for inputs in targets {
        let new = || packaging::questions(&inputs.recipe, &inputs.distro).into();
        let questions = known.entry((inputs.recipe.id(), &inputs.distro.id)).or_insert_with(new);
        if !questions.is_empty() {
            asked.push((inputs, Arc::clone(questions)));
        }
    }
    asked
}

/// The targets whose own .spec requires something that is looked for.
fn wishes(targets: &[TargetInputs]) -> Vec<Wished<'_>> {
    let each = targets.iter().map(|inputs| (inputs, packaging::wishes(&inputs.recipe, &inputs.distro)));
    each.filter(|(_, wishes)| !wishes.is_empty()).collect()
}

async fn ask(name: &str, place: &ArchiveQuestions, archives: &Archives) -> Result<PlaceAnswers, ArchiveError> {
    let warnings = std::sync::Mutex::new(BTreeSet::new());
    let warn = |warning: String| {
        warnings.lock().unwrap_or_else(std::sync::PoisonError::into_inner).insert(warning);
    };
    let of_wishes = place.wishes.values().flat_map(|wish| &wish.searches).filter_map(|search| match search {
        Search::Capability(capability) => Some(capability.clone()),
        Search::Package(..) => None,
    });
    let asked = place.capabilities.values().cloned().chain(of_wishes).collect();
    let looked = archives.look_up(&place.distro, place.arch, asked, &warn, &CancellationToken::new()).await?;
    let Looked { index, is_whole } = looked;
    let warnings = warnings.into_inner().unwrap_or_default();
    let warnings = warnings.into_iter().map(|warning| format!("{}: {}", short(name), printable(&warning))).collect();
    let (capabilities, wishes) = (place.capabilities.clone(), place.wishes.clone());
    let index = Arc::new(index);
    let own = Arc::clone(&index);
    let chosen = tokio::task::spawn_blocking(move || {
        let each = capabilities.into_iter().map(|(text, capability)| Ok((text, own.choose(&capability)?)));
        let wished = wishes.into_iter().map(|(key, wish)| Ok((key, wishes::choose(&own, &wish)?)));
        each.chain(wished).collect::<Result<_, ArchiveError>>()
    });
    let mut chosen: BTreeMap<String, Choice> = match chosen.await {
        Ok(chosen) => chosen?,
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        Err(_) => return Err(ArchiveError::Cancelled),
    };
    let asked = repositories::Asked {
        repositories: &place.repositories,
        what_for: None,
        distro: &place.distro,
        arch: place.arch,
        format: place.distro.manager.format(),
    };
    for (text, choice) in chosen.iter_mut().filter(|_| !asked.is_nobody()) {
        if let (Choice::Absent { .. } | Choice::Unfit(_), Some(capability)) = (&*choice, place.capabilities.get(text)) {
            let found = repositories::provider(asked, capability, &index, archives, &CancellationToken::new()).await;
            let place =
                |error: &RepositoryError| format!("{}:{}: {error}", error.place.path.display(), error.place.line);
            let found = found.map_err(|error| ArchiveError::Repository { reason: place(&error) })?;
            if let Some(found) = found {
                *choice = found;
            }
        }
    }
    let mut open = BTreeSet::new();
    if !is_whole {
        chosen.retain(|text, choice| {
            let is_open = matches!(choice, Choice::Absent { .. });
            if is_open {
                open.insert(text.clone());
            }
            !is_open
        });
    }
    Ok(PlaceAnswers { chosen, open, warnings })
}

/// A question that has no one answer, with the distributions where that is so.
struct Unanswered {
    recipe: String,
    span: std::ops::Range<usize>,
    key: String,
    capability: Capability,
    /// `debian-12`, what was found there.
    places: Vec<(String, Choice)>,
}

fn problems(
    project: &Project,
    asked: &[Asked<'_>],
    choices: &BTreeMap<&str, BTreeMap<String, Choice>>,
) -> Vec<RecipeError> {
    let mut unanswered: Vec<Unanswered> = Vec::new();
    for (inputs, questions) in asked {
        let target = &inputs.target;
        let Some(found) = choices.get(inputs.place().as_str()) else { continue };
        let Some(file) = project.recipe(&target.recipe) else { continue };
        let selection = matrix::selection(target, project.catalogue());
        for question in
            questions.iter().filter(|question| !question.optional || has_exact_version(&question.capability))
        {
            let choice_of = |question: &Question| found.get(&question.capability.to_string());
            let Some(choice) = choice_of(question) else { continue };
            // It, or an alternative to it.
            if has_alternative(question, questions, Some(found)) && !has_exact_version(&question.capability) {
                continue;
            }
            let span = file.place_of(&selection, &question.key, &question.written).unwrap_or_default();
            let same = |known: &&mut Unanswered| {
                known.recipe == file.name && known.span == span && known.capability == question.capability
            };
            let place = (target.distro.clone(), choice.clone());
            match unanswered.iter_mut().find(same) {
                Some(known) if known.places.iter().any(|(distro, _)| *distro == place.0) => {}
                Some(known) => known.places.push(place),
                None => unanswered.push(Unanswered {
                    recipe: file.name.clone(),
                    span,
                    key: question.key.clone(),
                    capability: question.capability.clone(),
                    places: vec![place],
                }),
            }
        }
    }
    // In the order of the set.
    let mut by_recipe: BTreeMap<usize, Vec<Problem>> = BTreeMap::new();
    for one in unanswered {
        by_recipe.entry(project.number(&one.recipe).unwrap_or_default()).or_default().push(problem(&one));
    }
    by_recipe
        .into_iter()
        .map(|(number, mut problems)| {
            let file = &project.set()[number];
            problems.sort_by_key(|problem| problem.span.start);
            RecipeError::Invalid { path: file.path.clone(), text: file.text.clone(), problems }
        })
        .collect()
}

/// Debian's versions end in a revision: `= 1.2` is never true of `1.2-1`, `<= 1.2` neither, and `> 1.2` always.
fn has_exact_version(capability: &Capability) -> bool {
    let allowed = |comparison| matches!(comparison, Comparison::GreaterOrEqual | Comparison::Less);
    capability.version.as_ref().is_some_and(|constraint| !allowed(constraint.comparison))
}

fn problem(unanswered: &Unanswered) -> Problem {
    let Unanswered { span, key, capability, places, .. } = unanswered;
    let names: Vec<&str> = places.iter().map(|(distro, _)| distro.as_str()).collect();
    let names = listed(&names);
    let (first, choice) = &places[0];
    let (table, key) = key.rsplit_once('.').unwrap_or(("", key));
    let instead = |selector: &str, package: &str| {
        let selector = if selector.contains('.') { format!("\"{selector}\"") } else { selector.to_owned() };
        format!("[override.{selector}.{table}] {key} = [\"{package}\", …]")
    };
    let (message, label, help) = match choice {
        _ if has_exact_version(capability) => (
            format!("`{capability}` cannot be said of Debian packages"),
            "their versions end in a revision".to_owned(),
            "write >= or <, or name the package and its version in [override.apt]".to_owned(),
        ),
        Choice::Several(candidates) => (
            format!("`{capability}` is in several packages"),
            format!("which of them is meant, on {names}?"),
            format!("{first} has {}; name one: {}", shown(candidates), instead("apt", &candidates[0].package.name)),
        ),
        Choice::Unfit(candidates) => (
            format!("no package has `{capability}`"),
            format!("not in this version, on {names}"),
            format!(
                "{first} has {}; a package's own version is compared, which may not be that of what it provides: then \
                 name the package: {}",
                shown(candidates),
                instead(first, &candidates[0].package.name)
            ),
        ),
        Choice::Absent { similar, .. } if !similar.is_empty() => {
            let similar: Vec<String> = similar.iter().map(|one| format!("`{one}`")).collect();
            (
                format!("no package has `{capability}`"),
                format!("nothing on {names} has it"),
                format!("did you mean {}?", similar.join(" or ")),
            )
        }
        Choice::Absent { covered: true, .. } => (
            format!("no package has `{capability}`"),
            format!("nothing on {names} has it"),
            format!("name a package, if one goes by another name there: {}", instead(first, "PACKAGE")),
        ),
        Choice::Absent { .. } => (
            format!("`{capability}` cannot be looked up"),
            "neither a command nor a header".to_owned(),
            format!("name the package: {}", instead("apt", "PACKAGE")),
        ),
        // Only with a version that is refused above.
        Choice::Package(_) => Default::default(),
    };
    Problem { message, span: span.clone(), label, help: Some(help) }
}

/// `debian-11`, `debian-11 and debian-12`, `debian-11, debian-12 and 3 more`
fn listed(names: &[&str]) -> String {
    match names {
        [one] => (*one).to_owned(),
        [one, two] => format!("{one} and {two}"),
        [one, two, rest @ ..] => format!("{one}, {two} and {} more", rest.len()),
        [] => String::new(),
    }
}

pub(super) fn shown(candidates: &[Candidate]) -> String {
    let mut shown: Vec<String> = candidates.iter().take(NAMED).map(Candidate::to_string).collect();
    if candidates.len() > NAMED {
        shown.push(format!("{} more", candidates.len() - NAMED));
    }
    printable(&shown.join(", "))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::archive::Package;
    use crate::project::inputs;
    use crate::recipe::RecipeFile;

    const RECIPE: &str = r#"[package]
name = "jq"
version = "1.7.1"
summary = "command-line JSON processor"
license = "MIT"
maintainer = "Ada Lovelace <ada@example.org>"
requires = ["perl(JSON) = 4"]

[build]
requires = [
    "pkgconfig(zlib) >= 9",
    "pkgconfig(libcurl)",
    "pkgconfig(zlb)",
    "lib(nowhere)",
    "/etc/passwd",
    "cmake(Nowhere) | foo",
    "lib(nowhere) | pkgconfig(here)",
    "cmake(Nowhere) | lib(nowhere)",
]
install = "make install DESTDIR=$DESTDIR"

[matrix]
distros = ["debian-11", "debian-12", "debian-13", "fedora-43"]

[override.debian-13.build]
requires = ["lib(other)"]
"#;

    async fn targets(cache: &Path) -> (Project, Vec<TargetInputs>) {
        let project = Project::of(RecipeFile::parse(Path::new("farm.toml"), RECIPE.as_bytes()).unwrap());
        let targets = inputs::for_test(&project, cache).await;
        (project, targets)
    }

    /// Each problem with the text that it points to.
    fn shown(errors: &[RecipeError]) -> String {
        let mut shown = String::new();
        for error in errors {
            let RecipeError::Invalid { text, problems, .. } = error else { panic!("{error}") };
            for Problem { message, span, label, help } in problems {
                let line = text[..span.start].matches('\n').count() + 1;
                shown += &format!("{message}\n  {line}: {}: {label}\n", &text[span.clone()]);
                shown += &help.as_ref().map(|help| format!("  {help}\n")).unwrap_or_default();
            }
        }
        shown
    }

    fn candidates(packages: &[(&str, &str)]) -> Vec<Candidate> {
        let path = "/usr/lib/x86_64-linux-gnu/pkgconfig/x.pc".to_owned();
        packages
            .iter()
            .map(|(name, version)| Candidate { package: Package::for_test(name, version), paths: vec![path.clone()] })
            .collect()
    }

    #[tokio::test]
    async fn what_has_no_one_answer_is_shown_where_it_stands() {
        let cache = tempfile::tempdir().unwrap();
        let (project, targets) = targets(cache.path()).await;
        let asked = questions(&targets);
        assert_eq!(asked.len(), 3, "Fedora's package manager knows itself");
        let absent = |similar: &[&str], covered| Choice::Absent {
            similar: similar.iter().map(|text| Capability::parse(text).unwrap()).collect(),
            covered,
        };
        let here = Choice::Package(crate::archive::Chosen {
            name: "libhere-dev".to_owned(),
            version: "1".to_owned(),
            path: String::new(),
            relation: "libhere-dev".to_owned(),
        });
        let found: BTreeMap<String, Choice> = [
            ("perl(JSON) = 4", Choice::Unfit(candidates(&[("libjson-perl", "4.10000-1")]))),
            ("pkgconfig(zlib) >= 9", Choice::Unfit(candidates(&[("zlib1g-dev", "1:1.2.13.dfsg-1")]))),
            (
                "pkgconfig(libcurl)",
                Choice::Several(candidates(&[
                    ("libcurl4-gnutls-dev", "7.88.1-10"),
                    ("libcurl4-openssl-dev", "7.88.1-10"),
                ])),
            ),
            ("pkgconfig(zlb)", absent(&["pkgconfig(zlib)", "pkgconfig(zdb)"], true)),
            ("lib(nowhere)", absent(&[], true)),
            ("lib(other)", absent(&[], true)),
            ("/etc/passwd", absent(&[], false)),
            ("cmake(Nowhere)", absent(&[], true)),
            ("pkgconfig(here)", here),
        ]
        .map(|(text, choice)| (text.to_owned(), choice))
        .into();
        let places = ["debian-11/amd64", "debian-12/amd64", "debian-13/amd64"];
        let choices = places.into_iter().map(|place| (place, found.clone())).collect();
        insta::assert_snapshot!(shown(&problems(&project, &asked, &choices)));
    }

    #[tokio::test]
    async fn an_archive_that_cannot_be_read_leaves_its_questions_open() {
        let cache = tempfile::tempdir().unwrap();
        let (project, mut targets) = targets(cache.path()).await;
        let fetcher = crate::fetch::Fetcher::new().unwrap();
        let reader = crate::archive::Reader { fetcher, cache: cache.path().to_owned() };
        let nowhere = crate::archive::mirror::Mirror {
            url: format!("file://{}/none", cache.path().display()).into(),
            origin: crate::archive::mirror::Origin::Configured,
        };
        let mirrors = BTreeMap::from(["debian", "debian-security"].map(|name| (name.to_owned(), nowhere.clone())));
        let archives = Archives::new(reader, mirrors);
        let Answered { answers, unread, blocked, .. } = answers(&project, &targets, &archives).await.unwrap();
        assert!(answers.is_empty());
        assert_eq!(blocked.len(), 3, "Fedora's can be built");
        let places: Vec<&str> = unread.iter().map(|unread| unread.place.as_str()).collect();
        assert_eq!(places, ["debian-11/amd64", "debian-12/amd64", "debian-13/amd64"]);
        let message = unread[2].to_string();
        assert!(message.starts_with("debian-13/amd64: lib(other), perl(JSON) = 4 cannot be looked up: "), "{message}");
        // Fedora is not even asked.
        targets.retain(|inputs| inputs.target.distro == "fedora-43");
        let Answered { answers, unread, .. } = super::answers(&project, &targets, &archives).await.unwrap();
        assert!(answers.is_empty() && unread.is_empty());
    }
}
