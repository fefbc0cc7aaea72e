# SPDX-License-Identifier: Apache-2.0
"""What other people's TLS scanners say of the real binary: nothing worse than "low"."""
import json
import subprocess
import tempfile
import xml.etree.ElementTree as ElementTree
from pathlib import Path

from harness import Case, certificates, tls_config

SECONDS = 120  # for a scan, on a slow and busy machine
MODERN = {
    "TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256",
    "ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-CHACHA20-POLY1305",
}
# What testssl.sh says of itself: a check that its own openssl cannot make.
OF_THE_SCANNER = {"RC4"}


class Scanners(Case):
    def setUp(self):
        config = tls_config(self.upstream())
        config["listen"][0]["tls"].update({"http2": True, "hsts": {"max_age": "365d"}})
        self.proxy = self.edgehold(config)
        folder = tempfile.TemporaryDirectory(prefix="edgehold-scan-")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def run_scanner(self, *command):
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=SECONDS, check=False)
        self.assertLess(done.returncode, 200, done.stdout + done.stderr)

    def test_sslscan_finds_modern_protocols_suites_and_nothing_else(self):
        out = self.folder / "sslscan.xml"
        self.run_scanner("sslscan", "--xml=%s" % out, "127.0.0.1:%d" % self.proxy.port)
        scan = ElementTree.parse(out).getroot().find("ssltest")
        versions = {(p.get("type"), p.get("version")) for p in scan.iter("protocol")
                    if p.get("enabled") == "1"}
        self.assertEqual(versions, {("tls", "1.2"), ("tls", "1.3")})
        self.assertEqual({c.get("cipher") for c in scan.iter("cipher")}, MODERN)
        self.assertEqual(scan.find("renegotiation").get("supported"), "0")
        self.assertNotIn("1", [h.get("vulnerable") for h in scan.iter("heartbleed")])
        fallback = scan.find("fallback")
        self.assertTrue(fallback is None or fallback.get("supported") == "1")
        compression = scan.find("compression")
        self.assertTrue(compression is None or compression.get("supported") == "0")

    def test_testssl_finds_nothing_above_low(self):
        out = self.folder / "testssl.json"
        self.run_scanner(
            "testssl", "--quiet", "--color", "0", "--warnings", "off", "--ip", "127.0.0.1",
            "--fast", "--jsonfile", str(out), "--add-ca", str(certificates().ca),
            "-p", "-f", "-U", "127.0.0.1:%d" % self.proxy.port)
        findings = json.loads(out.read_text())
        names = {f["id"] for f in findings}
        for checked in ("SSLv3", "TLS1", "TLS1_2", "TLS1_3", "heartbleed", "ROBOT", "secure_renego",
                        "secure_client_renego", "CRIME_TLS", "BEAST", "LUCKY13", "PFS"):
            self.assertIn(checked, names, "a check that was not made proves nothing")
        worse = [f for f in findings if f["severity"] not in ("OK", "INFO", "LOW", "DEBUG")
                 and f["id"] not in OF_THE_SCANNER]
        self.assertEqual(worse, [])
