//! What builds take over from each other: only what accepted packages came with, and never a job's failure.

use super::*;

const OBJECT: &str = "/build/caches/ccache/object";

fn caching(bench: &mut Bench) -> Job {
    bench.options.build_caches = Some(bench.caches());
    bench.options.force = true;
    let mut job = bench.job("hello", &["make"]);
    let mut recipe = Recipe::clone(&job.recipe);
    recipe.build.cache = vec![crate::recipe::BuildCache::Ccache];
    job.recipe = TargetRecipe::unchanged(recipe);
    bench.on("ccache --print-stats", |guest| {
        assert_eq!(guest.exec.user, "2000:2000");
        let hits = usize::from(guest.files.contains_key("/build/found"));
        Reply::exit(0)
            .stdout(format!("direct_cache_hit\t0\npreprocessed_cache_hit\t{hits}\ncache_miss\t{}\n", 1 - hits))
    });
    job
}

impl Bench {
    fn caches(&self) -> PathBuf {
        self.folder.path().join("cache/build-caches")
    }

    fn kept(&self) -> Vec<PathBuf> {
        let found = std::fs::read_dir(self.caches()).into_iter().flatten().flatten();
        found.map(|entry| entry.path()).collect()
    }

    /// A build that compiles unless it finds what an earlier one has left, and packages `version`.
    fn on_caching_build(&self, version: &'static str) {
        self.on("make", move |guest| {
            if guest.files.contains_key(OBJECT) {
                assert!(guest.files.contains_key("/build/hello-1.0/main.c"));
                guest.files.insert("/build/found".to_owned(), FakeFile::regular(b"".to_vec()));
            }
            guest.files.insert("/build/caches".to_owned(), FakeFile::directory());
            guest.files.insert("/build/caches/ccache".to_owned(), FakeFile::directory());
            guest.files.insert(OBJECT.to_owned(), FakeFile::regular(b"object".to_vec()));
            guest.files.insert("/build/results".to_owned(), FakeFile::directory());
            let package = FakeFile::regular(deb("hello", version));
            guest.files.insert(format!("/build/results/hello_{version}_all.deb"), package);
            Reply::exit(0)
        });
    }
}

fn hits(ran: &Ran) -> String {
    ran.reports[0].caches.iter().map(ToString::to_string).collect()
}

#[tokio::test]
async fn a_build_has_what_the_last_good_one_left() {
    let mut bench = Bench::new();
    let job = caching(&mut bench);
    bench.on_caching_build("1.0-1~deb12");
    let ran = bench.run(vec![job.clone()]).await;
    assert_eq!((ran.outcome(), hits(&ran).as_str()), (&Outcome::Succeeded, "ccache 0 of 1 hits"), "{}", ran.log());
    let ran = bench.run(vec![job.clone()]).await;
    assert_eq!((ran.outcome(), hits(&ran).as_str()), (&Outcome::Succeeded, "ccache 1 of 1 hits"), "{}", ran.log());
    assert_eq!(bench.kept().len(), 1);
    let record = std::fs::read_to_string(ran.reports[0].folder.join("job.json")).unwrap();
    let record: serde_json::Value = serde_json::from_str(&record).unwrap();
    assert_eq!(record["caches"], serde_json::json!([{"name": "ccache", "hits": 1, "lookups": 1}]));

    // Without: neither taken nor left.
    let before = std::fs::read(&bench.kept()[0]).unwrap();
    bench.options.build_caches = None;
    let ran = bench.run(vec![job]).await;
    assert_eq!((ran.outcome(), hits(&ran).as_str()), (&Outcome::Succeeded, "ccache 0 of 1 hits"));
    assert_eq!(std::fs::read(&bench.kept()[0]).unwrap(), before);
}

#[tokio::test]
async fn what_is_not_accepted_leaves_nothing() {
    // A step that fails, packages that are refused, packages that fail their test.
    for (version, code, installs) in [("1.0-1~deb12", 2, 0), ("9.9-1~deb12", 0, 0), ("1.0-1~deb12", 0, 1)] {
        let mut bench = Bench::new();
        let mut job = caching(&mut bench);
        job.test = Some(Arc::new(test_setup()));
        if code != 0 {
            bench.on("make", move |guest| {
                guest.files.insert(OBJECT.to_owned(), FakeFile::regular(b"object".to_vec()));
                Reply::exit(code)
            });
        } else {
            bench.on_caching_build(version);
        }
        bench.on("install packages", move |_| Reply::exit(installs));
        for script in ["run test", "remove packages"] {
            bench.on(script, |_| Reply::exit(0));
        }
        let ran = bench.run(vec![job]).await;
        assert!(!ran.outcome().is_good(), "{:?}", ran.outcome());
        assert!(bench.kept().is_empty(), "{:?}", ran.outcome());
        assert!(ran.reports[0].caches.is_empty());
    }
}

#[tokio::test]
async fn a_damaged_cache_costs_time_only() {
    let mut bench = Bench::new();
    let job = caching(&mut bench);
    bench.on_caching_build("1.0-1~deb12");
    bench.run(vec![job.clone()]).await;
    let kept = bench.kept().remove(0);
    let whole = std::fs::read(&kept).unwrap();
    std::fs::write(&kept, &whole[..whole.len() - 3]).unwrap();
    let ran = bench.run(vec![job.clone()]).await;
    assert_eq!((ran.outcome(), hits(&ran).as_str()), (&Outcome::Succeeded, "ccache 0 of 1 hits"), "{}", ran.log());
    let [warning] = &ran.reports[0].warnings[..] else { panic!("{:?}", ran.reports[0].warnings) };
    assert!(warning.rule == "build-cache" && warning.message.contains("goes on without it"), "{warning:?}");
    // What this one left is whole again.
    assert_eq!(hits(&bench.run(vec![job]).await), "ccache 1 of 1 hits");
}

#[tokio::test]
async fn a_cache_that_cannot_be_taken_out_is_a_warning() {
    let mut bench = Bench::new();
    let job = caching(&mut bench);
    // It leaves no folder of caches.
    bench.on_good_build("make", "hello");
    let ran = bench.run(vec![job]).await;
    assert_eq!(*ran.outcome(), Outcome::Succeeded, "{}", ran.log());
    let [warning] = &ran.reports[0].warnings[..] else { panic!("{:?}", ran.reports[0].warnings) };
    assert!(warning.message.contains("is not kept: the build has removed /build/caches"), "{warning:?}");
    assert!(bench.kept().is_empty());
}
