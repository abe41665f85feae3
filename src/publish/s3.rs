//! An S3-compatible store as a target. Requests are signed and repeated by `object_store`; connections are farm's own, with
//! the proxies and authorities of this host. Credentials come from where the tools of such stores look for them, and are in
//! no message.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::TryStreamExt;
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::client::{ClientOptions, HttpClient, HttpConnector};
use object_store::path::Path as Key;
use object_store::{
    Attribute, Attributes, Error, MultipartUpload, ObjectStore, ObjectStoreExt, PutMode, PutMultipartOptions,
    PutOptions, PutPayload, RetryConfig, UpdateVersion,
};

use super::environment::Environment;
use super::hashed::{Hashed, changed};
use super::model::{Headers, Listed, PublishError, TargetError};
use super::target::{Only, Target};
use crate::fetch;
use crate::types::{printable, redacted_text};

/// What is larger is sent in parts of this size, one after the other.
const PART: u64 = 8 << 20;
/// S3 takes no more parts of one file.
const MOST_PARTS: u64 = 10_000;
/// Nothing that farm writes there and reads again is larger.
const LARGEST_READ: u64 = 256 << 20;

/// What the command line, the configuration and the environment say of a store, in this order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct S3Settings {
    pub(crate) endpoint: Option<String>,
    pub(crate) region: Option<String>,
    /// A part of the files in `~/.aws`.
    pub(crate) profile: Option<String>,
}

#[derive(Debug)]
pub(super) struct S3 {
    store: AmazonS3,
    bucket: String,
    prefix: String,
}

/// farm's own client in place of the library's: one provider of TLS, one set of proxies.
#[derive(Debug)]
struct Connector;

impl HttpConnector for Connector {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        let client = fetch::client(|builder| {
            builder.connect_timeout(Duration::from_secs(10)).read_timeout(Duration::from_secs(60))
        });
        let client = client.map_err(|error| Error::Generic { store: "S3", source: Box::new(error) })?;
        Ok(HttpClient::new(client))
    }
}

impl S3 {
    /// `place`: `BUCKET/PREFIX`.
    pub(super) fn open(place: &str, settings: &S3Settings, environment: &Environment) -> Result<S3, PublishError> {
        let (bucket, prefix) = place.split_once('/').unwrap_or((place, ""));
        let prefix = prefix.trim_matches('/');
        let refused = |reason: String, help: &str| PublishError::Address {
            target: redacted_text(&format!("s3://{place}")),
            reason,
            help: Some(help.to_owned()),
        };
        let is_word = |text: &str, more: &str| {
            !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || more.contains(c))
        };
        let is_path = prefix.split('/').all(|part| is_word(part, "-_.~+=") && !part.starts_with('.'));
        if !is_word(bucket, "-_.") || !(prefix.is_empty() || is_path) {
            let help = "write s3://BUCKET/PREFIX; keys come from the environment or ~/.aws, never from the address";
            return Err(refused("that is no bucket and prefix".to_owned(), help));
        }
        let variable = |name: &str| environment.get(name).map(str::to_owned);
        let named = settings.profile.clone().or_else(|| variable("AWS_PROFILE"));
        let profile = Profile::read(named.as_deref().unwrap_or("default"), environment);
        if let (Some(name), false) = (&named, profile.is_known) {
            let message = format!("there is no profile {} in ~/.aws", printable(name));
            return Err(refused(message, "name one that is there, with --profile or AWS_PROFILE"));
        }
        let endpoint = settings
            .endpoint
            .clone()
            .or_else(|| variable("AWS_ENDPOINT_URL_S3"))
            .or_else(|| variable("AWS_ENDPOINT_URL"))
            .or_else(|| profile.get("endpoint_url"));
        let region = settings
            .region
            .clone()
            .or_else(|| variable("AWS_REGION"))
            .or_else(|| variable("AWS_DEFAULT_REGION"))
            .or_else(|| profile.get("region"));
        let retry = RetryConfig { max_retries: 5, retry_timeout: Duration::from_secs(60), ..RetryConfig::default() };
        // What the library itself knows: keys, tokens, roles of containers and of machines.
        let known = environment.beginning("AWS_");
        let builder =
            known.fold(AmazonS3Builder::new(), |builder, (name, value)| match name.to_ascii_lowercase().parse() {
                Ok(key) => builder.with_config(key, value),
                Err(_) => builder,
            });
        let mut builder = builder
            .with_bucket_name(bucket)
            .with_region(region.as_deref().unwrap_or("us-east-1"))
            .with_retry(retry)
            .with_http_connector(Connector);
        if let Some(endpoint) = endpoint {
            if !endpoint.starts_with("https://") && !endpoint.starts_with("http://") {
                let help = "an endpoint is an address as https://s3.example.org";
                return Err(refused(format!("the endpoint {} is no URL", redacted_text(&endpoint)), help));
            }
            builder = builder.with_allow_http(endpoint.starts_with("http://")).with_endpoint(endpoint);
        }
        // A profile that somebody names goes before what the environment has; one that nobody names after.
        let has_keys = variable("AWS_ACCESS_KEY_ID").is_some() && settings.profile.is_none();
        if !has_keys
            && let (Some(id), Some(secret)) = (profile.get("aws_access_key_id"), profile.get("aws_secret_access_key"))
        {
            builder = builder.with_access_key_id(id).with_secret_access_key(secret);
            if let Some(token) = profile.get("aws_session_token") {
                builder = builder.with_token(token);
            }
        }
        let store = builder.build().map_err(|error| refused(reason(&error), "docs/publish.md has what is needed"))?;
        Ok(S3 { store, bucket: bucket.to_owned(), prefix: prefix.to_owned() })
    }

    /// As it is, without the encoding that the library has for other texts than keys.
    fn key(&self, path: &str) -> Result<Key, TargetError> {
        let whole = if self.prefix.is_empty() { path.to_owned() } else { format!("{}/{path}", self.prefix) };
        Key::parse(whole).map_err(|error| TargetError::Failed(error.to_string()))
    }

    /// What clients are told of a file: its type, and how long to keep it.
    #[cfg(test)]
    pub(super) async fn stored_headers(&self, path: &str) -> (String, String) {
        let found = self.store.get(&self.key(path).unwrap()).await.unwrap();
        let of = |attribute| found.attributes.get(&attribute).map(|value| value.to_string()).unwrap_or_default();
        (of(Attribute::ContentType), of(Attribute::CacheControl))
    }

    async fn send_in_parts(
        &self,
        upload: &mut Box<dyn MultipartUpload>,
        path: &str,
        file: &Path,
        (size, sha256): (u64, &str),
    ) -> Result<Option<String>, TargetError> {
        let part = PART.max(size.div_ceil(MOST_PARTS));
        let mut reader = Hashed::open(file, size).await?;
        while let Some(content) = reader.next(part as usize).await? {
            upload.put_part(content.into()).await.map_err(|error| failed(&error))?;
        }
        if reader.sum() != sha256 {
            return Err(changed(path));
        }
        Ok(upload.complete().await.map_err(|error| failed(&error))?.e_tag)
    }
}

fn attributes(headers: Headers) -> Attributes {
    Attributes::from_iter([
        (Attribute::ContentType, headers.content_type),
        (Attribute::CacheControl, headers.cache_control),
    ])
}

fn failed(error: &Error) -> TargetError {
    match error {
        Error::AlreadyExists { .. } | Error::Precondition { .. } => TargetError::Changed,
        Error::NotImplemented { .. } | Error::NotSupported { .. } => TargetError::NotSupported(reason(error)),
        error => TargetError::Failed(reason(error)),
    }
}

/// What the server says, and what that came from, once each and without secrets.
fn reason(error: &Error) -> String {
    let mut text = match error {
        Error::Unauthenticated { .. } => "the store does not know these keys".to_owned(),
        Error::PermissionDenied { .. } => "these keys are not allowed to".to_owned(),
        Error::NotFound { .. } => "there is no such bucket".to_owned(),
        _ => String::new(),
    };
    let mut next: Option<&dyn std::error::Error> = Some(error);
    while let Some(error) = next {
        next = error.source();
        let more = error.to_string();
        // Each quotes what it came from.
        if next.is_none_or(|source| !more.contains(&source.to_string())) && !text.contains(&more) {
            text = if text.is_empty() { more } else { format!("{text}: {more}") };
        }
    }
    printable(&redacted_text(&text))
}

#[async_trait]
impl Target for S3 {
    fn shown(&self) -> String {
        format!("s3://{}/{}", self.bucket, self.prefix).trim_end_matches('/').to_owned()
    }

    async fn list(&self, _: &[&str]) -> Result<BTreeMap<String, Listed>, TargetError> {
        let prefix = (!self.prefix.is_empty()).then(|| self.key("")).transpose()?;
        let objects = self.store.list(prefix.as_ref());
        let start = if self.prefix.is_empty() { 0 } else { self.prefix.len() + 1 };
        objects
            .try_fold(BTreeMap::new(), |mut found, object| async move {
                if let Some(path) = object.location.as_ref().get(start..) {
                    found.insert(path.to_owned(), Listed { size: object.size, tag: object.e_tag });
                }
                Ok(found)
            })
            .await
            .map_err(|error| failed(&error))
    }

    async fn read(&self, path: &str) -> Result<Option<(Bytes, Option<String>)>, TargetError> {
        match self.store.get(&self.key(path)?).await {
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(failed(&error)),
            Ok(found) if found.meta.size > LARGEST_READ => {
                Err(TargetError::Failed(format!("{path} has {} bytes, more than it can have", found.meta.size)))
            }
            Ok(found) => {
                let tag = found.meta.e_tag.clone();
                Ok(Some((found.bytes().await.map_err(|error| failed(&error))?, tag)))
            }
        }
    }

    async fn write(&self, path: &str, content: Bytes, only: &Only) -> Result<Option<String>, TargetError> {
        let mode = match only {
            Only::IfAbsent => PutMode::Create,
            Only::IfTagged(tag) => PutMode::Update(UpdateVersion { e_tag: Some(tag.clone()), version: None }),
            Only::Always => PutMode::Overwrite,
        };
        let options = PutOptions { mode, attributes: attributes(self.headers(path)), ..PutOptions::default() };
        match self.store.put_opts(&self.key(path)?, content.into(), options).await {
            Ok(put) => Ok(put.e_tag),
            // It was removed since.
            Err(Error::NotFound { .. }) if matches!(only, Only::IfTagged(_)) => Err(TargetError::Changed),
            Err(error) => Err(failed(&error)),
        }
    }

    async fn send(&self, path: &str, file: &Path, expected: (u64, &str)) -> Result<Option<String>, TargetError> {
        let (key, attributes) = (self.key(path)?, attributes(self.headers(path)));
        if expected.0 <= PART {
            let mut reader = Hashed::open(file, expected.0).await?;
            let content = reader.next(expected.0 as usize).await?.unwrap_or_default();
            if reader.sum() != expected.1 {
                return Err(changed(path));
            }
            let options = PutOptions { attributes, ..PutOptions::default() };
            let put = self.store.put_opts(&key, PutPayload::from(content), options).await;
            return Ok(put.map_err(|error| failed(&error))?.e_tag);
        }
        let options = PutMultipartOptions { attributes, ..PutMultipartOptions::default() };
        let mut upload = self.store.put_multipart_opts(&key, options).await.map_err(|error| failed(&error))?;
        let sent = self.send_in_parts(&mut upload, path, file, expected).await;
        if sent.is_err() {
            // Parts that nobody puts together cost money all the same.
            let _ = upload.abort().await;
        }
        sent
    }

    async fn remove(&self, path: &str) -> Result<(), TargetError> {
        match self.store.delete(&self.key(path)?).await {
            Ok(()) | Err(Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(failed(&error)),
        }
    }
}

/// One part of `~/.aws/credentials` and `~/.aws/config`, where the tools of such stores keep what they need.
#[derive(Default)]
struct Profile {
    is_known: bool,
    values: BTreeMap<String, String>,
}

impl Profile {
    fn read(name: &str, environment: &Environment) -> Profile {
        let mut profile = Profile::default();
        let home = Path::new(environment.get("HOME").unwrap_or_default()).join(".aws");
        for (variable, usual, title) in [
            ("AWS_CONFIG_FILE", "config", format!("profile {name}")),
            ("AWS_SHARED_CREDENTIALS_FILE", "credentials", name.to_owned()),
        ] {
            let path = environment.get(variable).map_or_else(|| home.join(usual), PathBuf::from);
            if let Ok(text) = std::fs::read_to_string(path) {
                profile.take(&text, &[name, &title]);
            }
        }
        profile
    }

    fn take(&mut self, text: &str, titles: &[&str]) {
        let mut is_ours = false;
        for line in text.lines() {
            if let Some(title) = line.trim().strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
                let title = title.split_whitespace().collect::<Vec<_>>().join(" ");
                is_ours = titles.contains(&title.as_str());
                self.is_known |= is_ours;
                continue;
            }
            // What is indented belongs to a key before it.
            let is_value = is_ours && !line.starts_with([' ', '\t', '#', ';']);
            if let Some((key, value)) = line.split_once('=').filter(|_| is_value) {
                self.values.insert(key.trim().to_owned(), value.trim().to_owned());
            }
        }
    }

    fn get(&self, key: &str) -> Option<String> {
        self.values.get(key).filter(|value| !value.is_empty()).cloned()
    }
}

/// Nobody prints what is in it.
impl std::fmt::Debug for Profile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Profile").field("is_known", &self.is_known).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_is_one_part_of_a_file() {
        let text = "[default]\naws_access_key_id = A\n\n[profile  work]\nregion=eu-1 \ns3 =\n  endpoint_url = no\n# x\n[other]\nregion = x\n";
        let mut profile = Profile::default();
        profile.take(text, &["work", "profile work"]);
        assert!(profile.is_known);
        assert_eq!((profile.get("region").as_deref(), profile.get("endpoint_url")), (Some("eu-1"), None));
        assert!(profile.get("aws_access_key_id").is_none() && profile.get("s3").is_none());
        let mut none = Profile::default();
        none.take(text, &["nobody"]);
        assert!(!none.is_known);
        assert!(!format!("{none:?}").contains("values"));
    }

    #[test]
    fn an_address_is_a_bucket_and_a_prefix_alone() {
        for wrong in ["", "/x", "key:secret@bucket/x", "bucket/../x", "bucket/a?b=c", "bucket/a b"] {
            let refused = S3::open(wrong, &S3Settings::default(), &Environment::default()).unwrap_err().to_string();
            assert!(refused.contains("no bucket and prefix"), "{refused}");
            assert!(!refused.contains("secret"), "{refused}");
        }
        let given = S3Settings { endpoint: Some("ftp://u:geheim@x".to_owned()), ..S3Settings::default() };
        let refused = S3::open("bucket/x", &given, &Environment::default()).unwrap_err().to_string();
        assert!(refused.contains("is no URL") && !refused.contains("geheim"), "{refused}");
    }
}
