//! Where a request really came from. A proxy that the operator trusts says so in `X-Forwarded-For` and
//! `X-Forwarded-Proto`; from anybody else both headers are a claim and ignored.

use crate::listener::Peer;
use http::HeaderMap;
use std::fmt;
use std::net::IpAddr;

/// Addresses of proxies whose word about the client counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrustedProxies(Vec<Network>);

/// An entry is no address and no network in CIDR form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadNetwork(String);

impl fmt::Display for BadNetwork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is neither an address nor a network like 10.0.0.0/8", self.0)
    }
}

impl std::error::Error for BadNetwork {}

impl TrustedProxies {
    /// Parses addresses and networks (`10.1.2.3`, `10.0.0.0/8`, `fd00::/8`), each in an entry of its own or separated by
    /// commas.
    ///
    /// # Errors
    /// [`BadNetwork`] names the first entry that is neither.
    pub fn parse<'a>(entries: impl IntoIterator<Item = &'a str>) -> Result<Self, BadNetwork> {
        let entries = entries.into_iter().flat_map(|entry| entry.split(',')).map(str::trim);
        let networks = entries.filter(|entry| !entry.is_empty()).map(Network::parse).collect::<Result<_, _>>()?;
        Ok(Self(networks))
    }

    /// Whether nobody is trusted.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.holds(address))
    }
}

/// A range of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Network {
    address: IpAddr,
    prefix_bits: u32,
}

impl Network {
    fn parse(text: &str) -> Result<Self, BadNetwork> {
        let bad = || BadNetwork(text.to_owned());
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| bad())?;
        let bits_max = if address.is_ipv4() { 32 } else { 128 };
        let prefix_bits = match prefix {
            None => bits_max,
            Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => digits.parse().map_err(|_| bad())?,
            Some(_) => return Err(bad()),
        };
        if prefix_bits > bits_max { Err(bad()) } else { Ok(Self { address, prefix_bits }) }
    }

    fn holds(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(ours), IpAddr::V4(theirs)) => {
                let differ = u32::from(ours) ^ u32::from(theirs);
                differ.checked_shr(32 - self.prefix_bits).unwrap_or(0) == 0
            }
            (IpAddr::V6(ours), IpAddr::V6(theirs)) => {
                let differ = u128::from(ours) ^ u128::from(theirs);
                differ.checked_shr(128 - self.prefix_bits).unwrap_or(0) == 0
            }
            _ => false,
        }
    }
}

/// The client behind a request, as far as it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Client {
    /// Its address; `None` when a trusted proxy says something that is no address.
    pub address: Option<IpAddr>,
    /// Whether it spoke TLS, to this server or to the proxy.
    pub secure: bool,
    /// `1.2` or `1.3`, where TLS ends here.
    pub tls_version: Option<&'static str>,
}

impl Client {
    /// The client of a request. Only for a peer that is trusted the headers count: the right-most address of
    /// `X-Forwarded-For` that is not itself of a trusted proxy, since what stands left of it anybody may have written.
    pub fn of(peer: &Peer, headers: &HeaderMap, trusted: &TrustedProxies) -> Self {
        let near = peer.address.ip().to_canonical();
        let direct = Self { address: Some(near), secure: peer.secure, tls_version: peer.tls_version };
        if !trusted.trusts(near) {
            return direct;
        }
        let (secure, tls_version) = match forwarded_proto(headers) {
            // The proxy says nothing: it passes connections on as they are.
            None => (peer.secure, peer.tls_version),
            Some(secure) => (secure, None),
        };
        Self { address: forwarded_for(headers, near, trusted), secure, tls_version }
    }
}

/// Names of headers, which `http` compares without regard to case.
const FOR: &str = "x-forwarded-for";
const PROTO: &str = "x-forwarded-proto";

/// `near` when nothing is said. When all addresses are of trusted proxies, the left-most is the client.
fn forwarded_for(headers: &HeaderMap, near: IpAddr, trusted: &TrustedProxies) -> Option<IpAddr> {
    let mut client = near;
    for value in headers.get_all(FOR).iter().rev() {
        for hop in value.to_str().ok()?.rsplit(',') {
            client = address(hop.trim())?;
            if !trusted.trusts(client) {
                return Some(client);
            }
        }
    }
    Some(client)
}

/// An address, with or without a port.
fn address(hop: &str) -> Option<IpAddr> {
    let bare = match hop.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None if hop.matches(':').count() == 1 => hop.split(':').next().unwrap_or_default(),
        None => hop,
    };
    bare.parse().ok().map(|address: IpAddr| address.to_canonical())
}

/// Whether every hop that is named was TLS; `None` when none is named. A client can add `https` to the list but cannot
/// take the proxy's own `http` out of it.
fn forwarded_proto(headers: &HeaderMap) -> Option<bool> {
    let mut values = headers.get_all(PROTO).iter().peekable();
    values.peek()?;
    Some(values.all(|value| {
        value.to_str().is_ok_and(|value| value.split(',').all(|hop| hop.trim().eq_ignore_ascii_case("https")))
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderName, HeaderValue};

    fn client(peer: &str, secure: bool, lines: &[(&'static str, &'static str)]) -> Client {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        let trusted = TrustedProxies::parse(["10.0.0.0/8, 192.0.2.7", "fd00::/8"]).unwrap();
        let peer = Peer::new(format!("{peer}:4000").parse().unwrap(), secure.then_some("1.3"));
        Client::of(&peer, &headers, &trusted)
    }

    fn ip(text: &str) -> Option<IpAddr> {
        Some(text.parse().unwrap())
    }

    #[test]
    fn strangers_headers_are_ignored() {
        let spoofed = client("203.0.113.5", false, &[(FOR, "10.1.1.1"), (PROTO, "https")]);
        assert_eq!(spoofed, Client { address: ip("203.0.113.5"), secure: false, tls_version: None });
        let tls = client("203.0.113.5", true, &[(PROTO, "http")]);
        assert_eq!((tls.secure, tls.tls_version), (true, Some("1.3")));
    }

    #[test]
    fn a_trusted_proxy_tells_the_client() {
        let behind = |lines: &[(&'static str, &'static str)]| client("10.0.0.1", false, lines);
        assert_eq!(behind(&[(FOR, "198.51.100.9")]).address, ip("198.51.100.9"));
        assert_eq!(
            behind(&[(FOR, "1.1.1.1, 198.51.100.9, 10.2.2.2")]).address,
            ip("198.51.100.9"),
            "right-most stranger"
        );
        assert_eq!(behind(&[(FOR, "1.1.1.1"), (FOR, "198.51.100.9")]).address, ip("198.51.100.9"), "two lines");
        assert_eq!(behind(&[(FOR, "10.3.3.3, 10.2.2.2")]).address, ip("10.3.3.3"), "all of them trusted");
        assert_eq!(behind(&[]).address, ip("10.0.0.1"));
        for odd in ["1.1.1.1, unknown", "", "1.1.1.1,", "evil host"] {
            assert_eq!(behind(&[(FOR, odd)]).address, None, "{odd}");
        }
        for (hop, found) in
            [("[2001:db8::1]:80", "2001:db8::1"), ("2001:db8::1", "2001:db8::1"), ("9.9.9.9:1", "9.9.9.9")]
        {
            assert_eq!(address(hop), ip(found), "{hop}");
        }
        assert_eq!(client("[::ffff:10.0.0.1]", false, &[(FOR, "::ffff:9.9.9.9")]).address, ip("9.9.9.9"));
    }

    #[test]
    fn a_trusted_proxy_tells_the_transport_and_a_client_cannot() {
        let secure = |lines: &[(&'static str, &'static str)]| client("192.0.2.7", false, lines).secure;
        assert!(secure(&[(PROTO, "https")]) && secure(&[(PROTO, "HTTPS, https")]));
        for plain in [
            &[(PROTO, "http")][..],
            &[(PROTO, "https,http")],
            &[(PROTO, "https"), (PROTO, "http")],
            &[(PROTO, "")],
            &[],
        ] {
            assert!(!secure(plain), "{plain:?}");
        }
        assert!(client("192.0.2.7", true, &[]).secure, "nothing is said: the connection itself counts");
        assert!(!client("192.0.2.7", true, &[(PROTO, "http")]).secure);
    }

    #[test]
    fn networks() {
        let holds = |network: &str, address: &str| Network::parse(network).unwrap().holds(address.parse().unwrap());
        assert!(holds("0.0.0.0/0", "8.8.8.8") && !holds("0.0.0.0/0", "2001:db8::1"));
        assert!(holds("10.1.2.3/31", "10.1.2.2") && !holds("10.1.2.3/31", "10.1.2.4"));
        assert!(holds("10.1.2.3", "10.1.2.3") && !holds("10.1.2.3", "10.1.2.2"));
        assert!(holds("::/0", "::1") && holds("fd00::/8", "fdab::1") && !holds("fd00::/8", "fe00::1"));
        for bad in ["", "10.0.0.0/33", "10.0.0/8", "host", "10.0.0.0/", "10.0.0.0/-1", "10.0.0.0/+8", "::/129"] {
            assert!(Network::parse(bad).is_err(), "{bad}");
        }
        assert!(TrustedProxies::parse(["", " "]).unwrap().is_empty());
        assert_eq!(
            TrustedProxies::parse(["10.0.0.0/8,x"]).unwrap_err().to_string(),
            BadNetwork("x".into()).to_string()
        );
    }
}
