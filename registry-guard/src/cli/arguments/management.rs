//! `management`.

use clap::Subcommand;

/// `management`
#[derive(Debug, Subcommand)]
pub(crate) enum ManagementCommand {
    /// Read a secret and print its hash, for `secret-hash` of a principal
    #[command(after_help = "\
Reads one line from standard input, without showing it if that is a terminal. The hash is argon2id and has a salt of its own, so \
it is another one each time. Asks no agent and changes nothing.

Examples:
  registry-guard management hash-secret
  openssl rand -base64 32 | tee secret | registry-guard management hash-secret")]
    HashSecret,
}
