//! What single values must look like: names, versions, paths, addresses, sizes, times. Each check is a pure function
//! from a string to a complaint; where the value stands is the reader's business.

mod amounts;

use std::ops::Range;

use crate::capability::{Capability, CapabilityError, CapabilityKind};
use crate::types::nearest;

pub(crate) use amounts::{SIZES, duration, show_duration, show_size, size};

/// What is wrong with a value. Reads after the value's name: "`version` must not contain `-`".
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Complaint {
    pub(crate) message: String,
    pub(crate) label: String,
    pub(crate) help: Option<String>,
    /// The bytes of the value that are meant; none: all of it.
    pub(crate) part: Option<Range<usize>>,
}

impl Complaint {
    pub(crate) fn new(message: impl Into<String>, label: impl Into<String>) -> Complaint {
        Complaint { message: message.into(), label: label.into(), help: None, part: None }
    }

    pub(crate) fn help(self, help: impl Into<String>) -> Complaint {
        Complaint { help: Some(help.into()), ..self }
    }

    pub(crate) fn at(self, part: Range<usize>) -> Complaint {
        Complaint { part: Some(part), ..self }
    }
}

pub(crate) type Check = Result<(), Complaint>;

/// The place of the first character that `allowed` refuses.
pub(crate) fn first_wrong(value: &str, allowed: impl Fn(char) -> bool) -> Option<(Range<usize>, char)> {
    value.char_indices().find(|(_, c)| !allowed(*c)).map(|(at, c)| (at..at + c.len_utf8(), c))
}

/// How a character is named in a message.
pub(crate) fn named(c: char) -> String {
    match c {
        ' ' => "a space".to_owned(),
        c if c.is_control() => format!("the control character U+{:04X}", c as u32),
        c => format!("`{}`", crate::types::printable(&c.to_string())),
    }
}

/// No line break or other control character: the value becomes part of a header field or a path.
pub(crate) fn one_line(value: &str) -> Check {
    match first_wrong(value, |c| !c.is_control() && crate::types::printable(&c.to_string()).chars().eq([c])) {
        None => Ok(()),
        Some((part, '\n' | '\r')) => Err(Complaint::new("must be one line", "there is a line break in it").at(part)),
        Some((part, c)) => Err(Complaint::new("must be plain text", format!("it holds {}", named(c))).at(part)),
    }
}

pub(crate) fn not_blank(value: &str) -> Check {
    if value.trim().is_empty() { Err(Complaint::new("has an empty entry", "must not be empty")) } else { Ok(()) }
}

/// A test of `debian/tests`, or `*` for all.
pub(crate) fn test_name(value: &str) -> Check {
    match value.is_empty() || value.contains(|c: char| c.is_whitespace() || c.is_control() || c == '/') {
        true => Err(Complaint::new("is no name of a test", "name a test as in debian/tests/control, or \"*\" for all")),
        false => Ok(()),
    }
}

pub(crate) fn anything(_: &str) -> Check {
    Ok(())
}

/// Which world a package name must suit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NameRule {
    /// Debian Policy 5.6.1 is the narrower one: what it allows, RPM allows too.
    Both,
    Rpm,
}

impl NameRule {
    pub(crate) fn check(self) -> fn(&str) -> Check {
        match self {
            NameRule::Both => deb_name,
            NameRule::Rpm => rpm_name,
        }
    }
}

/// Debian Policy 5.6.1: lower-case letters, digits, `+`, `-`, `.`; at least two, the first a letter or digit.
pub(crate) fn deb_name(value: &str) -> Check {
    let help = "a name has lower-case letters, digits, `+`, `-` and `.`; another name for RPMs alone goes into \
                [override.rpm.package] name";
    let message = "is no package name";
    if let Some((part, c)) =
        first_wrong(value, |c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '+' | '-' | '.'))
    {
        let plain = value.to_ascii_lowercase().replace(['_', ' '], "-");
        if plain != value && deb_name(&plain).is_ok() {
            return Err(Complaint::new(message, format!("did you mean `{plain}`?")).help(help));
        }
        return Err(Complaint::new(message, format!("{} is not allowed", named(c))).at(part).help(help));
    }
    if !value.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        return Err(Complaint::new(message, "must begin with a letter or digit").help(help));
    }
    if value.len() < 2 {
        return Err(Complaint::new(message, "must have at least two characters"));
    }
    if value.len() > 200 {
        return Err(Complaint::new(message, "must not be longer than 200 characters"));
    }
    Ok(())
}

/// What rpmbuild accepts as Name: letters, digits, `.`, `_`, `+`, `-`.
fn rpm_name(value: &str) -> Check {
    let message = "is no package name";
    if let Some((part, c)) = first_wrong(value, |c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.' | '_')) {
        return Err(Complaint::new(message, format!("{} is not allowed", named(c))).at(part));
    }
    if !value.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_') || value.len() > 200 {
        return Err(Complaint::new(message, "must begin with a letter or digit and have at most 200 characters"));
    }
    Ok(())
}

/// What is a version in both worlds: Debian Policy 5.6.12 without epoch and revision, less what rpmbuild refuses.
pub(crate) fn version(value: &str) -> Check {
    if let Some((part, c)) = first_wrong(value, |c| c.is_ascii_alphanumeric() || matches!(c, '.' | '+' | '~')) {
        let help = match c {
            '-' => {
                "pre-releases sort before the release when written with `~`: 1.0~rc1; the packaging's own revision \
                    is `release`"
            }
            ':' => "the part before `:` is `epoch`, a key of its own",
            '_' | ' ' => "write `.`, `+` or `~` there",
            _ => "a version has letters, digits, `.`, `+` and `~`",
        };
        return Err(Complaint::new("is no version", format!("{} is not allowed", named(c))).at(part).help(help));
    }
    if !value.starts_with(|c: char| c.is_ascii_digit()) {
        let help = value.strip_prefix('v').map(|rest| format!("leave the `v` of the tag out: \"{rest}\""));
        let complaint = Complaint::new("is no version", "must begin with a digit");
        return Err(Complaint { help, ..complaint });
    }
    if value.len() > 200 {
        return Err(Complaint::new("is no version", "must not be longer than 200 characters"));
    }
    Ok(())
}

/// Why a text that did not come from a recipe is no version: "`_` is not allowed".
pub(crate) fn version_reason(value: &str) -> Option<String> {
    version(value).err().map(|complaint| complaint.label)
}

/// What may be put behind a version.
pub(crate) fn version_suffix(value: &str) -> Check {
    if !value.starts_with(['+', '.', '~']) {
        return Err(Complaint::new("is no end of a version", "must begin with `+`, `.` or `~`")
            .help("what begins with `+` sorts after the version, with `~` before it: \"+minimal\""));
    }
    version(&format!("0{value}")).map_err(|complaint| Complaint { part: None, ..complaint })
}

/// A glob over names of tags: what git takes, less what it could take for an option.
pub(crate) fn tag_glob(value: &str) -> Check {
    if value.starts_with('-') || value.contains(char::is_whitespace) {
        return Err(Complaint::new("is no pattern of tags", "must not begin with `-` or hold white space")
            .help("`*` and `?` are globs: \"v*\", \"release-*\""));
    }
    Ok(())
}

/// An SPDX licence expression.
pub(crate) fn license(value: &str) -> Check {
    let Err(error) = spdx::Expression::parse(value) else { return Ok(()) };
    let complaint = |label: String| {
        Complaint::new("is no SPDX expression", label).help(
            "identifiers are listed at https://spdx.org/licenses, joined by AND, OR, WITH; others: LicenseRef-NAME",
        )
    };
    if let Some(canonical) = spdx::Expression::canonicalize(value).ok().flatten().filter(|text| text != value) {
        return Err(complaint(format!("did you mean `{canonical}`?")));
    }
    if value.contains([',', ';', '/']) {
        return Err(complaint("licences are joined by AND or OR".to_owned()));
    }
    let wrong = value.get(error.span.clone()).unwrap_or_default();
    let known = spdx::imprecise_license_id(wrong).map(|(id, _)| id.name);
    let ids = spdx::identifiers::LICENSES.iter().map(|license| license.name);
    let label = match known.or_else(|| nearest(wrong, ids)).filter(|near| *near != wrong) {
        Some(near) => format!("did you mean `{near}`?"),
        None if wrong == value && wrong.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.')) => {
            format!("no licence of the list: one's own is `LicenseRef-{wrong}`")
        }
        None => reason_text(&error.reason),
    };
    Err(complaint(label).at(error.span))
}

fn reason_text(reason: &spdx::error::Reason) -> String {
    use spdx::error::Reason;
    match reason {
        Reason::UnclosedParens => "this parenthesis is not closed".to_owned(),
        Reason::UnopenedParens => "this parenthesis was not opened".to_owned(),
        Reason::Empty => "it is empty".to_owned(),
        Reason::Unexpected(expected) if !expected.is_empty() => format!("expected {}", expected.join(" or ")),
        Reason::UnknownException => "not a known exception".to_owned(),
        Reason::InvalidCharacters => "this character is not allowed".to_owned(),
        Reason::DeprecatedLicenseId => "this identifier is deprecated".to_owned(),
        _ => "not a known licence".to_owned(),
    }
}

/// `Name <address>`, as Debian Policy 5.6.2 wants it.
pub(crate) fn maintainer(value: &str) -> Check {
    let complaint = |label: &str| {
        Err(Complaint::new("names no maintainer", label)
            .help("write `Name <address>`: \"Ada Lovelace <ada@example.org>\""))
    };
    let Some((name, rest)) = value.split_once('<') else { return complaint("no `<address>` in it") };
    let Some(address) = rest.strip_suffix('>') else { return complaint("the address does not end in `>`") };
    if name.trim().is_empty() {
        return complaint("no name before the address");
    }
    let well_formed = address.split_once('@').is_some_and(|(user, host)| !user.is_empty() && !host.is_empty())
        && !address.contains(|c: char| c.is_whitespace() || matches!(c, '<' | '>' | ','));
    if well_formed { Ok(()) } else { complaint("this is no mail address") }
}

/// An http or https address.
pub(crate) fn web_address(value: &str) -> Check {
    let rest = value.strip_prefix("https://").or_else(|| value.strip_prefix("http://"));
    match rest {
        Some(rest) if !rest.is_empty() && !rest.starts_with('/') && !value.contains(char::is_whitespace) => Ok(()),
        _ if value.contains('.') && !value.contains(':') && !value.contains(char::is_whitespace) => {
            Err(Complaint::new("is no web address", format!("did you mean `https://{value}`?")))
        }
        _ => Err(Complaint::new("is no web address", "must begin with https:// or http://")),
    }
}

/// Where an archive or file can be had.
pub(crate) fn source_url(value: &str) -> Check {
    let help = "addresses begin with https://, http://, file:/// or mirror://NAME/";
    if let Some((part, c)) = first_wrong(value, |c| !c.is_whitespace()) {
        return Err(Complaint::new("is no address", format!("{} must be written %20", named(c))).at(part));
    }
    let Some((scheme, rest)) = value.split_once("://") else {
        return Err(Complaint::new("is no address", "it has no scheme").help(help));
    };
    match scheme {
        "http" | "https" if !rest.is_empty() && !rest.starts_with('/') => Ok(()),
        "file" if rest.starts_with('/') => Ok(()),
        "mirror" => match rest.split_once('/') {
            Some((name, path)) if !path.is_empty() && deb_name(name).is_ok() => Ok(()),
            _ => Err(Complaint::new("is no address", "must be mirror://NAME/path")
                .help("NAME is an archive's name, such as `debian`: mirror://debian/pool/main/h/hello/…")),
        },
        "http" | "https" | "file" => Err(Complaint::new("is no address", "it is not complete").help(help)),
        _ => Err(Complaint::new("is no address", format!("scheme `{scheme}` is not known"))
            .at(0..scheme.len())
            .help(help)),
    }
}

/// What may be handed to git: never an option, never a transport that runs commands (`ext::`).
pub(crate) fn git_url(value: &str) -> Check {
    let help = "repositories are https://, ssh://, git:// or file:// addresses, user@host:path, or paths that begin \
                with `.` or `/`";
    let complaint = |label: &str| Err(Complaint::new("is no git repository", label).help(help));
    if value.contains(char::is_whitespace) {
        return complaint("it holds white space");
    }
    if value.starts_with(['.', '/']) {
        return Ok(());
    }
    match value.split_once("://") {
        Some(("https" | "http" | "ssh" | "git" | "file", rest)) if !rest.is_empty() && !rest.starts_with('-') => Ok(()),
        Some(_) => complaint("this scheme is not known"),
        None => {
            let host_path = value.split_once(':').filter(|(host, path)| {
                !host.is_empty() && !host.starts_with('-') && !path.is_empty() && !path.starts_with(':')
            });
            if host_path.is_some() { Ok(()) } else { complaint("this is no address") }
        }
    }
}

/// Why an address that did not come from a recipe may not be handed to git.
pub(crate) fn git_url_reason(value: &str) -> Option<String> {
    git_url(value).err().map(|complaint| complaint.label)
}

fn hexadecimal(value: &str, lengths: &[usize], what: &str, help: &str) -> Check {
    let wrong = first_wrong(value, |c| c.is_ascii_hexdigit());
    if let Some((label, digits)) = value.split_once(':')
        && lengths.contains(&digits.len())
        && digits.chars().all(|c| c.is_ascii_hexdigit())
    {
        return Err(Complaint::new(format!("is no {what}"), format!("leave `{label}:` out")).at(0..label.len() + 1));
    }
    if let Some((part, c)) = wrong.clone().filter(|_| lengths.contains(&value.len())) {
        return Err(Complaint::new(format!("is no {what}"), format!("{} is no hexadecimal digit", named(c)))
            .at(part)
            .help(help));
    }
    if wrong.is_some() {
        let expected = lengths.iter().map(usize::to_string).collect::<Vec<_>>().join(" or ");
        return Err(
            Complaint::new(format!("is no {what}"), format!("expected {expected} hexadecimal digits")).help(help)
        );
    }
    if !lengths.contains(&value.len()) {
        let expected = lengths.iter().map(usize::to_string).collect::<Vec<_>>().join(" or ");
        let label = format!("expected {expected} hexadecimal digits, found {}", value.len());
        return Err(Complaint::new(format!("is no {what}"), label).help(help));
    }
    Ok(())
}

pub(crate) fn sha256(value: &str) -> Check {
    hexadecimal(value, &[64], "SHA-256 sum", "`sha256sum FILE` prints it")
}

/// A full commit id, SHA-1 or SHA-256: anything shorter, or a branch, may mean another tree tomorrow.
pub(crate) fn commit(value: &str) -> Check {
    hexadecimal(value, &[40, 64], "commit id", "give the full id: `git rev-parse TAG^{commit}` prints it")
}

/// A container image by name, with or without a tag or digest: `debian:12`, `quay.io/a/b@sha256:…`, in the grammar of the
/// OCI distribution specification.
pub(crate) fn image_reference(value: &str) -> Check {
    const HELP: &str = "for example debian:12, quay.io/fedora/fedora:43, registry.example.org/builder@sha256:…";
    let complaint = |part: &str, label: String| {
        let at = value.find(part).unwrap_or(0);
        Err(Complaint::new("is no image", label).at(at..at + part.len()).help(HELP))
    };
    if let Some((scheme, _)) = value.split_once("://") {
        return complaint(&value[..scheme.len() + 3], "leave this out: an image is a name, no address".to_owned());
    }
    let (name, digest) = value.split_once('@').map_or((value, None), |(name, digest)| (name, Some(digest)));
    if let Some(digest) = digest {
        let hex = digest.strip_prefix("sha256:").unwrap_or_default();
        if hex.len() != 64 || !hex.bytes().all(|c| c.is_ascii_digit() || (b'a'..=b'f').contains(&c)) {
            return complaint(digest, "a digest is sha256: and 64 hexadecimal digits".to_owned());
        }
    }
    let last = name.rfind('/').map_or(0, |slash| slash + 1);
    let (path, tag) = match name[last..].find(':') {
        Some(colon) => (&name[..last + colon], Some(&name[last + colon + 1..])),
        None => (name, None),
    };
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    if let Some(tag) = tag
        && (tag.is_empty() || tag.len() > 128 || tag.starts_with(['.', '-']) || !tag.chars().all(plain))
    {
        return complaint(tag, "a tag is letters, digits, `_`, `.` and `-`".to_owned());
    }
    let (registry, rest) = match path.split_once('/') {
        Some((first, rest)) if first.contains(['.', ':']) || first == "localhost" => (first, rest),
        _ => ("", path),
    };
    if let Some((part, c)) = first_wrong(registry, |c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':')) {
        return complaint(&registry[part], format!("{} is not allowed in the name of a registry", named(c)));
    }
    for part in rest.split('/') {
        if part.is_empty() {
            return complaint(value, "a part of the name is empty".to_owned());
        }
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '.' | '-');
        if let Some((wrong, c)) = first_wrong(part, allowed) {
            return complaint(&part[wrong], format!("{} is not allowed in a name", named(c)));
        }
        if part.starts_with(['_', '.', '-']) || part.ends_with(['_', '.', '-']) {
            return complaint(part, "begins and ends with a letter or digit".to_owned());
        }
    }
    Ok(())
}

/// A path that stays below the folder it starts in.
pub(crate) fn inner_path(value: &str) -> Check {
    relative_path(value)?;
    if value.split('/').any(|part| part == "..") {
        return Err(Complaint::new("is no path in the source tree", "`..` is not allowed here"));
    }
    Ok(())
}

/// A path on this host, relative to the recipe: `..` is fine, for a recipe in a folder of the project.
pub(crate) fn relative_path(value: &str) -> Check {
    if value.starts_with('/') {
        return Err(Complaint::new("must be a relative path", "this is an absolute path")
            .help("a recipe must mean the same on every machine"));
    }
    if value.contains('\\') {
        return Err(Complaint::new("must be a relative path", "folders are separated by `/`"));
    }
    Ok(())
}

/// A path, or pattern of paths, in the installed system: `/etc/hello.conf`, `${libdir}/*.so`.
pub(crate) fn installed_path(value: &str) -> Check {
    let complaint = |label: &str| Err(Complaint::new("is no installed path", label));
    if !value.starts_with('/') && !value.starts_with("${") {
        return complaint("must begin with `/`");
    }
    if value.split('/').any(|part| matches!(part, "." | "..")) {
        return complaint("`.` and `..` are not allowed");
    }
    if value.trim_end_matches(['/', '*']).is_empty() {
        return Err(Complaint::new("is no installed path", "this is the whole system")
            .help("name the folders: /usr/include/**"));
    }
    Ok(())
}

/// A character of paths that scripts can name without quotes.
pub(crate) fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '_' | '-' | '+' | '@')
}

/// An absolute path that stands in scripts and configuration of the installed system, where nothing of it may need
/// quotes: `/var/lib/greetd`.
pub(crate) fn plain_path(value: &str) -> Check {
    installed_path(value)?;
    match first_wrong(value, is_plain) {
        None if value.ends_with('/') => Err(Complaint::new("is no path of a file", "must not end with `/`")),
        None => Ok(()),
        Some((part, c)) => Err(Complaint::new("must be a plain path", format!("{} is not allowed", named(c))).at(part)),
    }
}

/// A user or group as every distribution allows it (useradd(8), sysusers.d(5)).
pub(crate) fn system_name(value: &str) -> Check {
    let right = value.len() <= 31
        && value.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && value.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_'));
    if right {
        Ok(())
    } else {
        Err(Complaint::new(
            "is no name of a user or group",
            "lower-case letters, digits, `-` and `_`, at most 31, beginning with a letter or `_`",
        ))
    }
}

/// A name, with or without a version, of one package. A comma would smuggle in a second one.
pub(crate) fn relation(value: &str) -> Check {
    let mut depth = 0usize;
    for (at, c) in value.char_indices() {
        match c {
            '(' | '[' => depth += 1,
            ')' | ']' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                return Err(Complaint::new("has two relations in one string", "a comma is not allowed")
                    .at(at..at + 1)
                    .help("give each its own string: [\"a\", \"b\"]"));
            }
            _ => {}
        }
    }
    if depth != 0 {
        return Err(Complaint::new("is no relation", "a parenthesis is not closed")
            .help("a version stands after the name: \"libfoo (>= 1.2)\""));
    }
    value.split('|').try_for_each(capability)
}

/// What looks like a capability must be one. Kinds that only RPM distributions have (`font(…)`, `golang(…)`) are theirs.
fn capability(alternative: &str) -> Check {
    let text = alternative.trim();
    let end = match text.starts_with('/') {
        true => text.find(char::is_whitespace).unwrap_or(text.len()),
        false => text.find(')').map_or(text.len(), |at| at + 1),
    };
    let (head, version) = text.split_at(end);
    let (kind, name) = head.split_once('(').unwrap_or(("/", head));
    // `foo (>= 1)`, `(a or b)`, and `perl(:MODULE_COMPAT_5.36)`, which RPM's own generators write.
    let other =
        kind.is_empty() || kind.contains(char::is_whitespace) || name.trim_start().starts_with(['<', '>', '=', ':']);
    if other {
        return Ok(());
    }
    match Capability::parse(head) {
        Ok(Capability { kind: CapabilityKind::Path | CapabilityKind::Library, .. })
            if version.contains(['<', '>', '=']) && !version.contains("<!") =>
        {
            Err(Complaint::new("asks for the version of a file", "a file has no version")
                .help("pkgconfig(), cmake(), python3dist(), perl() and rubygem() have versions; so have packages"))
        }
        // `python3.12dist(…)` is one of RPM's.
        Err(CapabilityError::Kind { nearest: Some(nearest), .. }) if !kind.contains('.') => {
            Err(Complaint::new("names no known kind of capability", format!("did you mean `{nearest}(…)`?")))
        }
        Err(CapabilityError::Name { reason, .. }) => Err(Complaint::new("names no capability", reason)),
        _ => Ok(()),
    }
}

/// An environment variable that recipes may set.
pub(crate) fn variable_name(value: &str) -> Check {
    identifier(value)?;
    if value == "SOURCE_DATE_EPOCH" {
        return Err(Complaint::new("is set by farm itself", "set [package] date instead"));
    }
    if value.starts_with("FARM_") || value == "DESTDIR" {
        return Err(Complaint::new("is set by farm itself", "choose another name"));
    }
    Ok(())
}

/// Letters, digits and `_`, no digit first: what a shell can read as a variable.
pub(crate) fn identifier(value: &str) -> Check {
    let right = value.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        && value.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    if right {
        Ok(())
    } else {
        Err(Complaint::new("is no variable name", "letters, digits and `_`, not beginning with a digit"))
    }
}

/// The name of a file that stands in the recipe itself: below `into`, and beside the other sources of a .spec.
pub(crate) fn file_name(value: &str) -> Check {
    let message = "is no name of a file";
    if value.contains('/') {
        return Err(Complaint::new(message, "a name without folders").help("the folder stands in `into`"));
    }
    if value.starts_with('-') || matches!(value, "." | "..") {
        return Err(Complaint::new(message, "must begin with something else"));
    }
    match first_wrong(value, |c| c.is_ascii_alphanumeric() || "._+-@:~,=".contains(c)) {
        None => Ok(()),
        Some((part, c)) => Err(Complaint::new(message, format!("{} is not allowed", named(c))).at(part)),
    }
}

/// What rpmbuild takes as the name of a macro, from rpm 4.11 on, less those on which farm's own work rests.
/// A name as a .spec requires it, without a version: `zlib-devel`, `pkgconfig(zlib)`.
pub(crate) fn required_name(value: &str) -> Check {
    if value.is_empty() || value.contains(char::is_whitespace) {
        return Err(Complaint::new("is no name of a requirement", "as it stands in the .spec, without its version"));
    }
    Ok(())
}

pub(crate) fn macro_name(value: &str) -> Check {
    let message = "is no name of a macro";
    if identifier(value).is_err() {
        return Err(Complaint::new(message, "letters, digits and `_`, not beginning with a digit"));
    }
    if value.len() < 3 {
        return Err(Complaint::new(message, "rpm wants at least three characters"));
    }
    if ["_topdir", "_sourcedir", "_specdir", "_builddir", "_rpmdir", "_srcrpmdir", "_buildhost"].contains(&value) {
        return Err(Complaint::new("is set by farm itself", "choose another name"));
    }
    Ok(())
}

/// A name of a variant, matrix or split package: part of target ids and folder names.
pub(crate) fn label(value: &str) -> Check {
    let right = value.len() <= 64
        && value.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
        && value.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '.' | '_'));
    if right {
        Ok(())
    } else {
        Err(Complaint::new(
            "is no name",
            "lower-case letters, digits, `-`, `.` and `_`, beginning with a letter or digit",
        ))
    }
}

/// Debian sections: `misc`, `contrib/net`.
pub(crate) fn section(value: &str) -> Check {
    match first_wrong(value, |c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '/')) {
        None => Ok(()),
        Some((part, c)) => Err(Complaint::new("is no Debian section", format!("{} is not allowed", named(c)))
            .at(part)
            .help("for example admin, devel, libdevel, libs, misc, net, python, utils")),
    }
}

#[cfg(test)]
mod tests;
