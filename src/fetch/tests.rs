use super::*;
use crate::types::NoProgress;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// What the server below does with the n-th connection.
#[derive(Clone)]
enum Reply {
    Bytes(Vec<u8>),
    /// Sends this and then keeps the connection open without a word.
    Stall(Vec<u8>),
    /// Sends this, and then a byte now and then for ever.
    Trickle(Vec<u8>),
}

/// An HTTP server of one connection after the other; the last reply repeats. Returns its URL and the count of
/// requests it has seen.
async fn server(replies: Vec<Reply>) -> (String, Arc<AtomicUsize>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/file", listener.local_addr().unwrap());
    let seen = Arc::new(AtomicUsize::new(0));
    let count = seen.clone();
    tokio::spawn(async move {
        loop {
            let (mut socket, _) = listener.accept().await.unwrap();
            let reply = replies[count.fetch_add(1, Ordering::SeqCst).min(replies.len() - 1)].clone();
            tokio::spawn(async move {
                let mut request = [0; 4096];
                let _ = socket.read(&mut request).await;
                match reply {
                    Reply::Bytes(bytes) => {
                        let _ = socket.write_all(&bytes).await;
                    }
                    Reply::Trickle(bytes) => {
                        let _ = socket.write_all(&bytes).await;
                        let mut often = tokio::time::interval(Duration::from_millis(20));
                        while socket.write_all(b"x").await.is_ok() {
                            often.tick().await;
                        }
                    }
                    Reply::Stall(bytes) => {
                        let _ = socket.write_all(&bytes).await;
                        std::future::pending::<()>().await;
                    }
                }
            });
        }
    });
    (url, seen)
}

fn ok(body: &[u8]) -> Reply {
    let mut reply = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len()).into_bytes();
    reply.extend_from_slice(body);
    Reply::Bytes(reply)
}

fn status(line: &str) -> Reply {
    Reply::Bytes(format!("HTTP/1.1 {line}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").into_bytes())
}

fn hash(body: &[u8]) -> String {
    hex::encode(Sha256::digest(body))
}

fn impatient() -> Fetcher {
    Fetcher::with_patience(Patience {
        connect: Duration::from_secs(5),
        read: Duration::from_millis(150),
        attempts: 3,
        backoff: Duration::from_millis(1),
        least: 1 << 30,
        window: Duration::from_millis(100),
    })
    .unwrap()
}

async fn fetch(urls: &[String], sha256: Option<&str>, destination: &Path) -> Result<(), FetchError> {
    impatient().to_file(urls, sha256, destination, &NoProgress, &CancellationToken::new()).await
}

/// Nothing but `names` may be left, temporary files least of all.
fn only(folder: &Path, names: &[&str]) {
    let mut left: Vec<String> =
        folder.read_dir().unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    left.sort();
    assert_eq!(left, names);
}

#[tokio::test]
async fn a_file_of_the_right_hash_arrives_whole() {
    let folder = tempfile::tempdir().unwrap();
    let body: Vec<u8> = (0..1_000_000u32).map(|i| i as u8).collect();
    let (url, _) = server(vec![ok(&body)]).await;
    let destination = folder.path().join("sub/file");
    fetch(&[url], Some(&hash(&body).to_uppercase()), &destination).await.unwrap();
    assert_eq!(std::fs::read(destination).unwrap(), body);
    only(&folder.path().join("sub"), &["file"]);
}

#[tokio::test]
async fn another_content_never_gets_the_name_but_the_next_place_may() {
    let folder = tempfile::tempdir().unwrap();
    let destination = folder.path().join("file");
    let (bad, seen) = server(vec![ok(b"evil")]).await;
    let error = fetch(std::slice::from_ref(&bad), Some(&hash(b"good")), &destination).await.unwrap_err();
    assert!(matches!(&error, FetchError::Mismatch { actual, .. } if *actual == hash(b"evil")), "{error}");
    assert_eq!(seen.load(Ordering::SeqCst), 1, "a wrong content is not asked for again");
    only(folder.path(), &[]);

    let (good, _) = server(vec![ok(b"good")]).await;
    fetch(&[bad, good], Some(&hash(b"good")), &destination).await.unwrap();
    only(folder.path(), &["file"]);
}

#[tokio::test]
async fn a_truncated_body_is_asked_for_again() {
    let folder = tempfile::tempdir().unwrap();
    let destination = folder.path().join("file");
    let short = Reply::Bytes(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort".to_vec());
    let (url, seen) = server(vec![short.clone(), ok(b"all of it")]).await;
    fetch(&[url], None, &destination).await.unwrap();
    assert_eq!(seen.load(Ordering::SeqCst), 2);
    assert_eq!(std::fs::read(&destination).unwrap(), b"all of it");

    let (url, _) = server(vec![short]).await;
    let error = fetch(&[url], None, &folder.path().join("other")).await.unwrap_err();
    assert!(matches!(error, FetchError::Unreachable { .. }), "{error}");
    only(folder.path(), &["file"]);
}

#[tokio::test]
async fn absent_is_definite_and_asked_once() {
    let folder = tempfile::tempdir().unwrap();
    let (url, seen) = server(vec![status("404 Not Found")]).await;
    let (gone, _) = server(vec![status("410 Gone")]).await;
    let missing = format!("file://{}/none", folder.path().display());
    let error = fetch(&[url, gone, missing], None, &folder.path().join("file")).await.unwrap_err();
    assert!(matches!(&error, FetchError::NotFound { urls } if urls.len() == 3), "{error}");
    assert_eq!(seen.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn refusals_and_unknown_schemes_say_so() {
    let folder = tempfile::tempdir().unwrap();
    let destination = folder.path().join("file");
    let (url, _) = server(vec![status("403 Forbidden")]).await;
    let error = fetch(&[url], None, &destination).await.unwrap_err();
    assert!(matches!(error, FetchError::Refused { status: 403, .. }), "{error}");
    let error = fetch(&["gopher://example.org/1".to_owned()], None, &destination).await.unwrap_err();
    assert!(matches!(error, FetchError::BadUrl { .. }), "{error}");
    let error = fetch(&[], None, &destination).await.unwrap_err();
    assert!(matches!(error, FetchError::Unreachable { .. }), "{error}");
}

#[tokio::test]
async fn a_server_in_trouble_is_asked_three_times() {
    let folder = tempfile::tempdir().unwrap();
    let destination = folder.path().join("file");
    let busy = status("429 Too Many Requests");
    let (url, seen) = server(vec![status("500 Internal Server Error"), busy.clone(), ok(b"x")]).await;
    fetch(&[url], None, &destination).await.unwrap();
    assert_eq!(seen.load(Ordering::SeqCst), 3);

    let (url, seen) = server(vec![busy]).await;
    let error = fetch(&[url], None, &destination).await.unwrap_err();
    assert!(matches!(&error, FetchError::Unreachable { reasons, .. } if reasons[0].contains("429")), "{error}");
    assert_eq!(seen.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn redirects_are_followed_but_not_for_ever() {
    let folder = tempfile::tempdir().unwrap();
    let destination = folder.path().join("file");
    let (target, _) = server(vec![ok(b"there")]).await;
    let (url, _) = server(vec![status(&format!("302 Found\r\nLocation: {target}"))]).await;
    fetch(&[url], Some(&hash(b"there")), &destination).await.unwrap();

    let (url, seen) = server(vec![status("302 Found\r\nLocation: /file")]).await;
    let error = fetch(&[url], None, &destination).await.unwrap_err();
    assert!(matches!(error, FetchError::BadUrl { .. }), "{error}");
    assert!(seen.load(Ordering::SeqCst) < 30);
}

#[tokio::test]
async fn a_stalled_transfer_is_given_up() {
    let folder = tempfile::tempdir().unwrap();
    let destination = folder.path().join("file");
    for stall in [&b""[..], b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nsome"] {
        let (url, seen) = server(vec![Reply::Stall(stall.to_vec())]).await;
        let error = fetch(&[url], None, &destination).await.unwrap_err();
        assert!(matches!(error, FetchError::Unreachable { .. }), "{error}");
        assert_eq!(seen.load(Ordering::SeqCst), 3);
    }
    only(folder.path(), &[]);
}

#[tokio::test]
async fn cancelling_ends_a_transfer_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let (url, _) = server(vec![Reply::Stall(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nsome".to_vec())]).await;
    let cancel = CancellationToken::new();
    let fetcher = Fetcher::new().unwrap();
    let destination = folder.path().join("file");
    let urls = [url];
    let transfer = fetcher.to_file(&urls, None, &destination, &NoProgress, &cancel);
    let (result, ()) = tokio::join!(transfer, async { cancel.cancel() });
    assert!(matches!(result.unwrap_err(), FetchError::Cancelled));
}

#[tokio::test]
async fn a_file_beyond_its_cap_is_cut_off_even_when_its_size_is_not_announced() {
    let folder = tempfile::tempdir().unwrap();
    let destination = folder.path().join("file");
    let unannounced = Reply::Bytes([b"HTTP/1.1 200 OK\r\n\r\n".to_vec(), vec![b'x'; 5000]].concat());
    for reply in [ok(&[b'x'; 5000]), unannounced] {
        let (url, _) = server(vec![reply]).await;
        let error = impatient()
            .to_file_capped(&[url], None, 4999, &destination, &NoProgress, &CancellationToken::new())
            .await
            .unwrap_err();
        assert!(matches!(error, FetchError::TooLarge { largest: 4999, .. }), "{error}");
    }
    only(folder.path(), &[]);
}

#[tokio::test]
async fn local_files_are_verified_and_the_end_is_told() {
    #[derive(Default)]
    struct Heard(Mutex<Vec<(String, u64, u64)>>);
    impl Progress for Heard {
        fn progress(&self, what: &str, done: u64, total: u64) {
            self.0.lock().unwrap().push((what.to_owned(), done, total));
        }
    }
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a b.tar"), b"content").unwrap();
    let url = reqwest::Url::from_file_path(folder.path().join("a b.tar")).unwrap().to_string();
    let heard = Heard::default();
    impatient()
        .to_file(&[url], Some(&hash(b"content")), &folder.path().join("copy"), &heard, &CancellationToken::new())
        .await
        .unwrap();
    assert_eq!(std::fs::read(folder.path().join("copy")).unwrap(), b"content");
    assert_eq!(heard.0.lock().unwrap().last(), Some(&("a%20b.tar".to_owned(), 7, 7)));
}

#[tokio::test]
async fn what_trickles_is_given_up_for_the_next_place() {
    let folder = tempfile::tempdir().unwrap();
    let destination = folder.path().join("file");
    let trickle = Reply::Trickle(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n".to_vec());
    let (slow, seen) = server(vec![trickle]).await;
    let error = fetch(std::slice::from_ref(&slow), None, &destination).await.unwrap_err();
    assert!(matches!(&error, FetchError::Unreachable { reasons, .. } if reasons[0].contains("too slow")), "{error}");
    assert_eq!(seen.load(Ordering::SeqCst), 3, "it is asked again, as it may only be busy");
    only(folder.path(), &[]);
    let (good, _) = server(vec![ok(b"good")]).await;
    fetch(&[slow, good], Some(&hash(b"good")), &destination).await.unwrap();
}

/// Users, passwords and tokens are in no error and no progress, whatever is wrong.
#[tokio::test]
async fn no_failure_tells_a_secret() {
    #[derive(Default)]
    struct Heard(Mutex<String>);
    impl Progress for Heard {
        fn progress(&self, what: &str, _: u64, _: u64) {
            self.0.lock().unwrap().push_str(what);
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let destination = folder.path().join("file");
    let replies = [
        ok(b"other"),
        status("404 Not Found"),
        status("401 Unauthorized"),
        status("503 Busy"),
        status("302 Found\r\nLocation: gopher://user:geheim@example.org/?token=geheim"),
        Reply::Bytes(b"nonsense".to_vec()),
    ];
    for reply in replies {
        let (url, _) = server(vec![reply]).await;
        let url = url.replace("http://", "http://user:geheim@") + "?token=geheim";
        let heard = Heard::default();
        let cancel = CancellationToken::new();
        let fetched = impatient().to_file(&[url], Some(&hash(b"good")), &destination, &heard, &cancel).await;
        let error = fetched.unwrap_err();
        let told = format!("{error} {error:?} {}", heard.0.lock().unwrap());
        assert!(!told.contains("geheim") && (told.contains("127.0.0.1") || told.contains("gopher")), "{told}");
    }
    for url in ["http://user:geheim@127.0.0.1:1/x?y=geheim", "ftp://user:geheim@x/", "http://user:geheim@[bad/"] {
        let error = fetch(&[url.to_owned()], None, &destination).await.unwrap_err();
        assert!(!format!("{error} {error:?}").contains("geheim"), "{error:?}");
    }
}
