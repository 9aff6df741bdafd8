//! Getting ONNX Runtime, with a pip of the test's own in the way of the real one.

use std::os::unix::fs::PermissionsExt;

use super::*;

/// A `pip3` that notes each download and then runs `script`, with the wheel's folder as `$dest`.
fn pip(place: &Place, script: &str) -> PathBuf {
    let bin = place.path().join("bin");
    fs::create_dir_all(&bin).unwrap();
    let calls = place.path().join("calls");
    let text = format!(
        "#!/bin/sh\nPATH=/usr/bin:/bin\ncase \"$1\" in --version) exit 0;; esac\necho call >> {}\n\
         while [ $# -gt 1 ]; do case \"$1\" in --dest) dest=$2;; esac; shift; done\n{script}\n",
        calls.display()
    );
    let file = bin.join("pip3");
    fs::write(&file, text).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    bin
}

fn install(place: &Place, bin: &Path) -> Command {
    let mut command = place.command(&["runtime", "install"]);
    command.env("PATH", bin).env("XDG_CACHE_HOME", place.path().join("cache")).env_remove("ORT_DYLIB_PATH");
    command
}

/// What is in the cache, without locks.
fn cached(place: &Place) -> Vec<String> {
    let entries = fs::read_dir(place.path().join("cache/sweep")).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| !name.ends_with(".lock")).collect()
}

#[test]
fn a_broken_download_is_an_error_and_not_kept() {
    for (script, says) in [
        ("echo 'no network here' >&2; exit 1", "no network here"),
        ("echo garbage > \"$dest/broken.whl\"", "cannot be unpacked"),
        (": nothing", "left no file"),
    ] {
        let place = Place::new();
        let output = install(&place, &pip(&place, script)).output().unwrap();
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains(says) && said.contains("(3)"), "{said}");
        assert_eq!(cached(&place), [""; 0], "nothing is kept");
    }
}

#[test]
fn two_installs_at_once_download_once() {
    let place = Place::new();
    // A zip file with one stored entry, `x/capi/libonnxruntime.so.1`, made by another program.
    let make = "import zipfile, sys; z = zipfile.ZipFile(sys.argv[1], 'w'); \
                z.writestr('x/capi/libonnxruntime.so.1', 'library'); z.close()";
    let wheel = place.path().join("wheel");
    assert!(Command::new("python3").args(["-c", make]).arg(&wheel).status().unwrap().success());
    let bin = pip(&place, &format!("sleep 1; cp {} \"$dest/onnxruntime.whl\"", wheel.display()));
    let children: Vec<_> =
        (0..2).map(|_| install(&place, &bin).stdout(std::process::Stdio::piped()).spawn().unwrap()).collect();
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", stderr(&output));
        let path = String::from_utf8(output.stdout).unwrap();
        assert_eq!(fs::read_to_string(path.trim()).unwrap(), "library");
    }
    assert_eq!(
        fs::read_to_string(place.path().join("calls")).unwrap(),
        "call\n",
        "the second found it there"
    );
    assert_eq!(cached(&place).len(), 1, "{:?}", cached(&place));
}
