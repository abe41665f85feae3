use std::collections::BTreeMap;

use bytes::Bytes;

use super::*;

fn read(variables: &[(&str, &str)], config: &NetworkConfig) -> (HostNetwork, Vec<String>) {
    let variables: BTreeMap<String, String> =
        variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    HostNetwork::read(&variables, config)
}

fn of(network: &HostNetwork, scheme: &str, host: &str) -> Option<String> {
    let proxy = network.proxy_for(scheme, host, Some(if scheme == "https" { 443 } else { 80 }))?;
    Some(format!("{} by {}", proxy.address.secret(), proxy.said_by))
}

#[test]
fn variables_in_either_case_go_before_the_configuration() {
    let config = NetworkConfig {
        proxy: Some("http://file.example:1".into()),
        no_proxy: vec!["direct.example".to_owned()],
        ca: None,
    };
    let (network, notes) = read(&[("HTTP_PROXY", "upper.example:2"), ("no_proxy", "a.example, 10.0.0.0/8")], &config);
    assert_eq!(notes, Vec::<String>::new());
    assert_eq!(of(&network, "http", "x.example").unwrap(), "http://upper.example:2 by HTTP_PROXY");
    let of_file = "http://file.example:1 by proxy in [network] of config.toml";
    assert_eq!(of(&network, "https", "direct.example").unwrap(), of_file, "a variable replaces the whole list");
    assert_eq!(of(&network, "https", "a.example"), None);
    assert_eq!(of(&network, "http", "10.1.2.3"), None);

    let (network, _) = read(&[("http_proxy", "http://l.example:3/"), ("HTTP_PROXY", "http://u.example")], &config);
    assert_eq!(of(&network, "http", "x.example").unwrap(), "http://l.example:3 by http_proxy");
    assert_eq!(of(&network, "http", "direct.example"), None);
    let (network, _) = read(&[("https_proxy", ""), ("all_proxy", "http://all.example:4")], &config);
    assert_eq!(of(&network, "https", "x.example"), None, "an empty variable says that there is none");
    assert_eq!(of(&network, "http", "x.example").unwrap(), "http://all.example:4 by all_proxy");
    assert!(!read(&[], &NetworkConfig::default()).0.has_proxies());
}

#[test]
fn what_is_of_no_use_is_said_without_a_password() {
    let (network, notes) = read(
        &[("ALL_PROXY", "socks5://ada:open-sesame@p.example"), ("SSL_CERT_FILE", "/nonexistent/x.pem")],
        &NetworkConfig::default(),
    );
    assert!(!network.has_proxies());
    assert_eq!(notes.len(), 2, "{notes:?}");
    assert!(notes[0].contains("ALL_PROXY") && notes[0].contains("socks5") && !notes[0].contains("sesame"), "{notes:?}");
    assert!(notes[1].starts_with("SSL_CERT_FILE is of no use: /nonexistent/x.pem: "), "{notes:?}");
}

#[test]
fn exceptions_are_hosts_domains_and_networks() {
    let direct = |entry: &str, host: &str| setting::is_direct(&setting::hosts(entry), host, Some(443));
    for (entry, host) in [
        ("example.org", "example.org"),
        ("example.org", "www.EXAMPLE.org"),
        (".example.org", "www.example.org"),
        ("*.example.org", "www.example.org"),
        ("a,b example.org", "example.org"),
        ("*", "anything"),
        ("example.org:443", "example.org"),
        ("10.0.0.0/8", "10.255.0.1"),
        ("192.168.1.7", "192.168.1.7"),
        ("fd00::/8", "[fd12::1]"),
        ("::1", "::1"),
    ] {
        assert!(direct(entry, host), "{entry} excepts {host}");
    }
    for (entry, host) in [
        ("example.org", "badexample.org"),
        ("example.org", "example.org.evil.net"),
        ("example.org:80", "example.org"),
        ("10.0.0.0/8", "11.0.0.1"),
        ("10.0.0.0/40", "10.0.0.1"),
        ("", "example.org"),
    ] {
        assert!(!direct(entry, host), "{entry} does not except {host}");
    }
}

#[test]
fn containers_are_told_what_they_can_reach() {
    let variables = [("https_proxy", "http://ada:pass%2Fword@127.0.0.1:3128"), ("http_proxy", "http://10.0.0.1:3128")];
    let (network, _) = read(&variables, &NetworkConfig::default());
    let (here, notes) = network.for_containers(true);
    assert_eq!(notes, Vec::<String>::new());
    assert_eq!(here.env()["HTTPS_PROXY"], "http://ada:pass%2Fword@127.0.0.1:3128");
    let (elsewhere, notes) = network.for_containers(false);
    assert_eq!(elsewhere.env().keys().collect::<Vec<_>>(), ["HTTP_PROXY", "http_proxy"]);
    assert_eq!(notes.len(), 1);
    assert!(notes[0].contains("http://127.0.0.1:3128 that https_proxy names"), "{notes:?}");
    assert!(!notes[0].contains("pass"), "{notes:?}");
    assert_eq!(here.by_way_of(), "; containers go through http://10.0.0.1:3128 and http://127.0.0.1:3128");
    for name in ["http://localhost:1", "http://[::1]:1", "http://a.localhost"] {
        assert!(
            !read(&[("http_proxy", name)], &NetworkConfig::default()).0.for_containers(false).1.is_empty(),
            "{name}"
        );
    }
}

#[test]
fn of_a_file_of_certificates_only_those_are_taken() {
    let text = "-----BEGIN PRIVATE KEY-----\nsecret\n-----END PRIVATE KEY-----\r\n\
                -----BEGIN CERTIFICATE-----\r\nabc\r\n-----END CERTIFICATE-----\nx\n-----BEGIN CERTIFICATE-----\nbroken";
    assert_eq!(setting::certificates(text), "-----BEGIN CERTIFICATE-----\nabc\n-----END CERTIFICATE-----\n");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("x.pem");
    for (content, reason) in [("", "no certificate in PEM"), (text, "cannot be read")] {
        std::fs::write(&file, content).unwrap();
        assert!(certificates_of(&file).unwrap_err().contains(reason));
    }
    assert!(certificates_of(folder.path()).unwrap_err().contains("no file"));
}

#[test]
fn a_proxy_is_hidden_however_the_output_is_cut() {
    let (network, _) = read(&[("http_proxy", "http://ada:pass%2Fword@10.0.0.1:3128")], &NetworkConfig::default());
    let (network, _) = network.for_containers(true);
    let text = "http://ada:pass%2Fword@10.0.0.1:3128/ (pass%2Fword, pass/word) to 10.0.0.1:3128, 10.0.0.1 port 3128, \
                http://10.0.0.1:3128; 10.0.0.10 p ht 10.0.0.";
    let expected = "[proxy]/ ([proxy], [proxy]) to [proxy], [proxy], [proxy]; [proxy]0 p ht 10.0.0.";
    for size in 1..text.len() {
        let (mut out, mut held) = (Vec::new(), Vec::new());
        for chunk in text.as_bytes().chunks(size) {
            out.extend_from_slice(&network.hidden().pass(&mut held, Bytes::copy_from_slice(chunk)));
        }
        out.extend(network.hidden().rest(&mut held));
        assert_eq!(String::from_utf8(out).unwrap(), expected, "in pieces of {size}");
    }
    assert_eq!(Hidden::default().pass(&mut Vec::new(), Bytes::from_static(b"x")), "x");
}
