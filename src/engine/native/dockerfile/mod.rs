//! Dockerfiles as the Dockerfile reference has them: text -> stages of instructions, or what is wrong and where. Pure: it
//! reads no file, expands no variable before its value is known, and runs nothing. What farm's own builder cannot do is
//! refused here, with what to write instead, so that no build is silently another one than was asked for.

mod lines;
pub(super) mod words;

use std::collections::BTreeSet;
use std::fmt;

use crate::types::nearest;
pub(super) use lines::HereDocument;
use lines::Line;

/// What is wrong with a Dockerfile, and in which line, counted from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Problem {
    pub(super) line: usize,
    pub(super) message: String,
}

impl Problem {
    pub(super) fn new(line: usize, message: impl Into<String>) -> Problem {
        Problem { line, message: message.into() }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Dockerfile {
    pub(super) escape: char,
    /// The arguments before the first stage.
    pub(super) arguments: Vec<Step>,
    pub(super) stages: Vec<Stage>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stage {
    pub(super) line: usize,
    /// As written: it may hold variables.
    pub(super) image: String,
    pub(super) platform: Option<String>,
    pub(super) name: Option<String>,
    pub(super) steps: Vec<Step>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) line: usize,
    /// For people.
    pub(super) text: String,
    pub(super) instruction: Instruction,
}

/// Words are as they are written, but for what a shell reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Instruction {
    Arg(Vec<(String, Option<String>)>),
    Env(Vec<(String, String)>),
    Label(Vec<(String, String)>),
    Run(Command),
    Copy(Copy),
    Workdir(String),
    User(String),
    Shell(Vec<String>),
    /// Of no use to a build.
    Metadata,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Command {
    /// For the shell of the stage.
    Shell(String),
    Exec(Vec<String>),
}

/// `COPY` and `ADD`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Copy {
    /// Whether archives are unpacked.
    pub(super) unpacks: bool,
    pub(super) from: Option<String>,
    pub(super) owner: Option<String>,
    pub(super) mode: Option<u32>,
    pub(super) sources: Vec<Source>,
    pub(super) destination: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Source {
    Path(String),
    Document(HereDocument),
}

const KEYWORDS: [&str; 18] = [
    "FROM",
    "ARG",
    "ENV",
    "RUN",
    "COPY",
    "ADD",
    "WORKDIR",
    "USER",
    "SHELL",
    "LABEL",
    "CMD",
    "ENTRYPOINT",
    "EXPOSE",
    "VOLUME",
    "STOPSIGNAL",
    "HEALTHCHECK",
    "MAINTAINER",
    "ONBUILD",
];

pub(super) fn parse(text: &str) -> Result<Dockerfile, Problem> {
    let (lines, escape) = lines::split(text)?;
    let mut file = Dockerfile { escape, arguments: Vec::new(), stages: Vec::new() };
    for line in lines {
        let number = line.number;
        let (keyword, rest) = line.text.split_once(char::is_whitespace).unwrap_or((&line.text, ""));
        let upper = keyword.to_ascii_uppercase();
        if !KEYWORDS.contains(&upper.as_str()) {
            let hint = nearest(&upper, KEYWORDS).map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
            return Err(Problem::new(number, format!("`{keyword}` is no instruction{hint}")));
        }
        let rest = rest.trim_start();
        if rest.is_empty() {
            return Err(Problem::new(number, format!("{upper} is followed by nothing")));
        }
        if upper == "FROM" {
            let stage = from(rest).map_err(|message| Problem::new(number, message))?;
            file.stages.push(Stage { line: number, ..stage });
            continue;
        }
        let instruction = instruction(&upper, rest, &line, escape).map_err(|message| Problem::new(number, message))?;
        let step = Step { line: number, text: format!("{upper} {rest}"), instruction };
        match (file.stages.last_mut(), &step.instruction) {
            (Some(stage), _) => stage.steps.push(step),
            (None, Instruction::Arg(_)) => file.arguments.push(step),
            (None, _) => return Err(Problem::new(number, format!("{upper} is before the first FROM"))),
        }
    }
    if file.stages.is_empty() {
        return Err(Problem::new(1, "it has no FROM"));
    }
    Ok(file)
}

impl Dockerfile {
    /// The stage of a name, or of a number from 0.
    pub(super) fn stage(&self, name: &str) -> Option<usize> {
        let named = |stage: &Stage| stage.name.as_ref().is_some_and(|known| known.eq_ignore_ascii_case(name));
        let number = || name.parse().ok().filter(|number| *number < self.stages.len());
        self.stages.iter().position(named).or_else(number)
    }

    pub(super) fn stage_names(&self) -> impl Iterator<Item = &str> {
        self.stages.iter().filter_map(|stage| stage.name.as_deref())
    }

    /// The stage that `name` means in another one: one before it.
    pub(super) fn earlier(&self, stage: usize, name: &str) -> Option<usize> {
        self.stage(name).filter(|found| *found < stage)
    }

    /// The stages that `stage` needs, by the images that each begins with, and itself.
    pub(super) fn needed(&self, stage: usize, images: &[String]) -> BTreeSet<usize> {
        let mut needed = BTreeSet::from([stage]);
        // A stage needs earlier ones only.
        for at in (0..=stage).rev().filter(|at| *at < images.len()) {
            if needed.contains(&at) {
                // The image of a stage may be one by name only.
                let base = self.stages[..at].iter().position(|stage| is_named(stage, &images[at]));
                let copied = self.stages[at].steps.iter().filter_map(|step| match &step.instruction {
                    Instruction::Copy(copy) => self.earlier(at, copy.from.as_ref()?),
                    _ => None,
                });
                needed.extend(copied.chain(base));
            }
        }
        needed
    }
}

pub(super) fn is_named(stage: &Stage, name: &str) -> bool {
    stage.name.as_ref().is_some_and(|known| known.eq_ignore_ascii_case(name))
}

fn from(rest: &str) -> Result<Stage, String> {
    let (flags, rest) = flags(rest);
    let mut platform = None;
    for (name, value) in flags {
        match (name.as_str(), value) {
            ("platform", Some(value)) => platform = Some(value),
            _ => return Err(format!("FROM takes no `--{name}`")),
        }
    }
    let words: Vec<&str> = rest.split_whitespace().collect();
    let (image, name) = match words[..] {
        [image] => (image, None),
        [image, as_, name] if as_.eq_ignore_ascii_case("as") => (image, Some(name)),
        _ => return Err("FROM is followed by an image, or by `IMAGE AS NAME`".to_owned()),
    };
    if let Some(name) = name {
        let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic())
            && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'));
        if !is_name {
            return Err(format!("`{name}` is no name for a stage: a letter, then letters, digits, `-`, `_` and `.`"));
        }
    }
    Ok(Stage { line: 0, image: image.to_owned(), platform, name: name.map(str::to_owned), steps: Vec::new() })
}

fn instruction(keyword: &str, rest: &str, line: &Line, escape: char) -> Result<Instruction, String> {
    Ok(match keyword {
        "ARG" => Instruction::Arg(arguments(rest, escape)?),
        "ENV" => Instruction::Env(pairs("ENV", rest, escape)?),
        "LABEL" => Instruction::Label(pairs("LABEL", rest, escape)?),
        "RUN" => run(rest, &line.documents)?,
        "COPY" | "ADD" => copy(keyword, rest, &line.documents)?,
        "WORKDIR" => Instruction::Workdir(rest.to_owned()),
        "USER" => Instruction::User(rest.to_owned()),
        "SHELL" => match words_of_json(rest) {
            Some(shell) if !shell.is_empty() => Instruction::Shell(shell),
            _ => return Err(r#"SHELL is followed by a list: SHELL ["/bin/sh", "-c"]"#.to_owned()),
        },
        _ => Instruction::Metadata,
    })
}

/// `["a", "b"]`; none for anything else, which is then read in its other form.
fn words_of_json(text: &str) -> Option<Vec<String>> {
    if text.starts_with('[') { serde_json::from_str(text).ok() } else { None }
}

/// The flags that an instruction begins with, and the rest.
fn flags(text: &str) -> (Vec<(String, Option<String>)>, &str) {
    let (mut flags, mut rest) = (Vec::new(), text);
    while let Some(word) = rest.split_whitespace().next() {
        let Some(flag) = word.strip_prefix("--").filter(|flag| !flag.is_empty()) else { break };
        flags.push(match flag.split_once('=') {
            Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
            None => (flag.to_owned(), None),
        });
        rest = rest.trim_start()[word.len()..].trim_start();
    }
    (flags, rest)
}

fn arguments(rest: &str, escape: char) -> Result<Vec<(String, Option<String>)>, String> {
    let one = |word: String| {
        let (name, default) = match word.split_once('=') {
            Some((name, default)) => (name, Some(default.to_owned())),
            None => (word.as_str(), None),
        };
        if is_variable(name) {
            Ok((name.to_owned(), default))
        } else {
            Err(format!("`{name}` is no name for an argument"))
        }
    };
    words::split(rest, escape).into_iter().map(one).collect()
}

fn is_variable(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// `name=value …`, or `name value` in the old form.
fn pairs(keyword: &str, rest: &str, escape: char) -> Result<Vec<(String, String)>, String> {
    let words = words::split(rest, escape);
    if !words.first().is_some_and(|word| word.contains('=')) {
        return match rest.split_once(char::is_whitespace) {
            Some((name, value)) => Ok(vec![(name.to_owned(), value.trim().to_owned())]),
            None => Err(format!("{keyword} is followed by NAME=VALUE")),
        };
    }
    let pair = |word: &String| match word.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err(format!("`{word}` is no NAME=VALUE; is a quote missing?")),
    };
    words.iter().map(pair).collect()
}

fn run(rest: &str, documents: &[HereDocument]) -> Result<Instruction, String> {
    let (flags, rest) = flags(rest);
    if let Some((name, _)) = flags.first() {
        let instead = match name.as_str() {
            "mount" => "COPY what the step needs; what it would cache is made anew with each image",
            "network" => "leave it out; all steps have the network that the build has",
            "security" => "leave it out; no step has more privileges than others",
            _ => return Err(format!("RUN takes no `--{name}`")),
        };
        return Err(unsupported(&format!("RUN --{name}"), instead));
    }
    if let Some(words) = words_of_json(rest).filter(|words| !words.is_empty()) {
        return Ok(Instruction::Run(Command::Exec(words)));
    }
    let script = match documents {
        // The document is the script.
        [document] if lines::document(rest).is_some() => {
            let text = document.text();
            if text.starts_with("#!") {
                let instead = "pass the document to the interpreter: RUN python3 <<EOF";
                return Err(unsupported("a here-document of RUN that begins with `#!`", instead));
            }
            text
        }
        [] => rest.to_owned(),
        documents => {
            let mut script = format!("{rest}\n");
            for document in documents {
                script.push_str(&format!("{}{}\n", document.content, document.name));
            }
            script
        }
    };
    if script.trim().is_empty() {
        return Err("RUN is followed by nothing".to_owned());
    }
    Ok(Instruction::Run(Command::Shell(script)))
}

fn unsupported(what: &str, instead: &str) -> String {
    format!("farm's own engine does not do {what}: {instead}")
}

fn copy(keyword: &str, rest: &str, documents: &[HereDocument]) -> Result<Instruction, String> {
    let (flags, rest) = flags(rest);
    let unpacks = keyword == "ADD";
    let mut copy =
        Copy { unpacks, from: None, owner: None, mode: None, sources: Vec::new(), destination: String::new() };
    for (name, value) in flags {
        match (name.as_str(), value) {
            ("from", Some(value)) if !unpacks => copy.from = Some(value),
            ("chown", Some(value)) => copy.owner = Some(value),
            ("chmod", Some(value)) => copy.mode = Some(mode(&value)?),
            ("link", _) => return Err(unsupported(&format!("{keyword} --link"), "leave it out")),
            ("parents", _) => return Err(unsupported("COPY --parents", "name each folder of the destination")),
            ("exclude", _) => {
                return Err(unsupported(&format!("{keyword} --exclude"), "list the files in .dockerignore"));
            }
            ("checksum" | "keep-git-dir", _) => {
                return Err(unsupported(&format!("ADD --{name}"), "fetch the file in a RUN step, and check it there"));
            }
            _ => return Err(format!("{keyword} takes no `--{name}`, or not like this")),
        }
    }
    let mut words = words_of_json(rest).unwrap_or_else(|| rest.split_whitespace().map(str::to_owned).collect());
    let destination = words.pop().filter(|_| !words.is_empty());
    copy.destination = destination.ok_or_else(|| format!("{keyword} is followed by a source and a destination"))?;
    let mut documents = documents.iter();
    for word in words {
        if unpacks && is_address(&word) {
            let instead = "fetch it in a RUN step, or build with Docker or Podman (--engine)";
            return Err(unsupported(&format!("ADD of `{word}`"), instead));
        }
        copy.sources.push(match lines::document(&word).and_then(|_| documents.next()) {
            Some(document) => Source::Document(document.clone()),
            None => Source::Path(word),
        });
    }
    Ok(Instruction::Copy(copy))
}

fn is_address(word: &str) -> bool {
    let scheme = word.split_once("://").map(|(scheme, _)| scheme);
    scheme.is_some_and(|scheme| scheme.chars().all(|c| c.is_ascii_alphabetic())) || word.starts_with("git@")
}

fn mode(value: &str) -> Result<u32, String> {
    let mode = u32::from_str_radix(value, 8).ok().filter(|mode| *mode <= 0o7777 && !value.starts_with('+'));
    mode.ok_or_else(|| format!("`--chmod={value}` is no mode in octal digits, as 755"))
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.line, self.message)
    }
}

#[cfg(test)]
mod tests;
