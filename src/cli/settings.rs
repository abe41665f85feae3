//! `farm config`: what is in force where no option says otherwise, and who says so.

use std::collections::BTreeMap;
use std::path::Path;

use super::args::{ColorChoice, ConfigArgs};
use super::config::{Config, variables};
use super::engine_choice::EngineChoice;
use super::exit::Exit;
use super::failure::Failure;
use super::output::{self, Surroundings};
use super::{context, engines};
use crate::engine;
use crate::report::Style;
use crate::report::table::Table;
use crate::sign::KeySource;
use crate::types::{human_bytes, printable, redacted_text};

/// In the file, nothing and nobody.
const CONFIGURATION: &str = "configuration";
const DEFAULT: &str = "default";

/// One setting; what it is, and where that comes from.
struct Setting {
    name: String,
    value: String,
    from: String,
}

pub(crate) fn run(args: ConfigArgs, color: ColorChoice) -> Result<Exit, Failure> {
    let config = Config::load()?;
    for note in &config.notes {
        output::err(&format!("warning: {note}\n"));
    }
    let settings = settings(&config, &variables())?;
    let style = Surroundings::of_this_process().style(color, false);
    output::out(&if args.json { json(&settings) } else { table(&settings, &style) });
    Ok(Exit::Success)
}

/// In the order in which people look for them.
fn settings(config: &Config, variables: &BTreeMap<String, String>) -> Result<Vec<Setting>, Failure> {
    let mut all = Vec::new();
    let mut add = |name: &str, value: String, from: &str| {
        all.push(Setting { name: name.to_owned(), value: redacted_text(&printable(&value)), from: from.to_owned() });
    };
    let set = |name: &str| variables.get(name).filter(|value| !value.is_empty());
    let shown = |path: &Path| path.display().to_string();
    match &config.path {
        Some(path) if set("FARM_CONFIG").is_some() => add(CONFIGURATION, shown(path), "FARM_CONFIG"),
        Some(path) => add(CONFIGURATION, shown(path), DEFAULT),
        None => add(CONFIGURATION, "none".to_owned(), DEFAULT),
    }
    let variable = set("FARM_ENGINE").map(String::as_str).unwrap_or_default();
    let from = match (variable, config.engines.is_empty()) {
        ("", true) => DEFAULT,
        ("", false) => CONFIGURATION,
        _ => "FARM_ENGINE",
    };
    for choice in engines::choices(&[], variable, config) {
        add("engine", used(&choice), from);
    }
    let by_variable = context::mirrors_of(variables)?;
    for (archive, url) in &by_variable {
        let variable = format!("FARM_MIRROR_{}", archive.to_ascii_uppercase().replace('-', "_"));
        add(&format!("mirror of {archive}"), url.clone(), &variable);
    }
    for (archive, url) in config.mirrors.iter().filter(|(archive, _)| !by_variable.contains_key(*archive)) {
        add(&format!("mirror of {archive}"), url.clone(), CONFIGURATION);
    }
    match set("FARM_NETWORK") {
        Some(network) => add("network of containers", network.clone(), "FARM_NETWORK"),
        None => add("network of containers", "default".to_owned(), DEFAULT),
    }
    let mut has_proxy = false;
    for name in ["http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
        // One that is empty says that there is none.
        if let Some(proxy) = variables.get(name) {
            has_proxy = true;
            add("proxy", if proxy.is_empty() { "none".to_owned() } else { proxy.clone() }, name);
        }
    }
    if let Some(proxy) = config.network.proxy.as_ref().filter(|_| !has_proxy) {
        add("proxy", proxy.to_string(), CONFIGURATION);
    }
    match ["no_proxy", "NO_PROXY"].into_iter().find_map(|name| Some((set(name)?, name))) {
        Some((hosts, name)) => add("no-proxy", hosts.clone(), name),
        None if config.network.no_proxy.is_empty() => {}
        None => add("no-proxy", config.network.no_proxy.join(", "), CONFIGURATION),
    }
    if let Some((path, _)) = &config.network.ca {
        add("certificates", shown(path), CONFIGURATION);
    }
    if let Some(path) = set("SSL_CERT_FILE") {
        add("certificates", path.clone(), "SSL_CERT_FILE");
    }
    let folder = |named: &'static str, xdg: &'static str| {
        [named, xdg].into_iter().find(|name| set(name).is_some()).unwrap_or(DEFAULT)
    };
    let cache = context::cache_folder().map_or_else(|error| format!("none: {error}"), |folder| shown(&folder));
    add("cache", cache, folder("FARM_CACHE", "XDG_CACHE_HOME"));
    for store in engine::stores("auto") {
        add("images of farm's own engine", shown(&store), folder("FARM_DATA", "XDG_DATA_HOME"));
    }
    for source in config.sign.sources(&[]).unwrap_or_default() {
        let what = match source {
            KeySource::File { path, .. } => format!("the key file {}", path.display()),
            KeySource::Gpg { fingerprint } => format!("the key {fingerprint} of GnuPG"),
            KeySource::Command { words, .. } => {
                format!("the program {}", words.first().map(String::as_str).unwrap_or_default())
            }
        };
        add("signs", what, CONFIGURATION);
    }
    let s3 = &config.s3;
    for (name, value) in [("S3 endpoint", &s3.endpoint), ("S3 region", &s3.region), ("S3 profile", &s3.profile)] {
        if let Some(value) = value {
            add(name, value.clone(), CONFIGURATION);
        }
    }
    for (name, variable) in [
        ("ssh", "FARM_SSH"),
        ("log", "FARM_LOG"),
        ("no lint", "FARM_NO_LINT"),
        ("stale contents", "FARM_STALE_CONTENTS"),
    ] {
        if let Some(value) = set(variable) {
            add(name, value.clone(), variable);
        }
    }
    Ok(all)
}

/// With how much of it is used.
fn used(choice: &EngineChoice) -> String {
    let EngineChoice { url, slots, memory_bytes, arches } = choice;
    let slots = slots.map(|slots| format!("{slots} slots"));
    let memory = memory_bytes.map(|bytes| format!("{} of memory", human_bytes(bytes)));
    let arches = arches.as_ref().map(|arches| arches.iter().map(|arch| arch.deb()).collect::<Vec<_>>().join(" "));
    [Some(url.clone()), slots, memory, arches].into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn table(settings: &[Setting], style: &Style) -> String {
    let mut table = Table::new(&["SETTING", "VALUE", "FROM"]);
    for Setting { name, value, from } in settings {
        table.row(vec![name.clone(), value.clone(), from.clone()]);
    }
    table.render(style)
}

fn json(settings: &[Setting]) -> String {
    let one = |setting: &Setting| serde_json::json!({ "setting": setting.name, "value": setting.value, "from": setting.from });
    output::json_list(settings.iter().map(one))
}
