//! The files of a target, and of each package what it wants of others and what it holds: what was noted beside them when they were
//! checked. Packages that are in the page, too, are links.

use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;

use super::words::{fair, named, shown};
use crate::artifact::{Artifact, ArtifactKind, LISTING_FILE, ListedFile, ListedRelation, PackageListing, RelationKind};
use crate::event::{JobReport, Outcome};
use crate::report::style::count;
use crate::types::{Arch, Format, human_bytes};

/// Bytes of all that is noted of packages, together.
const ALL: u64 = 2 << 20;
/// About as much of that is one file.
const FILE_BYTES: u64 = 110;
/// Files of one package.
const MOST_FILES: usize = 2000;
const LEAST_FILES: usize = 10;
/// Of one kind.
const MOST_RELATIONS: usize = 100;

const KINDS: [RelationKind; 10] = [
    RelationKind::PreRequires,
    RelationKind::Requires,
    RelationKind::Recommends,
    RelationKind::Suggests,
    RelationKind::Enhances,
    RelationKind::Supplements,
    RelationKind::Provides,
    RelationKind::Conflicts,
    RelationKind::Breaks,
    RelationKind::Replaces,
];

/// Distribution, architecture and name of a package.
type Name<'a> = (&'a str, Arch, &'a str);

/// Where packages are in the page, by what others name them with, and how much of each there may be.
pub(super) struct Packages<'a> {
    places: HashMap<Name<'a>, Vec<(usize, usize)>>,
    /// Bytes of what is noted of one target.
    share: u64,
}

/// Those of one target.
pub(super) struct OfTarget {
    index: usize,
    all: Vec<Package>,
}

struct Package {
    file_name: String,
    listing: Option<PackageListing>,
    /// How many of its files are shown.
    files: usize,
    /// What of them something links to.
    named: BTreeSet<usize>,
}

impl<'a> Packages<'a> {
    pub(super) fn of(jobs: &'a [JobReport]) -> Packages<'a> {
        let mut places: HashMap<_, Vec<_>> = HashMap::new();
        for (index, job) in jobs.iter().enumerate() {
            for (at, id) in job.artifacts.iter().filter_map(|artifact| artifact.package.as_ref()).enumerate() {
                let key = (&*job.target.distro, job.target.arch, id.name.as_str());
                places.entry(key).or_default().push((index, at));
            }
        }
        let sizes = jobs.iter().filter_map(|job| Some(std::fs::metadata(folder(job).join(LISTING_FILE)).ok()?.len()));
        Packages { places, share: fair(sizes, ALL) }
    }

    /// Reads what is noted of the packages of a target.
    pub(super) fn of_target(&self, index: usize, job: &JobReport) -> OfTarget {
        let is_refused = matches!(job.outcome, Outcome::Rejected { .. });
        let mut listings =
            if is_refused || !job.artifacts.is_empty() { PackageListing::read(&folder(job)) } else { Vec::new() };
        let listed: u64 = listings.iter().map(|listing| listing.files.len() as u64).sum();
        let share = usize::try_from(self.share / FILE_BYTES / listings.len().max(1) as u64).unwrap_or(usize::MAX);
        let most = if listed * FILE_BYTES <= self.share { MOST_FILES } else { share.clamp(LEAST_FILES, MOST_FILES) };
        let package = |file_name: String, listing: Option<PackageListing>| {
            let files = listing.as_ref().map_or(0, |listing| listing.files.len().min(most));
            Package { file_name, listing, files, named: BTreeSet::new() }
        };
        let all = if is_refused {
            listings.into_iter().map(|listing| package(listing.file_name.clone(), Some(listing))).collect()
        } else {
            let packages = job.artifacts.iter().filter(|artifact| artifact.package.is_some());
            packages
                .map(|artifact| {
                    let at = listings.iter().position(|listing| listing.file_name == artifact.file_name);
                    package(artifact.file_name.clone(), at.map(|at| listings.swap_remove(at)))
                })
                .collect()
        };
        OfTarget { index, all }
    }
}

/// Where its packages are, also such as were refused.
fn folder(job: &JobReport) -> PathBuf {
    match job.outcome {
        Outcome::Rejected { .. } => job.folder.join("broken"),
        _ => job.folder.clone(),
    }
}

impl OfTarget {
    fn place(&self, at: usize) -> String {
        format!("t{}-p{at}", self.index)
    }

    /// A link to a package, by the name of its file; its name alone where it is not here.
    pub(super) fn link(&self, file_name: &str) -> String {
        match self.all.iter().position(|package| package.file_name == file_name) {
            Some(at) => format!("<a href=\"#{}\">{}</a>", self.place(at), named(file_name)),
            None => named(file_name),
        }
    }

    /// A sentence about a package, in which the first path that is in it is a link to that.
    pub(super) fn linked(&mut self, file_name: &str, sentence: &str) -> String {
        let ends = |c: char| c.is_whitespace() || ",;:()[]`\"'".contains(c);
        for (at, package) in self.all.iter_mut().enumerate().filter(|(_, package)| package.file_name == file_name) {
            let files = package.listing.as_ref().map(|listing| &listing.files[..package.files]).unwrap_or_default();
            // lintian leaves the first slash out, and ends folders with one.
            for path in sentence.split(ends).filter(|word| word.len() > 1 && word.contains('/')) {
                let bare = path.trim_matches('/');
                let Some(file) = files.iter().position(|file| file.path.strip_prefix('/') == Some(bare)) else {
                    continue;
                };
                let Some((before, after)) = sentence.split_once(path) else { continue };
                package.named.insert(file);
                let place = format!("t{}-p{at}-f{file}", self.index);
                return format!("{}<a href=\"#{place}\">{}</a>{}", shown(before), named(path), shown(after));
            }
        }
        shown(sentence)
    }

    /// Each package, folded. Last, because by now all is known that has links to it.
    pub(super) fn write(&self, job: &JobReport, packages: &Packages<'_>, page: &mut String) {
        if self.all.is_empty() {
            return;
        }
        page.push_str("<h3>Packages</h3>\n");
        for (at, package) in self.all.iter().enumerate() {
            let place = self.place(at);
            let name = named(&package.file_name);
            let Some(listing) = &package.listing else {
                page.push_str(&format!(
                    "<p id=\"{place}\">{name} <span class=\"quiet\">was made by an earlier farm, which noted neither its \
                     dependencies nor its files: the next build does</span></p>\n"
                ));
                continue;
            };
            let files = listing.files.len() + usize::try_from(listing.files_left_out).unwrap_or(usize::MAX);
            page.push_str(&format!(
                "<details class=\"part\" id=\"{place}\">\n<summary>{name} <span class=\"quiet\">{}, {} installed</span></summary>\n",
                count(files, "path", "paths"),
                human_bytes(listing.installed_bytes)
            ));
            self.relations(job, listing, packages, page);
            contents(&place, package, listing, files, page);
            page.push_str("</details>\n");
        }
    }

    fn relations(&self, job: &JobReport, listing: &PackageListing, packages: &Packages<'_>, page: &mut String) {
        let texts = |kind: RelationKind, relations: &[&ListedRelation]| {
            let one = |relation: &&ListedRelation| {
                let text = named(&relation.text);
                // What it provides itself is here.
                let others = (kind != RelationKind::Provides).then_some(&relation.name);
                match others.and_then(|name| self.place_of(job, name, packages)) {
                    Some(place) => format!("<li><a href=\"#{place}\">{text}</a></li>"),
                    None => format!("<li>{text}</li>"),
                }
            };
            let mut texts: String = relations.iter().take(MOST_RELATIONS).map(one).collect();
            if let Some(more) = relations.len().checked_sub(MOST_RELATIONS).filter(|more| *more > 0) {
                texts.push_str(&format!("<li>and {more} more, left out of this page</li>"));
            }
            format!("<ul class=\"relations\">{texts}</ul>")
        };
        page.push_str("<dl>\n");
        for kind in KINDS {
            let Some(all) = listing.relations.get(&kind).filter(|all| !all.is_empty()) else { continue };
            let (found, written): (Vec<_>, Vec<_>) = all.iter().partition(|relation| relation.is_generated);
            page.push_str(&format!("<dt>{}</dt><dd>", field(kind, listing.format)));
            if !written.is_empty() {
                page.push_str(&texts(kind, &written));
            }
            if !found.is_empty() {
                page.push_str(&format!(
                    "<details class=\"part\"><summary>{} that rpm and its tools have added</summary>{}</details>",
                    found.len(),
                    texts(kind, &found)
                ));
            }
            page.push_str("</dd>\n");
        }
        page.push_str("</dl>\n");
        if listing.relations.values().all(Vec::is_empty) {
            page.push_str("<p class=\"quiet\">It depends on nothing.</p>\n");
        }
        if listing.relations_left_out > 0 {
            page.push_str(&format!("<p class=\"quiet\">{} more are not noted.</p>\n", listing.relations_left_out));
        }
    }

    /// Where the first package of these alternatives is that this page has: one of the same target before others.
    fn place_of(&self, job: &JobReport, alternatives: &str, packages: &Packages<'_>) -> Option<String> {
        alternatives.split(" | ").find_map(|name| {
            // `libx:any` and `libx(x86-64)` are libx.
            let name = name.split(':').next().unwrap_or(name);
            let is_of_arch = ["-64)", "-32)"].iter().any(|end| name.ends_with(end));
            let name = name.rsplit_once('(').filter(|_| is_of_arch).map_or(name, |(name, _)| name);
            let places = packages.places.get(&(&*job.target.distro, job.target.arch, name))?;
            let (index, at) = places.iter().find(|(index, _)| *index == self.index).or(places.first())?;
            Some(format!("t{index}-p{at}"))
        })
    }
}

/// The name that a format has for a kind of relation.
fn field(kind: RelationKind, format: Format) -> &'static str {
    match (kind, format) {
        (RelationKind::PreRequires, Format::Deb) => "Pre-Depends",
        (RelationKind::PreRequires, Format::Rpm) => "Requires(pre)",
        (RelationKind::Requires, Format::Deb) => "Depends",
        (RelationKind::Requires, Format::Rpm) => "Requires",
        (RelationKind::Recommends, _) => "Recommends",
        (RelationKind::Suggests, _) => "Suggests",
        (RelationKind::Enhances, _) => "Enhances",
        (RelationKind::Supplements, _) => "Supplements",
        (RelationKind::Provides, _) => "Provides",
        (RelationKind::Conflicts, _) => "Conflicts",
        (RelationKind::Breaks, _) => "Breaks",
        (RelationKind::Replaces, Format::Deb) => "Replaces",
        (RelationKind::Replaces, Format::Rpm) => "Obsoletes",
    }
}

/// As `ls -l` has them: one text, so that thousands of them are quick.
fn contents(place: &str, package: &Package, listing: &PackageListing, files: usize, page: &mut String) {
    if files == 0 {
        page.push_str("<p class=\"quiet\">It holds nothing.</p>\n");
        return;
    }
    let listed = &listing.files[..package.files];
    let owners = listed.iter().map(|file| file.owner.chars().count()).max().unwrap_or(0).min(20);
    page.push_str(&format!(
        "<details class=\"part contents\">\n<summary>Contents</summary>\n\
         <pre tabindex=\"0\" role=\"group\" aria-label=\"Contents of {}\">",
        named(&package.file_name)
    ));
    for (at, file) in listed.iter().enumerate() {
        let line = file_line(file, owners);
        match package.named.contains(&at) {
            true => page.push_str(&format!("<span id=\"{place}-f{at}\">{line}</span>\n")),
            false => page.push_str(&format!("{line}\n")),
        }
    }
    page.push_str("</pre>\n");
    if let Some(more) = files.checked_sub(package.files).filter(|more| *more > 0) {
        let command = match listing.format {
            Format::Deb => "dpkg-deb -c",
            Format::Rpm => "rpm -qlvp",
        };
        let more = count(more, "more path", "more paths");
        page.push_str(&format!(
            "<p class=\"quiet\">{more}, left out of this page: <code>{command} {}</code> lists all of them.</p>\n",
            named(&package.file_name)
        ));
    }
    page.push_str("</details>\n");
}

fn file_line(file: &ListedFile, owners: usize) -> String {
    let size = match file.kind {
        '-' | 'h' => file.size.to_string(),
        _ => String::new(),
    };
    let mut line = format!("{} {:<owners$} {size:>10} {}", mode(file), named(&file.owner), named(&file.path));
    if !file.link.is_empty() {
        line.push_str(&format!(" -> {}", named(&file.link)));
    }
    if !file.note.is_empty() {
        line.push_str(&format!(" ({})", named(&file.note)));
    }
    line
}

/// `-rwxr-xr-x`, set-id and sticky bits as ls(1) has them.
fn mode(file: &ListedFile) -> String {
    let mut text = shown(&file.kind.to_string());
    for (shift, special, letter) in [(6, 0o4000, 's'), (3, 0o2000, 's'), (0, 0o1000, 't')] {
        let bits = file.mode >> shift;
        text.push(if bits & 4 > 0 { 'r' } else { '-' });
        text.push(if bits & 2 > 0 { 'w' } else { '-' });
        text.push(match (bits & 1 > 0, file.mode & special > 0) {
            (true, true) => letter,
            (false, true) => letter.to_ascii_uppercase(),
            (true, false) => 'x',
            (false, false) => '-',
        });
    }
    text
}

/// A table of all files, packages or not.
pub(super) fn files(artifacts: &[Artifact], of_target: &OfTarget, page: &mut String) {
    if artifacts.is_empty() {
        return;
    }
    let all = human_bytes(artifacts.iter().map(|artifact| artifact.size_bytes).sum());
    page.push_str(&format!(
        "<h3>Files</h3>\n<p class=\"quiet\">{}, {all}</p>\n<div class=\"scroll\" tabindex=\"0\" role=\"group\" \
         aria-label=\"Files\">\n<table class=\"files\">\n<thead><tr>",
        count(artifacts.len(), "file", "files")
    ));
    for name in ["file", "kind", "version", "architecture", "size", "SHA-256"] {
        page.push_str(&format!("<th scope=\"col\">{name}</th>"));
    }
    page.push_str("</tr></thead>\n<tbody>\n");
    for artifact in artifacts {
        let kind = match artifact.kind {
            ArtifactKind::Binary => "package",
            ArtifactKind::Debug => "debug package",
            ArtifactKind::Source => "source",
            ArtifactKind::Metadata => "metadata",
        };
        let package = artifact.package.as_ref();
        page.push_str(&format!(
            "<tr><td>{}</td><td>{kind}</td><td>{}</td><td>{}</td><td>{}</td><td><code>{}</code></td></tr>\n",
            of_target.link(&artifact.file_name),
            named(package.map_or("", |package| &package.version)),
            named(package.map_or("", |package| &package.architecture)),
            human_bytes(artifact.size_bytes),
            named(&artifact.sha256)
        ));
    }
    page.push_str("</tbody>\n</table>\n</div>\n");
}
