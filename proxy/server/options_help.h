// SPDX-License-Identifier: Apache-2.0
// What `--help` says after the list of options: examples, exit codes, files, signals.
// Thread: any (immutable).
#pragma once

#include <string_view>

namespace edgehold::help {

inline constexpr std::string_view kProgram =
    R"(edgehold: a policy-enforcing reverse proxy for AI agents.
It checks every request against a policy, can hold one until a person says yes,
and writes an audit record of each decision.)";

inline constexpr std::string_view kProgramEnd = R"(
EXAMPLES
  edgehold check -c /etc/edgehold/edgehold.yaml && edgehold reload
  edgehold approvals list
  edgehold approvals approve 4f2c... --reason "agreed with sales"
  edgehold audit query --since 1h --decision deny

ADMIN SOCKET
  reload, status, policy, rules top, approvals and session ask a running edgehold.
  Where it listens is taken from --admin, else from `admin:` in the file given with
  -c, else from $EDGEHOLD_ADMIN, else it is /run/edgehold/admin.sock or
  /var/lib/edgehold/admin.sock, whichever is there.

EXIT CODES
  0  ok
  1  operational failure: nobody answers, a file or store cannot be used
  2  wrong usage, or a configuration with mistakes
  3  the check ran, and what it checked did not pass

`edgehold VERB --help` tells more.)";

inline constexpr std::string_view kRunEnd = R"(
Stays in the foreground and logs to standard error; a service manager keeps it
running. Started as root, it opens its sockets and becomes the account that
`user:` names, for good. Nothing it executes can gain privileges, the limit of
open descriptors is raised to the hard limit, and there are no core dumps.

EXAMPLES
  edgehold run -c /etc/edgehold/edgehold.yaml

SIGNALS
  HUP         read the configuration again; with mistakes, or when it is weaker
              than the one in force (see `edgehold reload --help`), nothing changes
  USR1        open the audit file again (after something else moved it)
  USR2        let the program that lies at our path now take over, with our
              arguments and sockets; nobody is refused; if it cannot start,
              nothing changes
  TERM, INT   drain: not ready; after timeouts.drain_delay no new connections;
              finish what is under way, end when it is done or timeouts.drain has
              passed; a second one ends at once; HUP is ignored meanwhile

FILES
  state.directory     holds and claims (/var/lib/edgehold unless configured)
  admin.socket        the admin socket (admin.sock in state.directory)
  audit.path          one JSON line for each decision (audit.jsonl there)

EXIT CODES
  0  drained and ended, or cut at the deadline or by a second signal
  1  cannot start     2  configuration with mistakes)";

inline constexpr std::string_view kCheckEnd = R"(
Builds everything that `run` would build, rules, filters and secrets included,
and touches nothing. Every mistake is told at once on standard error, one a line:
  FILE:LINE:COLUMN: PATH: MESSAGE
Without mistakes it prints the version of the policy (the hash of all that acts),
its routes and its warnings.

EXAMPLES
  edgehold check -c conf/bot.yaml
  edgehold check -c conf/bot.yaml --json | jq -r .policy_version

EXIT CODES
  0  no mistakes (warnings may be told)     2  mistakes)";

inline constexpr std::string_view kReloadEnd = R"(
The running edgehold reads its configuration file and rules again, checks all of
it and takes it over as one; exchanges under way keep the policy they began with.
With mistakes nothing changes, and they are told on standard error. So it is when a
key changed that only a restart can change, or when the policy is weaker than the
one in force (a filter or an action that must be approved is gone, a wider admin
address, shorter or poorer audit, ...): every such line is named, and
--allow-downgrade takes it. Rates, sizes, windows and times may change freely.
Each reload, taken or refused, is in the audit log with who asked for it.

EXAMPLES
  edgehold reload
  edgehold reload --allow-downgrade
  edgehold reload --admin /run/edgehold/admin.sock --json

EXIT CODES
  0  taken over     1  nobody answers, or refused: the old policy stays)";

inline constexpr std::string_view kPolicyEnd = R"(
Every policy that was in force is kept whole in state.directory (the last 32): the
configuration, rules and catalogues; references to secrets, never secrets. `rollback`
checks a kept one like a reload and puts it in force; the files on the disk stay as
they are and are in force again with the next reload (also by HUP, or a change while
`reload.watch` is true) or restart. `status` tells while they differ. Certificates,
secrets and authorities of upstreams are those of now.

EXAMPLES
  edgehold policy history
  edgehold policy diff
  edgehold policy diff 4f2c9a01 b3d1e6f0
  edgehold policy rollback 4f2c9a01

EXIT CODES
  0  ok     1  nobody answers, no such version, or refused: the policy in force stays)";

inline constexpr std::string_view kStatusEnd = R"(
EXAMPLES
  edgehold status
  edgehold status --json | jq .is_ready

EXIT CODES
  0  told     1  nobody answers)";

inline constexpr std::string_view kVersionEnd = R"(
EXIT CODES
  0  always)";

inline constexpr std::string_view kRulesTestEnd = R"(
Runs every *_test.lua beside the rules in DIR with the engine that serves requests.
Prints TAP (testanything.org), one line for each case.

EXAMPLES
  edgehold rules test lua/rules

EXIT CODES
  0  all passed     2  the rules do not load     3  a test failed)";

inline constexpr std::string_view kRulesTopEnd = R"(
Calls, errors, time, instructions and memory of every rule since the start, over all
workers, and which rules are in quarantine: not run because they spent their budget
too often in a row, so that requests they would check are answered by the `on_error`
of their filter. A changed rule is run again at once, any other after a while.

EXAMPLES
  edgehold rules top
  edgehold rules top --by memory --json

EXIT CODES
  0  told     1  nobody answers)";

inline constexpr std::string_view kApprovalsEnd = R"(
A held request waits, bound to its exact bytes, until somebody approves or denies it
or its time is over (silence is no). Approved, it is checked again under the policy of
that moment, and edgehold sends it. Who decided and why goes into the audit log; the
account is the one the kernel reports for this end of the admin socket; --who adds a name.
States: pending, approved, executing, done, failed, unknown, denied, expired.

EXAMPLES
  edgehold approvals list
  edgehold approvals list --state any --limit 1000 --json
  edgehold approvals show ID
  edgehold approvals approve ID --reason "agreed with sales"
  edgehold approvals deny ID --reason "wrong group"

EXIT CODES
  0  ok     1  nobody answers, or the decision was refused (no such hold, decided already))";

inline constexpr std::string_view kSessionEndEnd = R"(
Throws a user out: every session that SUBJECT has at APP ends, whenever and at
whichever worker it began. Its tokens are refused from now on, also after a crash or
a restart; an inspected WebSocket is closed at its next message, and every one within
five seconds. A login that is under way or comes later begins a new session: who
shall not come back must be refused by a rule. Audit records name users as APP:SUBJECT
(`who.principal`). Who asked and why goes into the audit log before anything ends; the
account is the one the kernel reports for this end of the admin socket; --who adds a
name. If it fails, some sessions may have ended: ask again.

EXAMPLES
  edgehold audit query --principal wx0123456789abcdef:oUser-1 --since 1h
  edgehold session end wx0123456789abcdef oUser-1 --reason "floods the agent"

EXIT CODES
  0  they have ended, if there were any     1  nobody answers, or it failed)";

inline constexpr std::string_view kAuditQueryEnd = R"(
Reads the audit files, the rotated ones first: those of --file, else of the configuration
given with -c, else of the running edgehold that answers at the admin socket. All filters
that are given must hold. TIME is RFC 3339 in UTC (2026-11-21T11:02:10Z, or a date), or
how long ago: 15m, 2h, 7d. With --json the records come as they stand, one a line.

EXAMPLES
  edgehold audit query -c /etc/edgehold/edgehold.yaml --since 1h --decision deny
  edgehold audit query --file audit.jsonl --request-id ID --json
  edgehold audit query --principal deploy-bot --limit 0

EXIT CODES
  0  read, even when nothing matched     1  no file could be read)";

inline constexpr std::string_view kChannelSignEnd = R"(
Prints a curl command that sends one event, signed now with the first live
secret of the route's channel. It is what the platform would send, so it passes
(once: its id is new each time, and its time is fresh for as long as the window
is). Change a letter and it is refused. With --json the parts of the request.
Telegram's and others' static tokens stand in it: it is as secret as they are.
Some platforms sign with a private key, which only they have: discord, teams,
and standard_webhooks with public keys. For a test of those make a key, list its
public half beside the platform's own, and sign with --signing-key; take the
public half out again, for whoever has the key is the platform. The command
tells what to list when it is not there. Discord and standard_webhooks want
Ed25519 (openssl genpkey -algorithm ed25519 -out test.pem), Teams wants RSA
(openssl genrsa -out test.pem 2048).

EXAMPLES
  edgehold channel sign qq -c edgehold.yaml | sh
  edgehold channel sign slack -c edgehold.yaml --route bot --body event.json | sh
  edgehold channel sign wecom -c edgehold.yaml --url https://bot.example.com
  edgehold channel sign discord -c edgehold.yaml --signing-key test.pem | sh

EXIT CODES
  0  made     1  cannot be made     2  no such channel, or a configuration with mistakes)";

inline constexpr std::string_view kSecretsStatusEnd = R"(
Reads the configuration and tells every secret that it refers to: how many live
versions it has (a new one and its predecessor during a rotation), how old the
newest is, and whether `security.secrets.rotate_days` has passed. Files have an
age, variables of the environment have none. Values are never shown.

EXAMPLES
  edgehold secrets status -c edgehold.yaml
  edgehold secrets status -c edgehold.yaml --json | jq '.[] | select(.is_due)'

EXIT CODES
  0  all resolve and none is due     2  a configuration with mistakes
  3  one does not resolve, or is past its rotation)";

inline constexpr std::string_view kKeyEnd = R"(
The filter `api_key` knows callers by keys, and keys by their SHA-256: the configuration
holds no secret. A key is shown once, by `key new`; give it to whoever calls, who sends
it as `Authorization: Bearer KEY`. `key hash` reads one that there is already.

EXAMPLES
  edgehold key new --name ci
  edgehold key hash --name ci < key.txt

EXIT CODES
  0  ok     2  no key that is long enough)";

}  // namespace edgehold::help
