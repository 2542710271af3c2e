//! `management`.

use std::io::{IsTerminal as _, Read as _, Write as _, stdin};

use zeroize::Zeroizing;

use crate::cli::failure::Failure;
use crate::cli::terminal::Terminal;
use crate::identity::SecretHash;

/// More than the longest secret. What is longer is refused, not cut.
const MOST_BYTES: u64 = 4096;

/// `management hash-secret`
pub(crate) fn hash_secret(terminal: &mut Terminal) -> Result<(), Failure> {
    let unread = |error: std::io::Error| Failure::Local(format!("the secret cannot be read: {error}"));
    let secret = if stdin().is_terminal() {
        let ask = |words: &str| rpassword::prompt_password(words).map(Zeroizing::new).map_err(unread);
        let secret = ask("Secret: ")?;
        if *secret != *ask("Once more: ")? {
            return Err(Failure::Local("the two secrets are not the same".to_owned()));
        }
        secret
    } else {
        let mut text = Zeroizing::new(String::with_capacity(usize::try_from(MOST_BYTES + 1).unwrap_or_default()));
        stdin().take(MOST_BYTES + 1).read_to_string(&mut text).map_err(unread)?;
        text
    };
    let hash = SecretHash::of(line(&secret)?.as_bytes()).map_err(|error| Failure::Local(error.to_string()))?;
    writeln!(terminal.out, "{}", hash.as_str())?;
    Ok(())
}

/// The one line, without its end.
fn line(text: &str) -> Result<&str, Failure> {
    let line = text.strip_suffix('\n').unwrap_or(text);
    let line = line.strip_suffix('\r').unwrap_or(line);
    if line.contains(char::is_control) {
        let problem = "the secret has a control character; accepted: one line on standard input";
        return Err(Failure::Local(problem.to_owned()));
    }
    Ok(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_the_line_is_no_part_of_the_secret_and_a_second_line_is_refused() {
        assert_eq!(line("correct horse\n").unwrap(), "correct horse");
        assert_eq!(line("correct horse\r\n").unwrap(), "correct horse");
        assert_eq!(line(" correct horse ").unwrap(), " correct horse ");
        assert!(line("correct\nhorse\n").is_err());
    }
}
