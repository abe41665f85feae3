//! A bill as SPDX 2.3 in JSON (spdx.github.io/spdx-spec/v2.3). `NOASSERTION` is its word for what is not known.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::bill::{Bill, Part, Role};
use super::model::{time, uuid};
use crate::artifact::RelationKind;

const DOCUMENT: &str = "SPDXRef-DOCUMENT";
const UNKNOWN: &str = "NOASSERTION";

pub(super) fn document(bill: &Bill) -> Value {
    let mut ids = Ids::default();
    let subject = ids.take("Package", &bill.name);
    let mut packages = vec![json!({
        "SPDXID": subject,
        "name": bill.name,
        "versionInfo": bill.version,
        "packageFileName": bill.file_name,
        "downloadLocation": UNKNOWN,
        "filesAnalyzed": false,
        "checksums": [{ "algorithm": "SHA256", "checksumValue": bill.sha256 }],
        "licenseConcluded": UNKNOWN,
        "licenseDeclared": bill.licence.expression,
        "copyrightText": UNKNOWN,
        "externalRefs": [purl(&bill.purl)],
        "comment": bill.unknown.join(" "),
    })];
    let mut relations = vec![relation(DOCUMENT, "DESCRIBES", &subject, None)];
    for part in &bill.parts {
        let id = ids.take(kind(part), &part.name);
        for role in &part.roles {
            relations.push(related(&subject, &id, role));
        }
        packages.push(package(&id, part));
    }
    let mut references: BTreeMap<&str, &str> = BTreeMap::new();
    for licence in std::iter::once(&bill.licence).chain(bill.parts.iter().filter_map(|part| part.licence.as_ref())) {
        references.extend(licence.references.iter().map(|(id, text)| (id.as_str(), text.as_str())));
    }
    let mut document = json!({
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": DOCUMENT,
        "name": bill.file_name,
        "documentNamespace": "",
        "creationInfo": { "created": time(bill.created), "creators": [format!("Tool: farm-{}", bill.farm)] },
        "packages": packages,
        "relationships": relations,
    });
    if !references.is_empty() {
        let texts = references.iter().map(|(id, text)| json!({ "licenseId": id, "extractedText": text }));
        document["hasExtractedLicensingInfos"] = texts.collect();
    }
    // One of its own for each document that says something else.
    let unique = uuid(&["spdx", &document.to_string()]);
    document["documentNamespace"] = json!(format!("https://spdx.org/spdxdocs/{}-{unique}", word(&bill.name)));
    document
}

fn package(id: &str, part: &Part) -> Value {
    let mut package = json!({
        "SPDXID": id,
        "name": part.name,
        "downloadLocation": location(part),
        "filesAnalyzed": false,
        "licenseConcluded": UNKNOWN,
        "licenseDeclared": part.licence.as_ref().map_or(UNKNOWN, |licence| &licence.expression),
        "copyrightText": UNKNOWN,
    });
    if let Some(version) = &part.version {
        package["versionInfo"] = json!(version);
    }
    let checksums: Vec<Value> = part
        .digests
        .iter()
        .filter(|(algorithm, _)| algorithm.starts_with("sha"))
        .map(|(algorithm, hex)| json!({ "algorithm": algorithm.to_ascii_uppercase(), "checksumValue": hex }))
        .collect();
    if !checksums.is_empty() {
        package["checksums"] = checksums.into();
    }
    if let Some(address) = &part.purl {
        package["externalRefs"] = json!([purl(address)]);
    }
    let others = part.digests.iter().filter(|(algorithm, _)| !algorithm.starts_with("sha"));
    let others: Vec<String> = others.map(|(algorithm, hex)| format!("{algorithm} {hex}")).collect();
    if !others.is_empty() {
        package["comment"] = json!(others.join(", "));
    }
    package
}

/// Where a part is to be had; a mirror's name or a folder on a host is no address for others.
fn location(part: &Part) -> String {
    let is_public = |url: &&String| ["https://", "http://", "ftp://"].iter().any(|scheme| url.starts_with(scheme));
    match (part.urls.iter().find(is_public), &part.commit) {
        (Some(url), Some(commit)) => format!("git+{url}@{commit}"),
        (Some(url), None) => url.clone(),
        (None, _) => UNKNOWN.to_owned(),
    }
}

fn kind(part: &Part) -> &'static str {
    match part.roles.first() {
        Some(Role::Source) => "Source",
        Some(Role::Patch) => "Patch",
        Some(Role::Module) => "Module",
        Some(Role::Builder) => "Builder",
        Some(Role::Linked(_)) => "Library",
        Some(Role::Requirement { .. }) | None => "Requirement",
    }
}

fn related(package: &str, part: &str, role: &Role) -> Value {
    let says = Some(role.says());
    match role {
        Role::Source | Role::Patch => relation(package, "GENERATED_FROM", part, says),
        Role::Module | Role::Builder => relation(part, "BUILD_DEPENDENCY_OF", package, says),
        Role::Linked(_) => relation(package, "DYNAMIC_LINK", part, says),
        Role::Requirement { kind: RelationKind::Requires | RelationKind::PreRequires, .. } => {
            relation(part, "RUNTIME_DEPENDENCY_OF", package, says)
        }
        Role::Requirement { .. } => relation(part, "OPTIONAL_DEPENDENCY_OF", package, says),
    }
}

fn relation(one: &str, kind: &str, other: &str, comment: Option<String>) -> Value {
    let mut relation = json!({ "spdxElementId": one, "relationshipType": kind, "relatedSpdxElement": other });
    if let Some(comment) = comment {
        relation["comment"] = json!(comment);
    }
    relation
}

fn purl(address: &str) -> Value {
    json!({ "referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": address })
}

/// Identifiers within a document, each once.
#[derive(Default)]
struct Ids(BTreeSet<String>);

impl Ids {
    fn take(&mut self, kind: &str, name: &str) -> String {
        let first = format!("SPDXRef-{kind}-{}", word(name));
        let mut id = first.clone();
        for number in 2_u64.. {
            if self.0.insert(id.clone()) {
                break;
            }
            id = format!("{first}-{number}");
        }
        id
    }
}

/// With letters, digits, `.` and `-` alone.
fn word(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii_alphanumeric() || c == '.' || c == '-' { c } else { '-' }).collect()
}
