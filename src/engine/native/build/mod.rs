//! Images from Dockerfiles: an interpreter of their instructions on top of the engine's own containers. One container per
//! stage becomes one layer at its end. Dockerfile and context are as hostile as any build: the context is unpacked in a
//! container of its own, and every file moves between containers by their own transfers, so that nothing of either is
//! ever a path of this host.
//!
//! What a Dockerfile says is `dockerfile`'s; `copy` is COPY and ADD, `users` reads the containers' tables of users, `glob`
//! their wildcards.

mod copy;
mod entries;
mod glob;
mod stage;
mod users;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use self::stage::{CONTEXT, Position, StageState, set, wrong};
use super::container::NativeContainer;
use super::dockerfile::{self, Command, Dockerfile, Instruction};
use super::engine::{Native, create};
use super::pull;
use super::shared::blocking;
use super::store::{Image, Staging};
use crate::engine::{
    BuildSpec, CommitSpec, Container, ContainerSpec, Engine, EngineError, ExecSpec, GuestPath, HOST_NAME, ImageInfo,
    ImportSpec, Network, OutputSink, OutputStream,
};
use crate::stream::{self, ByteStream};
use crate::types::{NoProgress, clean_path, nearest, printable};

const ACTION: &str = "build an image";
/// More is no Dockerfile.
const LARGEST_DOCKERFILE: u64 = 4 << 20;
/// Arguments that need no ARG (Dockerfile reference, "Predefined ARGs"), in both cases of letters.
const PROXIES: [&str; 5] = ["HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY"];

pub(super) async fn build(
    engine: &Native,
    spec: &BuildSpec,
    context: ByteStream,
    sink: &mut dyn OutputSink,
    cancel: &CancellationToken,
) -> Result<ImageInfo, EngineError> {
    let shared = engine.shared.clone();
    let staging = blocking(move || shared.store.stage()).await.map_err(|error| engine.failed(ACTION, &error))?;
    let mut builder = Builder { engine, spec, staging, containers: Vec::new(), images: BTreeMap::new(), made: 0 };
    let built = tokio::select! {
        biased;
        () = cancel.cancelled() => Err(EngineError::Cancelled),
        built = builder.run(context, sink, cancel) => built,
    };
    let cleared = builder.clear().await;
    let image = built?;
    cleared.map(|()| image)
}

struct Builder<'a> {
    engine: &'a Native,
    spec: &'a BuildSpec,
    /// Its tags are those of the images that end with the build.
    staging: Staging,
    /// All that were made, to be ended however the build ends.
    containers: Vec<Arc<NativeContainer>>,
    /// Of images that files are copied from, by name.
    images: BTreeMap<String, Arc<NativeContainer>>,
    made: usize,
}

/// How a stage that is done is kept for those that need it.
enum Done {
    /// It may be begun with.
    Image(String, StageState),
    /// It is only copied from.
    Container(Arc<NativeContainer>),
}

impl Builder<'_> {
    async fn run(
        &mut self,
        context: ByteStream,
        sink: &mut dyn OutputSink,
        cancel: &CancellationToken,
    ) -> Result<ImageInfo, EngineError> {
        let empty = self.empty().await?;
        let context = self.unpack_context(&empty, context).await?;
        let file = self.read(&context).await?;
        let spec = self.spec;
        let (globals, bases) = self.bases(&file)?;
        let target = self.target(&file)?;
        let needed = file.needed(target, &bases);
        let total: usize = needed.iter().map(|at| file.stages[*at].steps.len() + 1).sum();
        let mut announced = 0;
        let mut done: BTreeMap<usize, Done> = BTreeMap::new();
        let mut used = globals.used;
        for at in needed.iter().copied() {
            let stage = &file.stages[at];
            let position = Position { file: &file, line: stage.line, spec };
            announced += 1;
            let name = stage.name.as_ref().map(|name| format!(" AS {name}")).unwrap_or_default();
            say(sink, &format!("[{announced}/{total}] FROM {}{name}", bases[at])).await?;
            let base = file.stages[..at].iter().position(|stage| dockerfile::is_named(stage, &bases[at]));
            let (image, mut state) = match base.and_then(|base| done.get(&base)) {
                Some(Done::Image(id, state)) => {
                    (id.clone(), StageState { arguments: BTreeMap::new(), ..state.clone() })
                }
                // Every stage that is begun with is kept as an image.
                Some(Done::Container(_)) => return Err(position.wrong("it begins with a stage that is not kept")),
                None => {
                    self.check_platform(&position, stage.platform.as_deref(), &globals.values)?;
                    let image = match bases[at].as_str() {
                        "scratch" => empty.clone(),
                        reference => self.find(&position, reference, cancel).await?,
                    };
                    (image.info.id.clone(), StageState::of(&image))
                }
            };
            let container = self.container(&image, spec.network).await?;
            for step in &stage.steps {
                announced += 1;
                say(sink, &format!("[{announced}/{total}] {}", printable(&step.text))).await?;
                let position = Position { file: &file, line: step.line, spec };
                match &step.instruction {
                    Instruction::Run(command) => {
                        self.run_step(&position, &container, &state, command, sink, cancel).await?
                    }
                    Instruction::Copy(copy) => {
                        let from = match &copy.from {
                            None => copy::Origin { container: context.clone(), root: CONTEXT },
                            Some(name) => self.origin(&position, at, name, &done, cancel).await?,
                        };
                        copy::copy(&position, copy, &from, &container, &state).await?;
                    }
                    Instruction::Workdir(folder) => {
                        let folder = position.expand(folder, &|name| state.value(name))?;
                        state.workdir = clean_path(&state.workdir, &folder);
                        copy::make_folder(&position, &container, &state.workdir, (0, 0)).await?;
                    }
                    instruction => set(&position, instruction, &mut state, &globals.values, &mut used)?,
                }
            }
            if at == target {
                self.warn_of_unused(sink, &used).await?;
                let labels = state.labels.iter().chain(&spec.labels).map(|(n, v)| (n.clone(), v.clone())).collect();
                return self.commit(&container, spec.tag.clone(), labels, &state).await;
            }
            let is_base = needed.iter().any(|later| {
                *later > at
                    && file.stages[..*later].iter().position(|s| dockerfile::is_named(s, &bases[*later])) == Some(at)
            });
            let kept = match is_base {
                true => {
                    self.made += 1;
                    let tag = self.staging.tag(self.made);
                    Done::Image(self.commit(&container, tag, BTreeMap::new(), &state).await?.id, state)
                }
                false => Done::Container(container),
            };
            done.insert(at, kept);
        }
        Err(EngineError::Build { reason: format!("{}: no stage was built", spec.dockerfile) })
    }

    /// An image of nothing.
    async fn empty(&mut self) -> Result<Image, EngineError> {
        self.made += 1;
        let tag = self.staging.tag(self.made);
        let spec = ImportSpec { tag: tag.clone(), arch: self.spec.arch, labels: BTreeMap::new(), env: Vec::new() };
        self.engine.import(&spec, stream::from_tar(|_| Ok(()))).await?;
        let found = self.look_up(&tag).await?;
        found.ok_or_else(|| EngineError::Lost { action: ACTION.to_owned(), reason: format!("{tag} is gone") })
    }

    async fn look_up(&self, reference: &str) -> Result<Option<Image>, EngineError> {
        let (shared, reference) = (self.engine.shared.clone(), reference.to_owned());
        blocking(move || shared.store.find(&reference)).await.map_err(|error| self.engine.failed(ACTION, &error))
    }

    async fn unpack_context(
        &mut self,
        empty: &Image,
        context: ByteStream,
    ) -> Result<Arc<NativeContainer>, EngineError> {
        let container = self.container(&empty.info.id, Network::None).await?;
        container.upload(&GuestPath::new("/"), entries::folder(CONTEXT, (0, 0))).await?;
        container.upload(&GuestPath::new(CONTEXT), context).await?;
        Ok(container)
    }

    async fn read(&self, context: &NativeContainer) -> Result<Dockerfile, EngineError> {
        let name = &self.spec.dockerfile;
        let failed = |reason: &str| EngineError::Build { reason: format!("{name}: {reason}") };
        let path = GuestPath::new(clean_path(CONTEXT, name));
        let text = match entries::file(context, &path, LARGEST_DOCKERFILE).await? {
            Some(text) => String::from_utf8(text).map_err(|_| failed("it is not UTF-8 text"))?,
            None => return Err(failed("there is no such file in the build context")),
        };
        dockerfile::parse(&text).map_err(|problem| wrong(self.spec, &problem))
    }

    /// The arguments before the first stage, and with them the image of each stage.
    fn bases(&self, file: &Dockerfile) -> Result<(Globals, Vec<String>), EngineError> {
        let mut globals = Globals { values: platform_arguments(self.spec), used: BTreeSet::new() };
        for step in &file.arguments {
            let Instruction::Arg(arguments) = &step.instruction else { continue };
            for (name, default) in arguments {
                globals.used.insert(name.clone());
                let position = Position { file, line: step.line, spec: self.spec };
                let value = match (self.spec.args.get(name), default) {
                    (Some(value), _) => value.clone(),
                    (None, Some(default)) => position.expand(default, &|name| globals.values.get(name).cloned())?,
                    (None, None) => continue,
                };
                globals.values.insert(name.clone(), value);
            }
        }
        let mut bases = Vec::new();
        for stage in &file.stages {
            let position = Position { file, line: stage.line, spec: self.spec };
            let image = position.expand(&stage.image, &|name| globals.values.get(name).cloned())?;
            if image.is_empty() {
                return Err(position.wrong(format!("the image `{}` is an empty name", stage.image)));
            }
            bases.push(image);
        }
        Ok((globals, bases))
    }

    fn target(&self, file: &Dockerfile) -> Result<usize, EngineError> {
        let Some(target) = &self.spec.target else { return Ok(file.stages.len() - 1) };
        file.stage(target).ok_or_else(|| {
            let hint = nearest(target, file.stage_names()).map(|near| format!("; did you mean `{near}`?"));
            let reason = format!("{}: it has no stage `{target}`{}", self.spec.dockerfile, hint.unwrap_or_default());
            EngineError::Build { reason }
        })
    }

    fn check_platform(
        &self,
        position: &Position<'_>,
        platform: Option<&str>,
        globals: &BTreeMap<String, String>,
    ) -> Result<(), EngineError> {
        let Some(platform) = platform else { return Ok(()) };
        let asked = position.expand(platform, &|name| globals.get(name).cloned())?;
        let (ours, variant) = self.spec.arch.oci();
        let mut parts = asked.split('/');
        let is_ours = parts.next() == Some("linux")
            && parts.next() == Some(ours)
            && parts.next().is_none_or(|asked| Some(asked) == variant)
            && parts.next().is_none();
        match is_ours {
            true => Ok(()),
            false => {
                Err(position.wrong(format!("--platform={asked} is not linux/{ours}, which is built: leave it out")))
            }
        }
    }

    /// An image of the store, pulled where it is not there.
    async fn find(
        &self,
        position: &Position<'_>,
        reference: &str,
        cancel: &CancellationToken,
    ) -> Result<Image, EngineError> {
        let arch = self.spec.arch;
        let image = match self.look_up(reference).await? {
            Some(image) => image,
            None => {
                let pulled = pull::pull(self.engine, reference, arch, &NoProgress, cancel).await?;
                let found = self.look_up(&pulled.id).await?;
                found.ok_or_else(|| EngineError::Lost {
                    action: ACTION.to_owned(),
                    reason: format!("{reference} was removed right after its pull"),
                })?
            }
        };
        if !image.is_for(arch) {
            return Err(position.wrong(format!("image {reference} is not for {arch}")));
        }
        if image.setting("OnBuild").as_array().is_some_and(|triggers| !triggers.is_empty()) {
            let message = format!(
                "image {reference} has ONBUILD instructions, which farm's own engine does not run: write them into this \
                 Dockerfile, or build with Docker or Podman (--engine)"
            );
            return Err(position.wrong(message));
        }
        Ok(image)
    }

    async fn container(&mut self, image: &str, network: Network) -> Result<Arc<NativeContainer>, EngineError> {
        self.made += 1;
        let spec = ContainerSpec {
            image: image.to_owned(),
            arch: self.spec.arch,
            name: self.staging.tag(self.made),
            host_name: HOST_NAME,
            network,
            limits: self.spec.limits.clone(),
            labels: self.spec.labels.clone(),
        };
        let (shared, cgroups) = (self.engine.shared.clone(), self.engine.cgroups.clone());
        let made = tokio::task::spawn_blocking(move || create(shared, &cgroups, &spec)).await;
        let made = made.map_err(|error| self.engine.failed(ACTION, &std::io::Error::other(error)))?;
        let container = Arc::new(made?);
        self.containers.push(container.clone());
        Ok(container)
    }

    /// Where `--from` leads: to an earlier stage, or to an image.
    async fn origin(
        &mut self,
        position: &Position<'_>,
        stage: usize,
        name: &str,
        done: &BTreeMap<usize, Done>,
        cancel: &CancellationToken,
    ) -> Result<copy::Origin, EngineError> {
        let image = match position.file.earlier(stage, name).and_then(|earlier| done.get(&earlier)) {
            Some(Done::Container(container)) => return Ok(copy::Origin { container: container.clone(), root: "" }),
            Some(Done::Image(id, _)) => id.clone(),
            None if position.file.stage(name).is_some() => {
                return Err(position.wrong(format!("`--from={name}` is a stage that comes later")));
            }
            None => name.to_owned(),
        };
        if let Some(container) = self.images.get(&image) {
            return Ok(copy::Origin { container: container.clone(), root: "" });
        }
        let found = self.find(position, &image, cancel).await?;
        let container = self.container(&found.info.id, Network::None).await?;
        self.images.insert(image, container.clone());
        Ok(copy::Origin { container, root: "" })
    }

    async fn run_step(
        &self,
        position: &Position<'_>,
        container: &NativeContainer,
        state: &StageState,
        command: &Command,
        sink: &mut dyn OutputSink,
        cancel: &CancellationToken,
    ) -> Result<(), EngineError> {
        let argv = match command {
            Command::Shell(script) => [state.shell.clone(), vec![script.clone()]].concat(),
            Command::Exec(words) => words.clone(),
        };
        let (user, group) = users::of_process(position, container, &state.user).await?;
        let mut env: BTreeMap<String, String> =
            self.spec.args.iter().filter(|(name, _)| is_proxy(name)).map(|(n, v)| (n.clone(), v.clone())).collect();
        env.extend(state.arguments.clone());
        env.extend(state.env.clone());
        let exec = ExecSpec {
            argv,
            user: format!("{user}:{group}"),
            env: env.into_iter().collect(),
            workdir: GuestPath::new(state.workdir.clone()),
        };
        let killed = container.stats().await?.oom_kills;
        let status = container.exec(&exec, sink, cancel).await?;
        if status.success() {
            return Ok(());
        }
        let out_of_memory = container.stats().await?.oom_kills > killed;
        let why = if out_of_memory { ": it ran out of memory" } else { "" };
        Err(position.wrong(format!("RUN ended with exit code {}{why}", status.code)))
    }

    async fn commit(
        &self,
        container: &NativeContainer,
        tag: String,
        labels: BTreeMap<String, String>,
        state: &StageState,
    ) -> Result<ImageInfo, EngineError> {
        let env = state.env.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let image = container.commit_with(&CommitSpec { tag, labels }, env).await?;
        container.end().await?;
        Ok(image)
    }

    async fn warn_of_unused(&self, sink: &mut dyn OutputSink, used: &BTreeSet<String>) -> Result<(), EngineError> {
        for name in self.spec.args.keys().filter(|name| !used.contains(*name) && !is_proxy(name)) {
            say(sink, &format!("warning: no ARG of the Dockerfile takes the argument {name}")).await?;
        }
        Ok(())
    }

    /// Ends what is left of the build, all of it, and says what could not be.
    async fn clear(self) -> Result<(), EngineError> {
        let mut result = Ok(());
        for container in &self.containers {
            result = result.and(container.end().await);
        }
        let shared = self.engine.shared.clone();
        let staging = self.staging;
        let swept = blocking(move || {
            shared.helpers.remove(staging.into_rubbish())?;
            shared.sweep()
        });
        result.and(swept.await.map_err(|error| self.engine.failed(ACTION, &error)))
    }
}

/// The arguments before the first stage.
struct Globals {
    values: BTreeMap<String, String>,
    used: BTreeSet<String>,
}

fn is_proxy(name: &str) -> bool {
    PROXIES.iter().any(|known| *known == name || known.to_ascii_lowercase() == name)
}

/// Dockerfile reference, "Automatic platform ARGs in the global scope".
fn platform_arguments(spec: &BuildSpec) -> BTreeMap<String, String> {
    let (arch, variant) = spec.arch.oci();
    let mut values = BTreeMap::new();
    for side in ["TARGET", "BUILD"] {
        values.insert(format!("{side}OS"), "linux".to_owned());
        values.insert(format!("{side}ARCH"), arch.to_owned());
        values.insert(format!("{side}VARIANT"), variant.unwrap_or_default().to_owned());
        values.insert(
            format!("{side}PLATFORM"),
            match variant {
                Some(variant) => format!("linux/{arch}/{variant}"),
                None => format!("linux/{arch}"),
            },
        );
    }
    values
}

async fn say(sink: &mut dyn OutputSink, line: &str) -> Result<(), EngineError> {
    sink.write(OutputStream::Stdout, format!("{line}\n").into()).await.map_err(EngineError::Sink)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proxies_are_known_in_both_cases() {
        assert!(is_proxy("http_proxy") && is_proxy("NO_PROXY") && !is_proxy("Http_Proxy") && !is_proxy("PATH"));
    }
}
