//! The main job (`examples/report.sh`) on its real data: the same bytes as under native bash.

mod common;

use std::path::Path;

use common::{output, root, run, sandbox_with};
use coquina::sandbox::{Access, Exec, Mount, Outcome, SandboxConfig};

#[test]
fn the_report_is_the_same_as_natively() {
    let examples = root().join("examples");
    let mount = Mount { host: examples.join("data"), guest: "/data".into(), access: Access::ReadOnly };
    let sandbox = sandbox_with(SandboxConfig { mounts: vec![mount], ..SandboxConfig::default() });
    let script = std::fs::read(examples.join("report.sh")).expect("the script is there");
    let argv = [b"bash".to_vec(), b"-c".to_vec(), script, b"report.sh".to_vec(), b"/data".to_vec(), b"out".to_vec()];
    let done = run(&sandbox, Exec::program(argv));
    let stderr = String::from_utf8_lossy(&done.stderr.bytes);
    assert_eq!((&done.outcome, stderr.as_ref()), (&Outcome::Exit { exit_code: 0 }, ""));
    same("stdout.txt", &String::from_utf8_lossy(&done.stdout.bytes), &examples);
    for file in ["report.md", "carriers.csv", "rejects.csv", "summary.json", "SHA256SUMS"] {
        same(file, &output(&sandbox, &format!("cat out/{file}")), &examples);
    }
}

fn same(file: &str, got: &str, examples: &Path) {
    let want = std::fs::read_to_string(examples.join("expected").join(file)).expect("the expectation is there");
    let first = want.lines().zip(got.lines()).find(|(want, got)| want != got);
    assert_eq!(first, None, "{file}: first lines that differ (native, sandbox)");
    assert_eq!(want.len(), got.len(), "{file}");
}
