//! What a job takes from others of its set: which of their packages, how these are inputs of its key, and the local
//! repository that they become in its containers. Known only when the others are done, whose packages then lie in the
//! store.
//!
//! Taken is what the job requires and what that requires in turn, by what the packages say of themselves: what a library
//! was built with reaches nobody who only installs it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use crate::artifact::{self, ArtifactKind, PackageHead};
use crate::packaging::SET_REPOSITORY;
use crate::plan::set::{NeedKind, edges};
use crate::plan::{INPUT_OF_SET, INPUT_OF_TEST_SET, Job, Need};
use crate::repo;
use crate::store::Store;
use crate::types::Format;

/// What jobs take from each other. Keeps what it has read of packages.
#[derive(Debug)]
pub(crate) struct SetInputs {
    /// For each job, the others that it needs itself.
    needs: Vec<Vec<usize>>,
    heads: Mutex<HashMap<String, Arc<PackageHead>>>,
}

/// All that one job could take: the packages of everything that it needs.
#[derive(Debug, Clone, Default)]
pub(crate) struct Available {
    packages: Vec<SetPackage>,
    /// By name: its own, and what it provides.
    by_name: HashMap<String, Vec<usize>>,
    build: BTreeSet<usize>,
    test: BTreeSet<usize>,
    run: BTreeSet<usize>,
}

#[derive(Debug, Clone)]
struct SetPackage {
    head: Arc<PackageHead>,
    package: repo::Package,
}

/// Packages for one container.
#[derive(Debug, Clone, Default)]
pub(crate) struct SetPackages {
    packages: Vec<SetPackage>,
    /// Name and version of those that are to be installed whatever else is.
    direct: Vec<(String, String)>,
}

/// A file for a container: relative to `/`.
#[derive(Debug, Clone)]
pub(crate) enum SetFile {
    Bytes(Vec<u8>),
    Package(repo::Package),
}

impl SetInputs {
    pub(crate) fn new(jobs: &[Job]) -> SetInputs {
        let needs = edges(jobs.iter().map(|job| (&job.target, job.needs.as_slice())));
        SetInputs { needs, heads: Mutex::default() }
    }

    /// The jobs that a job needs itself, by their numbers.
    pub(crate) fn needs(&self, number: usize) -> &[usize] {
        &self.needs[number]
    }

    /// What a job can take, once all that it needs is done. Reads packages: call it from a blocking thread.
    ///
    /// # Errors
    /// A sentence for each need that the packages in the store do not meet.
    pub(crate) fn of(&self, jobs: &[Job], number: usize, store: &Store) -> Result<Available, Vec<String>> {
        let mut available = Available::default();
        if self.needs[number].is_empty() {
            return Ok(available);
        }
        let mut problems = Vec::new();
        let mut makers = Vec::new();
        for maker in self.reach(number) {
            let target = &jobs[maker].target;
            let folder = store.folder(target);
            let Some(record) = store.record(target) else {
                problems.push(format!("{target} has no packages"));
                continue;
            };
            for artifact in record.artifacts.into_iter().filter(|artifact| artifact.kind == ArtifactKind::Binary) {
                let package = repo::Package { path: folder.join(&artifact.file_name), artifact };
                match self.head(&package) {
                    Ok(head) => {
                        makers.push(target);
                        available.packages.push(SetPackage { head, package });
                    }
                    Err(error) => problems.push(error),
                }
            }
        }
        for (number, package) in available.packages.iter().enumerate() {
            for name in &package.head.provides {
                available.by_name.entry(name.clone()).or_default().push(number);
            }
        }
        for need in &jobs[number].needs {
            let of_maker = |at: &&usize| *makers[**at] == need.target;
            let named = available.by_name.get(&need.package).map(Vec::as_slice).unwrap_or_default();
            match named.iter().find(of_maker).copied() {
                Some(at) => drop(available.direct_of(need).insert(at)),
                None => problems.push(format!("{}: no package of {} is called so", need.package, need.target)),
            }
        }
        if problems.is_empty() { Ok(available) } else { Err(problems) }
    }

    /// All jobs that a job needs, and that those need, in the order of the plan.
    fn reach(&self, number: usize) -> BTreeSet<usize> {
        let mut reached = BTreeSet::new();
        let mut open = self.needs[number].clone();
        while let Some(need) = open.pop() {
            if reached.insert(need) {
                open.extend(&self.needs[need]);
            }
        }
        reached
    }

    fn head(&self, package: &repo::Package) -> Result<Arc<PackageHead>, String> {
        let sha256 = &package.artifact.sha256;
        if let Some(head) = self.heads.lock().unwrap_or_else(PoisonError::into_inner).get(sha256) {
            return Ok(head.clone());
        }
        let head = Arc::new(artifact::head(&package.path).map_err(|error| super::outcome::chain(&error))?);
        self.heads.lock().unwrap_or_else(PoisonError::into_inner).insert(sha256.clone(), head.clone());
        Ok(head)
    }
}

impl Available {
    fn direct_of(&mut self, need: &Need) -> &mut BTreeSet<usize> {
        match need.kind {
            NeedKind::Build => &mut self.build,
            NeedKind::Test => &mut self.test,
            NeedKind::Run => &mut self.run,
        }
    }

    /// The packages as inputs of the job's key: `set.libpond-dev`, and `test.set.pond` for what only the test installs.
    pub(crate) fn inputs(&self, tested: bool) -> BTreeMap<String, String> {
        let build = self.closure(self.build.iter().copied());
        let test = if tested { self.closure(self.test.union(&self.run).copied()) } else { BTreeSet::new() };
        let input = |prefix: &str, at: usize| {
            let SetPackage { head, package } = &self.packages[at];
            (format!("{prefix}{}", head.name), format!("{} sha256:{}", head.version, package.artifact.sha256))
        };
        let of_test = test.difference(&build).map(|at| input(INPUT_OF_TEST_SET, *at));
        build.iter().map(|at| input(INPUT_OF_SET, *at)).chain(of_test).collect()
    }

    /// Whether a package of the set is called so, or provides it.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.by_name.contains_key(name)
    }

    /// For the builder image.
    pub(crate) fn for_build(&self) -> SetPackages {
        self.set_packages(self.closure(self.build.iter().copied()), &self.build)
    }

    /// For the container in which packages with these heads are tried.
    pub(crate) fn for_test(&self, tried: &[PackageHead]) -> SetPackages {
        let direct: BTreeSet<usize> = self.test.union(&self.run).copied().collect();
        let required = tried.iter().flat_map(|head| &head.requires).filter_map(|name| self.by_name.get(name)).flatten();
        self.set_packages(self.closure(direct.iter().chain(required).copied()), &direct)
    }

    fn set_packages(&self, packages: BTreeSet<usize>, direct: &BTreeSet<usize>) -> SetPackages {
        let named = |at: &usize| (self.packages[*at].head.name.clone(), self.packages[*at].head.version.clone());
        SetPackages {
            packages: packages.into_iter().map(|at| self.packages[at].clone()).collect(),
            direct: direct.iter().map(named).collect(),
        }
    }

    /// These and all that they require of the set.
    fn closure(&self, from: impl Iterator<Item = usize>) -> BTreeSet<usize> {
        let mut open: Vec<usize> = from.collect();
        let mut closure = BTreeSet::new();
        while let Some(at) = open.pop() {
            if closure.insert(at) {
                let required = &self.packages[at].head.requires;
                open.extend(required.iter().filter_map(|name| self.by_name.get(name)).flatten());
            }
        }
        closure
    }
}

impl SetPackages {
    pub(crate) fn is_empty(&self) -> bool {
        self.packages.is_empty()
    }

    /// `libpond-dev 1.2-1~deb12, libpond 1.2-1~deb12`
    pub(crate) fn text(&self) -> String {
        let one = |package: &SetPackage| format!("{} {}", package.head.name, package.head.version);
        self.packages.iter().map(one).collect::<Vec<_>>().join(", ")
    }

    /// The repository as files. `indexed`: with what a package manager reads; without, the packages alone. Reads the
    /// packages: call it from a blocking thread.
    ///
    /// # Errors
    /// A sentence, when a package in the store is not what was accepted.
    pub(crate) fn files(&self, format: Format, indexed: bool) -> Result<Vec<(String, SetFile)>, String> {
        if self.is_empty() {
            return Ok(Vec::new());
        }
        let packages: Vec<repo::Package> = self.packages.iter().map(|package| package.package.clone()).collect();
        for package in &packages {
            let intact = artifact::is_intact(&package.path, &package.artifact);
            if !intact.map_err(|error| format!("{} cannot be read: {error}", package.path.display()))? {
                let path = package.path.display();
                return Err(format!("{path} is not the package that was accepted: build it again with --force"));
            }
        }
        let folder = SET_REPOSITORY.trim_start_matches('/');
        let mut files = Vec::new();
        if indexed {
            for file in repo::index(format, &packages, repo::ORIGIN).map_err(|error| super::outcome::chain(&error))? {
                files.push((format!("{folder}/{}", file.path), SetFile::Bytes(file.content)));
            }
        }
        let direct: String = self.direct.iter().map(|(name, version)| format!("{name} {version}\n")).collect();
        files.push((format!("{folder}/direct"), SetFile::Bytes(direct.into_bytes())));
        for package in packages {
            let path = format!("{folder}/{}", package.artifact.file_name);
            files.push((path, SetFile::Package(package)));
        }
        Ok(files)
    }
}
