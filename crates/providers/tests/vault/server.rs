//! Vault's transit engine as far as its documentation says what the provider uses, over plain TCP so that it can also
//! answer as no honest server would. It is no Vault: what it shows is that the provider keeps to the published protocol.

use crypto::{Binding, CmkMaterial, KeyRole, SystemEntropy};
use data_encoding::BASE64;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

pub(crate) const TOKEN: &str = "hvs.token-of-the-tests";

/// How the server answers instead of honestly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mood {
    Honest,
    Sealed,
    Throttling,
    Standby,
    /// The head and half of the body.
    Truncated,
    /// A body beyond every measure.
    Endless,
    /// 200 with something else.
    Html,
    /// 200 with the engine's form and another content.
    Shuffled,
    /// Answers once on each connection and closes it without saying so.
    Closing,
}

#[derive(Default)]
struct Key {
    versions: Vec<CmkMaterial>,
    kind: String,
    deletion_allowed: bool,
}

pub(crate) struct State {
    pub(crate) mood: Mood,
    pub(crate) token: String,
    pub(crate) requests: Vec<String>,
    pub(crate) connections: u32,
    keys: BTreeMap<String, Key>,
}

#[derive(Clone)]
pub(crate) struct Vault {
    pub(crate) url: String,
    pub(crate) state: Arc<Mutex<State>>,
}

impl Vault {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = State {
            mood: Mood::Honest,
            token: TOKEN.to_owned(),
            requests: Vec::new(),
            connections: 0,
            keys: BTreeMap::new(),
        };
        let vault = Self { url, state: Arc::new(Mutex::new(state)) };
        let serving = vault.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                serving.state.lock().unwrap().connections += 1;
                tokio::spawn(serving.clone().serve(stream));
            }
        });
        vault
    }

    pub(crate) fn be(&self, mood: Mood) {
        self.state.lock().unwrap().mood = mood;
    }

    /// A key as an operator makes it.
    pub(crate) fn make(&self, name: &str, kind: &str) {
        let key =
            Key { versions: vec![CmkMaterial::generate(&SystemEntropy)], kind: kind.to_owned(), ..Key::default() };
        self.state.lock().unwrap().keys.insert(name.to_owned(), key);
    }

    /// What an operator's rotation does.
    pub(crate) fn rotate_all(&self) {
        for key in self.state.lock().unwrap().keys.values_mut() {
            key.versions.push(CmkMaterial::generate(&SystemEntropy));
        }
    }

    pub(crate) fn key_names(&self) -> Vec<String> {
        self.state.lock().unwrap().keys.keys().cloned().collect()
    }

    async fn serve(self, stream: TcpStream) {
        let mut stream = BufReader::new(stream);
        while let Some((line, headers, body)) = read_request(&mut stream).await {
            let mood = self.state.lock().unwrap().mood;
            let (status, reply) = self.answer(&line, &headers, &body, mood);
            let reply = if status == 204 { Vec::new() } else { reply.to_string().into_bytes() };
            let head = format!(
                "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
                reply.len()
            );
            let bytes = match mood {
                Mood::Truncated => [head.as_bytes(), &reply[..reply.len() / 2]].concat(),
                Mood::Endless => {
                    let long = vec![b' '; 1 << 20];
                    [format!("HTTP/1.1 200 X\r\ncontent-length: {}\r\n\r\n", long.len()).as_bytes(), &long].concat()
                }
                _ => [head.as_bytes(), &reply].concat(),
            };
            if stream.get_mut().write_all(&bytes).await.is_err() || matches!(mood, Mood::Truncated | Mood::Closing) {
                return;
            }
        }
    }

    fn answer(&self, line: &str, headers: &BTreeMap<String, String>, body: &Value, mood: Mood) -> (u16, Value) {
        let mut state = self.state.lock().unwrap();
        state.requests.push(line.to_owned());
        let failed = |status: u16, why: &str| (status, json!({ "errors": [why] }));
        match mood {
            Mood::Sealed => return failed(503, "Vault is sealed"),
            Mood::Throttling => return failed(429, "request path: rate limit quota exceeded"),
            Mood::Standby => return failed(473, ""),
            Mood::Html => return (200, json!("<html>a portal</html>")),
            _ => {}
        }
        if headers.get("x-vault-token") != Some(&state.token) || headers.get("x-vault-namespace").is_none() {
            return failed(403, "permission denied");
        }
        let (method, path) = line.split_once(' ').unwrap();
        let Some(path) = path.strip_prefix("/v1/transit/") else { return failed(404, "no handler for route") };
        let text = |name: &str| BASE64.decode(body[name].as_str().unwrap_or_default().as_bytes()).unwrap();
        let binding = || Binding::new("transit").field(&text("associated_data"));
        match (method, path.split('/').collect::<Vec<_>>().as_slice()) {
            ("POST", ["keys", name]) => {
                let kind = body["type"].as_str().unwrap_or("aes256-gcm96").to_owned();
                let fresh = || Key { versions: vec![CmkMaterial::generate(&SystemEntropy)], kind, ..Key::default() };
                state.keys.entry((*name).to_owned()).or_insert_with(fresh);
                (204, Value::Null)
            }
            ("GET", ["keys", name]) => match state.keys.get(*name) {
                Some(key) => (200, json!({ "data": { "name": name, "type": key.kind } })),
                None => failed(404, ""),
            },
            ("POST", ["keys", name, "config"]) => match state.keys.get_mut(*name) {
                Some(key) => {
                    key.deletion_allowed = body["deletion_allowed"].as_bool().unwrap_or_default();
                    (204, Value::Null)
                }
                None => failed(400, "no existing key named x could be found"),
            },
            ("DELETE", ["keys", name]) => {
                if !state.keys.get(*name).is_some_and(|key| key.deletion_allowed) {
                    return failed(400, "deletion is not allowed for this key");
                }
                state.keys.remove(*name);
                (204, Value::Null)
            }
            ("POST", ["encrypt", name]) => {
                let Some(key) = state.keys.get(*name) else { return failed(400, "encryption key not found") };
                let material = key.versions.last().unwrap();
                let sealed =
                    crypto::wrap_secret(material, KeyRole::Data, &text("plaintext"), &binding(), &SystemEntropy);
                let ciphertext = format!("vault:v{}:{}", key.versions.len(), BASE64.encode(&sealed));
                (200, json!({ "request_id": "x", "data": { "ciphertext": ciphertext } }))
            }
            ("POST", ["decrypt", name]) => {
                let Some(key) = state.keys.get(*name) else { return failed(400, "encryption key not found") };
                let ciphertext = body["ciphertext"].as_str().unwrap_or_default();
                let opened = ciphertext.strip_prefix("vault:v").and_then(|rest| rest.split_once(':')).and_then(
                    |(version, sealed)| {
                        let material = key.versions.get(version.parse::<usize>().ok()?.checked_sub(1)?)?;
                        let sealed = BASE64.decode(sealed.as_bytes()).ok()?;
                        crypto::unwrap_secret(material, KeyRole::Data, &sealed, &binding()).ok()
                    },
                );
                match opened {
                    Some(_) if mood == Mood::Shuffled => {
                        (200, json!({ "data": { "plaintext": BASE64.encode(&[7; 32]) } }))
                    }
                    Some(plain) => (200, json!({ "data": { "plaintext": BASE64.encode(&plain) } })),
                    None => failed(400, "cipher: message authentication failed"),
                }
            }
            _ => failed(404, "unsupported path"),
        }
    }
}

async fn read_request(stream: &mut BufReader<TcpStream>) -> Option<(String, BTreeMap<String, String>, Value)> {
    let mut line = String::new();
    stream.read_line(&mut line).await.ok().filter(|read| *read > 0)?;
    let line = line.trim_end().strip_suffix(" HTTP/1.1")?.to_owned();
    let mut headers = BTreeMap::new();
    loop {
        let mut header = String::new();
        stream.read_line(&mut header).await.ok().filter(|read| *read > 0)?;
        match header.trim_end().split_once(": ") {
            Some((name, value)) => headers.insert(name.to_lowercase(), value.to_owned()),
            None => break,
        };
    }
    let len = headers.get("content-length").and_then(|len| len.parse().ok()).unwrap_or(0);
    let mut body = vec![0; len];
    stream.read_exact(&mut body).await.ok()?;
    Some((line, headers, serde_json::from_slice(&body).unwrap_or(Value::Null)))
}
