//! Findings as SARIF 2.1.0 (OASIS), which code scanning of GitHub, GitLab and editors reads.

use std::path::Path;

use serde_json::{Value, json};

use super::outcome;
use super::sink::ReportFormat;
use super::whole::{EndedRun, Whole};
use crate::artifact::{Finding, Severity};
use crate::event::{Hint, JobReport, Outcome};
use crate::types::{printable, rule};

pub(super) const FORMAT: ReportFormat = ReportFormat {
    name: "sarif",
    holds: "findings in packages and missing requirements, as SARIF",
    is_whole: true,
    sink: |out| Box::new(Whole::new(out, text)),
};

/// The rule of a requirement that a failed build lacks.
const MISSING: &str = "missing-requirement";

fn text(run: &EndedRun) -> String {
    let results: Vec<Value> = run.jobs.iter().flat_map(results).collect();
    let mut rules: Vec<&str> = results.iter().filter_map(|result| result["ruleId"].as_str()).collect();
    rules.sort_unstable();
    rules.dedup();
    let rules: Vec<Value> = rules.into_iter().map(described).collect();
    let is_good = run.jobs.iter().all(|job| job.outcome.is_good()) && !run.run.interrupted;
    let sarif = json!({
        "$schema": "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {"name": "farm", "version": env!("CARGO_PKG_VERSION"), "rules": rules}},
            "invocations": [{"executionSuccessful": is_good}],
            "results": results,
        }],
    });
    format!("{sarif:#}\n")
}

/// A rule; what those of linters mean stands with each result.
fn described(name: &str) -> Value {
    match rule(name) {
        Some(rule) => json!({"id": name, "shortDescription": {"text": rule.meaning}}),
        None => json!({"id": name}),
    }
}

fn results(job: &JobReport) -> Vec<Value> {
    let refused = match &job.outcome {
        Outcome::Rejected { findings, .. } => findings.as_slice(),
        _ => &[],
    };
    let findings = refused.iter().map(|finding| (finding, true));
    let findings = findings.chain(job.warnings.iter().map(|finding| (finding, false)));
    let findings = findings.map(|(finding, is_refused)| of_finding(job, finding, is_refused));
    findings.chain(job.hints.iter().map(|hint| of_hint(job, hint))).collect()
}

fn of_finding(job: &JobReport, finding: &Finding, is_refused: bool) -> Value {
    // Packages that were refused lie in a folder of their own.
    let folder = if is_refused { job.folder.join("broken") } else { job.folder.clone() };
    let path = if finding.artifact.is_empty() { folder } else { folder.join(&finding.artifact) };
    let level = match finding.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Waived => "note",
    };
    let mut result = result(job, &finding.rule, level, &finding.message, &path, None);
    if let Some(reason) = &finding.waived {
        result["suppressions"] = json!([{"kind": "inSource", "justification": printable(reason)}]);
    }
    result
}

fn of_hint(job: &JobReport, hint: &Hint) -> Value {
    let (path, line) = match (&hint.place, &job.log) {
        (Some(place), _) => (place.path.as_path(), Some(place.line as u64)),
        (None, Some(log)) => (log.as_path(), Some(hint.missing.line)),
        (None, None) => (job.folder.as_path(), None),
    };
    let message = format!("{}: {}", hint.missing, outcome::advice(job, hint));
    result(job, MISSING, "error", &message, path, line)
}

fn result(job: &JobReport, rule: &str, level: &str, message: &str, path: &Path, line: Option<u64>) -> Value {
    let mut place = json!({"artifactLocation": {"uri": uri(path)}});
    if let Some(line) = line {
        place["region"] = json!({"startLine": line});
    }
    json!({
        "ruleId": printable(rule),
        "level": level,
        "message": {"text": printable(message)},
        "locations": [{
            "physicalLocation": place,
            "logicalLocations": [{"fullyQualifiedName": job.target.to_string(), "kind": "module"}],
        }],
    })
}

/// A path as a reference of RFC 3986.
fn uri(path: &Path) -> String {
    let keeps = |byte: &u8| byte.is_ascii_alphanumeric() || b"/-._~".contains(byte);
    let bytes = path.as_os_str().as_encoded_bytes();
    let one = |byte: &u8| if keeps(byte) { char::from(*byte).to_string() } else { format!("%{byte:02X}") };
    bytes.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::whole;

    #[test]
    fn findings_have_rule_level_and_place() {
        let mut run = whole::sample();
        run.jobs[0].warnings.push(Finding {
            severity: Severity::Waived,
            artifact: "jq 1.deb".to_owned(),
            rule: "file-outside-standard".to_owned(),
            message: "/opt/jq".to_owned(),
            waived: Some("it has this place everywhere".to_owned()),
        });
        let told: Value = serde_json::from_str(&text(&run)).unwrap();
        let run = &told["runs"][0];
        assert_eq!((&told["version"], &run["invocations"][0]["executionSuccessful"]), (&"2.1.0".into(), &false.into()));
        let rules: Vec<&str> = run["tool"]["driver"]["rules"]
            .as_array()
            .unwrap()
            .iter()
            .map(|rule| rule["id"].as_str().unwrap())
            .collect();
        assert_eq!(rules, ["empty-directory", "file-outside-standard", "missing-requirement", "owns-shared-directory"]);
        let results = run["results"].as_array().unwrap();
        let waived = &results[0];
        assert_eq!((&waived["level"], &waived["suppressions"][0]["kind"]), (&"note".into(), &"inSource".into()));
        assert_eq!(
            waived["locations"][0]["physicalLocation"]["artifactLocation"]["uri"],
            "dist/jq0/debian-12-amd64/jq%201.deb"
        );
        let missing = &results[1]["locations"][0];
        assert_eq!(missing["physicalLocation"]["region"]["startLine"], 24);
        assert_eq!(missing["logicalLocations"][0]["fullyQualifiedName"], "jq2@debian-12/amd64");
        let refused = &results[2];
        assert_eq!((&refused["ruleId"], &refused["level"]), (&"owns-shared-directory".into(), &"error".into()));
        let uri = refused["locations"][0]["physicalLocation"]["artifactLocation"]["uri"].as_str().unwrap();
        assert_eq!(uri, "dist/jq9/debian-12-amd64/broken/jq_1.7-1~deb12_amd64.deb");
    }
}
