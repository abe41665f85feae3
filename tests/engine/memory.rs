//! farm's memory does not grow with what it moves.

use std::io::{self, Read};

use farm::engine::GuestPath;
use farm::stream;
use futures_util::StreamExt;
use tokio_util::sync::CancellationToken;

use crate::bench::{Bench, sh};
use crate::build;
use crate::lease::{child, parents_bench};

const SIZE: u64 = 2 << 30;
const CONTEXT_SIZE: u64 = 256 << 20;
const PEAK_LIMIT_KIB: u64 = 64 << 10;

/// Counts and forgets.
struct Counted(u64);

#[async_trait::async_trait]
impl farm::engine::OutputSink for Counted {
    async fn write(&mut self, _stream: farm::engine::OutputStream, chunk: bytes::Bytes) -> io::Result<()> {
        self.0 += chunk.len() as u64;
        Ok(())
    }
}

/// Not a case: what the child of [`streams_do_not_grow_the_process`] does. Without a parent it has nothing to do.
#[tokio::test(flavor = "multi_thread")]
async fn child_moves_two_gibibytes() {
    let Some(bench) = parents_bench().await else { return };
    let container = bench.started().await;
    let zeros = stream::from_tar(|tar| {
        let mut header = tar::Header::new_gnu();
        header.set_size(SIZE);
        header.set_mode(0o644);
        tar.append_data(&mut header, "zeros", io::repeat(0).take(SIZE))
    });
    container.upload(&GuestPath::new("/tmp"), zeros).await.unwrap();
    let mut download = container.download(&GuestPath::new("/tmp/zeros")).await.unwrap();
    let mut received = 0;
    while let Some(chunk) = download.next().await {
        received += chunk.unwrap().len() as u64;
    }
    assert!(received > SIZE, "{received} bytes came back");
    let mut printed = Counted(0);
    let spec = sh("head -c 200000000 /dev/zero");
    container.exec(&spec, &mut printed, &CancellationToken::new()).await.unwrap();
    assert_eq!(printed.0, 200_000_000);
    container.remove().await.unwrap();
}

/// Not a case: what the child of [`copies_do_not_grow_the_process`] does. Without a parent it has nothing to do.
#[tokio::test(flavor = "multi_thread")]
async fn child_builds_with_a_large_context() {
    let Some(bench) = parents_bench().await else { return };
    let context = stream::from_tar(|tar| {
        let dockerfile = "FROM scratch AS first\nCOPY large /a/\nFROM scratch\nCOPY --from=first /a/l* /b/\n";
        let contents: [(&str, u64, &mut dyn Read); 2] = [
            ("packaging/Dockerfile", dockerfile.len() as u64, &mut dockerfile.as_bytes()),
            ("large", CONTEXT_SIZE, &mut io::repeat(0).take(CONTEXT_SIZE)),
        ];
        for (name, size, content) in contents {
            let mut header = tar::Header::new_gnu();
            header.set_size(size);
            header.set_mode(0o644);
            tar.append_data(&mut header, name, content)?;
        }
        Ok(())
    });
    let spec = build::spec(&bench, "large");
    let image = bench.engine.build(&spec, context, &mut Counted(0), &CancellationToken::new()).await.unwrap();
    assert!(image.size_bytes > CONTEXT_SIZE, "{image:?}");
    bench.engine.remove_image(&spec.tag).await.unwrap();
}

pub(crate) async fn streams_do_not_grow_the_process(bench: Bench) {
    stays_small(bench, "memory::child_moves_two_gibibytes").await;
}

pub(crate) async fn copies_do_not_grow_the_process(bench: Bench) {
    stays_small(bench, "memory::child_builds_with_a_large_context").await;
}

async fn stays_small(bench: Bench, helper: &'static str) {
    let mut command = child(helper, bench.kind, &bench.run);
    let peak = tokio::task::spawn_blocking(move || {
        let mut child = command.stdout(std::process::Stdio::null()).spawn().unwrap();
        let status = format!("/proc/{}/status", child.id());
        let mut peak = None;
        loop {
            // The kernel keeps the maximum; the last reading before the end is the one that counts.
            peak = std::fs::read_to_string(&status).ok().and_then(|text| peak_kib(&text)).or(peak);
            if let Some(ended) = child.try_wait().unwrap() {
                assert!(ended.success(), "{ended}");
                return peak;
            }
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    })
    .await
    .unwrap();
    if cfg!(target_os = "linux") {
        let peak = peak.expect("the peak of the child was read");
        assert!(peak < PEAK_LIMIT_KIB, "peak of {peak} KiB: {helper}");
    }
}

fn peak_kib(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().trim_end_matches("kB").trim().parse().ok()
}
