//! The environment of a build, made another one: for whoever wants to know whether packages take something over of it. What
//! is varied is what reprotest varies (reproducible-builds.org), as far as a container of any engine lets it be. The time
//! is another one by itself. The mask of new files is not varied: dpkg-buildpackage and rpmbuild set it themselves.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::{BUILD_ROOT, BUILD_UID, BUILD_USER};

/// Something of a build's environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Factor {
    /// The folder that the sources lie in, and the order in which its files are written.
    Path,
    /// The name and number of the user who builds.
    User,
    /// The rules by which names are sorted.
    Locale,
    /// The time zone.
    Timezone,
    /// How many processors there are, and how many steps run at a time.
    Processors,
    /// The name of the host.
    HostName,
    /// The release of the kernel, as programs see it.
    Kernel,
}

impl Factor {
    /// All of them.
    pub const ALL: [Factor; 7] = [
        Factor::Path,
        Factor::User,
        Factor::Locale,
        Factor::Timezone,
        Factor::Processors,
        Factor::HostName,
        Factor::Kernel,
    ];

    /// Its word on the command line and in JSON: `host-name`.
    pub fn as_str(self) -> &'static str {
        match self {
            Factor::Path => "path",
            Factor::User => "user",
            Factor::Locale => "locale",
            Factor::Timezone => "timezone",
            Factor::Processors => "processors",
            Factor::HostName => "host-name",
            Factor::Kernel => "kernel",
        }
    }
}

/// Longer than [`BUILD_ROOT`], and nothing like it.
pub(crate) const OTHER_ROOT: &str = "/var/lib/built-elsewhere/here";
pub(crate) const OTHER_USER: &str = "rebuilder";
pub(crate) const OTHER_UID: u32 = 2001;
pub(crate) const OTHER_HOST: &str = "elsewhere";
/// The kernel calls itself so for programs from before 3.0 (personality(2), UNAME26).
pub(crate) const OTHER_KERNEL: &str = "2.6";
const OTHER_LOCALE: &str = "xx_FARM";

/// Shell: makes what is to be varied of a container other than it is, and says of each factor, as `farm: varies path`, that it
/// could be done. As root, when everything was put into [`BUILD_ROOT`].
pub(crate) fn vary(factors: &BTreeSet<Factor>) -> String {
    let mut script = "set -eu\n".to_owned();
    let said = |factor: Factor| format!("echo 'farm: varies {}'", factor.as_str());
    let home = if factors.contains(&Factor::Path) { OTHER_ROOT } else { BUILD_ROOT };
    for factor in factors {
        let part = match factor {
            Factor::Path => {
                let function = include_str!("scripts/varied-path.sh");
                format!("{function}farm_move {BUILD_ROOT} {OTHER_ROOT}\n{}\n", said(*factor))
            }
            Factor::User => format!(
                "echo '{OTHER_USER}:x:{OTHER_UID}:' >>/etc/group\n\
                 echo '{OTHER_USER}:x:{OTHER_UID}:{OTHER_UID}:farm:{home}:/bin/sh' >>/etc/passwd\n\
                 chown -hR {OTHER_UID}:{OTHER_UID} {home}\n{}\n",
                said(*factor)
            ),
            Factor::Locale => {
                let function = include_str!("scripts/varied-locale.sh");
                format!("{function}if farm_locale {OTHER_LOCALE}; then {}; fi\n", said(*factor))
            }
            Factor::Kernel => {
                format!("if setarch \"$(uname -m)\" --uname-2.6 true 2>/dev/null; then {}; fi\n", said(*factor))
            }
            // Said by the environment, or by the container when it is made.
            Factor::Timezone | Factor::Processors | Factor::HostName => format!("{}\n", said(*factor)),
        };
        script.push_str(&part);
    }
    script
}

/// What [`vary`] did, of what it printed.
pub(crate) fn varied(output: &str) -> BTreeSet<Factor> {
    let words: BTreeSet<&str> = output.lines().filter_map(|line| line.strip_prefix("farm: varies ")).collect();
    Factor::ALL.into_iter().filter(|factor| words.contains(factor.as_str())).collect()
}

/// Shell: puts everything where it was, so that whoever takes the results finds them. As root; none where all lies there.
pub(crate) fn unvary(factors: &BTreeSet<Factor>) -> Option<String> {
    let back = || format!("set -eu\nrm {BUILD_ROOT}\nmv {OTHER_ROOT} {BUILD_ROOT}\n");
    factors.contains(&Factor::Path).then(back)
}

/// The zone in which it is another day now: `hour` is the hour of UTC. Without files of time zones (POSIX, TZ).
pub(crate) fn other_zone(hour: u32) -> &'static str {
    if hour >= 10 { "<+14>-14" } else { "<-12>12" }
}

/// How many processes a step of the other build may run at a time.
pub(crate) fn other_processes(processes: usize) -> usize {
    if processes == 1 { 2 } else { 1 }
}

/// Makes the environment of a step the other one.
pub(crate) fn vary_env(env: &mut BTreeMap<String, String>, factors: &BTreeSet<Factor>, zone: &str) {
    for factor in factors {
        match factor {
            Factor::Path => {
                if let Some(home) = env.get_mut("HOME").filter(|home| *home == BUILD_ROOT) {
                    OTHER_ROOT.clone_into(home);
                }
            }
            Factor::User => {
                for name in ["USER", "LOGNAME"] {
                    if let Some(user) = env.get_mut(name).filter(|user| *user == BUILD_USER) {
                        OTHER_USER.clone_into(user);
                    }
                }
            }
            Factor::Locale => drop(env.insert("LC_ALL".to_owned(), format!("{OTHER_LOCALE}.UTF-8"))),
            Factor::Timezone => drop(env.insert("TZ".to_owned(), zone.to_owned())),
            Factor::Processors | Factor::HostName | Factor::Kernel => {}
        }
    }
}

/// The number of the user who builds.
pub(crate) fn builder(factors: &BTreeSet<Factor>) -> u32 {
    if factors.contains(&Factor::User) { OTHER_UID } else { BUILD_UID }
}

/// Shell: runs the script that is its first argument on another kernel and on one processor, as far as it is to be.
/// Folders are entered by their own names: programs ask for the folder that they are in, and some believe $PWD.
pub(crate) fn launch(factors: &BTreeSet<Factor>) -> String {
    let mut script = "farm_on=\n".to_owned();
    if factors.contains(&Factor::Kernel) {
        script.push_str("farm_on=\"setarch $(uname -m) --uname-2.6\"\n");
    }
    if factors.contains(&Factor::Processors) {
        script.push_str(
            "farm_cpu=$(taskset -cp $$ 2>/dev/null | sed 's/.*: //; s/[,-].*//')\n\
             [ -z \"$farm_cpu\" ] || taskset -cp \"$farm_cpu\" $$ >/dev/null 2>&1 || :\nunset farm_cpu\n",
        );
    }
    script.push_str("exec $farm_on sh -c \"$1\"\n");
    script
}

/// What a script begins with that [`launch`] runs.
pub(crate) fn begin(factors: &BTreeSet<Factor>) -> String {
    match factors.contains(&Factor::Path) {
        true => format!("unset farm_on\ncd() {{ command cd -P \"$@\"; }}\ncd {BUILD_ROOT}\n"),
        false => "unset farm_on\n".to_owned(),
    }
}
