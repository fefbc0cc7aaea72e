# SPDX-License-Identifier: Apache-2.0
"""The tour as one list. `./dev run` prints it for people to paste, `./dev run --tour` pastes it
itself and checks every answer, so that the two cannot drift apart."""
from dataclasses import dataclass, field


@dataclass
class Step:
    title: str
    command: str          # shell, run where the folder `run` is; @URL@ is the webhook's address
    statuses: list = field(default_factory=list)  # of the answers, in order; last first if one
    reason: str = ""      # the reason code in the last answer, if it is a refusal or a hold
    says: str = ""        # what the output must contain
    reached: int = 0      # how many messages the agent got by it
    audit: list = field(default_factory=list)  # what its records say: the reason code, or what an operator did
    is_eventual: bool = False     # the answer may need a moment: ask again
    keeps_streams: bool = False   # a response under way during this step must not be cut
    needs_channel: bool = False   # only with the demo's signed webhook
    exit_status: int = 0


def event(name, kind, group, text):
    return ('{"event":{"id":"%s","type":"%s"},"group":{"id":"%s"},"sender":{"id":"ann"},'
            '"text":"%s"}' % (name, kind, group, text))


HELLO = event("evt-1", "message", "family", "hello")

STEPS = [
    Step("An allowed message: signed, posted, answered by the agent.",
         "body='%s'\n"
         "now=$(date +%%s)\n"
         "signature=$(printf '%%s.%%s' \"$now\" \"$body\" |\n"
         "  openssl dgst -sha256 -hmac \"$(cat run/secret)\" -r | cut -d ' ' -f 1)\n"
         "curl --silent --cacert run/cert.pem @URL@ --data-binary \"$body\" \\\n"
         "  -H 'Content-Type: application/json' -H \"X-Timestamp: $now\" \\\n"
         "  -H \"X-Signature: $signature\" --write-out 'HTTP %%{http_code}\\n'" % HELLO,
         statuses=[200], says='"did": "answered"', reached=1, audit=["allowed"]),
    Step("The same event again: a success for the platform, but not sent on (run/send signs as "
         "above).",
         "run/send '%s'" % HELLO,
         statuses=[200], audit=["duplicate"], needs_channel=True),
    Step("A message that is too large.",
         "head -c 20000 /dev/zero | tr '\\0' x >run/large && run/send @run/large",
         statuses=[413], reason="payload_too_large", audit=["payload_too_large"]),
    Step("An event that nobody declared.",
         "run/send '%s'" % event("evt-2", "file_wipe", "family", "hm"),
         statuses=[422], reason="event_unknown", audit=["event_unknown"], needs_channel=True),
    Step("A recording of an old message, signature and all.",
         "run/send -t 1700000000 '%s'" % event("evt-3", "message", "family", "again"),
         statuses=[401], reason="timestamp_outside_window", audit=["timestamp_outside_window"],
         needs_channel=True),
    Step("A group over its rate: five a minute pass, the sixth does not.",
         "for n in 1 2 3 4 5 6; do\n"
         "  run/send '{\"event\":{\"id\":\"noise-'$n'\",\"type\":\"message\"},"
         "\"group\":{\"id\":\"noisy\"},\"sender\":{\"id\":\"bob\"},\"text\":\"'$n'\"}'\n"
         "done",
         statuses=[200] * 5 + [429], reason="rate_limited", reached=5,
         audit=["allowed"] * 5 + ["rate_limited"], needs_channel=True),
    Step("edgehold can sign as the sender does, with the route's own secret: to try a policy.",
         "echo '%s' >run/event.json\n"
         "run/edgehold channel sign hmac -c run/edgehold.yaml --body run/event.json |\n"
         "  CURL_CA_BUNDLE=run/cert.pem sh" % event("evt-7", "message", "friends", "hello too"),
         says='"did": "answered"', reached=1, audit=["allowed"], needs_channel=True),
    Step("A message to everybody: it waits for a yes.",
         "run/send -p /broadcast '%s'" % event("evt-4", "broadcast", "staff", "party at six"),
         statuses=[202], says="approval_id", audit=["held"]),
    Step("What waits.",
         "run/edgehold approvals list",
         says="mass_send"),
    Step("Say yes, and why.",
         "run/edgehold approvals approve \"$(run/held approval_id)\" --reason 'text checked'",
         reached=1, audit=["approval.approve", "released"]),
    Step("What became of it: the agent's own answer.",
         "curl --silent --cacert run/cert.pem \"$(run/held status_url)\" "
         "--write-out 'HTTP %{http_code}\\n'",
         statuses=[200], says="sent to everybody", is_eventual=True),
    Step("A word that no rule knows passes ...",
         "run/send '%s'" % event("evt-5", "message", "family", "pineapple for all"),
         statuses=[200], reached=1, audit=["allowed"]),
    Step("... teach it to the rule, without a restart ...",
         "sed -i 's/\"forbidden\"/\"forbidden\", \"pineapple\"/' run/rules/words.lua\n"
         "run/edgehold reload",
         keeps_streams=True, audit=["policy.reload"]),
    Step("... and the next request meets it.",
         "run/send '%s'" % event("evt-6", "message", "family", "pineapple for all"),
         statuses=[403], reason="rule_denied", audit=["rule_denied"]),
    Step("Who did what, when and why: a record of each of these.",
         "run/edgehold audit query --file run/audit.jsonl"),
]


def steps(has_channel):
    return [step for step in STEPS if has_channel or not step.needs_channel]


def expectation(step):
    """What a reader should see, in a few words."""
    parts = []
    if step.statuses:
        runs = []
        for status in step.statuses:
            if runs and runs[-1][0] == status:
                runs[-1][1] += 1
            else:
                runs.append([status, 1])
        parts.append(", then ".join("HTTP %d" % s + (" x %d" % n if n > 1 else "")
                                    for s, n in runs))
    if step.reason:
        parts.append(step.reason)
    return ", ".join(parts)


def as_text(has_channel, url):
    lines = []
    for number, step in enumerate(steps(has_channel), 1):
        lines.append("%2d. %s" % (number, step.title))
        lines += ["      " + line for line in step.command.replace("@URL@", url).split("\n")]
        if expectation(step):
            lines.append("    -> " + expectation(step))
        lines.append("")
    return "\n".join(lines)
