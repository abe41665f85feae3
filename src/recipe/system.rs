//! What a package asks of the system that it is installed on: units, users and groups, temporary files, alternatives, and
//! to run scripts.
//! Keys and what single values must look like; how each package format does it is said by `packaging`.

use std::collections::BTreeMap;

use super::document::{Table, Value};
use super::installed::{Alternative, AlternativeLink, Attributes, Service, System, SystemUser};
use super::keys::{self, Schema};
use super::model::MaintainerScripts;
use super::reader::Section;
use super::values::{self, Check, Complaint};
use crate::types::Format;

/// The keys of [`System`] in a package's table.
pub(crate) fn read_system(section: &Section<'_>) -> System {
    let users: BTreeMap<String, SystemUser> = named(section, "users", "NAME", &keys::USER, values::system_name)
        .into_iter()
        .map(|(name, user)| (name.to_owned(), read_user(&user)))
        .collect();
    System {
        services: read_services(section),
        users,
        groups: section.strings("groups", values::system_name),
        tmpfiles: section.strings("tmpfiles", tmpfiles_line),
        alternatives: named(section, "alternatives", "NAME", &keys::ALTERNATIVE, alternative_name)
            .into_iter()
            .map(|(name, alternative)| (name.to_owned(), read_alternative(&alternative)))
            .collect(),
        former_links: read_former_links(section),
        former_config_files: section.strings("former-config-files", values::plain_path),
        attributes: named(section, "attributes", "\"/usr/bin/greet\"", &keys::ATTRIBUTES, values::installed_path)
            .into_iter()
            .map(|(path, attributes)| (path.trim_end_matches('/').to_owned(), read_attributes(&attributes)))
            .collect(),
    }
}

/// `format`: that of the target, if farm writes its packaging.
pub(crate) fn read_scripts(section: &Section<'_>, title: &str, format: Option<Format>) -> MaintainerScripts {
    let Some(scripts) = section.sub("scripts", &keys::SCRIPTS, title) else { return MaintainerScripts::default() };
    let of_one_format = |key: &str, only: Format, instead: &str| {
        let script = scripts.script(key)?;
        if let Some(entry) = scripts.table.get(key).filter(|_| format.is_some_and(|format| format != only)) {
            let table = title.trim_matches(['[', ']']);
            scripts.problems.add(
                format!("`{key}` in {title} is for the other package format"),
                &entry.key_span,
                format!("only a .{only} has such a script"),
                Some(format!("write it in [override.{only}.{table}]; {instead}")),
            );
        }
        Some(script)
    };
    MaintainerScripts {
        pre_install: scripts.script("pre-install"),
        pre_upgrade: scripts.script("pre-upgrade"),
        post_install: scripts.script("post-install"),
        post_upgrade: scripts.script("post-upgrade"),
        pre_remove: scripts.script("pre-remove"),
        post_remove: scripts.script("post-remove"),
        purge: of_one_format(
            "purge",
            Format::Deb,
            "rpm purges nothing: what an .rpm is to take away goes into `post-remove`",
        ),
        post_transaction: of_one_format(
            "post-transaction",
            Format::Rpm,
            "dpkg has no transactions: the last script of a .deb is `post-install`",
        ),
    }
}

fn read_attributes(section: &Section<'_>) -> Attributes {
    let name = |key| section.checked_line(key, values::system_name).map(|text| text.value.to_owned());
    let mode = section.checked_line("mode", mode).and_then(|text| u32::from_str_radix(text.value, 8).ok());
    let capabilities = section.checked_line("capabilities", capabilities).map(|text| text.value.trim().to_owned());
    let (owner, group) = (name("owner"), name("group"));
    Attributes { mode, owner, group, capabilities, ghost: section.boolean("ghost").unwrap_or(false) }
}

fn read_former_links(section: &Section<'_>) -> BTreeMap<String, String> {
    let links = section.string_map("former-links", values::plain_path);
    for (path, target) in links.iter().filter(|(_, target)| !is_plain_link(target)) {
        let span = section.table.get("former-links").map_or(section.span.clone(), |entry| entry.key_span.clone());
        section.problems.add(
            format!("`former-links` in {}: {path} has no plain link behind it", section.title),
            &span,
            format!("`{}` is not what a link led to", crate::types::printable(target)),
            Some("write it as `readlink` prints it: letters, digits, `/`, `.`, `_`, `-`, `+` and `@`".to_owned()),
        );
    }
    links
}

/// Whether scripts can name it without quotes, as they can a [`values::plain_path`].
pub(crate) fn is_plain_link(target: &str) -> bool {
    !target.is_empty() && !target.starts_with('-') && target.chars().all(values::is_plain)
}

/// The tables in the table `key`, by name.
pub(super) fn named<'a>(
    section: &Section<'a>,
    key: &str,
    example: &str,
    schema: &'static Schema,
    check: fn(&str) -> Check,
) -> Vec<(&'a str, Section<'a>)> {
    let Some(table): Option<&'a Table> = section.plain_table(key) else { return Vec::new() };
    let of_file = std::ptr::eq(section.schema, &keys::FILE);
    let place = match section.title.trim_matches(['[', ']']) {
        _ if of_file => key.to_owned(),
        inner => format!("{inner}.{key}"),
    };
    let mut sections = Vec::new();
    for (name, entry) in &table.entries {
        let shown = crate::types::printable(name);
        if let Err(complaint) = check(name) {
            let message = format!("`{shown}` in [{place}] {}", complaint.message);
            section.problems.add(message, &entry.key_span, complaint.label, complaint.help);
            continue;
        }
        let bare = name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
        let title = if bare { format!("[{place}.{shown}]") } else { format!("[{place}.\"{shown}\"]") };
        match &entry.node.value {
            Value::Table(table) => {
                let span = entry.node.span.clone();
                sections.push((&**name, Section::open(schema, title, span, table, section.problems)));
            }
            other => section.problems.add(
                format!("`{shown}` in [{place}] must be a table"),
                &entry.node.span,
                format!("this is {}", other.kind()),
                Some(format!("each has a table of its own: [{place}.{example}]")),
            ),
        }
    }
    sections
}

fn read_services(section: &Section<'_>) -> BTreeMap<String, Service> {
    let mut services = BTreeMap::new();
    for (name, service) in named(section, "services", "NAME", &keys::SERVICE, unit_name) {
        let unit = full_unit_name(name);
        let start = service.boolean("start");
        if unit.contains("@.")
            && let Some(key) = ["enable", "start"].into_iter().find(|key| service.boolean(key) == Some(true))
        {
            let span = service.table.get(key).map_or(service.span.clone(), |entry| entry.key_span.clone());
            service.problems.add(
                format!("`{key}` in {} is about a template", service.title),
                &span,
                "only instances of a template can be enabled or started",
                Some("leave it out: instances are the administrator's to choose".to_owned()),
            );
        }
        let value =
            Service { enable: service.boolean("enable"), start, restart: service.boolean("restart").unwrap_or(true) };
        if services.insert(unit.clone(), value).is_some() {
            let message = format!("{} is there a second time", service.title);
            service.problems.add(message, &service.span, format!("this is `{unit}`, too"), None);
        }
    }
    services
}

fn read_user(section: &Section<'_>) -> SystemUser {
    let path = |key| section.checked_line(key, values::plain_path).map(|text| text.value.to_owned());
    SystemUser {
        comment: section.checked_line("comment", user_comment).map(|text| text.value.to_owned()),
        home: path("home"),
        shell: path("shell"),
        groups: section.strings("groups", values::system_name),
    }
}

fn read_alternative(section: &Section<'_>) -> Alternative {
    section.require(&["link", "path", "priority"]);
    Alternative {
        link: read_link(section),
        priority: section.integer("priority", 0..=1_000_000).unwrap_or_default(),
        dependents: named(section, "dependents", "NAME", &keys::ALTERNATIVE_LINK, alternative_name)
            .into_iter()
            .map(|(name, link)| {
                link.require(&["link", "path"]);
                (name.to_owned(), read_link(&link))
            })
            .collect(),
    }
}

fn read_link(section: &Section<'_>) -> AlternativeLink {
    let link = AlternativeLink {
        link: section.required_line("link", values::plain_path),
        path: section.required_line("path", values::plain_path),
    };
    if !link.link.is_empty() && link.link == link.path {
        section.problems.add(
            format!("`link` and `path` in {} are the same", section.title),
            &section.span,
            "the link would point to itself",
            Some("install the file under a name of its own, such as /usr/bin/editor-plain".to_owned()),
        );
    }
    link
}

/// The kinds of units that packages enable or start.
const UNIT_KINDS: [&str; 6] = ["service", "socket", "timer", "path", "target", "mount"];

/// `greetd` is short for `greetd.service`.
pub(super) fn full_unit_name(name: &str) -> String {
    if is_kind_of_unit(name) { name.to_owned() } else { format!("{name}.service") }
}

fn is_kind_of_unit(name: &str) -> bool {
    name.rsplit_once('.').is_some_and(|(_, kind)| UNIT_KINDS.contains(&kind))
}

/// systemd.unit(5): letters, digits and `:-_.\@`; here without `\`, which only units for paths have.
fn unit_name(value: &str) -> Check {
    let help = "NAME is a service, `NAME.socket` and the like other units, `NAME@` a template";
    if let Some((part, c)) =
        values::first_wrong(value, |c| c.is_ascii_alphanumeric() || matches!(c, ':' | '-' | '_' | '.' | '@'))
    {
        return Err(Complaint::new("is no name of a unit", format!("{} is not allowed", values::named(c)))
            .at(part)
            .help(help));
    }
    let stem = if is_kind_of_unit(value) { value.rsplit_once('.').map_or(value, |(stem, _)| stem) } else { value };
    if stem.trim_end_matches('@').is_empty() || value.len() > 200 {
        return Err(Complaint::new("is no name of a unit", "must have 1 to 200 characters").help(help));
    }
    if stem.trim_end_matches('@').contains('@') {
        return Err(Complaint::new(
            "is no name of a unit",
            "an instance of a template is the administrator's to choose",
        )
        .help(help));
    }
    Ok(())
}

/// What sysusers.d(5), adduser(8) and useradd(8) take without quoting rules of their own.
fn user_comment(value: &str) -> Check {
    match values::first_wrong(value, |c| !matches!(c, ':' | '"' | '\\' | '%' | ',')) {
        None => Ok(()),
        Some((part, c)) => {
            Err(Complaint::new("is no comment of a user", format!("{} is not allowed", values::named(c))).at(part))
        }
    }
}

fn alternative_name(value: &str) -> Check {
    let wrong = values::first_wrong(value, |c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '+'));
    match wrong {
        None if !value.is_empty() && !value.starts_with(['-', '.']) => Ok(()),
        _ => Err(Complaint::new(
            "is no name of an alternative",
            "letters, digits, `-`, `_`, `.` and `+`, beginning with a letter or digit",
        )),
    }
}

fn mode(value: &str) -> Check {
    let is_octal = (3..=4).contains(&value.len()) && value.chars().all(|c| matches!(c, '0'..='7'));
    match is_octal {
        true => Ok(()),
        false => Err(Complaint::new("is no mode", "three or four octal digits, such as \"0640\"")),
    }
}

/// What setcap(8) and rpm's `%caps` both take (cap_from_text(3)).
fn capabilities(value: &str) -> Check {
    let is_name = |name: &str| {
        name.strip_prefix("cap_")
            .is_some_and(|rest| !rest.is_empty() && rest.chars().all(|c| c.is_ascii_lowercase() || c == '_'))
    };
    let is_clause = |clause: &str| {
        clause.split_once(['=', '+']).is_some_and(|(names, flags)| {
            names.split(',').all(is_name) && !flags.is_empty() && flags.chars().all(|c| matches!(c, 'e' | 'i' | 'p'))
        })
    };
    match !value.trim().is_empty() && value.split_whitespace().all(is_clause) {
        true => Ok(()),
        false => {
            Err(Complaint::new("are no capabilities of a file", "names and flags, such as \"cap_net_bind_service=ep\"")
                .help(
                    "names are those of capabilities(7), several are joined by a comma; flags are of `e`, `i` and `p`",
                ))
        }
    }
}

/// One line of tmpfiles.d(5), as far as a mistake in it can be told without systemd.
fn tmpfiles_line(value: &str) -> Check {
    let help = "TYPE PATH MODE USER GROUP AGE ARGUMENT, of which the end may be left out: \"d /run/greetd 0755 greetd \
                greetd -\"";
    let complaint = |label: &str| Err(Complaint::new("has a line that is not one of tmpfiles.d", label).help(help));
    let mut fields = value.split_whitespace();
    let (kind, path, mode) = (fields.next().unwrap_or_default(), fields.next(), fields.next());
    let (letter, modifiers) = kind.split_at(kind.chars().next().map_or(0, char::len_utf8));
    if !letter.starts_with(|c: char| c.is_ascii_alphabetic())
        || !modifiers.chars().all(|c| matches!(c, '+' | '!' | '-' | '=' | '~' | '^' | '$'))
    {
        return complaint("must begin with a type, such as `d`");
    }
    if !path.is_some_and(|path| path.starts_with('/') && !path.split('/').any(|part| part == "..")) {
        return complaint("its second word must be an absolute path");
    }
    let is_mode = |mode: &str| {
        let digits = mode.trim_start_matches(['~', ':']);
        mode == "-" || ((3..=5).contains(&digits.len()) && digits.chars().all(|c| matches!(c, '0'..='7')))
    };
    if !mode.is_none_or(is_mode) {
        return complaint("its third word must be a mode, such as 0755, or `-`");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good(check: fn(&str) -> Check, values: &[&str]) {
        for value in values {
            assert_eq!(check(value), Ok(()), "{value}");
        }
    }

    fn bad(check: fn(&str) -> Check, values: &[&str]) {
        for value in values {
            assert!(check(value).is_err(), "{value}");
        }
    }

    #[test]
    fn units_are_services_unless_they_say_otherwise() {
        good(unit_name, &["greetd", "greetd.socket", "org.example.greet", "greet@", "greet@.timer"]);
        bad(unit_name, &["", "@", ".service", "greet@tty1", "greet d", "greet/d", "greet\n"]);
        assert_eq!(full_unit_name("greetd"), "greetd.service");
        assert_eq!(full_unit_name("org.example.greet"), "org.example.greet.service");
        assert_eq!(full_unit_name("greet@.timer"), "greet@.timer");
    }

    #[test]
    fn nothing_gets_out_of_its_field() {
        good(mode, &["0640", "755", "4755"]);
        bad(mode, &["", "64", "0o640", "0888", "u=rw", "00640"]);
        good(capabilities, &["cap_net_raw=ep", "cap_net_raw,cap_net_admin+ep cap_chown=i"]);
        bad(capabilities, &["", "cap_net_raw", "net_raw=ep", "cap_=e", "cap_net_raw=x", "cap_net_raw=", "cap_x=e;id"]);
        good(user_comment, &["Greeting daemon"]);
        bad(user_comment, &["a:b", "a\"b", "100%", "a\\b"]);
        good(alternative_name, &["greet", "greet.1.gz", "c++"]);
        bad(alternative_name, &["", "a b", "a/b", "-x", "../x"]);
        good(
            tmpfiles_line,
            &["d /run/greetd 0755 greetd greetd -", "L+ /etc/x - - - - ../y", "d! /run/x", "r /run/x.pid"],
        );
        bad(tmpfiles_line, &["/run/greetd", "d run/greetd", "d", "d /run/../etc 0755", "d /run/x rwx", "1 /run/x"]);
    }
}
