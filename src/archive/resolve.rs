//! Which packages a bootstrap installs: the suite's essential and required ones, what is asked for, and all that they
//! depend on; and which a system gets that has some already. Solved, not guessed: alternatives, versions, conflicts and virtual packages count. Recommends do not.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};

use resolvo::utils::Mapping;
use resolvo::{
    Candidates, Condition, ConditionId, ConditionalRequirement, DenseIndex, Dependencies, DependencyProvider,
    HintDependenciesAvailable, Interner, KnownDependencies, NameId, Problem, Requirement, SolvableId, Solver,
    SolverCache, StringId, UnsolvableOrCancelled, VersionSetId, VersionSetUnionId,
};

use super::ArchiveError;
use super::packages::{Index, Package};
use crate::formats::relation::field::{Relation, relations};

/// The packages of a minimal system (debootstrap's `minbase`: essential, required, apt) with `include`, by name.
/// Blocks: it reads the index.
pub(crate) fn minimal_system(index: &Index, include: &[String]) -> Result<Vec<Package>, ArchiveError> {
    let mut wanted = index.base()?;
    wanted.push("apt".to_owned());
    wanted.extend(include.iter().cloned());
    closure(index, &wanted)
}

fn closure(index: &Index, wanted: &[String]) -> Result<Vec<Package>, ArchiveError> {
    let universe = Universe::new(index, &[]);
    let mut requirements = Vec::new();
    for name in wanted {
        let relation = Relation::any(name);
        if index.named(name)?.is_empty() && index.providers(name)?.is_empty() {
            return Err(ArchiveError::Unsolvable {
                reason: format!("there is no package {name} for {}", index.arch()),
            });
        }
        requirements.push(universe.requirement(std::slice::from_ref(&relation)));
    }
    solve(universe, requirements)
}

/// What is to be added to a system of `installed` packages, none of which changes, so that `wanted` holds (relations in
/// Debian's syntax, without architectures and profiles), by name. Blocks: it reads the index.
pub(crate) fn additions(index: &Index, installed: &[Package], wanted: &[String]) -> Result<Vec<Package>, ArchiveError> {
    let universe = Universe::new(index, installed);
    let mut requirements: Vec<ConditionalRequirement> =
        installed.iter().map(|package| universe.named(&package.name)).collect();
    for field in wanted {
        let clauses = relations(field).map_err(|reason| ArchiveError::Unsolvable { reason })?;
        requirements.extend(clauses.iter().map(|alternatives| universe.requirement(alternatives)));
    }
    let mut packages = solve(universe, requirements)?;
    packages.retain(|package| !installed.iter().any(|known| known.name == package.name));
    Ok(packages)
}

/// Of what is wanted, the clauses that nothing in the archive fits, whatever a system has. Blocks: it reads the index.
pub(crate) fn unknown(index: &Index, wanted: &[String]) -> Result<Vec<String>, ArchiveError> {
    let universe = Universe::new(index, &[]);
    let mut unknown = Vec::new();
    for field in wanted {
        let clauses = relations(field).map_err(|reason| ArchiveError::Unsolvable { reason })?;
        for alternatives in clauses {
            let concern = alternatives.iter().any(|relation| relation.concerns(index.arch()));
            if concern && alternatives.iter().all(|relation| universe.matching(relation).is_empty()) {
                let alternatives: Vec<String> = alternatives.iter().map(ToString::to_string).collect();
                unknown.push(alternatives.join(" | "));
            }
        }
    }
    match universe.state.into_inner().error {
        Some(error) => Err(error),
        None => Ok(unknown),
    }
}

/// By name.
fn solve(universe: Universe<'_>, requirements: Vec<ConditionalRequirement>) -> Result<Vec<Package>, ArchiveError> {
    let mut solver = Solver::new(universe);
    let solution = solver.solve(Problem::new().requirements(requirements));
    if let Some(error) = solver.provider().state.borrow_mut().error.take() {
        return Err(error);
    }
    match solution {
        Ok(chosen) => {
            let state = solver.provider().state.borrow();
            let mut packages: Vec<Package> =
                chosen.into_iter().map(|id| state.packages[id.to_index()].clone()).collect();
            packages.sort_by(|a, b| a.name.cmp(&b.name));
            Ok(packages)
        }
        Err(UnsolvableOrCancelled::Unsolvable(conflict)) => {
            Err(ArchiveError::Unsolvable { reason: conflict.display_user_friendly(&solver).to_string() })
        }
        Err(UnsolvableOrCancelled::Cancelled(_)) => Err(ArchiveError::Cancelled),
    }
}

/// The index as the solver wants to see it: names, candidates and sets of candidates by number, read when asked for.
struct Universe<'a> {
    index: &'a Index,
    /// The only candidates of their names.
    installed: BTreeMap<&'a str, &'a Package>,
    state: RefCell<Interned>,
}

#[derive(Default)]
struct Interned {
    names: Vec<String>,
    by_name: HashMap<String, NameId>,
    packages: Vec<Package>,
    package_names: Vec<NameId>,
    candidates: Mapping<NameId, Vec<SolvableId>>,
    /// A package name and which of its candidates are in the set, with a text for messages.
    sets: Vec<(NameId, Vec<SolvableId>, String)>,
    unions: Vec<Vec<VersionSetId>>,
    strings: Vec<String>,
    /// The first index that could not be read: the solver's own interface has no place for it.
    error: Option<ArchiveError>,
}

impl<'a> Universe<'a> {
    fn new(index: &'a Index, installed: &'a [Package]) -> Universe<'a> {
        let installed = installed.iter().map(|package| (package.name.as_str(), package)).collect();
        Universe { index, installed, state: RefCell::default() }
    }

    fn name(&self, name: &str) -> NameId {
        let mut state = self.state.borrow_mut();
        if let Some(id) = state.by_name.get(name) {
            return *id;
        }
        let id = NameId::from_index(state.names.len());
        state.names.push(name.to_owned());
        state.by_name.insert(name.to_owned(), id);
        id
    }

    fn candidates(&self, name: NameId) -> Vec<SolvableId> {
        if let Some(known) = self.state.borrow().candidates.get(name) {
            return known.clone();
        }
        let text = self.state.borrow().names[name.to_index()].clone();
        let packages = match self.installed.get(text.as_str()) {
            Some(package) => vec![Package::clone(package)],
            None => self.noted(self.index.named(&text)),
        };
        let mut state = self.state.borrow_mut();
        let mut ids: Vec<SolvableId> = Vec::new();
        for package in packages {
            // The same version in two suites is one candidate.
            if ids.iter().any(|id: &SolvableId| state.packages[id.to_index()].version == package.version) {
                continue;
            }
            ids.push(SolvableId::from_index(state.packages.len()));
            state.packages.push(package);
            state.package_names.push(name);
        }
        state.candidates.insert(name, ids.clone());
        ids
    }

    fn noted<T: Default>(&self, result: Result<T, ArchiveError>) -> T {
        result.unwrap_or_else(|error| {
            self.state.borrow_mut().error.get_or_insert(error);
            T::default()
        })
    }

    fn set(&self, name: NameId, members: Vec<SolvableId>, text: String) -> VersionSetId {
        let mut state = self.state.borrow_mut();
        state.sets.push((name, members, text));
        VersionSetId((state.sets.len() - 1) as u32)
    }

    /// Candidates named or provided, grouped by package name, in the order in which they are to be tried.
    fn matching(&self, relation: &Relation) -> Vec<(NameId, Vec<SolvableId>)> {
        if !relation.concerns(self.index.arch()) {
            return Vec::new();
        }
        let name = self.name(&relation.name);
        let mut groups = Vec::new();
        let real: Vec<SolvableId> = self
            .candidates(name)
            .into_iter()
            .filter(|id| relation.matches(&self.state.borrow().packages[id.to_index()].version))
            .collect();
        if !real.is_empty() {
            groups.push((name, real));
        }
        let provides = |package: &&&Package| package.provides.iter().any(|(name, _)| *name == relation.name);
        let there = self.installed.values().filter(provides).map(|package| Package::clone(package));
        for provider in there.chain(self.noted(self.index.providers(&relation.name))) {
            let fits = provider
                .provides
                .iter()
                .any(|(name, version)| *name == relation.name && relation.matches_provided(version.as_ref()));
            let provider_name = self.name(&provider.name);
            let id = self
                .candidates(provider_name)
                .into_iter()
                .find(|id| self.state.borrow().packages[id.to_index()].version == provider.version);
            let Some(id) = id.filter(|_| fits) else { continue };
            match groups.iter_mut().find(|(name, _)| *name == provider_name) {
                Some((_, members)) if members.contains(&id) => {}
                Some((_, members)) => members.push(id),
                None => groups.push((provider_name, vec![id])),
            }
        }
        groups
    }

    /// The package of this name, not one that provides it.
    fn named(&self, name: &str) -> ConditionalRequirement {
        let id = self.name(name);
        let candidates = self.candidates(id);
        Requirement::Single(self.set(id, candidates, name.to_owned())).into()
    }

    fn requirement(&self, alternatives: &[Relation]) -> ConditionalRequirement {
        // A bootstrapped system is merged from the start, by links: the package that only says so is enough, and the
        // one that would move files (and its Perl modules) is not needed. debootstrap does the same.
        let mut alternatives: Vec<&Relation> = alternatives.iter().collect();
        alternatives.sort_by_key(|relation| relation.name == "usrmerge");
        let mut sets = Vec::new();
        for relation in &alternatives {
            for (name, members) in self.matching(relation) {
                sets.push(self.set(name, members, relation.to_string()));
            }
        }
        if sets.is_empty() {
            // Nothing fits: a set without members makes the solver say so, by name.
            let text = alternatives.first().map(ToString::to_string).unwrap_or_default();
            let name = self.name(alternatives.first().map_or("", |relation| &relation.name));
            sets.push(self.set(name, Vec::new(), text));
        }
        let requirement = match sets.as_slice() {
            [one] => Requirement::Single(*one),
            _ => {
                let mut state = self.state.borrow_mut();
                state.unions.push(sets);
                Requirement::Union(VersionSetUnionId((state.unions.len() - 1) as u32))
            }
        };
        requirement.into()
    }
}

impl Interner for Universe<'_> {
    type NameId = NameId;
    type SolvableId = SolvableId;

    fn display_solvable(&self, solvable: SolvableId) -> impl std::fmt::Display + '_ {
        let state = self.state.borrow();
        let package = &state.packages[solvable.to_index()];
        format!("{} {}", package.name, package.version)
    }

    fn display_name(&self, name: NameId) -> impl std::fmt::Display + '_ {
        self.state.borrow().names[name.to_index()].clone()
    }

    fn display_version_set(&self, set: VersionSetId) -> impl std::fmt::Display + '_ {
        self.state.borrow().sets[set.to_index()].2.clone()
    }

    fn display_string(&self, string: StringId) -> impl std::fmt::Display + '_ {
        self.state.borrow().strings[string.to_index()].clone()
    }

    fn version_set_name(&self, set: VersionSetId) -> NameId {
        self.state.borrow().sets[set.to_index()].0
    }

    fn solvable_name(&self, solvable: SolvableId) -> NameId {
        self.state.borrow().package_names[solvable.to_index()]
    }

    fn version_sets_in_union(&self, union: VersionSetUnionId) -> impl Iterator<Item = VersionSetId> {
        self.state.borrow().unions[union.to_index()].clone().into_iter()
    }

    fn resolve_condition(&self, _condition: ConditionId) -> Condition {
        unreachable!("no requirement here is conditional")
    }
}

impl DependencyProvider for Universe<'_> {
    async fn filter_candidates(&self, candidates: &[SolvableId], set: VersionSetId, inverse: bool) -> Vec<SolvableId> {
        let state = self.state.borrow();
        let members = &state.sets[set.to_index()].1;
        candidates.iter().copied().filter(|id| members.contains(id) != inverse).collect()
    }

    async fn get_candidates(&self, name: NameId) -> Option<Candidates> {
        let candidates = self.candidates(name);
        Some(Candidates {
            candidates,
            hint_dependencies_available: HintDependenciesAvailable::None,
            ..Candidates::default()
        })
    }

    async fn sort_candidates(&self, _solver: &SolverCache<Self>, solvables: &mut [SolvableId]) {
        let state = self.state.borrow();
        solvables.sort_by(|a, b| state.packages[b.to_index()].version.cmp(&state.packages[a.to_index()].version));
    }

    async fn get_dependencies(&self, solvable: SolvableId) -> Dependencies {
        let package = self.state.borrow().packages[solvable.to_index()].clone();
        let requirements = package.depends.iter().map(|alternatives| self.requirement(alternatives)).collect();
        let mut constrains = Vec::new();
        for conflict in &package.conflicts {
            for (name, forbidden) in self.matching(conflict) {
                // A package may conflict with what it provides itself: it means all others (Policy 7.6.2).
                if name == self.state.borrow().package_names[solvable.to_index()] {
                    continue;
                }
                let allowed = self.candidates(name).into_iter().filter(|id| !forbidden.contains(id)).collect();
                constrains.push(self.set(name, allowed, format!("not {conflict}")));
            }
        }
        Dependencies::Known(KnownDependencies { requirements, constrains })
    }
}

#[cfg(test)]
mod tests {
    use super::super::packages::tests::{index, stanza};
    use super::*;

    fn solve(stanzas: &[(&str, &str, &str)], include: &[&str]) -> Result<String, String> {
        let text: String = stanzas.iter().map(|(name, version, more)| stanza(name, version, more)).collect();
        let include: Vec<String> = include.iter().map(ToString::to_string).collect();
        let packages = minimal_system(&index(&text), &include).map_err(|error| error.to_string())?;
        Ok(packages.iter().map(|package| format!("{}={}", package.name, package.version)).collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn a_minimal_system_is_essential_required_apt_and_what_they_need() {
        let stanzas = [
            ("base", "1", "Essential: yes\nPre-Depends: awk, libc (>= 2)\n"),
            ("passwd", "1", "Priority: required\n"),
            ("apt", "2", "Depends: keyring | nothing, libc:any\nRecommends: extra\n"),
            ("libc", "1", ""),
            ("libc", "2.1", "Breaks: old (<< 2)\n"),
            ("gawk", "1", "Priority: optional\nProvides: awk\n"),
            ("mawk", "1", "Priority: required\nProvides: awk\n"),
            ("keyring", "1", "Priority: important\n"),
            ("extra", "1", ""),
        ];
        assert_eq!(solve(&stanzas, &[]).unwrap(), "apt=2 base=1 keyring=1 libc=2.1 mawk=1 passwd=1");
        assert!(solve(&stanzas, &["extra"]).unwrap().contains("extra=1"));
    }

    #[test]
    fn conflicts_are_solved_around_and_a_way_out_is_named_when_there_is_none() {
        let stanzas =
            [("apt", "1", "Depends: a | b, c\n"), ("a", "1", ""), ("b", "1", ""), ("c", "1", "Conflicts: a\n")];
        assert_eq!(solve(&stanzas, &[]).unwrap(), "apt=1 b=1 c=1");
        let stuck = [("apt", "1", "Depends: a, c\n"), ("a", "1", ""), ("c", "1", "Breaks: a (<= 1)\n")];
        assert!(solve(&stuck, &[]).unwrap_err().contains("a 1"), "{}", solve(&stuck, &[]).unwrap_err());
        let error = solve(&[("apt", "1", "Depends: missing (>= 3)\n")], &[]).unwrap_err();
        assert!(error.contains("missing"), "{error}");
        assert!(solve(&[], &[]).unwrap_err().contains("no package apt"));
    }

    #[test]
    fn virtual_packages_count_with_their_versions() {
        let stanzas = [
            ("apt", "1", "Depends: api (>= 2)\n"),
            ("old", "1", "Provides: api (= 1)\n"),
            ("plain", "1", "Provides: api\n"),
            ("new", "1", "Provides: api (= 2)\nConflicts: api\n"),
        ];
        assert_eq!(solve(&stanzas, &[]).unwrap(), "apt=1 new=1");
        assert!(solve(&stanzas, &["old"]).is_err());
    }

    fn add(stanzas: &[(&str, &str, &str)], status: &str, wanted: &[&str]) -> Result<String, String> {
        let text: String = stanzas.iter().map(|(name, version, more)| stanza(name, version, more)).collect();
        let wanted: Vec<String> = wanted.iter().map(ToString::to_string).collect();
        let installed = super::super::packages::installed(status, "amd64")?;
        let packages = additions(&index(&text), &installed, &wanted).map_err(|error| error.to_string())?;
        Ok(packages.iter().map(|package| format!("{}={}", package.name, package.version)).collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn what_is_installed_stays_and_is_used() {
        let status = |more: &str| {
            format!(
                "Package: libc\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1\n{more}\n\
                 Package: mawk\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1\nProvides: awk\n\n\
                 Package: gone\nStatus: deinstall ok config-files\nArchitecture: amd64\nVersion: 1\n\n"
            )
        };
        let stanzas = [
            ("libc", "2", ""),
            ("gawk", "1", "Priority: required\nProvides: awk\n"),
            ("tool", "1", "Depends: awk, new | libc, gone\n"),
            ("new", "1", ""),
            ("gone", "1", ""),
            ("dev", "1", "Depends: libc (= 2)\n"),
            ("enemy", "1", "Conflicts: libc (<< 2)\n"),
        ];
        assert_eq!(add(&stanzas, &status(""), &["tool (>= 1)"]).unwrap(), "gone=1 tool=1");
        assert_eq!(add(&stanzas, &status(""), &["libc", "awk"]).unwrap(), "");
        assert_eq!(add(&stanzas, &status(""), &["dev | new, gone"]).unwrap(), "gone=1 new=1");
        for impossible in ["dev", "enemy", "unheard-of", "libc (>= 2)", "a b"] {
            assert!(add(&stanzas, &status(""), &[impossible]).is_err(), "{impossible}");
        }
        assert!(add(&stanzas, &status("Breaks: new\n"), &["new"]).is_err());
        let half = status("").replacen("ok installed", "ok half-installed", 1);
        assert!(add(&stanzas, &half, &["new"]).unwrap_err().contains("package libc (amd64) is"));
        assert!(add(&stanzas, &status("").replacen("amd64", "i386", 1), &["new"]).unwrap_err().contains("i386"));
    }

    #[test]
    fn merged_usr_needs_no_mover() {
        let stanzas = [
            ("apt", "1", "Depends: usrmerge | usr-is-merged\n"),
            ("usrmerge", "1", "Depends: perl\n"),
            ("usr-is-merged", "1", ""),
            ("perl", "1", ""),
        ];
        assert_eq!(solve(&stanzas, &[]).unwrap(), "apt=1 usr-is-merged=1");
    }
}
