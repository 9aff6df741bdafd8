//! The text of a systemd unit that keeps a daemon running for a user.

use std::path::Path;

/// A user unit that runs the daemon of this home with this executable. Both paths should be absolute, which the
/// caller sees to; they may hold whatever a path can.
#[must_use]
pub fn systemd_unit(executable: &Path, home: &Path) -> String {
    let command =
        [program(executable), "daemon start --foreground --home".to_owned(), word(home, Use::Argument)];
    format!(
        "\
[Unit]
Description=sweep scheduler of {}
# A home may be on a file system that is mounted late.
RequiresMountsFor={}

[Service]
Type=exec
ExecStart={}
Restart=on-failure
RestartSec=5
# SIGTERM to the scheduler alone: it has its workers write checkpoints. What is left then is killed.
KillMode=mixed
TimeoutStopSec=120

[Install]
WantedBy=default.target
",
        description(home),
        word(home, Use::Path),
        command.join(" "),
    )
}

/// What a word of a unit file is for: only arguments have variables put in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Use {
    Argument,
    Path,
}

/// What is started. systemd refuses a program with quotes, backslashes or control characters in its name, whatever
/// its syntax could say; a shell that replaces itself takes any.
fn program(path: &Path) -> String {
    let is_refused = |character: char| character.is_control() || "'\"\\".contains(character);
    match path.to_str() {
        // No variables are put in there.
        Some(text) if !text.contains(is_refused) => word(path, Use::Path),
        _ => format!(r#"/bin/sh -c "exec \"$$0\" \"$$@\"" {}"#, word(path, Use::Argument)),
    }
}

/// A path as one word, by the rules of `systemd.service` and `systemd.syntax`: in double quotes if it holds anything
/// out of the ordinary, with `\` and `"` escaped, `%` doubled, since specifiers stand everywhere, and in arguments
/// `$` doubled. A byte that is no text is written as `\xff`, as is a control character.
fn word(path: &Path, place: Use) -> String {
    use std::{fmt::Write, os::unix::ffi::OsStrExt};
    let mut text = String::new();
    for chunk in path.as_os_str().as_bytes().utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '%' => text += "%%",
                '$' if place == Use::Argument => text += "$$",
                '\\' | '"' => text.extend(['\\', character]),
                control if control.is_ascii_control() => {
                    write!(text, "\\x{:02x}", u32::from(control)).expect("memory does not fail");
                }
                other => text.push(other),
            }
        }
        for byte in chunk.invalid() {
            write!(text, "\\x{byte:02x}").expect("memory does not fail");
        }
    }
    let is_plain = |character: char| character.is_ascii_alphanumeric() || "/._-+:,=@%$".contains(character);
    if !text.is_empty() && text.chars().all(is_plain) { text } else { format!("\"{text}\"") }
}

/// The home in a description, which is plain text but for specifiers and line feeds.
fn description(home: &Path) -> String {
    let plain = |character: char| if character.is_control() || character == '\\' { '?' } else { character };
    home.display().to_string().chars().map(plain).collect::<String>().replace('%', "%%")
}

#[cfg(test)]
mod tests {
    use std::{ffi::OsStr, fs, os::unix::ffi::OsStrExt, process::Command};

    use super::*;

    fn argument(path: &str) -> String {
        word(Path::new(path), Use::Argument)
    }

    #[test]
    fn plain_paths_stand_as_they_are() {
        let unit = systemd_unit(Path::new("/usr/bin/sweep"), Path::new("/home/ada/.sweep"));
        assert!(
            unit.contains("\nExecStart=/usr/bin/sweep daemon start --foreground --home /home/ada/.sweep\n")
        );
        for line in ["Type=exec", "Restart=on-failure", "KillMode=mixed", "TimeoutStopSec=120"] {
            assert!(unit.lines().any(|other| other == line), "{line}");
        }
    }

    #[test]
    fn what_systemd_would_read_otherwise_is_quoted() {
        assert_eq!(argument("/a b"), r#""/a b""#);
        assert_eq!(argument("/100%"), "/100%%");
        assert_eq!(argument("/$HOME"), "/$$HOME");
        assert_eq!(word(Path::new("/$HOME"), Use::Path), "/$HOME");
        assert_eq!(argument(r#"/q"\"#), r#""/q\"\\""#);
        assert_eq!(argument("/it's;#"), r#""/it's;#""#);
        assert_eq!(argument("/two\nlines"), r#""/two\x0alines""#);
        assert_eq!(argument("/größe"), "\"/größe\"");
        assert_eq!(word(Path::new(OsStr::from_bytes(b"/\xff")), Use::Argument), r#""/\xff""#);
        assert!(
            !systemd_unit(Path::new("/s"), Path::new("/a\nExecStart=/evil")).contains("\nExecStart=/evil")
        );
    }

    /// Where systemd is installed it reads the unit and finds the program under its odd name.
    #[test]
    fn systemd_understands_the_unit() {
        if Command::new("systemd-analyze").arg("--version").output().is_err() {
            return;
        }
        let dir = tempfile::tempdir().unwrap();
        for name in ["plain", "a b", "100%", "$HOME", "it's", r#"q"q"#, r"back\slash", "größe"] {
            let folder = dir.path().join(name);
            fs::create_dir(&folder).unwrap();
            let program = folder.join("sweep");
            fs::copy("/bin/true", &program).unwrap();
            let unit = dir.path().join("sweep.service");
            let verify = |program: &Path| {
                fs::write(&unit, systemd_unit(program, &folder)).unwrap();
                let output = Command::new("systemd-analyze")
                    .args(["--user", "--man=no", "verify"])
                    .arg(&unit)
                    .env("XDG_RUNTIME_DIR", dir.path())
                    .output()
                    .unwrap();
                String::from_utf8_lossy(&output.stderr).into_owned()
            };
            assert!(!verify(&program).contains("sweep.service"), "{name}: {}", verify(&program));
            let missing = verify(&folder.join("missing"));
            let is_looked_for = !name.contains(['\'', '"', '\\']);
            assert_eq!(missing.contains("is not executable"), is_looked_for, "{name}: {missing}");
        }
    }
}
