# SPDX-License-Identifier: Apache-2.0
"""What the README says is true: its configuration loads, its rule runs, its names exist."""
import re

from harness import ROOT, SECRET, Case, certificates, plain_config
from test_channels import SECRETS

README = (ROOT / "README.md").read_text()
CATALOGUE = (ROOT / "packaging/demo/actions.yaml").read_text().replace("@HOOK@", "")


def blocks(language):
    return re.findall(r"```%s\n(.*?)```" % language, README, re.S)


class Readme(Case):
    def test_its_configuration_is_accepted_without_a_warning(self):
        certificate, key = certificates().leaf("agent.example")
        proxy = self.edgehold(blocks("yaml")[0], start=False, files={
            "cert.pem": certificate.read_text(), "key.pem": key.read_text(),
            "actions.yaml": CATALOGUE, "rules/first.lua": blocks("lua")[0]},
            environment={"WEBHOOK_SECRET": SECRET})
        done = proxy.command("check", "-c", str(proxy.config_path), check=False, admin=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertNotIn("warning", (done.stdout + done.stderr).lower())

    def test_its_rule_holds_what_it_says(self):
        config = plain_config(self.upstream(), [
            {"lua_rules": {"directory": "rules"}}, {"approval_hold": {"ttl": "1h"}}])
        proxy = self.edgehold(config, files={"rules/first.lua": blocks("lua")[0]})
        client = self.client(proxy)
        fields = [("Content-Type", "application/json")]
        short, long = b'{"text":"hi"}', b'{"text":"%s"}' % (b"x" * 3000)
        self.assertEqual(client.ask("POST", "/", body=short, fields=fields).status, 200)
        self.assertEqual(client.ask("POST", "/", body=long, fields=fields).status, 202)

    def test_every_reason_code_it_names_exists_with_its_status(self):
        rows = dict((code, status) for code, status in re.findall(
            r'\{Reason::\w+, "(\w+)", (\d+),', (ROOT / "proxy/base/reason.cc").read_text()))
        named = re.findall(r"(?m)^\| `\w+` \| .* \| (.+) \|$", README)
        checked = 0
        for cell in named:
            status = None
            for word in re.findall(r"\b\d{3}\b|`\w+`", cell):
                if word.isdigit():
                    status = word
                    continue
                code = word.strip("`")
                self.assertIn(code, rows)
                if status:
                    self.assertEqual(rows[code], status, code)
                checked += 1
        self.assertGreater(checked, 10)

    def test_every_room_it_names_is_there(self):
        for name in re.findall(r"(?m)^\| (.*`) \|", README.split("## The rooms")[1]):
            for path in re.findall(r"`([\w/]+)`", name):
                self.assertTrue((ROOT / path).is_dir(), path)


class Examples(Case):
    def test_every_example_configuration_is_accepted(self):
        examples = sorted([*(ROOT / "conf").glob("*.yaml"), *(ROOT / "conf/channels").glob("*.yaml")])
        self.assertGreaterEqual(len(examples), 3)
        proxy = self.edgehold(plain_config("http://127.0.0.1:9"), start=False)
        for example in examples:
            text = example.read_text()
            names = set(re.findall(r"\$\{env:(\w+)\}", text))
            proxy.environment.update({n: SECRETS.get(n, SECRET * 3) for n in names})
            with self.subTest(example.name):
                done = proxy.command("check", "-c", str(example), check=False, admin=False)
                self.assertIn(done.returncode, (0, 2))
                problems = [line for line in (done.stdout + done.stderr).split("\n")
                            if re.search(r":\d+:\d+: ", line) and "no such file" not in line.lower()
                            and "cannot open" not in line.lower()]
                self.assertEqual(problems, [])
