//! How registries want to be shown who asks: basic authentication, or a token from a token server (the distribution
//! project's scheme), which takes a password, an identity token (OAuth2) or nothing.

use docker_credential::DockerCredential;
use http_auth::parser::ChallengeParser;
use reqwest::header::{HeaderMap, WWW_AUTHENTICATE};
use reqwest::{RequestBuilder, StatusCode, Url};
use serde::Deserialize;

use super::failure::{self, Question};
use super::session::Session;
use crate::types::printable;

const LONGEST_TOKEN: u64 = 256 << 10;
const CLIENT_ID: &str = "farm";

/// What a request shows. No `Debug`: it is secret.
pub(super) enum Access {
    Basic { user: String, password: String },
    Bearer(String),
}

impl Access {
    pub(super) fn apply(&self, request: RequestBuilder) -> RequestBuilder {
        match self {
            Access::Basic { user, password } => request.basic_auth(user, Some(password)),
            Access::Bearer(token) => request.bearer_auth(token),
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Challenge {
    Basic,
    Bearer(Bearer),
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Bearer {
    realm: String,
    service: Option<String>,
    scope: Option<String>,
}

/// What a refusal asks for: a token rather than a password, if it takes both.
pub(super) fn challenge(headers: &HeaderMap) -> Option<Challenge> {
    let mut basic = None;
    for header in headers.get_all(WWW_AUTHENTICATE) {
        // What cannot be read is as good as absent.
        let header = header.to_str().unwrap_or_default();
        for challenge in ChallengeParser::new(header).map_while(Result::ok) {
            let parameter = |name: &str| {
                let mut found = challenge.params.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name));
                found.next().map(|(_, value)| value.to_unescaped())
            };
            if challenge.scheme.eq_ignore_ascii_case("bearer")
                && let Some(realm) = parameter("realm")
            {
                let (service, scope) = (parameter("service"), parameter("scope"));
                return Some(Challenge::Bearer(Bearer { realm, service, scope }));
            }
            if challenge.scheme.eq_ignore_ascii_case("basic") {
                basic = Some(Challenge::Basic);
            }
        }
    }
    basic
}

/// The answer of a token server: one name is the distribution project's, the other OAuth2's.
#[derive(Deserialize)]
struct Answer {
    token: Option<String>,
    access_token: Option<String>,
}

impl Bearer {
    /// Fetches a token that lets us pull.
    pub(super) async fn token(
        &self,
        session: &Session,
        credential: Option<&DockerCredential>,
    ) -> Result<String, String> {
        let realm = printable(&self.realm);
        let mut url =
            Url::parse(&self.realm).map_err(|_| format!("the registry names `{realm}` as its token server"))?;
        if url.scheme() != "https" && !session.reference().is_local() {
            return Err(format!(
                "the registry's token server {realm} would get credentials in the clear: not over https"
            ));
        }
        let pull = format!("repository:{}:pull", session.reference().repository);
        let scope = self.scope.as_deref().filter(|scope| !scope.is_empty()).unwrap_or(&pull);
        let request = match credential {
            Some(DockerCredential::IdentityToken(token)) => {
                let mut form = vec![("grant_type", "refresh_token"), ("refresh_token", token), ("scope", scope)];
                form.push(("client_id", CLIENT_ID));
                form.extend(self.service.as_deref().map(|service| ("service", service)));
                session.client().post(url).form(&form)
            }
            other => {
                {
                    let mut query = url.query_pairs_mut();
                    query.extend_pairs(self.service.as_deref().map(|service| ("service", service)));
                    query.extend_pairs(scope.split(' ').map(|scope| ("scope", scope)));
                }
                match other {
                    Some(DockerCredential::UsernamePassword(user, password)) => {
                        session.client().get(url).basic_auth(user, Some(password))
                    }
                    _ => session.client().get(url),
                }
            }
        };
        let response = request.send().await.map_err(|error| failure::of_transport(&error))?;
        if response.status() != StatusCode::OK {
            let registry = &session.reference().registry;
            let what = format!("a token for {}", session.reference());
            let question = Question { registry, what: &what, with_credentials: credential.is_some() };
            return Err(failure::of_status(response, question).await);
        }
        let answer = session.whole(response, LONGEST_TOKEN).await?;
        let answer: Answer = serde_json::from_slice(&answer)
            .map_err(|error| format!("the answer of the token server {realm} cannot be read: {error}"))?;
        let token = answer.token.filter(|token| !token.is_empty()).or(answer.access_token).unwrap_or_default();
        if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(format!("authorization failed: the token server {realm} gives no token"));
        }
        Ok(token)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn challenges_are_taken_apart() {
        let of = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(WWW_AUTHENTICATE, value.parse().unwrap());
            }
            challenge(&headers)
        };
        let bearer = |scope: Option<&str>| {
            Some(Challenge::Bearer(Bearer {
                realm: "https://auth.example/token?a=b".to_owned(),
                service: Some("the, registry".to_owned()),
                scope: scope.map(str::to_owned),
            }))
        };
        let plain = r#"Bearer realm="https://auth.example/token?a=b",service="the, registry""#;
        assert_eq!(of(&[plain]), bearer(None));
        let scoped = format!(r#"{plain},scope="repository:a/b:pull",error="invalid_token""#);
        assert_eq!(of(&["Basic realm=\"x\"", &scoped]), bearer(Some("repository:a/b:pull")));
        assert_eq!(of(&["Basic realm=\"x\""]), Some(Challenge::Basic));
        assert_eq!(of(&["basic"]), Some(Challenge::Basic));
        assert_eq!(of(&["Bearer service=\"x\""]), None, "no realm");
        assert_eq!(of(&["Bearer \u{e9}", "Bearer service=\"x\"", "Basic realm=\"x\""]), Some(Challenge::Basic));
        assert_eq!(of(&["Negotiate"]), None);
        assert_eq!(of(&[]), None);
    }
}
