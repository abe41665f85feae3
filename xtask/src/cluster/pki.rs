//! The certificates of a cluster: an authority of its own, made by openssl for each start, and who shows which name.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::command::{self, Failure};

/// openssl's own configuration would make an authority of every certificate.
const OPENSSL: &str = "[req]\ndistinguished_name = names\n[names]\n";

#[derive(Debug)]
pub(super) struct Pki {
    pub(super) folder: PathBuf,
}

impl Pki {
    /// Makes the authority and all certificates; `address` is where kubelet is asked by the API server.
    pub(super) fn make(folder: PathBuf, address: &str, node: &str) -> Result<Pki, Failure> {
        fs::create_dir_all(&folder).map_err(|error| Failure::io("make", &folder, &error))?;
        write(&folder.join("openssl.cnf"), OPENSSL)?;
        let pki = Pki { folder };
        command::output(pki.request("ca", "/CN=farm-cluster").args([
            "-addext",
            "basicConstraints=critical,CA:TRUE",
            "-addext",
            "keyUsage=critical,keyCertSign,cRLSign",
        ]))?;
        pki.sign("server", "/CN=kube-apiserver", "IP:127.0.0.1,DNS:localhost,DNS:kubernetes.default.svc")?;
        pki.sign("apiserver", "/O=system:masters/CN=kube-apiserver-client", "DNS:client")?;
        pki.sign("admin", "/O=system:masters/CN=admin", "DNS:client")?;
        pki.sign("controllers", "/CN=system:kube-controller-manager", "DNS:client")?;
        pki.sign("scheduler", "/CN=system:kube-scheduler", "DNS:client")?;
        let kubelet = format!("/O=system:nodes/CN=system:node:{node}");
        pki.sign("kubelet", &kubelet, &format!("IP:{address},DNS:{node}"))?;
        let openssl = |arguments: &[&str]| {
            command::output(Command::new("openssl").current_dir(&pki.folder).args(arguments)).map(drop)
        };
        openssl(&["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", "accounts.key"])?;
        openssl(&["pkey", "-in", "accounts.key", "-pubout", "-out", "accounts.pub"])?;
        Ok(pki)
    }

    fn request(&self, name: &str, subject: &str) -> Command {
        let mut openssl = Command::new("openssl");
        openssl
            .current_dir(&self.folder)
            .args(["req", "-x509", "-config", "openssl.cnf", "-days", "365", "-noenc"])
            .args(["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-subj", subject])
            .args(["-keyout", &format!("{name}.key"), "-out", &format!("{name}.crt")]);
        openssl
    }

    fn sign(&self, name: &str, subject: &str, alternatives: &str) -> Result<(), Failure> {
        command::output(self.request(name, subject).args(["-CA", "ca.crt", "-CAkey", "ca.key"]).args([
            "-addext",
            "basicConstraints=critical,CA:FALSE",
            "-addext",
            "extendedKeyUsage=serverAuth,clientAuth",
            "-addext",
            &format!("subjectAltName={alternatives}"),
        ]))
        .map(drop)
    }

    /// Writes what `name` reaches the API server at `address` with: one file that holds all.
    pub(super) fn kubeconfig(&self, name: &str, address: &str, path: &Path) -> Result<(), Failure> {
        let (authority, certificate) = (self.base64("ca.crt")?, self.base64(&format!("{name}.crt"))?);
        let key = self.base64(&format!("{name}.key"))?;
        let text = serde_json::json!({
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "farm", "cluster": {
                "server": format!("https://{address}"), "certificate-authority-data": authority,
            }}],
            "users": [{"name": name, "user": {"client-certificate-data": certificate, "client-key-data": key}}],
            "contexts": [{"name": "farm", "context": {"cluster": "farm", "user": name, "namespace": super::NAMESPACE}}],
            "current-context": "farm",
        });
        write(path, &format!("{text:#}\n"))
    }

    fn base64(&self, file: &str) -> Result<String, Failure> {
        command::output(Command::new("openssl").current_dir(&self.folder).args(["base64", "-A", "-in", file]))
    }
}

pub(super) fn write(path: &Path, text: &str) -> Result<(), Failure> {
    fs::write(path, text).map_err(|error| Failure::io("write", path, &error))
}
