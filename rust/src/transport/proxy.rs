//! The forward proxy of `HTTPS_PROXY` and the hosts that `NO_PROXY` keeps away from it.

use std::net::IpAddr;

use super::target::{Origin, TargetError, parse_base_url};

/// An HTTP forward proxy that tunnels by CONNECT.
#[derive(Clone)]
pub struct ForwardProxy {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) authorization: Option<String>,
}

/// Which origins go through which proxy.
#[derive(Clone, Default)]
pub struct ProxyRules {
    https: Option<ForwardProxy>,
    exceptions: Vec<String>,
}

impl ProxyRules {
    /// `https_proxy` is `http://[user:password@]host:port`; `no_proxy` a comma-separated list of
    /// host names, suffixes (`.example.com`), addresses, or `*`. Loopback is always direct.
    pub fn new(https_proxy: Option<&str>, no_proxy: &str) -> Result<Self, TargetError> {
        let https = https_proxy.filter(|url| !url.is_empty()).map(parse_proxy).transpose()?;
        let exceptions = no_proxy
            .split(',')
            .map(|entry| entry.trim().to_ascii_lowercase())
            .filter(|entry| !entry.is_empty())
            .collect();
        Ok(Self { https, exceptions })
    }

    /// The proxy for `origin`, if its way leads through one.
    pub fn for_origin(&self, origin: &Origin) -> Option<&ForwardProxy> {
        let proxy = self.https.as_ref().filter(|_| origin.is_tls)?;
        if is_loopback(&origin.host) || self.exceptions.iter().any(|e| covers(e, &origin.host)) {
            return None;
        }
        Some(proxy)
    }
}

fn parse_proxy(url: &str) -> Result<ForwardProxy, TargetError> {
    let rest = url.strip_prefix("http://").ok_or(TargetError::Scheme)?;
    let (credentials, address) = match rest.rsplit_once('@') {
        Some((credentials, address)) => (Some(credentials), address),
        None => (None, rest),
    };
    let (origin, _) = parse_base_url(&format!("http://{address}"))?;
    let authorization =
        credentials.map(|pair| format!("Basic {}", base64(&percent_decode(pair.as_bytes()))));
    Ok(ForwardProxy { host: origin.host, port: origin.port, authorization })
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

fn covers(entry: &str, host: &str) -> bool {
    let entry = entry.split_once(':').map_or(entry, |(name, _)| name);
    let suffix = entry.trim_start_matches('.');
    entry == "*"
        || host == suffix
        || host.strip_suffix(suffix).is_some_and(|rest| rest.ends_with('.') && !suffix.is_empty())
}

fn percent_decode(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&byte, tail)) = rest.split_first() {
        let hex = tail.get(..2).and_then(|h| std::str::from_utf8(h).ok());
        let decoded = hex.and_then(|h| u8::from_str_radix(h, 16).ok()).filter(|_| byte == b'%');
        out.push(decoded.unwrap_or(byte));
        rest = if decoded.is_some() { tail.get(2..).unwrap_or_default() } else { tail };
    }
    out
}

fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let mut word = 0u32;
        for i in 0..3 {
            word = word << 8 | u32::from(group.get(i).copied().unwrap_or(0));
        }
        for i in 0..4 {
            if i <= group.len() {
                let index = (word >> (18 - 6 * i)) & 63;
                out.push(char::from(ALPHABET[index as usize]));
            } else {
                out.push('=');
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(host: &str, is_tls: bool) -> Origin {
        Origin { is_tls, host: host.into(), port: 443 }
    }

    #[test]
    fn no_proxy_entries() {
        let rules =
            ProxyRules::new(Some("http://u:p%40x@proxy:3128"), "example.com, .corp,10.0.0.1")
                .expect("valid");
        for (host, goes_through) in [
            ("api.example.com", false),
            ("example.com", false),
            ("notexample.com", true),
            ("a.corp", false),
            ("10.0.0.1", false),
            ("127.0.0.1", false),
            ("localhost", false),
            ("api.anthropic.com", true),
        ] {
            assert_eq!(rules.for_origin(&origin(host, true)).is_some(), goes_through, "{host}");
        }
        assert!(rules.for_origin(&origin("api.anthropic.com", false)).is_none());
        let proxy = rules.for_origin(&origin("x.y", true)).expect("proxied");
        assert_eq!(proxy.authorization.as_deref(), Some("Basic dTpwQHg="));
    }

    #[test]
    fn star_turns_the_proxy_off() {
        let rules = ProxyRules::new(Some("http://proxy:3128"), "*").expect("valid");
        assert!(rules.for_origin(&origin("api.example.com", true)).is_none());
    }
}
