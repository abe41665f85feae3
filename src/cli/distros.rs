//! `farm distros`: the catalogue, for people.

use std::path::Path;

use super::args::{ColorChoice, DistrosArgs, DistrosCommand};
use super::exit::Exit;
use super::failure::Failure;
use super::output::{self, Surroundings};

use crate::distro::{Catalogue, DebFacts, Distro, RpmFacts, Stage};
use crate::plan;
use crate::report::table::Table;
use crate::report::{Style, Tone};
use crate::types::{Format, nearest};

pub(crate) fn run(args: &DistrosArgs, color: ColorChoice) -> Result<Exit, Failure> {
    let here = Path::new(".");
    let catalogue = Catalogue::around([here])?;
    let style = Surroundings::of_this_process().style(color, false);
    let text = match &args.command {
        None | Some(DistrosCommand::List) if args.json => json(&catalogue, &plan::today()),
        None | Some(DistrosCommand::List) => list(&catalogue, &plan::today(), &style),
        Some(DistrosCommand::Show { id }) => show(find(&catalogue, id)?, &plan::today(), &style),
    };
    output::out(&text);
    Ok(Exit::Success)
}

/// The distribution of this id.
pub(crate) fn find<'a>(catalogue: &'a Catalogue, id: &str) -> Result<&'a std::sync::Arc<Distro>, Failure> {
    catalogue.get(id).ok_or_else(|| {
        let near = nearest(id, catalogue.iter().map(|distro| distro.id.as_str()));
        Failure::NothingMatched {
            message: format!("no distribution is named `{id}`"),
            help: Some(match near {
                Some(near) => format!("did you mean `{near}`?"),
                None => "farm distros lists them".to_owned(),
            }),
        }
    })
}

fn list(catalogue: &Catalogue, today: &str, style: &Style) -> String {
    let mut table = Table::new(&["ID", "PACKAGES", "SUPPORT UNTIL", "BOOTSTRAP", "NAME"]);
    for distro in catalogue.iter() {
        table.row(vec![
            distro.id.clone(),
            format!("{}/{}", distro.format, distro.manager.as_str()),
            support(distro, today),
            if distro.bootstrap.is_some() { "yes" } else { "-" }.to_owned(),
            distro.name.clone(),
        ]);
    }
    table.render(style)
}

/// One object each, for scripts.
fn json(catalogue: &Catalogue, today: &str) -> String {
    let one = |distro: &std::sync::Arc<Distro>| {
        serde_json::json!({
            "id": distro.id,
            "name": distro.name,
            "family": distro.family,
            "version": distro.version,
            "format": distro.format.as_str(),
            "manager": distro.manager.as_str(),
            "architectures": distro.arches.iter().map(|arch| arch.for_format(distro.format)).collect::<Vec<_>>(),
            "end_of_life": distro.end_of_life,
            "ended": distro.has_ended(today),
            "stage": match distro.stage {
                Stage::Rolling => "rolling",
                Stage::Development => "development",
                Stage::Released => "released",
            },
            "image": distro.image,
            "bootstrap": distro.bootstrap.is_some(),
        })
    };
    output::json_list(catalogue.iter().map(one))
}

/// `2028-06-30`, `2026-08-31 ended`, `rolling`.
fn support(distro: &Distro, today: &str) -> String {
    match (&distro.end_of_life, distro.stage) {
        (Some(end), _) if distro.has_ended(today) => format!("{end} ended"),
        (Some(end), _) => end.clone(),
        (None, Stage::Rolling) => "rolling".to_owned(),
        (None, Stage::Development) => "in development".to_owned(),
        (None, Stage::Released) => "no end known".to_owned(),
    }
}

fn show(distro: &Distro, today: &str, style: &Style) -> String {
    let mut lines: Vec<(&str, String)> = vec![
        ("name", distro.name.clone()),
        ("family", format!("{} {}", distro.family, distro.version)),
        ("packages", format!("{}, installed by {}", distro.format, distro.manager.as_str())),
        ("support until", support(distro, today)),
        (
            "architectures",
            distro.arches.iter().map(|arch| arch.for_format(distro.format)).collect::<Vec<_>>().join(" "),
        ),
        ("release tag", or_none(&distro.release_tag)),
        ("image", distro.image.clone().unwrap_or_else(|| "none: it is always bootstrapped".to_owned())),
        ("repositories", or_none(&distro.enable_repositories.join(" "))),
        ("build packages", or_none(&distro.build_packages.join(" "))),
        ("build caches", or_none(&distro.build_caches.join(" "))),
    ];
    match distro.format {
        Format::Deb => {
            let DebFacts { debhelper, standards_version, unit_folder } = &distro.deb;
            lines.push((
                "packaging",
                format!("debhelper {debhelper}, Policy {standards_version}, units in {unit_folder}"),
            ));
        }
        Format::Rpm => {
            let RpmFacts { systemd, systemd_macros, user_macros, payload, sbin, group_tag } = &distro.rpm;
            let macros: Vec<&str> = [systemd_macros, user_macros].into_iter().flatten().map(String::as_str).collect();
            let of = if macros.is_empty() { String::new() } else { format!(" of {}", macros.join(", ")) };
            let group = if *group_tag { "with" } else { "without" };
            lines.push((
                "packaging",
                format!("systemd by {}{of}; {} payload; {sbin}; {group} groups", systemd.as_str(), payload.as_str()),
            ));
        }
    }
    let toolchains: Vec<String> = distro
        .toolchains
        .versions
        .iter()
        .map(|(name, version)| match distro.toolchains.newer.get(name) {
            Some(newer) => format!("{name} {version} ({} in {})", newer.version, newer.package),
            None => format!("{name} {version}"),
        })
        .collect();
    if !toolchains.is_empty() {
        lines.push(("toolchains", toolchains.join(", ")));
    }
    for (name, value) in &distro.macros {
        lines.push(("macro", format!("%{name} {value}")));
    }
    if let Some(bootstrap) = &distro.bootstrap {
        lines.extend([
            ("archive", format!("{} ({})", bootstrap.archive, bootstrap.mirror)),
            ("suite", bootstrap.suite.clone()),
            ("components", bootstrap.components.join(" ")),
            ("updates", or_none(&bootstrap.updates.join(" "))),
        ]);
        if let Some(security) = &bootstrap.security {
            lines.push(("security", format!("{} ({})", security.suite, security.mirror)));
        }
        lines.extend([("keyrings", bootstrap.keyrings.join(" ")), ("includes", or_none(&bootstrap.include.join(" ")))]);
        if bootstrap.tolerate_expired {
            lines.push(("expired InRelease", "tolerated, with a warning".to_owned()));
        }
    }
    if let Some(setup) = &distro.setup {
        lines.extend(
            setup
                .trim_end()
                .lines()
                .enumerate()
                .map(|(index, line)| (if index == 0 { "setup" } else { "" }, line.to_owned())),
        );
    }
    lines.push(("digest", distro.digest.clone()));
    let mut text = format!("{}\n", style.paint(Tone::Strong, &distro.id));
    for (name, value) in lines {
        let (name, value) = (format!("{name:<18}"), value.trim_end().to_owned());
        text.push_str(&format!("  {}{value}\n", style.paint(Tone::Quiet, &name)));
    }
    text
}

fn or_none(text: &str) -> String {
    if text.is_empty() { "none".to_owned() } else { text.to_owned() }
}
