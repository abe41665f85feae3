//! Many jobs at once: what farm's memory comes to, in a process of its own.

use std::process::Command;

use super::*;
use crate::artifact::fixtures;
use crate::types::testing::{noise, peak_of};

const CHILD: &str = "FARM_TEST_RUNNER_CHILD";
const JOBS: usize = 200;
const PEAK_LIMIT_KIB: u64 = 128 << 10;
/// Of what a job prints: as much as farm's own engine reads at a time.
const CHUNK: usize = 64 << 10;
const CHUNKS: usize = 8;
const SOURCE: u64 = 1 << 20;
/// Of the package: what cannot be compressed, and all of it.
const NOISE: usize = 2 << 20;
const CONTENT: usize = 9 << 20;
/// As dpkg-deb's xz has it: who unpacks needs so much memory for it.
const DICTIONARY: u32 = 8 << 20;

/// Not a test of its own: runs all jobs at once, each of which waits in the middle of each of its streams for the others.
#[tokio::test(flavor = "multi_thread")]
async fn child_with_many_jobs() {
    let Some(path) = std::env::var_os(CHILD).map(PathBuf::from) else { return };
    let package = Bytes::from(std::fs::read(&path).unwrap());
    let bench = Bench { slots: JOBS, ..Bench::new() };
    let is_stream = |call: &str| {
        let upload = ["-build-0 /", "-test-0 /"].iter().any(|end| call.ends_with(end)) && call.starts_with("upload");
        upload || call.starts_with("download") || is_build(call)
    };
    bench.engine.keep_at_most(1 << 10).gather(JOBS, is_stream);
    let line = "cc -O2 -g -Wall -Wformat -Werror=format-security -Iinclude -c src/main.c -o build/main.o\n";
    let printed = Bytes::from(line.repeat(CHUNK / line.len()));
    bench.on("make", move |guest| {
        guest.files.insert("/build/results".to_owned(), FakeFile::directory());
        let place = "/build/results/payload_1.0-1~deb12_all.deb".to_owned();
        guest.files.insert(place, FakeFile::regular(package.clone()));
        (0..CHUNKS).fold(Reply::exit(0), |reply, _| reply.stdout(printed.clone()))
    });
    for script in ["install packages", "run test", "remove packages"] {
        bench.on(script, |_| Reply::exit(0));
    }
    let mut job = bench.job("payload", &["make"]);
    let source = std::fs::File::create(job.recipe.root.join("src/large")).unwrap();
    source.set_len(SOURCE).unwrap();
    job.test = Some(Arc::new(test_setup()));
    job.limits.memory_bytes = 1 << 20;
    job.limits.log_bytes = 64 << 20;
    let numbered = |number: usize| {
        let mut job = job.clone();
        job.target.recipe = format!("payload{number}");
        job
    };
    let ran = bench.run((0..JOBS).map(numbered).collect()).await;
    for report in &ran.reports {
        assert_eq!(report.outcome, Outcome::Succeeded, "{}: {:?}", report.target, report.tail);
        let log = std::fs::metadata(report.log.as_ref().unwrap()).unwrap().len();
        assert!(log > (CHUNKS * (CHUNK - line.len())) as u64, "{}: a log of {log} bytes", report.target);
    }
    // Nobody's packages were fetched before everybody's build was under way.
    let calls = bench.engine.calls();
    let begun = calls.iter().take_while(|call| !call.starts_with("download")).filter(|call| is_build(call)).count();
    std::fs::write(path.with_extension("begun"), begun.to_string()).unwrap();
}

fn is_build(call: &str) -> bool {
    call.starts_with("exec") && call.ends_with("make")
}

#[test]
fn two_hundred_jobs_in_flight_stay_under_128_mib() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("payload.deb");
    std::fs::write(&path, payload()).unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "runner::tests::in_flight::child_with_many_jobs", "--quiet"]).env(CHILD, &path);
    let peak = peak_of(&mut child);
    assert_eq!(std::fs::read_to_string(path.with_extension("begun")).unwrap(), JOBS.to_string());
    if let Some(peak) = peak {
        assert!(peak < PEAK_LIMIT_KIB, "the peak was {peak} KiB with {JOBS} jobs in flight");
    }
}

/// A .deb as dpkg-deb compresses it. Made here, as making it takes more memory than all that is measured.
fn payload() -> Vec<u8> {
    let mut content = noise(NOISE);
    content.resize(CONTENT, 0);
    let folder = |name| (name, tar::EntryType::Directory, 0o755, 0, &b""[..]);
    let data = fixtures::tarball(&[
        folder("./usr/"),
        folder("./usr/share/"),
        folder("./usr/share/payload/"),
        fixtures::file("./usr/share/payload/data", &content),
    ]);
    let mut options = xz2::stream::LzmaOptions::new_preset(0).unwrap();
    options.dict_size(DICTIONARY);
    let mut filters = xz2::stream::Filters::new();
    filters.lzma2(&options);
    let stream = xz2::stream::Stream::new_stream_encoder(&filters, xz2::stream::Check::Crc64).unwrap();
    let mut packed = xz2::read::XzEncoder::new_stream(data.as_slice(), stream);
    let mut bytes = Vec::new();
    std::io::Read::read_to_end(&mut packed, &mut bytes).unwrap();
    let control = "Package: payload\nVersion: 1.0-1~deb12\nArchitecture: all\nMaintainer: Tester <tester@example.org>\n\
                   Description: A package\n It holds noise.\n";
    fixtures::deb_of(control, bytes, "xz")
}
