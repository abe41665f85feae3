//! `farm shell` and `farm exec`: into the container of a build that failed. It is an image of that container; what is changed
//! in a container of it becomes the image.

use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use clap::Parser;

use super::args::{Arguments, ColorChoice, Command, ExecArgs, InsideArgs, ShellArgs};
use super::config::Config;
use super::context;
use super::engines;
use super::exit::Exit;
use super::failure::Failure;
use super::keyboard::Keyboard;
use super::{build, images, output, signals};
use crate::engine::{Container, Engine, EngineError, ExecSpec, ExitStatus, GuestPath, OutputSink, OutputStream};
use crate::image::kept::{self, Kept, KeptId};
use crate::packaging::{self, BUILD_UID, StepKind};
use crate::plan::Job;
use crate::project::{GoOn, Planned, Project, Selection};
use crate::report::count;
use crate::types::{Arch, printable};

pub(crate) async fn run(args: &ShellArgs, directory: Option<&Path>, color: ColorChoice) -> Result<Exit, Failure> {
    if args.remove {
        return remove(&args.inside).await;
    }
    let Some(keyboard) = Keyboard::new().filter(|_| io::stdout().is_terminal()) else {
        let help = "farm exec TARGET -- COMMAND runs a command without one".to_owned();
        return Err(Failure::Usage { message: "a shell needs a terminal".to_owned(), help: Some(help) });
    };
    let Some(opened) = open(&args.inside, directory, color).await? else { return Ok(Exit::JobFailed) };
    output::err(&format!(
        "{} as it was when it failed in {}; `exit` leaves\n",
        printable(opened.kept.target()),
        printable(&opened.kept.step)
    ));
    let cancel = signals::cancel_on_signal()?;
    let spec = opened.spec(&args.inside, &[]);
    let result = keyboard.run(&*opened.container, &spec, &mut Screen, &cancel).await;
    let kept = opened.close(&args.inside).await;
    match result {
        Ok(_) | Err(EngineError::Cancelled) => {}
        Err(error) => return Err(error.into()),
    }
    let target = kept?;
    if !args.inside.discard {
        output::err(&format!(
            "kept as it is now; to go on: farm build -t {target} --from STEP; to remove it: farm shell --drop {target}\n"
        ));
    }
    Ok(Exit::Success)
}

pub(crate) async fn exec(args: &ExecArgs, directory: Option<&Path>, color: ColorChoice) -> Result<Exit, Failure> {
    let command: Option<Vec<String>> = args.command.iter().map(|word| word.to_str().map(str::to_owned)).collect();
    let command = command.ok_or_else(|| Failure::usage("the command is not text in UTF-8"))?;
    let Some(opened) = open(&args.inside, directory, color).await? else { return Ok(Exit::JobFailed) };
    let cancel = signals::cancel_on_signal()?;
    let result = opened.container.exec(&opened.spec(&args.inside, &command), &mut Screen, &cancel).await;
    opened.close(&args.inside).await?;
    match result {
        Ok(ExitStatus { code: 0 }) => Ok(Exit::Success),
        // Not one of farm's own, and there is nothing left to clean up.
        Ok(ExitStatus { code }) => std::process::exit(code),
        Err(EngineError::Cancelled) => Ok(Exit::Interrupted),
        Err(error) => Err(error.into()),
    }
}

/// Where `farm build --from` goes on: in what was kept of the one target of the plan that is asked for.
///
/// The engine that keeps it is the only one of the plan then.
pub(super) async fn go_on(planned: &mut Planned, from: StepKind) -> Result<GoOn, Failure> {
    let wanted: Vec<&Job> = planned.plan.jobs.iter().filter(|job| !job.only_needed).collect();
    let [job] = wanted[..] else {
        let all = count(wanted.len(), "target", "targets");
        return Err(Failure::usage(format!("--from goes on with one target, and -t means {all}")));
    };
    let target = job.target.to_string();
    if !packaging::can_go_on(&job.recipe, job.target.format) {
        return Err(Failure::Usage {
            message: format!("--from knows the steps of farm's own packaging, and {target} has the project's"),
            help: Some(format!("`farm shell {target}` opens its container: run its tools there")),
        });
    }
    let id = KeptId::new(&job.recipe.root, &target);
    for number in 0..planned.pool.len() {
        if let Some(kept) = kept::find(&planned.pool[number].engine, &id).await? {
            planned.pool = vec![planned.pool.swap_remove(number)];
            return Ok(GoOn { target, image: kept.image.id, from });
        }
    }
    let places: Vec<&str> = planned.pool.iter().map(|member| member.engine.endpoint()).collect();
    Err(Failure::NothingMatched {
        message: format!("no container of {target} was kept in {}", places.join(", ")),
        help: Some(format!("`farm build --keep-failed -t {target}` keeps one when it fails")),
    })
}

async fn remove(args: &InsideArgs) -> Result<Exit, Failure> {
    let (engine, targets) = found(args).await?;
    let mut kept = Vec::new();
    for (target, id, _) in &targets {
        if kept::find(&engine, id).await?.is_some() {
            kept::drop_kept(&engine, id).await?;
            kept.push(target.as_str());
        }
    }
    output::out(&match kept.is_empty() {
        true => "nothing was kept\n".to_owned(),
        false => format!("removed what was kept of {}\n", kept.join(", ")),
    });
    Ok(Exit::Success)
}

/// The targets that are meant, in the engine.
async fn found(args: &InsideArgs) -> Result<(Arc<dyn Engine>, Vec<(String, KeptId, Arch)>), Failure> {
    let config = Config::load()?;
    let project = context::project(&args.recipes, &[])?;
    let engines = engines::connect_all(&args.engine, &config).await?;
    let selection = Selection { targets: vec![args.target.clone()], ..Selection::default() };
    let selected = project.select(&selection, context::default_arch(&engines))?;
    let targets = selected.targets().iter().map(|target| {
        let id = KeptId::new(&folder(&project, &target.recipe), &target.to_string());
        (target.to_string(), id, target.arch)
    });
    let targets: Vec<_> = targets.collect();
    let mut engines: Vec<Arc<dyn Engine>> = engines.into_iter().map(|of| of.engine).collect();
    // Of several, the one that keeps it.
    let mut number = 0;
    if engines.len() > 1 {
        for (other, engine) in engines.iter().enumerate() {
            if has_kept(engine, &targets).await? {
                number = other;
                break;
            }
        }
    }
    Ok((engines.swap_remove(number), targets))
}

async fn has_kept(engine: &Arc<dyn Engine>, targets: &[(String, KeptId, Arch)]) -> Result<bool, Failure> {
    for (_, id, _) in targets {
        if kept::find(engine, id).await?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

fn folder(project: &Project, recipe: &str) -> std::path::PathBuf {
    let file = project.recipes().iter().find(|file| file.name == recipe);
    file.and_then(|file| file.path.parent()).map(Path::to_owned).unwrap_or_default()
}

/// A running container of what was kept.
struct Opened {
    engine: Arc<dyn Engine>,
    id: KeptId,
    kept: Kept,
    container: Box<dyn Container>,
    /// What it is given of this host's network.
    env: Vec<(String, String)>,
}

impl Opened {
    fn spec(&self, args: &InsideArgs, command: &[String]) -> ExecSpec {
        let mut argv = vec!["sh".to_owned(), "-c".to_owned(), packaging::enter(), "farm".to_owned()];
        argv.extend_from_slice(command);
        let mut env = self.env.clone();
        let terminal = std::env::var("TERM").ok().filter(|name| !name.is_empty()).unwrap_or_else(|| "xterm".to_owned());
        let user = if args.root { "0:0".to_owned() } else { format!("{BUILD_UID}:{BUILD_UID}") };
        let set = [
            ("TERM", terminal),
            ("FARM_PROMPT", self.kept.target().to_owned()),
            ("HOME", packaging::BUILD_ROOT.to_owned()),
            // What is typed is nobody's to find in an image.
            ("HISTFILE", "/dev/null".to_owned()),
        ];
        env.extend(set.map(|(name, value)| (name.to_owned(), value)));
        ExecSpec { argv, user, env, workdir: GuestPath::new("/") }
    }

    /// Keeps it as it is now, unless it is to be as it was. Returns the target.
    async fn close(self, args: &InsideArgs) -> Result<String, Failure> {
        let kept = match args.discard {
            true => Ok(()),
            false => kept::keep(&self.engine, &*self.container, &self.id, &self.kept.step, self.kept.network).await,
        };
        self.container.remove().await?;
        kept?;
        Ok(self.kept.target().to_owned())
    }
}

/// What is kept of the one target that is meant, opened; where nothing is, it is built once more. None when there is nothing
/// to look into: why was said.
async fn open(args: &InsideArgs, directory: Option<&Path>, color: ColorChoice) -> Result<Option<Opened>, Failure> {
    let (engine, targets) = found(args).await?;
    let mut all = Vec::new();
    for (_, id, arch) in &targets {
        all.extend(kept::find(&engine, id).await?.map(|kept| (id.clone(), kept, *arch)));
    }
    if all.is_empty() {
        let [(target, id, arch)] = &targets[..] else {
            return Err(several(&args.target, targets.iter().map(|t| &t.0)));
        };
        output::err(&format!("no container of {target} was kept: it is built until it fails\n"));
        rebuild(args, target, engine.endpoint(), directory, color).await?;
        match kept::find(&engine, id).await? {
            Some(kept) => all.push((id.clone(), kept, *arch)),
            None => {
                output::err(&format!(
                    "note: no step of {target} failed in its build container: there is no shell to open\n"
                ));
                return Ok(None);
            }
        }
    }
    if all.len() > 1 {
        let names: Vec<String> = all.iter().map(|(_, kept, _)| kept.target().to_owned()).collect();
        return Err(several(&args.target, names.iter()));
    }
    let (id, kept, arch) = all.remove(0);
    let (container, env) = images::images_of(engine.clone())?.enter(&kept, arch, &context::new_run()).await?;
    Ok(Some(Opened { engine, id, kept, container, env: env.into_iter().collect() }))
}

fn several<'a>(pattern: &str, targets: impl Iterator<Item = &'a String>) -> Failure {
    let known: String = targets.map(|target| format!("\n  {}", printable(target))).collect();
    Failure::usage(format!("{} means more than one target:{known}", printable(pattern)))
}

async fn rebuild(
    args: &InsideArgs,
    target: &str,
    endpoint: &str,
    directory: Option<&Path>,
    color: ColorChoice,
) -> Result<Exit, Failure> {
    let words = ["farm", "build", "--keep-failed", "--force", "-t", target, "--engine", endpoint, "-o"];
    let recipes = args.recipes.iter().map(|path| path.as_os_str().to_owned());
    let words = words.map(Into::into).into_iter().chain([args.output.as_os_str().to_owned()]).chain(recipes);
    match Arguments::try_parse_from(words) {
        Ok(Arguments { command: Command::Build(build), .. }) => Box::pin(build::run(&build, directory, color)).await,
        _ => Err(Failure::usage(format!("`{}` cannot be built", printable(target)))),
    }
}

/// This process's own outputs, byte by byte: what a terminal shows is for the terminal to read.
struct Screen;

#[async_trait::async_trait]
impl OutputSink for Screen {
    async fn write(&mut self, stream: OutputStream, chunk: Bytes) -> io::Result<()> {
        match stream {
            OutputStream::Stdout => {
                let mut out = io::stdout().lock();
                out.write_all(&chunk)?;
                out.flush()
            }
            OutputStream::Stderr => io::stderr().lock().write_all(&chunk),
        }
    }
}
