//! What a build leaves says itself how large it is: reading it ends when the job's time is over, and when it is cancelled.

use std::io::Write;

use super::*;

/// A small package of a file of 100 GiB.
fn bomb(name: &str) -> Vec<u8> {
    const PIECE: usize = 64 << 20;
    const PIECES: u64 = 1600;
    let control = deb(name, "1.0-1~deb12");
    // All that is before its data.tar.
    let end = control.windows(8).position(|bytes| bytes == b"data.tar").unwrap();
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::Regular);
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_size(PIECES * PIECE as u64);
    header.set_path("./usr/share/zeros").unwrap();
    header.set_cksum();
    let mut data = zstd::encode_all(&header.as_bytes()[..], 1).unwrap();
    let zeros = zstd::encode_all(&vec![0; PIECE][..], 1).unwrap();
    (0..PIECES).for_each(|_| data.extend_from_slice(&zeros));
    data.extend(zstd::encode_all(&[0; 1024][..], 1).unwrap());
    let mut all = control[..end].to_vec();
    writeln!(all, "{:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`", "data.tar.zst", 0, 0, 0, 100_644, data.len()).unwrap();
    all.extend_from_slice(&data);
    all
}

fn leaves_a_bomb(bench: &Bench) {
    bench.on("make", |guest| {
        guest.files.insert("/build/results".to_owned(), FakeFile::directory());
        guest.files.insert("/build/results/aa_1.0-1~deb12_all.deb".to_owned(), FakeFile::regular(bomb("aa")));
        Reply::exit(0).stdout("built\n")
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn reading_a_package_has_the_time_of_a_step() {
    let bench = Bench::fast();
    leaves_a_bomb(&bench);
    let mut job = bench.job("aa", &["make"]);
    job.limits.timeout_seconds = 600;
    let ran = bench.run(vec![job]).await;
    let limit = Duration::from_secs(600);
    assert_eq!(*ran.outcome(), Outcome::TimedOut { step: StepKind::Inspect, limit });
}

#[tokio::test(flavor = "multi_thread")]
async fn reading_a_package_is_cancelled() {
    let bench = Bench::new();
    leaves_a_bomb(&bench);
    let (sender, receiver) = mpsc::unbounded_channel();
    let jobs = vec![bench.job("aa", &["make"])];
    let ran = bench
        .run_with(jobs, receiver, move |event| {
            if matches!(event, Event::StepStarted { step: StepKind::Inspect, .. }) {
                sender.send(Request::Cancel).unwrap();
            }
        })
        .await;
    assert_eq!(*ran.outcome(), Outcome::Cancelled);
    assert!(!ran.log().contains("malformed"), "{}", ran.log());
}
