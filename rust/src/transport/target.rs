//! Where an attempt goes: the parsed address, the credential and the headers of one account.

use std::fmt;

use http::header::{HeaderName, HeaderValue};

use crate::canonical::Profile;
use crate::formats::Format;

/// Why an address or a header of a target was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    #[error("the base URL must start with http:// or https://")]
    Scheme,
    #[error("the base URL has no host name")]
    Host,
    #[error("the base URL's port is not a number from 1 to 65535")]
    Port,
    #[error("the base URL must not hold a user name or password")]
    UserInfo,
    #[error("the base URL must not hold a query or fragment")]
    Query,
    #[error("the base URL holds a character that no URL may hold")]
    Character,
    #[error("a header name or value holds a character that HTTP does not allow")]
    Header,
}

/// Scheme, host and port: what a pooled connection is keyed by.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Origin {
    pub is_tls: bool,
    /// Host name or address, without the brackets of an IPv6 literal.
    pub host: String,
    pub port: u16,
}

impl Origin {
    /// `host` or `host:port`, as the Host header and CONNECT spell it.
    pub fn authority(&self) -> String {
        let host =
            if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        let default = if self.is_tls { 443 } else { 80 };
        if self.port == default { host } else { format!("{host}:{}", self.port) }
    }
}

/// Splits `scheme://host[:port][/path]` into an origin and a path without trailing slash.
pub(super) fn parse_base_url(url: &str) -> Result<(Origin, String), TargetError> {
    let (is_tls, rest) = if let Some(rest) = url.strip_prefix("https://") {
        (true, rest)
    } else if let Some(rest) = url.strip_prefix("http://") {
        (false, rest)
    } else {
        return Err(TargetError::Scheme);
    };
    if url.bytes().any(|b| b <= b' ' || b == 0x7f || b >= 0x80 || b == b'\\') {
        return Err(TargetError::Character);
    }
    if rest.contains(['?', '#']) {
        return Err(TargetError::Query);
    }
    let (authority, path) = match rest.find('/') {
        Some(at) => rest.split_at(at),
        None => (rest, ""),
    };
    if authority.contains('@') {
        return Err(TargetError::UserInfo);
    }
    let (host, port) = if let Some(inner) = authority.strip_prefix('[') {
        let (host, after) = inner.split_once(']').ok_or(TargetError::Host)?;
        (host, after.strip_prefix(':'))
    } else {
        match authority.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        }
    };
    if host.is_empty() {
        return Err(TargetError::Host);
    }
    let port = match port {
        None | Some("") => {
            if is_tls {
                443
            } else {
                80
            }
        }
        Some(text) => text.parse::<u16>().ok().filter(|p| *p != 0).ok_or(TargetError::Port)?,
    };
    let origin = Origin { is_tls, host: host.to_ascii_lowercase(), port };
    Ok((origin, path.trim_end_matches('/').to_owned()))
}

/// One account endpoint as the transport sees it. Immutable; shared by every attempt at it.
pub struct Target {
    pub format: Format,
    pub origin: Origin,
    /// Path before the endpoint's own, without trailing slash.
    pub base_path: String,
    pub host_header: HeaderValue,
    /// The credential header; its value is marked sensitive and never printed.
    pub auth: Option<(HeaderName, HeaderValue)>,
    /// Sent with every request, over the client's own of the same name.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// What the service takes of translated requests.
    pub profile: Profile,
    /// The bare secret, to keep it out of error texts that an upstream echoes.
    secret: Box<[u8]>,
}

impl Target {
    /// `auth` is the header's name, the text before the secret (`"Bearer "` or empty) and the secret.
    pub fn new(
        format: Format,
        base_url: &str,
        auth: Option<(&str, &str, &str)>,
        headers: &[(String, String)],
        profile: Profile,
    ) -> Result<Self, TargetError> {
        let (origin, base_path) = parse_base_url(base_url)?;
        let host_header =
            HeaderValue::from_str(&origin.authority()).map_err(|_| TargetError::Host)?;
        let mut secret: Box<[u8]> = Box::default();
        let auth = match auth {
            None => None,
            Some((name, prefix, value)) => {
                secret = value.as_bytes().into();
                let name =
                    HeaderName::from_bytes(name.as_bytes()).map_err(|_| TargetError::Header)?;
                let mut value = HeaderValue::from_str(&format!("{prefix}{value}"))
                    .map_err(|_| TargetError::Header)?;
                value.set_sensitive(true);
                Some((name, value))
            }
        };
        let headers = headers
            .iter()
            .map(|(name, value)| {
                let name =
                    HeaderName::from_bytes(name.as_bytes()).map_err(|_| TargetError::Header)?;
                let value = HeaderValue::from_str(value).map_err(|_| TargetError::Header)?;
                Ok((name, value))
            })
            .collect::<Result<Vec<_>, TargetError>>()?;
        Ok(Self { format, origin, base_path, host_header, auth, headers, profile, secret })
    }

    /// Whether `text` holds this target's credential.
    pub fn is_leaked_in(&self, text: &[u8]) -> bool {
        self.secret.len() >= 4 && memchr::memmem::find(text, &self.secret).is_some()
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        for byte in &mut *self.secret {
            // SAFETY: `byte` is a valid, exclusive reference; the volatile write only keeps the
            // compiler from dropping a store to memory that is about to be freed.
            unsafe { std::ptr::write_volatile(byte, 0) };
        }
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Target")
            .field("format", &self.format)
            .field("origin", &self.origin)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base_urls() {
        let (origin, path) = parse_base_url("https://api.example.com/v1/").expect("valid");
        assert_eq!((origin.is_tls, origin.port, path.as_str()), (true, 443, "/v1"));
        assert_eq!(origin.authority(), "api.example.com");
        let (origin, path) = parse_base_url("http://[::1]:8080").expect("valid");
        assert_eq!((origin.host.as_str(), origin.port, path.as_str()), ("::1", 8080, ""));
        assert_eq!(origin.authority(), "[::1]:8080");
    }

    #[test]
    fn bad_base_urls_say_why() {
        for (url, error) in [
            ("ftp://x", TargetError::Scheme),
            ("api.example.com", TargetError::Scheme),
            ("https://", TargetError::Host),
            ("https://u:p@host", TargetError::UserInfo),
            ("https://host:99999", TargetError::Port),
            ("https://host:0", TargetError::Port),
            ("https://host?x=1", TargetError::Query),
            ("https://ho st", TargetError::Character),
        ] {
            assert_eq!(parse_base_url(url).err(), Some(error), "{url}");
        }
    }

    #[test]
    fn debug_output_holds_no_secret() {
        let target = Target::new(
            Format::OpenaiChat,
            "https://host",
            Some(("authorization", "Bearer ", "sk-canary-1")),
            &[],
            Profile::default(),
        )
        .expect("valid");
        assert!(!format!("{target:?}").contains("canary"));
        assert!(target.is_leaked_in(b"key sk-canary-1 is wrong"));
        assert!(!target.is_leaked_in(b"another key"));
    }
}
