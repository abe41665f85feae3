//! Images from Dockerfiles: the same files on every engine that builds, and what is farm's own engine's alone. Images to
//! begin with are those of the bench: no registry is asked.

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use bytes::Bytes;
use farm::engine::{BuildSpec, EngineError, ImageInfo, Limits, Network, OutputSink, OutputStream, labels};
use farm::stream::{self, ByteStream};
use farm::types::Arch;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::bench::{Bench, Kept, Kind, api, files, import, says, until};

pub(crate) fn spec(bench: &Bench, name: &str) -> BuildSpec {
    BuildSpec {
        dockerfile: "packaging/Dockerfile".to_owned(),
        target: None,
        args: BTreeMap::new(),
        arch: Arch::host().unwrap(),
        network: Network::None,
        limits: Limits { memory_bytes: None, pids: None, cpuset: None },
        tag: format!("farm-test/{name}:{}", bench.run),
        labels: BTreeMap::from([(labels::KEY.to_owned(), format!("key of \"{name}\" $HOME"))]),
    }
}

/// The image of the bench by a name that no engine has to look for in registries.
const BASE: &str = "docker.io/farm-test/guest:1";

fn context(dockerfile: &str, others: &[(&str, &str)]) -> ByteStream {
    let dockerfile = dockerfile.replace("BASE", BASE);
    files(&[&[("packaging/Dockerfile", dockerfile.as_str())], others].concat())
}

async fn build(
    bench: &Bench,
    spec: &BuildSpec,
    dockerfile: &str,
    others: &[(&str, &str)],
) -> (Result<ImageInfo, EngineError>, String) {
    let context = context(dockerfile, others);
    let mut kept = Kept::default();
    let built = bench.engine.build(spec, context, &mut kept, &CancellationToken::new()).await;
    (built, String::from_utf8_lossy(&kept.stdout).into_owned() + &String::from_utf8_lossy(&kept.stderr))
}

/// What a script says in the image; both are gone then.
async fn says_in(bench: &Bench, image: &ImageInfo, script: &str) -> String {
    let mut container = bench.spec();
    container.image.clone_from(&image.id);
    let container = bench.start(&container).await;
    let said = says(&*container, script).await;
    container.remove().await.unwrap();
    for tag in &image.tags {
        bench.engine.remove_image(tag).await.unwrap();
    }
    said
}

pub(crate) async fn a_dockerfile_is_an_image(bench: Bench) {
    let dockerfile = r#"# escape=\
ARG IMAGE=none
FROM $IMAGE AS tools
ARG VERSION
ENV GREETING="hello ${VERSION:-nobody}" \
    # a comment between
    PLACE=/opt/app
ENV PATH=$PLACE/bin:$PATH
RUN mkdir -p $PLACE && echo "$GREETING" >$PLACE/greeting
FROM BASE
ARG MODE=debug
ENV MODE=$MODE
LABEL io.farm.digest=sha256:00 maintainer=someone
WORKDIR /opt/here
COPY --from=tools /opt/app/greeting .
COPY src data/*.txt /srv/
USER build
RUN ["sh", "-c", "echo $(id -u):$(id -g) $MODE $PWD >/tmp/who"]
EXPOSE 80
CMD ["none"]
"#;
    let mut spec = spec(&bench, "image");
    spec.args = [("IMAGE", BASE.to_owned()), ("VERSION", "2".to_owned()), ("MODE", "release".to_owned())]
        .map(|(name, value)| (name.to_owned(), value))
        .into();
    let others = [("src/a/b", "b"), ("src/c", "c"), ("data/1.txt", "1"), ("data/2.txt", "2"), ("data/3.bin", "3")];
    let (built, said) = build(&bench, &spec, dockerfile, &others).await;
    let image = built.unwrap_or_else(|error| panic!("{error}\n{said}"));
    assert_eq!(image.tags, [spec.tag.as_str()]);
    assert_eq!(image.labels.get(labels::KEY), spec.labels.get(labels::KEY));
    assert!(image.labels.contains_key(labels::OWNED) && !image.labels.contains_key(labels::DIGEST), "{image:?}");
    assert_ne!(image.identity(), bench.engine.image(BASE).await.unwrap().unwrap().identity());
    assert_eq!(image.labels.get("maintainer").map(String::as_str), Some("someone"));
    assert_eq!(bench.engine.image(&spec.tag).await.unwrap().unwrap().id, image.id);
    assert!(said.contains("FROM"), "{said}");
    let script = "cat /opt/here/greeting /tmp/who; echo $MODE; cd /srv; ls -R . | grep -v :; stat -c '%u:%g' a/b 1.txt";
    let expected = "hello 2\n1000:1000 release /opt/here\nrelease\n1.txt\n2.txt\na\nc\n\nb\n0:0\n0:0";
    assert_eq!(says_in(&bench, &image, script).await, expected);
}

pub(crate) async fn a_stage_is_built_alone(bench: Bench) {
    let dockerfile = "FROM BASE AS first\nRUN echo first >/stage\nFROM first AS second\nRUN echo second >>/stage\n\
                      FROM second\nRUN echo third >>/stage\n";
    let mut spec = spec(&bench, "stage");
    spec.target = Some("second".to_owned());
    let (built, said) = build(&bench, &spec, dockerfile, &[]).await;
    let image = built.unwrap_or_else(|error| panic!("{error}\n{said}"));
    assert_eq!(says_in(&bench, &image, "cat /stage").await, "first\nsecond");
    spec.target = Some("fourth".to_owned());
    let (built, _) = build(&bench, &spec, dockerfile, &[]).await;
    let error = built.unwrap_err();
    assert!(matches!(&error, EngineError::Build { reason } if reason.contains("fourth")), "{error}");
}

pub(crate) async fn what_is_wrong_with_a_dockerfile_is_its_own_error(bench: Bench) {
    let spec = spec(&bench, "wrong");
    for (dockerfile, expected) in [
        ("FROM BASE\nRUN echo before; exit 3\nRUN echo after\n", "3"),
        ("FROM BASE\nRUNN true\n", "RUNN"),
        ("FROM BASE\nCOPY nothing /x\n", "nothing"),
        ("", ""),
    ] {
        let (built, said) = build(&bench, &spec, dockerfile, &[]).await;
        let error = built.unwrap_err();
        assert!(matches!(&error, EngineError::Build { reason } if reason.contains(expected)), "{dockerfile}: {error}");
        assert_eq!(said.contains("before\n"), dockerfile.contains("before"), "{said}");
        assert!(!said.contains("after\n"), "{said}");
        assert_eq!(bench.engine.image(&spec.tag).await.unwrap(), None);
    }
    let mut missing = spec.clone();
    missing.dockerfile = "Dockerfile".to_owned();
    let (built, _) = build(&bench, &missing, "FROM BASE\n", &[]).await;
    let error = built.unwrap_err();
    assert!(matches!(&error, EngineError::Build { reason } if reason.contains("Dockerfile")), "{error}");
}

pub(crate) async fn a_build_has_the_network_and_the_limits_it_was_given(bench: Bench) {
    let mut spec = spec(&bench, "limits");
    spec.limits.cpuset = Some("0".to_owned());
    let dockerfile = "FROM BASE\nRUN ls /sys/class/net >/net; nproc >/cpus\n";
    let (built, said) = build(&bench, &spec, dockerfile, &[]).await;
    let image = built.unwrap_or_else(|error| panic!("{error}\n{said}"));
    let said = says_in(&bench, &image, "grep -v -e bonding_masters -e tunl -e sit -e ip6 /net; cat /cpus").await;
    assert_eq!(said, "lo\n1");
}

pub(crate) async fn an_image_that_is_not_to_be_had_is_no_fault_of_the_dockerfile(bench: Bench) {
    // Nothing listens on port 1.
    let reference = "127.0.0.1:1/farm-test/none:1";
    let dockerfile = format!("FROM BASE AS first\nRUN true\nFROM {reference}\nCOPY --from=first /bin/sh /sh\n");
    let (built, said) = build(&bench, &spec(&bench, "none"), &dockerfile, &[]).await;
    let error = built.unwrap_err();
    let EngineError::Pull { reference: named, reason } = &error else { panic!("{error}\n{said}") };
    assert_eq!(named, reference);
    assert!(reason.contains("refused"), "{reason}");
}

pub(crate) async fn a_step_that_takes_too_much_memory_fails(bench: Bench) {
    let mut spec = spec(&bench, "memory");
    spec.limits.memory_bytes = Some(64 << 20);
    let (built, said) = build(&bench, &spec, "FROM BASE\nRUN exec tail -n 1 /dev/zero >/tmp/out\n", &[]).await;
    let error = built.unwrap_err();
    assert!(matches!(&error, EngineError::Build { .. }), "{error}\n{said}");
    // More than four bytes of the parameter hold.
    spec.limits.memory_bytes = Some(5 << 30);
    let (built, said) = build(&bench, &spec, "FROM BASE\nRUN true\n", &[]).await;
    let image = built.unwrap_or_else(|error| panic!("{error}\n{said}"));
    assert_eq!(says_in(&bench, &image, "echo done").await, "done");
}

/// Cancels once something was printed.
struct AtFirstOutput(mpsc::UnboundedSender<()>);

#[async_trait::async_trait]
impl OutputSink for AtFirstOutput {
    async fn write(&mut self, _: OutputStream, chunk: Bytes) -> io::Result<()> {
        if chunk.windows(6).any(|part| part == b"ready\n") {
            let _ = self.0.send(());
        }
        Ok(())
    }
}

pub(crate) async fn a_cancelled_build_leaves_nothing(bench: Bench) {
    let spec = spec(&bench, "cancelled");
    // Podman lets the step under way come to its end, and begins no other.
    let seconds = if bench.kind == Kind::Podman { 5 } else { 1000 };
    // Nobody else sleeps as long.
    let number = bench.run.replace(|c: char| !c.is_ascii_digit(), "");
    let [asleep, later] = [seconds, 1000].map(|seconds| format!("sleep {seconds}.{number}"));
    let (heard, mut hears) = mpsc::unbounded_channel();
    let cancel = CancellationToken::new();
    let canceller = cancel.clone();
    tokio::spawn(async move {
        hears.recv().await;
        canceller.cancel();
    });
    let context = context(&format!("FROM BASE\nRUN echo ready; {asleep}\nRUN {later}\n"), &[]);
    let mut sink = AtFirstOutput(heard);
    let building = bench.engine.build(&spec, context, &mut sink, &cancel);
    let built = tokio::time::timeout(Duration::from_secs(60), building).await.expect("a cancelled build returns");
    assert!(matches!(built, Err(EngineError::Cancelled)), "{built:?}");
    until("the build has no container", Duration::from_secs(30), async || {
        !is_running(&bench, &asleep).await && !is_running(&bench, &later).await
    })
    .await;
    assert_eq!(bench.engine.image(&spec.tag).await.unwrap(), None);
}

/// Whether a container has a command, or a process that can be seen from here: Podman does not list what it builds in.
async fn is_running(bench: &Bench, command: &str) -> bool {
    let mut lines = std::fs::read_dir("/proc").into_iter().flatten().flatten().filter_map(|entry| {
        let line = std::fs::read(entry.path().join("cmdline")).ok()?;
        Some(String::from_utf8_lossy(&line).replace('\0', " "))
    });
    if lines.any(|line| line.contains(command)) {
        return true;
    }
    if bench.kind == Kind::Native {
        return false;
    }
    let options = bollard::query_parameters::ListContainersOptionsBuilder::new().all(true).build();
    let all = match api(bench).list_containers(Some(options)).await {
        // Podman's `stopped`, which Docker's API has not: a container is in it from its end to its removal.
        Err(bollard::errors::Error::JsonDataError { .. }) => return true,
        all => all.unwrap(),
    };
    all.iter().any(|one| one.command.as_ref().is_some_and(|said| said.contains(command)))
}

fn is_of_build(image: &ImageInfo) -> bool {
    image.tags.iter().any(|tag| tag.starts_with("farm/stage:"))
}

pub(crate) async fn a_context_that_breaks_off_is_its_own_error(bench: Bench) {
    let spec = spec(&bench, "broken");
    let dockerfile = format!("FROM {BASE}\n");
    let context = stream::from_tar(move |tar| {
        let mut header = tar::Header::new_gnu();
        header.set_size(dockerfile.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, "packaging/Dockerfile", dockerfile.as_bytes())?;
        Err(io::Error::other("the disk of the source fell off"))
    });
    let built = bench.engine.build(&spec, context, &mut Kept::default(), &CancellationToken::new()).await;
    let error = built.unwrap_err();
    assert!(matches!(&error, EngineError::Source(source) if source.to_string().contains("fell off")), "{error}");
    assert_eq!(bench.engine.image(&spec.tag).await.unwrap(), None);
}

/// Of the instructions that only newer builders have, and of the rules of COPY and ADD: for farm's own engine.
pub(crate) async fn files_are_copied_by_the_rules(bench: Bench) {
    let dockerfile = r#"FROM scratch AS data
COPY src /only/src
COPY --chmod=640 <<ONE <<"TWO" /docs/
expanded: $TARGETOS
ONE
verbatim: $TARGETOS
TWO
FROM BASE AS copied
ARG TARGETOS
RUN mkdir -p /real && ln -s /real /link && echo old >/real/kept && chmod 700 /real && ln -s kept /real/alias
COPY --from=data /only /all
COPY src/c /file
COPY src/c /link
COPY --chown=build:7 --chmod=0600 src /owned
COPY --from=data /only/src/[c-d] /picked/
ADD plain.gz archive.tar.gz /added/
COPY <<EOF /system
$TARGETOS
EOF
RUN <<EOF
for name in one two; do echo $name; done >/script
EOF
RUN cat <<EOF >/input
from here
EOF
SHELL ["sh", "-e", "-c"]
RUN echo shell >/shell
FROM copied
COPY --from=copied /real/alias /followed/
COPY --from=farm-test/other:RUN /etc/other /
"#;
    let other = format!("farm-test/other:{}", bench.run);
    import(&*bench.engine, &other, BTreeMap::new(), files(&[("etc/other", "other")])).await;
    let gzip = |data: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        io::Write::write_all(&mut encoder, data).unwrap();
        encoder.finish().unwrap()
    };
    let mut archive = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(5);
    header.set_mode(0o755);
    header.set_uid(42);
    header.set_gid(43);
    archive.append_data(&mut header, "tool/run", &b"hello"[..]).unwrap();
    let mut link = tar::Header::new_gnu();
    link.set_entry_type(tar::EntryType::Link);
    link.set_size(0);
    archive.append_link(&mut link, "tool/twin", "tool/run").unwrap();
    let packed = gzip(&archive.into_inner().unwrap());
    let plain = gzip(b"no archive");
    let dockerfile = dockerfile.replace("BASE", BASE).replace("RUN /etc", &format!("{} /etc", bench.run));
    let context = stream::from_tar(move |tar| {
        let contents: [(&str, &[u8]); 6] = [
            ("packaging/Dockerfile", dockerfile.as_bytes()),
            ("src/a/b", b"b"),
            ("src/c", b"c"),
            ("src/e", b"e"),
            ("plain.gz", &plain),
            ("archive.tar.gz", &packed),
        ];
        contents.iter().try_for_each(|(name, data)| {
            let mut header = tar::Header::new_gnu();
            header.set_size(data.len() as u64);
            header.set_mode(0o644);
            tar.append_data(&mut header, name, *data)
        })
    });
    let spec = spec(&bench, "rules");
    let mut kept = Kept::default();
    let built = bench.engine.build(&spec, context, &mut kept, &CancellationToken::new()).await;
    let image = built.unwrap_or_else(|error| panic!("{error}\n{}", kept.text()));
    let script = "cat /all/src/a/b /file /real/c /real/kept /followed/alias /other; echo; ls /picked /added; \
                  stat -c '%u:%g %a' /real /owned/c /owned/a /added/tool/run /added/tool/twin; \
                  cat /system /script /input /shell";
    let expected = "bccold\nold\nother\n/added:\nplain.gz\ntool\n\n/picked:\nc\n0:0 700\n1000:7 600\n1000:7 600\n42:43 755\n\
                    42:43 755\nlinux\none\ntwo\nfrom here\nshell";
    assert_eq!(says_in(&bench, &image, script).await, expected);
    bench.engine.remove_image(&other).await.unwrap();
    // Of other builds at the same time there may be some.
    until("a build keeps no image for itself", Duration::from_secs(60), async || {
        !bench.engine.images(labels::OWNED).await.unwrap().iter().any(is_of_build)
    })
    .await;
}

/// Links of a context, and the Dockerfile itself as one, lead to nothing of this host.
pub(crate) async fn hostile_contexts_stay_inside(bench: Bench) {
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("secret");
    std::fs::write(&secret, "of the host").unwrap();
    let secret = secret.to_str().unwrap().to_owned();
    let up = format!("{}{secret}", "../".repeat(12));
    for (link, target, dockerfile) in [
        ("link", secret.as_str(), "FROM BASE\nCOPY link /x\n"),
        ("link", up.as_str(), "FROM BASE\nCOPY link /x\n"),
        ("link", "/", "FROM BASE\nCOPY linkSECRET /x\n"),
        ("link", "/", "FROM BASE\nCOPY linkSECRET* /x\n"),
        ("packaging/Dockerfile", secret.as_str(), ""),
    ] {
        let dockerfile = dockerfile.replace("BASE", BASE).replace("SECRET", &secret);
        let (link, target) = (link.to_owned(), target.to_owned());
        let context = stream::from_tar(move |tar| {
            if !dockerfile.is_empty() {
                let mut header = tar::Header::new_gnu();
                header.set_size(dockerfile.len() as u64);
                header.set_mode(0o644);
                tar.append_data(&mut header, "packaging/Dockerfile", dockerfile.as_bytes())?;
            }
            let mut header = tar::Header::new_gnu();
            header.set_entry_type(tar::EntryType::Symlink);
            header.set_size(0);
            tar.append_link(&mut header, link, target)
        });
        let mut kept = Kept::default();
        let built = bench.engine.build(&spec(&bench, "hostile"), context, &mut kept, &CancellationToken::new()).await;
        let error = built.unwrap_err();
        assert!(matches!(&error, EngineError::Build { reason } if reason.contains("no ")), "{error}");
        assert!(!kept.text().contains("of the host"), "{}", kept.text());
    }
    // Nor out of what is copied: here a file of an archive that names a folder above.
    let mut archive = tar::Header::new_gnu();
    archive.set_size(1);
    archive.set_mode(0o644);
    archive.as_old_mut().name[..9].copy_from_slice(b"../../etc");
    archive.set_cksum();
    let archive = [archive.as_bytes().as_slice(), b"x", &[0; 511 + 1024]].concat();
    let dockerfile = format!("FROM {BASE}\nADD a.tar /x/\n");
    let context = stream::from_tar(move |tar| {
        for (name, data) in [("packaging/Dockerfile", dockerfile.as_bytes()), ("a.tar", archive.as_slice())] {
            let mut header = tar::Header::new_gnu();
            header.set_size(data.len() as u64);
            header.set_mode(0o644);
            tar.append_data(&mut header, name, data)?;
        }
        Ok(())
    });
    let spec = spec(&bench, "hostile");
    let built = bench.engine.build(&spec, context, &mut Kept::default(), &CancellationToken::new()).await;
    let error = built.unwrap_err();
    assert!(matches!(&error, EngineError::Build { reason } if reason.contains("a name that leads up")), "{error}");
}

/// What farm's own engine does not do, or a Dockerfile may not: with its line.
pub(crate) async fn refusals_say_where_and_what_instead(bench: Bench) {
    let spec = spec(&bench, "refused");
    for (dockerfile, expected) in [
        (
            "FROM BASE\nRUN --mount=type=cache,target=/x true\n",
            ":2: farm's own engine does not do RUN --mount: COPY what",
        ),
        ("FROM BASE\nCOPY ../../etc/passwd /x\n", ":2: `../../etc/passwd` is outside of the build context"),
        ("FROM BASE\nCOPY a b /c\n", ":2: 2 files go to `/c`: a folder that takes several ends with `/`"),
        ("FROM BASE\nCOPY *.none /c\n", ":2: `*.none` matches no file of the build context"),
        ("FROM BASE\nCOPY --from=BASE / /c\n", ":2: farm's own engine does not copy from the root folder itself"),
        ("FROM BASE\nCOPY a /etc/passwd/\n", ":2: `/etc/passwd` is there, and no folder"),
        ("FROM BASE\nCOPY --chown=nobody a /x\n", ":2: user `nobody` is not in /etc/passwd of the stage"),
        ("FROM BASE\nUSER nobody\nRUN true\n", ":3: user `nobody` is not in /etc/passwd of the stage"),
        ("FROM BASE\nENV a=${b:?needed}\n", ":2: `${b:?needed}`: variable `b` is not set: needed"),
        ("FROM --platform=linux/mips BASE\n", ":1: --platform=linux/mips is not linux/"),
        ("FROM BASE AS x\nCOPY --from=y a b\nFROM BASE AS y\nFROM x\n", ":2: `--from=y` is a stage that comes later"),
        ("FROM ${NONE}\n", ":1: the image `${NONE}` is an empty name"),
        ("FROM BASE\nCOPY loop /x\n", ":2: `/loop` is a link that leads to no end"),
    ] {
        let dockerfile = dockerfile.replace("BASE", BASE);
        let context = stream::from_tar(move |tar| {
            for (name, data) in [("packaging/Dockerfile", dockerfile.as_str()), ("a", "a"), ("b", "b")] {
                let mut header = tar::Header::new_gnu();
                header.set_size(data.len() as u64);
                header.set_mode(0o644);
                tar.append_data(&mut header, name, data.as_bytes())?;
            }
            let mut link = tar::Header::new_gnu();
            link.set_entry_type(tar::EntryType::Symlink);
            link.set_size(0);
            tar.append_link(&mut link, "loop", "loop")
        });
        let built = bench.engine.build(&spec, context, &mut Kept::default(), &CancellationToken::new()).await;
        let error = built.unwrap_err();
        let expected = format!("packaging/Dockerfile{expected}");
        assert!(matches!(&error, EngineError::Build { reason } if reason.starts_with(&expected)), "{error}");
    }
}
