//! What the endpoint's HTTP answer means.

use serde::Deserialize;

use super::finding::Finding;
use super::http::Answer;
use super::target::Target;

const CHECK: &str = "http";

/// Which of a registry's hosts was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cli) enum Role {
    /// Answers to the registry's API.
    LoginServer,
    /// Serves layers: what it says at other paths is its own affair.
    DataEndpoint,
}

/// Whom the denial is about, and the whole sentence.
pub(super) struct Denial {
    pub(super) message: String,
    source: Option<String>,
}

#[derive(Deserialize)]
struct Errors {
    errors: Vec<OneError>,
}

#[derive(Deserialize)]
struct OneError {
    code: String,
    message: String,
}

/// The denial that a registry sends to clients that no rule lets in, if this answer is one.
pub(super) fn denial(answer: &Answer) -> Option<Denial> {
    if answer.status != 403 {
        return None;
    }
    let Errors { errors } = serde_json::from_str(&answer.body).ok()?;
    let denied = errors.into_iter().find(|error| error.code == "DENIED")?;
    let source = denied.message.split_once("client with IP '").and_then(|(_, rest)| rest.split_once('\''));
    let source = source.map(|(source, _)| printable(source));
    Some(Denial { message: printable(&denied.message), source })
}

impl Denial {
    pub(super) fn finding(&self, target: &Target, place: &str, registry: &str) -> Finding {
        let source = self.source.as_deref().unwrap_or("ADDRESS");
        let message = format!("403 at {place}: {}", self.message);
        let advice = format!(
            "the rules of the registry do not let this machine in; its owner can: `registry-guard network-rule add --name {registry} --ip-address {source}` (behind a proxy or address translation that is the address to allow)"
        );
        Finding::failed(CHECK, target, message, advice)
    }
}

/// What `answer` to a request for `/v2/` means, unless it is a denial.
pub(super) fn meaning(target: &Target, role: Role, answer: &Answer) -> Finding {
    let status = answer.status;
    let said = |text: &str| format!("{status} at /v2/: {text}");
    let first_line = || answer.body.lines().next().map(printable).unwrap_or_default();
    match (role, status) {
        (Role::LoginServer, 200) => Finding::ok(CHECK, target, said("the registry answers and asks for no login")),
        (Role::LoginServer, 401) => Finding::ok(CHECK, target, said("the registry answers and asks for a login")),
        (_, 403) => Finding::failed(
            CHECK,
            target,
            said(&format!("denied, but not by the rules of the registry: {}", first_line())),
            "find out who answers: a proxy or a web server before the registry, or another server of this name",
        ),
        (_, 500..) => Finding::failed(
            CHECK,
            target,
            said(&format!("the server has failed: {}", first_line())),
            "see what the log of the registry, or of the proxy before it, says",
        ),
        (Role::DataEndpoint, _) => Finding::ok(CHECK, target, said("the data endpoint answers")),
        (_, 404) => Finding::failed(
            CHECK,
            target,
            said("no registry answers there"),
            "see that the name and the port are those of the registry, and that whatever is before it passes /v2/ on",
        ),
        _ => Finding::warning(
            CHECK,
            target,
            said(&format!("not what a registry answers: {}", first_line())),
            "see that the name and the port are those of the registry",
        ),
    }
}

/// Text of a stranger as a terminal may show it, not too much of it.
pub(super) fn printable(text: &str) -> String {
    text.trim().chars().take(500).flat_map(char::escape_debug).collect::<String>().replace("\\'", "'")
}

/// The path at which an anonymous token is asked for, where `challenge` sends the client to this very host.
pub(super) fn token_path(challenge: &str, target: &Target) -> Option<String> {
    let parameters = challenge.strip_prefix("Bearer ")?;
    let parameter = |name: &str| {
        let (_, rest) = parameters.split_once(&format!("{name}=\""))?;
        rest.split_once('"').map(|(value, _)| value)
    };
    let realm: hyper::Uri = parameter("realm")?.parse().ok()?;
    if realm.host() != Some(target.host.as_str()) || realm.port_u16().unwrap_or(443) != target.port {
        return None;
    }
    let service = parameter("service").unwrap_or_default();
    let service = percent_encoding::utf8_percent_encode(service, percent_encoding::NON_ALPHANUMERIC);
    Some(format!("{}?service={service}", realm.path()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> Answer {
        Answer { status, body: body.to_owned(), challenge: None, date: None }
    }

    #[test]
    fn only_the_registrys_own_denial_is_one() {
        let body = r#"{"errors":[{"code":"DENIED","message":"client with IP '203.0.113.9' is not allowed access. Refer x to grant access."}]}"#;
        let denied = denial(&answer(403, body)).unwrap();
        assert_eq!(denied.source.as_deref(), Some("203.0.113.9"));
        let target = "contoso.example.com".parse().unwrap();
        let finding = denied.finding(&target, "/v2/", "contoso");
        assert!(finding.advice.unwrap().contains("network-rule add --name contoso --ip-address 203.0.113.9`"));
        assert!(finding.message.starts_with("403 at /v2/: client with IP '203.0.113.9' is not allowed access."));
        assert!(denial(&answer(401, body)).is_none());
        assert!(denial(&answer(403, "<html>Forbidden</html>")).is_none());
        assert!(denial(&answer(403, r#"{"errors":[{"code":"UNAUTHORIZED","message":"x"}]}"#)).is_none());
    }

    #[test]
    fn what_a_stranger_sent_cannot_command_the_terminal() {
        let denied = r#"{"errors":[{"code":"DENIED","message":"client with IP '\u001b[2J' is\u0007 x"}]}"#;
        let denied = denial(&answer(403, denied)).unwrap();
        assert!(!denied.message.contains('\u{1b}') && !denied.source.unwrap().contains('\u{1b}'));
        assert_eq!(printable("it's\n\u{1b}[31m"), "it's\\n\\u{1b}[31m");
    }

    #[test]
    fn a_token_is_only_asked_of_the_registry_itself() {
        let target: Target = "contoso.example.com".parse().unwrap();
        let path = |challenge: &str| token_path(challenge, &target);
        assert_eq!(
            path(r#"Bearer realm="https://contoso.example.com/oauth2/token",service="contoso.example.com""#).as_deref(),
            Some("/oauth2/token?service=contoso%2Eexample%2Ecom")
        );
        for other in [
            "Basic realm=\"registry\"",
            r#"Bearer realm="https://auth.example.net/token",service="x""#,
            r#"Bearer realm="https://contoso.example.com:5000/token""#,
            "Bearer realm",
        ] {
            assert_eq!(path(other), None, "{other}");
        }
    }
}
