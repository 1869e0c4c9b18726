//! Opening a connection: name resolution, racing addresses, the forward proxy, TLS.

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{CertificateError, ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;

use super::failure::{Failure, FailureKind};
use super::io::Socket;
use super::proxy::ForwardProxy;
use super::target::Origin;

/// How long one address may stay silent before the next is tried beside it (RFC 8305, 5).
const ADDRESS_STAGGER: Duration = Duration::from_millis(250);
/// A CONNECT answer has a short head; anything longer is not one.
const MAX_PROXY_HEAD: usize = 16 * 1024;

/// Opens connections for one process; holds the TLS configuration once it was needed.
#[derive(Default)]
pub(super) struct Connector {
    tls: OnceLock<Result<Arc<ClientConfig>, Failure>>,
}

/// A connected socket and whether HTTP/2 was agreed on it.
pub(super) struct Connected {
    pub(super) socket: Socket,
    pub(super) is_h2: bool,
}

impl Connector {
    /// Connects to `origin`, through `proxy` where given. The caller bounds the time.
    pub(super) async fn connect(
        &self,
        origin: &Origin,
        proxy: Option<&ForwardProxy>,
    ) -> Result<Connected, Failure> {
        let tcp = match proxy {
            None => connect_tcp(&origin.host, origin.port).await?,
            Some(proxy) => connect_through(proxy, origin).await?,
        };
        if !origin.is_tls {
            return Ok(Connected { socket: Socket::Plain(tcp), is_h2: false });
        }
        let config = self.tls.get_or_init(tls_config).clone()?;
        let name = ServerName::try_from(origin.host.clone())
            .map_err(|_| Failure::new(FailureKind::Tls, "the host name cannot be used with TLS"))?;
        let stream =
            TlsConnector::from(config).connect(name, tcp).await.map_err(|e| tls_failure(&e))?;
        let is_h2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
        Ok(Connected { socket: Socket::Tls(Box::new(stream)), is_h2 })
    }
}

/// Trust comes from `SSL_CERT_FILE`/`SSL_CERT_DIR`, else the system, else the bundled list.
fn tls_config() -> Result<Arc<ClientConfig>, Failure> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|_| Failure::new(FailureKind::Tls, "no TLS version is available"))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn tls_failure(error: &io::Error) -> Failure {
    let class = error.get_ref().and_then(|e| e.downcast_ref::<rustls::Error>());
    let why = match class {
        Some(rustls::Error::InvalidCertificate(certificate)) => match certificate {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                "its certificate has expired"
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                "its certificate is not valid yet"
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                "its certificate is for another host name"
            }
            CertificateError::UnknownIssuer => {
                "its certificate is not signed by a trusted authority (see SSL_CERT_FILE)"
            }
            CertificateError::Revoked => "its certificate was revoked",
            _ => "its certificate is not acceptable",
        },
        Some(rustls::Error::PeerIncompatible(_) | rustls::Error::AlertReceived(_)) => {
            "it does not speak a TLS version or cipher that is still safe"
        }
        Some(_) => "it does not speak TLS correctly",
        None => "the connection ended during the handshake",
    };
    Failure::new(FailureKind::Tls, format!("no TLS connection to the upstream: {why}"))
}

/// Resolves `host` and races its addresses; the first that connects wins.
async fn connect_tcp(host: &str, port: u16) -> Result<TcpStream, Failure> {
    let mut addresses: VecDeque<SocketAddr> = match host.parse::<IpAddr>() {
        Ok(ip) => VecDeque::from([SocketAddr::new(ip, port)]),
        Err(_) => alternate_families(
            tokio::net::lookup_host((host, port)).await.map_err(|_| unresolved())?.collect(),
        ),
    };
    if addresses.is_empty() {
        return Err(unresolved());
    }
    let mut attempts = JoinSet::new();
    let mut last: Option<io::Error> = None;
    loop {
        let stream = match addresses.pop_front() {
            Some(address) => {
                attempts.spawn(TcpStream::connect(address));
                match tokio::time::timeout(ADDRESS_STAGGER, attempts.join_next()).await {
                    Ok(joined) => joined,
                    Err(_) => continue,
                }
            }
            None => attempts.join_next().await,
        };
        match stream {
            Some(Ok(Ok(stream))) => {
                // Requests are written whole; waiting for more would only add delay.
                let _ = stream.set_nodelay(true);
                return Ok(stream);
            }
            Some(Ok(Err(error))) => last = Some(error),
            Some(Err(_)) => {}
            None => return Err(refused(last.as_ref())),
        }
    }
}

fn unresolved() -> Failure {
    Failure::new(FailureKind::Dns, "the upstream's host name could not be resolved")
}

fn refused(error: Option<&io::Error>) -> Failure {
    let why = match error.map(io::Error::kind) {
        Some(io::ErrorKind::ConnectionRefused) => "refused the connection",
        Some(io::ErrorKind::ConnectionReset) => "reset the connection",
        Some(io::ErrorKind::TimedOut) => "did not answer the connection request",
        _ => "could not be reached",
    };
    Failure::new(FailureKind::Connect, format!("the upstream {why}"))
}

/// Alternates IPv6 and IPv4, keeping the resolver's order inside each family.
fn alternate_families(addresses: Vec<SocketAddr>) -> VecDeque<SocketAddr> {
    let first_is_v6 = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let (mut first, mut second): (VecDeque<_>, VecDeque<_>) =
        addresses.into_iter().partition(|a| a.is_ipv6() == first_is_v6);
    let mut ordered = VecDeque::with_capacity(first.len() + second.len());
    while !first.is_empty() || !second.is_empty() {
        ordered.extend(first.pop_front());
        ordered.extend(second.pop_front());
    }
    ordered
}

/// Asks the forward proxy for a tunnel to `origin`.
async fn connect_through(proxy: &ForwardProxy, origin: &Origin) -> Result<TcpStream, Failure> {
    let mut tcp = connect_tcp(&proxy.host, proxy.port)
        .await
        .map_err(|e| Failure::new(FailureKind::Proxy, format!("forward proxy: {}", e.message)))?;
    let host =
        if origin.host.contains(':') { format!("[{}]", origin.host) } else { origin.host.clone() };
    let mut head = format!("CONNECT {host}:{0} HTTP/1.1\r\nHost: {host}:{0}\r\n", origin.port);
    if let Some(authorization) = &proxy.authorization {
        head.push_str("Proxy-Authorization: ");
        head.push_str(authorization);
        head.push_str("\r\n");
    }
    head.push_str("\r\n");
    let closed = |_| Failure::new(FailureKind::Proxy, "the forward proxy closed the connection");
    tcp.write_all(head.as_bytes()).await.map_err(closed)?;
    let mut answer = Vec::with_capacity(256);
    while !answer.ends_with(b"\r\n\r\n") {
        // Byte by byte: what follows the head belongs to the tunnel.
        let byte = tcp.read_u8().await.map_err(closed)?;
        answer.push(byte);
        if answer.len() > MAX_PROXY_HEAD {
            return Err(Failure::new(FailureKind::Proxy, "the forward proxy's answer is too long"));
        }
    }
    match answer.get(9..12) {
        Some([b'2', _, _]) if answer.starts_with(b"HTTP/1.") => Ok(tcp),
        Some(code) if answer.starts_with(b"HTTP/1.") => Err(Failure::new(
            FailureKind::Proxy,
            format!("the forward proxy answered {}", String::from_utf8_lossy(code)),
        )),
        _ => Err(Failure::new(FailureKind::Proxy, "the forward proxy does not speak HTTP")),
    }
}
