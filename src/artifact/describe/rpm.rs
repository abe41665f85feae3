//! What the header of an .rpm says.

use ::rpm::{Dependency, DependencyFlags, IndexTag, PackageMetadata, Trigger};

use super::model::{OWN_VERSION, Related, RelationKind, Texts, script, without_version};
use crate::types::printable;

const FIELDS: [(&str, IndexTag); 8] = [
    ("License", IndexTag::RPMTAG_LICENSE),
    ("Summary", IndexTag::RPMTAG_SUMMARY),
    ("Description", IndexTag::RPMTAG_DESCRIPTION),
    ("URL", IndexTag::RPMTAG_URL),
    ("Vendor", IndexTag::RPMTAG_VENDOR),
    ("Packager", IndexTag::RPMTAG_PACKAGER),
    ("Group", IndexTag::RPMTAG_GROUP),
    ("Source", IndexTag::RPMTAG_SOURCERPM),
];

/// Text, program and flags of each script.
const SCRIPTS: [(&str, IndexTag, IndexTag); 9] = [
    ("pre", IndexTag::RPMTAG_PREIN, IndexTag::RPMTAG_PREINPROG),
    ("post", IndexTag::RPMTAG_POSTIN, IndexTag::RPMTAG_POSTINPROG),
    ("preun", IndexTag::RPMTAG_PREUN, IndexTag::RPMTAG_PREUNPROG),
    ("postun", IndexTag::RPMTAG_POSTUN, IndexTag::RPMTAG_POSTUNPROG),
    ("pretrans", IndexTag::RPMTAG_PRETRANS, IndexTag::RPMTAG_PRETRANSPROG),
    ("posttrans", IndexTag::RPMTAG_POSTTRANS, IndexTag::RPMTAG_POSTTRANSPROG),
    ("preuntrans", IndexTag::RPMTAG_PREUNTRANS, IndexTag::RPMTAG_PREUNTRANSPROG),
    ("postuntrans", IndexTag::RPMTAG_POSTUNTRANS, IndexTag::RPMTAG_POSTUNTRANSPROG),
    ("verifyscript", IndexTag::RPMTAG_VERIFYSCRIPT, IndexTag::RPMTAG_VERIFYSCRIPTPROG),
];

pub(super) fn texts(metadata: &PackageMetadata) -> Result<Texts, String> {
    let damaged = |error: ::rpm::Error| format!("its header is damaged: {}", printable(&error.to_string()));
    let mut texts = Texts::default();
    let plain = format!("{}-{}", metadata.get_version().map_err(damaged)?, metadata.get_release().map_err(damaged)?);
    let version = match metadata.get_epoch() {
        Ok(0) | Err(_) => plain.clone(),
        Ok(epoch) => format!("{epoch}:{plain}"),
    };
    for (name, tag) in FIELDS {
        if let Ok(value) = metadata.header.get_entry_data_as_string(tag) {
            let value = if name == "Source" { value.replace(&plain, OWN_VERSION) } else { value.to_owned() };
            texts.fields.insert(name.to_owned(), value);
        }
    }
    let all = [
        (RelationKind::Requires, metadata.get_requires()),
        (RelationKind::Recommends, metadata.get_recommends()),
        (RelationKind::Suggests, metadata.get_suggests()),
        (RelationKind::Enhances, metadata.get_enhances()),
        (RelationKind::Supplements, metadata.get_supplements()),
        (RelationKind::Provides, metadata.get_provides()),
        (RelationKind::Conflicts, metadata.get_conflicts()),
        (RelationKind::Replaces, metadata.get_obsoletes()),
    ];
    let name = metadata.get_name().map_err(damaged)?;
    for (kind, found) in all {
        for one in found.map_err(damaged)? {
            let related = related(&one, &version, name);
            texts.relations.entry(kind_of(kind, one.flags)).or_default().insert(related);
        }
    }
    for (name, tag, program) in SCRIPTS {
        let text = metadata.header.get_entry_data_as_string(tag).ok();
        let program = metadata.header.get_entry_data_as_string_array(program).unwrap_or_default().join(" ");
        if text.is_some() || !program.is_empty() {
            let body = script(text.unwrap_or_default(), &version);
            texts.scripts.insert(name.to_owned(), format!("#!{program}\n{body}"));
        }
    }
    let triggers = [
        ("trigger", metadata.get_triggers()),
        ("filetrigger", metadata.get_file_triggers()),
        ("transfiletrigger", metadata.get_trans_file_triggers()),
    ];
    for (kind, found) in triggers {
        texts.triggers.extend(found.map_err(damaged)?.iter().map(|one| trigger(kind, one, &version)));
    }
    Ok(texts)
}

/// `Requires(pre)` has to be there before the package is unpacked, as Pre-Depends have.
fn kind_of(kind: RelationKind, flags: DependencyFlags) -> RelationKind {
    let is_before = flags.intersects(DependencyFlags::SCRIPT_PRE | DependencyFlags::PRETRANS);
    if kind == RelationKind::Requires && is_before { RelationKind::PreRequires } else { kind }
}

/// As `rpm -q --requires` writes it. `name`: the package's own.
fn related(one: &Dependency, own: &str, name: &str) -> Related {
    let sign = one.flags.comparator_str();
    let version = if one.version == own { OWN_VERSION } else { &one.version };
    let text = if sign.is_empty() { one.name.clone() } else { format!("{} {sign} {version}", one.name) };
    let tools = DependencyFlags::FIND_REQUIRES
        | DependencyFlags::FIND_PROVIDES
        | DependencyFlags::INTERP
        | DependencyFlags::RPMLIB
        | DependencyFlags::CONFIG;
    // Farm's own packages have what rpm's generators would find, without their flags.
    let is_found = one.name.contains(".so") && one.name.contains('(')
        || ["rpmlib(", "rtld(", "config(", "elf("].iter().any(|start| one.name.starts_with(start));
    let is_itself = one.name == name || one.name.strip_prefix(name).is_some_and(|rest| rest.starts_with('('));
    Related { name: one.name.clone(), text, is_generated: one.flags.intersects(tools) || is_found || is_itself }
}

fn trigger(kind: &str, trigger: &Trigger, version: &str) -> String {
    let condition = |one: &::rpm::TriggerCondition| {
        let when = [
            (DependencyFlags::TRIGGERPREIN, "prein"),
            (DependencyFlags::TRIGGERIN, "in"),
            (DependencyFlags::TRIGGERUN, "un"),
            (DependencyFlags::TRIGGERPOSTUN, "postun"),
        ];
        let when = when.iter().find(|(flag, _)| one.flags.intersects(*flag)).map_or("", |(_, word)| *word);
        format!("{kind}{when} {} {} {}", one.name, one.flags.comparator_str(), one.version).trim_end().to_owned()
    };
    let conditions: Vec<String> = trigger.conditions.iter().map(condition).collect();
    let body = without_version(&script(&trigger.script, version), version);
    format!("{}: {}", conditions.join(", "), body.trim_end())
}
