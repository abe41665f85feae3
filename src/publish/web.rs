//! A web server as a target that takes files by PUT, with WebDAV or without. Who publishes is told by `~/.netrc` or variables,
//! never by the address.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt, TryStreamExt};
use reqwest::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, ETAG, HeaderMap, IF_MATCH, IF_NONE_MATCH,
};
use reqwest::{Method, RequestBuilder, Response, StatusCode, Url};

use super::environment::Environment;
use super::hashed::{Hashed, changed};
use super::model::{Listed, PublishError, TargetError};
use super::target::{Only, Target};
use crate::fetch;
use crate::types::{printable, redacted_text};

/// Nothing that farm writes there and reads again is larger.
const LARGEST_READ: usize = 256 << 20;
const CHUNK: usize = 256 << 10;
/// How many files are asked after at once.
const ASKED: usize = 8;
/// A server that is busy, or a connection that breaks, is tried again so often.
const TRIES: u32 = 4;

#[derive(Debug)]
pub(super) struct Web {
    client: reqwest::Client,
    base: Url,
    login: Login,
    /// Two that make one folder at once: Apache forbids it to the second.
    folders: tokio::sync::Mutex<()>,
}

/// How the publisher is known.
enum Login {
    Nobody,
    User { name: String, password: String },
    Token(String),
}

/// Nobody prints what is in it.
impl std::fmt::Debug for Login {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Login")
    }
}

impl Login {
    fn find(host: &str, environment: &Environment) -> Login {
        let variable = |name: &str| environment.get(name).map(str::to_owned);
        if let Some(token) = variable("FARM_PUBLISH_TOKEN") {
            return Login::Token(token);
        }
        if let (Some(name), Some(password)) = (variable("FARM_PUBLISH_USER"), variable("FARM_PUBLISH_PASSWORD")) {
            return Login::User { name, password };
        }
        let usual = || Path::new(environment.get("HOME").unwrap_or_default()).join(".netrc");
        let path = environment.get("NETRC").map_or_else(usual, Into::into);
        match std::fs::read_to_string(path).ok().and_then(|text| of_netrc(&text, host)) {
            Some((name, password)) => Login::User { name, password },
            None => Login::Nobody,
        }
    }
}

/// The login for a host in a file as ftp(1), curl and git have it: the first `machine` of the name, else `default`.
fn of_netrc(text: &str, host: &str) -> Option<(String, String)> {
    let (mut name, mut password, mut is_ours) = (None, None, false);
    let mut words = text.split_whitespace();
    while let Some(word) = words.next() {
        match word {
            "machine" | "default" => {
                if is_ours && name.is_some() {
                    break;
                }
                is_ours = word == "default" || words.next() == Some(host);
            }
            "login" => name = words.next().filter(|_| is_ours).map(str::to_owned).or(name),
            "password" => password = words.next().filter(|_| is_ours).map(str::to_owned).or(password),
            _ => {}
        }
    }
    Some((name?, password.unwrap_or_default()))
}

impl Web {
    /// `address`: with `http://` or `https://`.
    pub(super) fn open(address: &str, environment: &Environment) -> Result<Web, PublishError> {
        let refused = |reason: &str, help: &str| PublishError::Address {
            target: redacted_text(address),
            reason: reason.to_owned(),
            help: Some(help.to_owned()),
        };
        let base = Url::parse(address).map_err(|error| refused(&error.to_string(), "write https://HOST/FOLDER"))?;
        if !base.username().is_empty() || base.password().is_some() {
            let help = "others see the arguments of a process: ~/.netrc or FARM_PUBLISH_USER and FARM_PUBLISH_PASSWORD";
            return Err(refused("the address has a user or a password", help));
        }
        if base.query().is_some() || base.fragment().is_some() {
            return Err(refused("the address has more than a path", "write https://HOST/FOLDER"));
        }
        let host = base.host_str().unwrap_or_default();
        let login = Login::find(host, environment);
        let is_here = host == "localhost" || host.starts_with("127.") || host == "[::1]";
        if base.scheme() == "http" && !is_here && !matches!(login, Login::Nobody) {
            return Err(refused("a password would be read on the way", "write https://, or leave the password out"));
        }
        let client = fetch::client(|builder| {
            let redirect = reqwest::redirect::Policy::none();
            builder.connect_timeout(Duration::from_secs(10)).read_timeout(Duration::from_secs(60)).redirect(redirect)
        });
        let client = client.map_err(|error| refused(&error.to_string(), "docs/config.md has [network]"))?;
        Ok(Web { client, base, login, folders: tokio::sync::Mutex::new(()) })
    }

    fn url(&self, path: &str) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path.split('/'));
        }
        url
    }

    fn request(&self, method: Method, url: Url) -> RequestBuilder {
        let request = self.client.request(method, url).header(ACCEPT_ENCODING, "identity");
        match &self.login {
            Login::Nobody => request,
            Login::User { name, password } => request.basic_auth(name, Some(password)),
            Login::Token(token) => request.bearer_auth(token),
        }
    }

    /// Asks until there is an answer that will not be another one in a while.
    async fn answer(&self, request: impl Fn() -> RequestBuilder) -> Result<Response, TargetError> {
        let mut pause = Duration::from_millis(500);
        for attempt in 1.. {
            let is_last = attempt >= TRIES;
            match request().send().await {
                Ok(response) => {
                    let status = response.status();
                    let is_busy = matches!(status.as_u16(), 408 | 425 | 429 | 500 | 502..=504);
                    if !is_busy || is_last {
                        return Ok(response);
                    }
                }
                Err(error) if is_last || error.is_builder() || error.is_body() => return Err(unreached(&error)),
                Err(_) => {}
            }
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
        Err(TargetError::Failed("it does not answer".to_owned()))
    }

    async fn look(&self, path: &str) -> Result<Option<Listed>, TargetError> {
        let ask = || self.request(Method::HEAD, self.url(path)).header(CACHE_CONTROL, "no-cache");
        let response = self.answer(ask).await?;
        match response.status() {
            StatusCode::NOT_FOUND | StatusCode::GONE => Ok(None),
            status if status.is_success() => {
                let size = response.headers().get(CONTENT_LENGTH).and_then(|size| size.to_str().ok()?.parse().ok());
                let size =
                    size.ok_or_else(|| TargetError::Failed(format!("{path}: it does not say how large it is")))?;
                Ok(Some(Listed { size, tag: tag(response.headers()) }))
            }
            status => Err(refused("HEAD", path, status)),
        }
    }

    /// PUT, and where a folder is missing, once more with it.
    async fn put(&self, path: &str, request: impl Fn() -> RequestBuilder) -> Result<Response, TargetError> {
        let response = self.answer(&request).await?;
        match response.status() {
            // RFC 4918, 9.7.1: a folder that is not there is a conflict.
            StatusCode::CONFLICT | StatusCode::NOT_FOUND if path.contains('/') => {
                self.make_folders(path).await?;
                self.answer(&request).await
            }
            _ => Ok(response),
        }
    }

    /// Those of a path, and where they have no place, that of the target before them.
    async fn make_folders(&self, path: &str) -> Result<(), TargetError> {
        let _one_at_a_time = self.folders.lock().await;
        let ends = path.match_indices('/').map(|(at, _)| at);
        for (number, end) in ends.enumerate() {
            let folder = &path[..end];
            let mut status = self.make_folder(self.url(folder)).await?;
            if status == StatusCode::CONFLICT && number == 0 {
                let mut above = self.base.clone();
                above.set_path("");
                for part in self.base.path_segments().into_iter().flatten().filter(|part| !part.is_empty()) {
                    above.set_path(&format!("{}/{part}", above.path().trim_end_matches('/')));
                    self.make_folder(above.clone()).await?;
                }
                status = self.make_folder(self.url(folder)).await?;
            }
            // 405: it is there.
            if !status.is_success() && status != StatusCode::METHOD_NOT_ALLOWED {
                return Err(refused("MKCOL", folder, status));
            }
        }
        Ok(())
    }

    async fn make_folder(&self, mut url: Url) -> Result<StatusCode, TargetError> {
        url.set_path(&format!("{}/", url.path().trim_end_matches('/')));
        let method = Method::from_bytes(b"MKCOL").unwrap_or(Method::PUT);
        Ok(self.answer(|| self.request(method.clone(), url.clone())).await?.status())
    }
}

/// The ETag without a mark of weakness: Apache has it on all that was written within the last second, and takes it away then.
fn tag(headers: &HeaderMap) -> Option<String> {
    let tag = headers.get(ETAG)?.to_str().ok()?;
    Some(tag.strip_prefix("W/").unwrap_or(tag).to_owned())
}

fn refused(method: &str, path: &str, status: StatusCode) -> TargetError {
    let reason = match status.as_u16() {
        401 => "it wants a user and a password: ~/.netrc, or FARM_PUBLISH_USER and FARM_PUBLISH_PASSWORD".to_owned(),
        403 => "this user may not write there".to_owned(),
        405 | 501 => format!("it takes no {method}: WebDAV is to be switched on for the folder"),
        300..=399 => "it sends elsewhere: name that address".to_owned(),
        412 => return TargetError::Changed,
        507 => "its disk is full".to_owned(),
        _ => "it does not take it".to_owned(),
    };
    TargetError::Failed(format!("{path}: the server answers {status}: {reason}"))
}

fn unreached(error: &reqwest::Error) -> TargetError {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    TargetError::Failed(printable(&redacted_text(&text)) + &fetch::by_proxy(error.url()))
}

/// A file as a body, whose last bytes come only if all of them are what they should be.
fn body(path: String, reader: Hashed, sha256: String) -> reqwest::Body {
    let chunks = futures_util::stream::try_unfold(Some((reader, path, sha256)), |state| async move {
        let Some((mut reader, path, sha256)) = state else { return Ok(None) };
        let other = |error: TargetError| std::io::Error::other(error.reason());
        let Some(chunk) = reader.next(CHUNK).await.map_err(other)? else { return Ok(None) };
        if !reader.is_at_end() {
            return Ok(Some((chunk, Some((reader, path, sha256)))));
        }
        if reader.sum() != sha256 {
            return Err(other(changed(&path)));
        }
        Ok(Some((chunk, None)))
    });
    reqwest::Body::wrap_stream(chunks)
}

#[async_trait]
impl Target for Web {
    fn shown(&self) -> String {
        redacted_text(self.base.as_str()).trim_end_matches('/').to_owned()
    }

    async fn list(&self, known: &[&str]) -> Result<BTreeMap<String, Listed>, TargetError> {
        let known: Vec<String> = known.iter().map(|path| (*path).to_owned()).collect();
        let asked = known.into_iter().map(|path| async move { Ok((self.look(&path).await?, path)) });
        let found = futures_util::stream::iter(asked).buffer_unordered(ASKED);
        let found: Vec<_> = found.try_collect::<Vec<(Option<Listed>, String)>>().await?;
        Ok(found.into_iter().filter_map(|(listed, path)| Some((path, listed?))).collect())
    }

    async fn read(&self, path: &str) -> Result<Option<(Bytes, Option<String>)>, TargetError> {
        let ask = || self.request(Method::GET, self.url(path)).header(CACHE_CONTROL, "no-cache");
        let response = self.answer(ask).await?;
        match response.status() {
            StatusCode::NOT_FOUND | StatusCode::GONE => return Ok(None),
            status if status.is_success() => {}
            status => return Err(refused("GET", path, status)),
        }
        let tag = tag(response.headers());
        let (mut content, mut chunks) = (BytesMut::new(), response.bytes_stream());
        while let Some(chunk) = chunks.next().await {
            content.extend_from_slice(&chunk.map_err(|error| unreached(&error))?);
            if content.len() > LARGEST_READ {
                return Err(TargetError::Failed(format!("{path} is larger than it can be")));
            }
        }
        Ok(Some((content.freeze(), tag)))
    }

    async fn write(&self, path: &str, content: Bytes, only: &Only) -> Result<Option<String>, TargetError> {
        let ask = || {
            let request = self.request(Method::PUT, self.url(path)).body(content.clone());
            let request = request.header(CONTENT_TYPE, self.headers(path).content_type);
            match only {
                Only::IfAbsent => request.header(IF_NONE_MATCH, "*"),
                Only::IfTagged(tag) => request.header(IF_MATCH, tag),
                Only::Always => request,
            }
        };
        let mut tries = 0;
        let response = loop {
            let response = self.put(path, ask).await?;
            if response.status().is_success() {
                break response;
            }
            tries += 1;
            let error = refused("PUT", path, response.status());
            // RFC 9110, 13.1.1: a weak tag never matches, and Apache's are weak for a second.
            match (&error, only) {
                (TargetError::Changed, Only::IfTagged(tag)) if tries < TRIES => match self.look(path).await? {
                    Some(there) if there.tag.as_ref() == Some(tag) => {
                        tokio::time::sleep(Duration::from_millis(1100)).await;
                    }
                    _ => return Err(error),
                },
                _ => return Err(error),
            }
        };
        if let Some(tag) = tag(response.headers()) {
            return Ok(Some(tag));
        }
        // The tag is that of what was written only if nobody else has written since.
        match self.read(path).await? {
            Some((found, tag)) if found == content => Ok(tag),
            _ => Err(TargetError::Changed),
        }
    }

    async fn send(&self, path: &str, file: &Path, expected: (u64, &str)) -> Result<Option<String>, TargetError> {
        let headers = self.headers(path);
        let mut tries = 0;
        let response = loop {
            tries += 1;
            let reader = Hashed::open(file, expected.0).await?;
            let request = self.request(Method::PUT, self.url(path)).header(CONTENT_LENGTH, expected.0);
            let request = request.header(CONTENT_TYPE, headers.content_type);
            let request = request.header(CACHE_CONTROL, headers.cache_control);
            let request = request.body(body(path.to_owned(), reader, expected.1.to_owned()));
            match request.send().await {
                Ok(response) => match response.status().as_u16() {
                    404 | 409 if tries == 1 => self.make_folders(path).await?,
                    408 | 425 | 429 | 500 | 502..=504 if tries < TRIES => {}
                    _ => break response,
                },
                Err(error) if tries >= TRIES || error.is_body() => return Err(unreached(&error)),
                Err(_) => {}
            }
            if tries > 1 {
                tokio::time::sleep(Duration::from_millis(500) * tries).await;
            }
        };
        if !response.status().is_success() {
            return Err(refused("PUT", path, response.status()));
        }
        match self.look(path).await? {
            Some(there) if there.size == expected.0 => Ok(there.tag),
            Some(there) => {
                let reason = format!("{path} has {} bytes there, and {} were sent", there.size, expected.0);
                Err(TargetError::Failed(reason))
            }
            None => Err(TargetError::Failed(format!("{path} was sent, and is not there"))),
        }
    }

    async fn remove(&self, path: &str) -> Result<(), TargetError> {
        let response = self.answer(|| self.request(Method::DELETE, self.url(path))).await?;
        match response.status() {
            StatusCode::NOT_FOUND | StatusCode::GONE => Ok(()),
            status if status.is_success() => Ok(()),
            status => Err(refused("DELETE", path, status)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_is_that_of_the_host() {
        let text = "machine a.example.org\n  login ada password geheim\nmachine b.example.org login bob password x\ndefault login anybody password y\n";
        let login = |host| of_netrc(text, host).unwrap();
        assert_eq!(login("a.example.org"), ("ada".to_owned(), "geheim".to_owned()));
        assert_eq!(login("b.example.org").0, "bob");
        assert_eq!(login("c.example.org").0, "anybody");
        assert_eq!(of_netrc("machine a login x", "b"), None);
    }

    #[test]
    fn no_password_is_in_an_address_or_sent_in_the_clear() {
        let login = [("FARM_PUBLISH_USER", "ada"), ("FARM_PUBLISH_PASSWORD", "geheim")];
        let login = Environment::new(login.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
        for address in
            ["https://ada:geheim@example.org/x", "https://example.org/x?token=geheim", "http://example.org/x"]
        {
            let refused = Web::open(address, &login).unwrap_err().to_string();
            assert!(!refused.contains("geheim"), "{refused}");
        }
        let web = Web::open("https://example.org/a/", &login).unwrap();
        assert!(!format!("{web:?}").contains("geheim"));
        assert_eq!(
            web.url("pool/x_1.0~rc1+b1%_all.deb").as_str(),
            "https://example.org/a/pool/x_1.0~rc1+b1%25_all.deb"
        );
    }
}
