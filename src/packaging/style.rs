//! What the packaging guidelines of the RPM distributions ask of a .spec, and what old rpms read differently. Each rule
//! names where it comes from.

use crate::distro::{Distro, SystemdWords, Trigger};
use crate::recipe::{Origin, Recipe};
use crate::types::Address;

use super::members::Member;
use super::spec::{self, tag};

/// Begins %install: the lists of files are written when the distribution has done all that it does with the installed
/// tree. What that is is its own business (`__spec_install_post`), and expanded after this .spec has been read: a macro of
/// ours in its place, or around it, would be another one. Its last line is often an `exit`, so the shell's end is waited
/// for. The recipe's script has a subshell, which does not inherit the trap.
pub(super) const AFTER_INSTALL: &str = "\
# When all else is done with the installed tree (man pages are compressed, debug symbols are split off), the lists of
# files are written.
trap 'farm_status=$?; [ $farm_status -ne 0 ] || sh %{SOURCE1} %{name} %{_libdir} || farm_status=$?; exit $farm_status' EXIT
";

/// Whether the distribution may have an rpm from before file triggers (4.13): EL 7, whose rpm is 4.11.
fn may_be_old(distro: &Distro) -> bool {
    distro.rpm.systemd == SystemdWords::Macros && !distro.triggers.contains(&Trigger::Ldconfig)
}

/// Of %install, before any list of files: the macro that the License tag defines hides what marks licence files in lists
/// (rpm 4.11). Not behind scriptlets: what stands there belongs to the last of them.
pub(super) fn licences(distro: &Distro) -> &'static str {
    match may_be_old(distro) {
        true => {
            "# rpm 4.11 (EL 7) would read the License tag where lists of files have %%license.\n%undefine license\n"
        }
        false => "",
    }
}

/// Tags that old rpm does not know, as that may read them.
pub(super) fn weak(tags: &str, distro: &Distro) -> String {
    if tags.is_empty() || !may_be_old(distro) {
        return tags.to_owned();
    }
    format!("# rpm before 4.12 has no weak dependencies.\n%if ! (0%{{?rhel}} && 0%{{?rhel}} < 8)\n{tags}%endif\n")
}

/// Where the distribution still has groups.
pub(super) fn group(text: &mut String, distro: &Distro, member: &Member<'_>) {
    if distro.rpm.group_tag {
        tag(text, "Group", &spec::value(member.group));
    }
}

/// The group of a package that farm makes itself: rpmbuild's own word where a .spec has none.
pub(super) fn group_of<'a>(distro: &Distro, member: &Member<'a>) -> &'a str {
    if distro.rpm.group_tag { member.group } else { "Unspecified" }
}

/// Where the sources come from, as comments: the archive has no address of its own (Fedora's SourceURL guidelines ask for
/// one, or for a comment that says how the archive was made).
pub(super) fn origin(recipe: &Recipe) -> String {
    if recipe.sources.is_empty() {
        return "# Made by farm: the recipe has no sources.\n".to_owned();
    }
    let mut text = "# Made by farm of the sources below, under one folder:\n".to_owned();
    for source in &recipe.sources {
        let (place, proof) = match &source.origin {
            Origin::Urls { urls, sha256 } => {
                (urls.first().map(Address::public).unwrap_or_default(), format!(" sha256:{sha256}"))
            }
            Origin::Path { path } => (format!("{path}, beside the recipe"), String::new()),
            Origin::Git { url, commit, .. } => (url.public(), format!(" commit {commit}")),
            Origin::Text { file, .. } => (format!("{file}, in the recipe"), String::new()),
        };
        let line: String = format!("{place}{proof}").chars().filter(|c| !c.is_control() && *c != '\\').collect();
        text.push_str(&format!("#   {}\n", spec::value(&line)));
    }
    text
}
