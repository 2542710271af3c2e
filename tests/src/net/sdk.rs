use std::env;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::certificate::Certificate;
use super::client::Client;
use super::guard_config::GuardConfig;
use super::manager::{Manager, Principal};
use super::network::Network;

/// Microsoft's SDK for Python at a client, which manages the registry as a principal: `tests/sdk/flow.py`.
#[derive(Debug)]
pub struct Sdk {
    process: Child,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Sdk {
    /// The Python that has the SDK: of the virtual environment that `cargo xtask setup` makes in the target folder, or of the one
    /// that `REGISTRY_GUARD_SDK` names. `None` if there is neither.
    pub fn python() -> Result<Option<PathBuf>> {
        let environment = if let Some(folder) = env::var_os("REGISTRY_GUARD_SDK") {
            PathBuf::from(folder)
        } else {
            let test = env::current_exe()?;
            // target/debug/deps/test
            test.ancestors().nth(3).context("the test is in no target folder")?.join("azure-sdk")
        };
        let python = environment.join("bin/python");
        Ok(python.is_file().then_some(python))
    }

    /// Starts the script, which logs in when it is first asked something.
    pub fn start(python: &Path, client: &Client, certificate: &Certificate, principal: &Principal) -> Result<Self> {
        let mut command = client.tool(python);
        command
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("sdk/flow.py"))
            .env("MANAGEMENT_URL", Manager::url())
            .env("REGISTRY", GuardConfig::REGISTRY)
            .env("AZURE_TENANT_ID", Manager::TENANT)
            .env("AZURE_CLIENT_ID", principal.id)
            .env("AZURE_CLIENT_SECRET", principal.secret)
            .env("REQUESTS_CA_BUNDLE", certificate.authority())
            .env("PYTHONDONTWRITEBYTECODE", "1");
        command.env("NO_PROXY", Network::LOGIN_SERVER).env("no_proxy", Network::LOGIN_SERVER);
        let mut process =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().context("starting the script")?;
        let questions = process.stdin.take().context("the script has no standard input")?;
        let answers = BufReader::new(process.stdout.take().context("the script has no standard output")?);
        Ok(Self { process, questions, answers })
    }

    /// Has it do something; returns what the SDK returned, or an object with `error`, `status` and `code`.
    pub fn ask(&mut self, command: &Value) -> Result<Value> {
        writeln!(self.questions, "{command}").with_context(|| format!("asking {command}"))?;
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        ensure!(!line.is_empty(), "the script ended when it was asked {command}; its standard error says why");
        serde_json::from_str(&line).with_context(|| format!("{command} was answered by {line:?}"))
    }
}

impl Drop for Sdk {
    fn drop(&mut self) {
        _ = self.process.kill();
        _ = self.process.wait();
    }
}
