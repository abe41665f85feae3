//! `-v`, `-vv` and FARM_LOG: what they say, where, and that nothing else changes.

use std::io::{Read, Write};
use std::net::TcpListener;

use crate::support::{RECIPE, Ran, Test};

/// `farm init` of an archive at a server that answers each request with 404 and wants a password.
fn init(arguments: &[&str], log: &str) -> (Ran, u16) {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = server.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in server.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        }
    });
    let url = format!("http://ada:open-sesame@127.0.0.1:{port}/x-1.0.tar.gz?token=open-sesame");
    let test = Test::new().env("FARM_LOG", log);
    (test.run(&[arguments, &["init", "--url", &url]].concat()), port)
}

#[test]
fn requests_are_told_without_their_secrets() {
    let (quiet, _) = init(&[], "");
    assert!(!quiet.stderr.contains("INFO") && !quiet.stderr.contains("DEBUG"), "{quiet}");
    for (arguments, log, debug) in [
        (&["-v"][..], "", false),
        (&["-vv"], "", true),
        (&[], "farm::fetch=debug", true),
        (&[], "farm::image=debug", false),
    ] {
        let (ran, port) = init(arguments, log);
        assert_eq!((ran.code, &ran.stdout), (quiet.code, &quiet.stdout), "{ran}");
        let shown = format!("url=http://127.0.0.1:{port}/x-1.0.tar.gz?token=…");
        let told = |words: &str| ran.stderr.lines().any(|line| line.contains(words) && line.contains(&shown));
        assert_eq!(told("INFO farm::fetch: not fetched"), log != "farm::image=debug", "{ran}");
        assert_eq!(told("DEBUG farm::fetch: the server answers"), debug, "{ran}");
        assert!(!debug || ran.stderr.contains("status=404"), "{ran}");
        assert!(!ran.stderr.contains("open-sesame"), "{ran}");
    }
}

#[test]
fn what_is_told_changes_no_output() {
    let plan = |log: &str, arguments: &[&str]| {
        let test = Test::new().file("farm.toml", RECIPE).env("FARM_LOG", log);
        test.run(&[arguments, &["plan", "--json", "-t", "debian-12"]].concat())
    };
    let quiet = plan("", &[]);
    for told in [plan("", &["-vv"]), plan("debug", &[])] {
        assert_eq!((told.code, told.stdout), (quiet.code, quiet.stdout.clone()));
    }
}

#[test]
fn directives_that_cannot_be_read_are_exit_2() {
    for (log, words) in [("farm=loud", "`farm=loud`"), ("h2=debug", "`h2` is no module of farm")] {
        let ran = Test::new().env("FARM_LOG", log).run(&["distros"]);
        let ran = ran.exits(2);
        assert!(ran.stderr.contains(words), "{ran}");
    }
}
