//! The server under measurement: a child process on a temporary directory, and its figures from `/proc`.

use crate::client::{Credentials, Endpoint};
use crate::failure::Failure;
use crypto::SystemEntropy;
use data_encoding::HEXLOWER;
use model::Entropy;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{ChildStdout, Command, Stdio};
use zeroize::Zeroizing;

const REGION: &str = "local-1";

/// A running server; its directory goes when the value does.
pub(super) struct Child {
    process: Process,
    directory: TemporaryDirectory,
    objects: String,
    control: String,
    access_key: String,
    secret_key: Zeroizing<String>,
    /// Kept open, so that the server can go on printing.
    _stdout: BufReader<ChildStdout>,
}

impl Child {
    /// Starts this very program as a server on free ports, with this `audit_sync`, and waits for it to say where it is.
    pub(super) fn start(audit_sync: &str) -> Result<Self, Failure> {
        let failed = |what: &str, error: &dyn std::fmt::Display| Failure::new(format!("{what}: {error}"));
        let directory = TemporaryDirectory::make()?;
        let mut random = [0; 20];
        SystemEntropy.fill(&mut random);
        let secret_key = Zeroizing::new(HEXLOWER.encode(&random));
        let access_key = "BENCHROOTACCESSKEY00".to_owned();
        let program = std::env::current_exe().map_err(|error| failed("cannot find this program", &error))?;
        let mut command = Command::new(program);
        command.arg("server").arg("--data").arg(directory.0.join("data"));
        command.args(["--address", "127.0.0.1:0", "--control-address", "127.0.0.1:0", "--region", REGION]);
        command.args(["--sse-require-https", "off", "--log", "warn", "--bucket-key-ttl-seconds", "86400"]);
        command.args(["--audit-sync", audit_sync]);
        command.env("STRONGROOM_ROOT_ACCESS_KEY", &access_key).env("STRONGROOM_ROOT_SECRET_KEY", secret_key.as_str());
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let mut process = Process(command.spawn().map_err(|error| failed("cannot start a server", &error))?);
        let ended = || Failure::new("the server ended before it was ready; its words are above");
        let mut stdout = BufReader::new(process.0.stdout.take().ok_or_else(ended)?);
        let (mut objects, mut control) = (None, None);
        let mut line = String::new();
        loop {
            line.clear();
            if stdout.read_line(&mut line).map_err(|error| failed("cannot read what the server says", &error))? == 0 {
                return Err(ended());
            }
            let mut words = line.split_whitespace();
            match (words.next(), words.next()) {
                (Some("objects"), Some(url)) => objects = Some(url.to_owned()),
                (Some("control"), Some(url)) => control = Some(url.to_owned()),
                (Some("Paste"), _) => break,
                _ => {}
            }
        }
        let (objects, control) = (objects.ok_or_else(ended)?, control.ok_or_else(ended)?);
        Ok(Self { process, directory, objects, control, access_key, secret_key, _stdout: stdout })
    }

    /// Where objects are served.
    pub(super) fn objects(&self) -> Result<Endpoint, Failure> {
        Endpoint::parse(&self.objects, None)
    }

    /// The control address.
    pub(super) fn control(&self) -> Result<Endpoint, Failure> {
        Endpoint::parse(&self.control, None)
    }

    /// The region to sign for.
    pub(super) fn region(&self) -> &'static str {
        REGION
    }

    /// Credentials of the server's root.
    pub(super) fn credentials(&self) -> Credentials {
        Credentials { access_key: self.access_key.clone(), secret_key: self.secret_key.clone(), session_token: None }
    }

    /// CPU time of the server so far, user and system, in seconds.
    pub(super) fn cpu_seconds(&self) -> Result<f64, Failure> {
        let text = self.proc_file("stat")?;
        // Fields 14 and 15 of proc(5); the second field may hold blanks and ends with the last parenthesis.
        let after_name = text.rsplit(')').next().unwrap_or_default();
        let mut fields = after_name.split_whitespace().skip(11).map(str::parse::<u64>);
        match (fields.next(), fields.next()) {
            (Some(Ok(user)), Some(Ok(system))) => {
                Ok((user + system) as f64 / rustix::param::clock_ticks_per_second() as f64)
            }
            _ => Err(Failure::new("`/proc` does not tell the server's CPU time")),
        }
    }

    /// The most memory that the server has had resident, in bytes.
    pub(super) fn peak_rss_bytes(&self) -> Result<u64, Failure> {
        let text = self.proc_file("status")?;
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok())
            .map(|kib| kib * 1024)
            .ok_or_else(|| Failure::new("`/proc` does not tell the server's memory"))
    }

    /// Ends the server politely and removes its directory.
    pub(super) fn stop(mut self) -> Result<(), Failure> {
        let pid = i32::try_from(self.process.0.id()).ok().and_then(rustix::process::Pid::from_raw);
        if let Some(pid) = pid {
            // It may have ended by itself; the wait tells how.
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
        let status = self.process.0.wait().map_err(|error| Failure::new(format!("the server did not end: {error}")))?;
        self.directory.remove();
        if status.success() { Ok(()) } else { Err(Failure::new(format!("the server ended with {status}"))) }
    }

    fn proc_file(&self, name: &str) -> Result<String, Failure> {
        let path = PathBuf::from(format!("/proc/{}/{name}", self.process.0.id()));
        std::fs::read_to_string(&path).map_err(|error| Failure::io("read", &path, &error))
    }
}

/// A process that does not outlive its value.
struct Process(std::process::Child);

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail when it has been waited for already, which is the usual way.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A directory of our own below the system's temporary one.
struct TemporaryDirectory(PathBuf);

impl TemporaryDirectory {
    fn make() -> Result<Self, Failure> {
        let mut random = [0; 8];
        SystemEntropy.fill(&mut random);
        let path = std::env::temp_dir().join(format!("strongroom-bench-{}", HEXLOWER.encode(&random)));
        std::fs::create_dir(&path).map_err(|error| Failure::io("make", &path, &error))?;
        Ok(Self(path))
    }

    fn remove(&self) {
        remove(&self.0);
    }
}

impl Drop for TemporaryDirectory {
    fn drop(&mut self) {
        self.remove();
    }
}

fn remove(path: &Path) {
    if let Err(error) = std::fs::remove_dir_all(path)
        && error.kind() != std::io::ErrorKind::NotFound
    {
        eprintln!("strongroom: cannot remove `{}`: {error}", path.display());
    }
}
