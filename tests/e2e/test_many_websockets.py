# SPDX-License-Identifier: Apache-2.0
"""A thousand WebSockets at a time: what an idle one costs, and that reloads leave them alone."""
from harness import PLAIN_BINARY, Case, client_tls, plain_config, tls_config, wait_for
from many_websockets import Crowd, EchoUpstream, allow_descriptors

KIB = 1024
SOCKETS = 1000
RELOADS = 100
# 10,000 of them are to stay under 300 MiB, the process itself included.
IDLE_BYTES_MAX = 28 * KIB


class ManyWebSockets(Case):
    def setUp(self):
        self.assertTrue(allow_descriptors(4 * SOCKETS), "the limit of descriptors is too low")
        self.echo = EchoUpstream()
        self.addCleanup(self.echo.stop)

    def start(self, make_config, inspect):
        config = make_config(self.echo.url)
        config["routes"][0]["websocket"] = {"inspect": inspect, "idle_timeout": "10m"}
        return config, self.edgehold(config, binary=PLAIN_BINARY)

    def crowd(self, proxy, tls, count=SOCKETS):
        crowd = Crowd(proxy.port, client_tls() if tls else None)
        self.addCleanup(crowd.close)
        crowd.open(count)
        return crowd

    def check_memory(self, make_config, inspect, tls):
        _, proxy = self.start(make_config, inspect)
        first = self.crowd(proxy, tls, 50)  # what a process takes once
        self.assertEqual(first.exchange(b"warm"), [])
        before = proxy.resident_bytes()
        crowd = self.crowd(proxy, tls)
        self.assertEqual(crowd.exchange(b"once" * 25), [])
        cost = (proxy.resident_bytes() - before) / SOCKETS
        self.assertLessEqual(cost, IDLE_BYTES_MAX, "%.1f KiB each" % (cost / KIB))

    def test_an_idle_websocket_that_is_inspected_costs_at_most_28_kib(self):
        self.check_memory(plain_config, inspect=True, tls=False)

    def test_an_idle_websocket_over_tls_that_is_inspected_costs_at_most_28_kib(self):
        self.check_memory(tls_config, inspect=True, tls=True)

    def test_an_idle_websocket_that_is_tunnelled_over_tls_costs_at_most_28_kib(self):
        self.check_memory(tls_config, inspect=False, tls=True)

    def test_a_hundred_reloads_with_a_thousand_open_websockets_drop_none(self):
        config, proxy = self.start(plain_config, inspect=True)
        crowd = self.crowd(proxy, tls=False)
        versions = set()
        for number in range(RELOADS):
            config["routes"][0]["limits"] = {"body": "%dKiB" % (100 + number)}
            proxy.configure(config)
            answer = proxy.admin("/reload", method="POST")
            self.assertEqual(answer.status, 200, answer.body)
            versions.add(proxy.admin("/status").json()["policy_version"])
            if number % 25 == 0:
                self.assertEqual(crowd.exchange(b"after reload %d" % number), [])
        self.assertEqual(crowd.exchange(b"after all of them"), [])
        self.assertEqual(len(versions), RELOADS)
        self.assertEqual((self.echo.accepted, self.echo.closed), (SOCKETS, 0))
        crowd.close()
        wait_for(lambda: self.echo.closed == SOCKETS, "edgehold lets go of what clients left")
