//! Which package each file is in, as `Contents-ARCH` says it (the repository format of Debian's wiki, "Contents indices").

use rayon::prelude::*;

use super::model::RepoError;

/// The files of all packages of a suite. Their paths lie behind each other: there are millions in a large one.
pub(super) struct Contents {
    paths: String,
    lines: Vec<Line>,
    /// `section/name`, and the architecture of each package.
    owners: Vec<(String, String)>,
    arches: Vec<String>,
}

#[derive(Clone, Copy)]
struct Line {
    start: usize,
    length: u32,
    owner: u32,
}

impl Contents {
    pub(super) fn new(arches: &[String]) -> Contents {
        Contents { paths: String::new(), lines: Vec::new(), owners: Vec::new(), arches: arches.to_vec() }
    }

    pub(super) fn add(&mut self, arch: &str, qualified: &str, files: &[String]) {
        if arch != "all" && !self.arches.iter().any(|one| one == arch) {
            return;
        }
        let owner = u32::try_from(self.owners.len()).unwrap_or(u32::MAX);
        self.owners.push((qualified.to_owned(), arch.to_owned()));
        for file in files {
            // No file system has a path that is longer.
            let Ok(length) = u32::try_from(file.len()) else { continue };
            self.lines.push(Line { start: self.paths.len(), length, owner });
            self.paths.push_str(file);
        }
    }

    fn path(&self, line: Line) -> &str {
        &self.paths[line.start..line.start + line.length as usize]
    }

    fn owner(&self, line: Line) -> &(String, String) {
        &self.owners[line.owner as usize]
    }

    pub(super) fn sort(&mut self) {
        let mut lines = std::mem::take(&mut self.lines);
        lines.par_sort_unstable_by(|a, b| {
            let owner = |line: &Line| &self.owner(*line).0;
            self.path(*a).cmp(self.path(*b)).then_with(|| owner(a).cmp(owner(b)))
        });
        self.lines = lines;
    }

    /// The lines for one architecture, once all is sorted.
    pub(super) fn each_line(
        &self,
        arch: &str,
        mut take: impl FnMut(&str) -> Result<(), RepoError>,
    ) -> Result<(), RepoError> {
        let is_for = |line: &&Line| ["all", arch].contains(&self.owner(**line).1.as_str());
        let lines: Vec<&Line> = self.lines.iter().filter(is_for).collect();
        let mut text = String::new();
        for same in lines.chunk_by(|a, b| self.path(**a) == self.path(**b)) {
            text.clear();
            text.push_str(self.path(*same[0]));
            text.push_str("   ");
            let mut last = "";
            for line in same {
                let owner = self.owner(**line).0.as_str();
                if owner != last {
                    text.push_str(if last.is_empty() { "" } else { "," });
                    text.push_str(owner);
                    last = owner;
                }
            }
            text.push('\n');
            take(&text)?;
        }
        Ok(())
    }
}
