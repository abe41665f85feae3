//! A bill as CycloneDX 1.6 in JSON (cyclonedx.org/docs/1.6/json). What was there for the build alone stands in its
//! formulation, and not among the components; how complete lists are is said in its compositions.

use serde_json::{Map, Value, json};

use super::bill::{Bill, Part, Role};
use super::licence::Licence;
use super::model::{time, uuid};
use crate::artifact::RelationKind;

const PACKAGE: &str = "package";

pub(super) fn document(bill: &Bill) -> Value {
    let references: Vec<String> = (1..=bill.parts.len()).map(|number| format!("part-{number}")).collect();
    let parts = || references.iter().zip(&bill.parts);
    let ancestors: Vec<Value> =
        parts().filter(|(_, part)| is_source(part)).map(|(id, part)| component(id, part, "file")).collect();
    let components: Vec<Value> =
        parts().filter(|(_, part)| is_component(part)).map(|(id, part)| component(id, part, "library")).collect();
    let at_build: Vec<Value> = parts()
        .filter(|(_, part)| !is_source(part) && !is_component(part))
        .map(|(id, part)| component(id, part, "library"))
        .collect();
    let needed: Vec<&String> = parts().filter(|(_, part)| is_needed(part)).map(|(id, _)| id).collect();

    let mut package = json!({
        "bom-ref": PACKAGE,
        "type": "application",
        "name": bill.name,
        "version": bill.version,
        "purl": bill.purl,
        "hashes": [{ "alg": "SHA-256", "content": bill.sha256 }],
        "licenses": licenses(&bill.licence),
        "properties": [property("farm:file", &bill.file_name)],
    });
    if !ancestors.is_empty() {
        package["pedigree"] = json!({ "ancestors": ancestors });
    }
    let unknown: Vec<Value> = bill.unknown.iter().map(|sentence| property("farm:unknown", sentence)).collect();
    let mut document = json!({
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "timestamp": time(bill.created),
            "tools": { "components": [{ "type": "application", "name": "farm", "version": bill.farm }] },
            "component": package,
            "properties": unknown,
        },
        "components": components,
        "dependencies": [{ "ref": PACKAGE, "dependsOn": needed }],
        // Of statically linked libraries and copies in sources nobody knows.
        "compositions": [{ "aggregate": "unknown", "assemblies": [PACKAGE], "dependencies": [PACKAGE] }],
    });
    if !at_build.is_empty() {
        document["formulation"] = json!([{ "bom-ref": "build", "components": at_build }]);
    }
    document["serialNumber"] = json!(format!("urn:uuid:{}", uuid(&["cyclonedx", &document.to_string()])));
    document
}

fn is_source(part: &Part) -> bool {
    part.roles.iter().any(|role| matches!(role, Role::Source | Role::Patch))
}

/// Whether it may be in the package, or on every system that has it: what scanners are to look at.
fn is_component(part: &Part) -> bool {
    part.roles.iter().any(|role| matches!(role, Role::Module | Role::Linked(_) | Role::Requirement { .. }))
}

/// Whether the package cannot do without it.
fn is_needed(part: &Part) -> bool {
    part.roles.iter().any(|role| match role {
        Role::Linked(_) => true,
        Role::Requirement { kind, .. } => matches!(kind, RelationKind::Requires | RelationKind::PreRequires),
        Role::Source | Role::Patch | Role::Module | Role::Builder => false,
    })
}

fn component(id: &str, part: &Part, kind: &str) -> Value {
    let mut component = Map::new();
    let mut put = |name: &str, value: Value| drop(component.insert(name.to_owned(), value));
    put("bom-ref", json!(id));
    put("type", json!(kind));
    put("name", json!(part.name));
    if let Some(version) = &part.version {
        put("version", json!(version));
    }
    if is_needed(part) {
        put("scope", json!("required"));
    } else if part.roles.iter().any(|role| matches!(role, Role::Requirement { .. })) {
        put("scope", json!("optional"));
    }
    let hashes: Vec<Value> = part.digests.iter().filter_map(|(algorithm, hex)| hash(algorithm, hex)).collect();
    if !hashes.is_empty() {
        put("hashes", hashes.into());
    }
    if let Some(licence) = &part.licence {
        put("licenses", licenses(licence));
    }
    if let Some(purl) = &part.purl {
        put("purl", json!(purl));
    }
    let kind = if part.commit.is_some() { "vcs" } else { "source-distribution" };
    let addresses: Vec<Value> = part.urls.iter().map(|url| json!({ "type": kind, "url": url })).collect();
    if !addresses.is_empty() {
        put("externalReferences", addresses.into());
    }
    let mut properties: Vec<Value> = part.roles.iter().map(|role| property("farm:role", &role.says())).collect();
    properties.extend(part.commit.iter().map(|commit| property("farm:commit", commit)));
    let others = part.digests.iter().filter(|(algorithm, hex)| hash(algorithm, hex).is_none());
    properties.extend(others.map(|(algorithm, hex)| property("farm:digest", &format!("{algorithm}:{hex}"))));
    put("properties", properties.into());
    Value::Object(component)
}

fn hash(algorithm: &str, hex: &str) -> Option<Value> {
    let name = match algorithm {
        "sha1" => "SHA-1",
        "sha256" => "SHA-256",
        "sha384" => "SHA-384",
        "sha512" => "SHA-512",
        _ => return None,
    };
    Some(json!({ "alg": name, "content": hex }))
}

fn licenses(licence: &Licence) -> Value {
    json!([{ "expression": licence.expression, "acknowledgement": "declared" }])
}

fn property(name: &str, value: &str) -> Value {
    json!({ "name": name, "value": value })
}
