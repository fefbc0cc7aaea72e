// SPDX-License-Identifier: Apache-2.0
// Every bound that a peer, file or rule can run into, in one place. A value that operators may
// change is the default here and has its ceiling beside it.
// Thread: any (immutable).
#pragma once

#include <chrono>
#include <cstddef>

namespace edgehold::limits {

using namespace std::chrono_literals;

// HTTP heads (RFC 9112 2.3, 3; RFC 9110 5.4).
inline constexpr std::size_t kHeadBytesMax = 32 * 1024;
inline constexpr std::size_t kTargetBytesMax = 8 * 1024;
inline constexpr std::size_t kMethodBytesMax = 32;
inline constexpr std::size_t kHeaderCountMax = 100;
inline constexpr std::size_t kHeaderNameBytesMax = 256;
inline constexpr std::size_t kRequestIdBytesMax = 64;
inline constexpr std::size_t kConnectionOptionsMax =
    32;  // names in all Connection fields of a head
// Chunked bodies (RFC 9112 7.1): the size line with its extensions, and the trailer section.
inline constexpr std::size_t kChunkLineBytesMax = 256;
inline constexpr std::size_t kChunkExtensionBytesMax = 16 * 1024;  // of a whole request body
inline constexpr std::size_t kTrailerBytesMax = 8 * 1024;
// 1xx responses before the final one (RFC 9110 15.2).
inline constexpr std::size_t kInformationalResponsesMax = 8;
// What is read and dropped of a request body that its response did not wait for (RFC 9112 9.3).
inline constexpr std::size_t kDiscardedBodyBytesMax = 64 * 1024;
// The same once the answer has left and the connection only waits for the client to see it.
inline constexpr std::size_t kLingerBytesMax = 4 * 1024 * 1024;

// HTTP/2 towards clients (RFC 9113 5.2, 6.5.2, 10.5). What one connection may do before it is
// closed as abusive; answers that were taken whole earn most of it back.
inline constexpr std::size_t kHttp2StreamsMax = 100;                  // at the same time
inline constexpr std::size_t kHttp2StreamWindowBytes = 64 * 1024;     // of a request body
inline constexpr std::size_t kHttp2ConnectionWindowBytes = 1 << 20;   // of all of them, unread
inline constexpr std::size_t kHttp2HeaderListBytesMost = 128 * 1024;  // past it not even refused
inline constexpr std::size_t kHttp2ContinuationsMax = 8;              // of one header block
inline constexpr std::size_t kHttp2SettingsEntriesMax = 32;           // of one frame
inline constexpr unsigned kHttp2ClientResetsMax = 200;
inline constexpr unsigned kHttp2ServerResetsMax = 100;
inline constexpr unsigned kHttp2SettingsMax = 32;
inline constexpr unsigned kHttp2PingsMax = 300;
inline constexpr unsigned kHttp2PrioritiesMax = 300;
inline constexpr unsigned kHttp2EmptyContentMax = 100;
inline constexpr unsigned kHttp2WindowUpdatesMax = 1000;
inline constexpr unsigned kHttp2StrangeFramesMax = 200;  // unknown, GOAWAY, heads of old streams

// WebSocket (RFC 6455): of one message. Fragments are cheap when they carry something.
inline constexpr std::size_t kWebSocketFragmentsMax = 128 * 1024;
inline constexpr std::size_t kWebSocketEmptyFragmentsMax = 128;
// What a handshake may offer.
inline constexpr std::size_t kWebSocketSubprotocolsMax = 32;
inline constexpr std::size_t kWebSocketExtensionsMax = 16;

// HTTP/2 towards upstreams: streams of one connection at the same time, whatever the upstream would
// take, and what it may send of a response that is not read.
inline constexpr std::size_t kHttp2UpstreamStreamsMax = 100;
inline constexpr std::size_t kHttp2ResponseWindowBytes = 128 * 1024;
// What a proxy announces before it relays (PROXY protocol), and how long it has for it.
inline constexpr std::size_t kProxyHeaderBytesMax = 2048;
inline constexpr auto kProxyHeaderTimeout = 5s;

// TLS towards clients.
inline constexpr std::size_t kTicketKeysMax = 16;  // in one file
inline constexpr auto kTicketRotationDefault = 12h;
inline constexpr auto kTicketRotationMax = 84h;  // RFC 8446 4.6.1: no ticket lives over seven days
inline constexpr std::size_t kOcspBytesMax = 64 * 1024;
inline constexpr std::size_t kClientCertificateBytesMax = 32 * 1024;  // its chain included
// Records without content (KeyUpdate, alerts, renegotiation) that a client may send; content earns
// some of it back.
inline constexpr std::size_t kTlsSilentBytesMax = 64 * 1024;
inline constexpr std::size_t kTlsSilentBytesEarned = 1024;  // by each byte of content
// Handshakes under way (defaults), and what a turn of a loop does of them: the rest waits, so that
// who is connected does not wait for who connects.
inline constexpr std::size_t kHandshakesDefault = 8192;
inline constexpr std::size_t kHandshakesPerAddressDefault = 1024;
inline constexpr unsigned kHandshakeStepsPerTurn = 2;
// Connections that were asked to make room and have not gone yet.
inline constexpr std::size_t kConnectionsSheddingMax = 64;
inline constexpr std::size_t kShedCandidatesMax = 32;  // looked at to find one

// Bodies.
inline constexpr std::size_t kBodyBytesDefault = 1024 * 1024;
inline constexpr std::size_t kBufferedBodyBytesCeiling = 64 * 1024 * 1024;
inline constexpr std::size_t kSseEventBytesMax = 1024 * 1024;

// WebSockets (RFC 6455), beside what the reader of frames keeps to.
inline constexpr std::size_t kTunnelWindowBytes = 128 * 1024;  // on their way in one direction
// Of the memory through which large messages went, between messages.
inline constexpr std::size_t kTunnelBufferBytesKept = 16 * 1024;
inline constexpr auto kWebSocketIdleTimeout =
    5min;                                           // nothing moves either way; agents ping at 25 s
inline constexpr auto kWebSocketCloseTimeout = 5s;  // to answer a Close
inline constexpr std::size_t kWebSocketMessageBytesDefault = 25 * 1024 * 1024;
inline constexpr std::size_t kWebSocketMessageBytesFirst = 64 * 1024;  // before authentication
inline constexpr std::size_t kWebSocketMessageBytesCeiling = 64 * 1024 * 1024;

// Per connection.
inline constexpr std::size_t kUpstreamReadBytes = 64 * 1024;
inline constexpr std::size_t kClientReadBytes = 64 * 1024;
// Past this a connection is not read on: a head of the largest size, and one read behind it.
inline constexpr std::size_t kClientInputBytesMax = kHeadBytesMax + 1024;
// Output past the first, and the other side is not read; past the second, when buffers are scarce.
inline constexpr std::size_t kOutputBytesHigh = 64 * 1024;
inline constexpr std::size_t kOutputBytesHighScarce = 8 * 1024;
inline constexpr std::size_t kUnsentBytesMax = 128 * 1024;  // in the kernel, of one socket

// What the process takes on (defaults; operators may change them). Connections also take no more
// than half of the descriptors: the other half is for upstreams.
inline constexpr std::size_t kConnectionsDefault = 65'536;
inline constexpr std::size_t kConnectionsCeiling = 4 * 1024 * 1024;
inline constexpr std::size_t kConnectionsLeast = 16;  // whatever the descriptor limit
inline constexpr std::size_t kConnectionsPerAddressDefault = 4096;
inline constexpr std::size_t kSurplusConnectionsMax = 64;  // over a cap, and told so
inline constexpr std::size_t kDescriptorsReserved = 128;   // listeners, stores, logs, admin
inline constexpr std::size_t kExchangesDefault = 16'384;
inline constexpr std::size_t kUpstreamConnectionsDefault = 16'384;  // to each upstream
inline constexpr std::size_t kExchangesCeiling = 4 * 1024 * 1024;
inline constexpr std::size_t kBufferedBytesDefault = 256 * 1024 * 1024;
inline constexpr std::size_t kBufferedBytesLeast = 1024 * 1024;
inline constexpr std::size_t kBufferedBytesCeiling = std::size_t{1} << 40;
// What a worker takes at once from a count that all share.
inline constexpr std::size_t kExchangesLot = 64;
inline constexpr std::size_t kBufferedBytesLot = 1024 * 1024;
// A client that sends or takes fewer bytes in a second is cut at its body or write timeout.
inline constexpr std::size_t kClientRateDefault = 512;
inline constexpr std::size_t kClientRateCeiling = 1024 * 1024;
// An upstream is given a second more for so many bytes that it has to take before it answers.
inline constexpr std::size_t kUpstreamRateLeast = 64 * 1024;

// JSON (RFC 8259 9 lets a parser set these).
inline constexpr std::size_t kJsonDepthMax = 64;
inline constexpr std::size_t kJsonBytesMax = kWebSocketMessageBytesDefault;

// XML of chat platforms.
inline constexpr std::size_t kXmlDepthMax = 16;
inline constexpr std::size_t kXmlElementsMax = 1024;
inline constexpr std::size_t kXmlNameBytesMax = 64;

// Facts.
inline constexpr std::size_t kFactBytesMax = 256;
inline constexpr std::size_t kTagCountMax = 16;

// Filters.
inline constexpr std::size_t kRateLimitsMax = 8;  // in one filter
inline constexpr std::size_t kCatalogueRowsMax = 4096;
inline constexpr std::size_t kConditionsMax = 32;    // of one catalogue row
inline constexpr std::size_t kSignedPiecesMax = 16;  // of one signed text
inline constexpr std::size_t kSecretsMax = 16;       // live versions in one channel
inline constexpr std::size_t kBatchEventsMax = 256;  // in one callback of a platform
inline constexpr std::size_t kSignaturesMax = 16;    // in one field, any of which may fit
// Of a batch's ids that had come before, as the upstream is told them: its heads are small.
inline constexpr std::size_t kSeenIdsBytesMax = 2048;

// Tokens (RFC 7519) and the keys that verify them.
inline constexpr std::size_t kJwsBytesMax = 16 * 1024;
inline constexpr std::size_t kJwsNameBytesMax = 256;  // of a key, algorithm or type
inline constexpr std::size_t kJwksBytesMax = 256 * 1024;
inline constexpr std::size_t kJwksKeysMax = 64;

// Who may reach an agent.
inline constexpr std::size_t kApiKeysMax = 256;       // in one filter
inline constexpr std::size_t kApiKeyBytesLeast = 16;  // shorter ones can be guessed
inline constexpr std::size_t kApiKeyBytesMax = 512;
inline constexpr std::size_t kRolesMax = 16;  // of one principal
inline constexpr std::size_t kSessionTokenBytesMax = 1024;
inline constexpr std::size_t kSessionKeyBytesLeast = 32;  // of the secret that seals sessions
inline constexpr std::size_t kLoginBytesMax = 64 * 1024;  // of what a client sends to log in
inline constexpr std::size_t kLoginCodeBytesMax = 128;
inline constexpr auto kLoginCodeKept = 5min;  // platforms forget a code sooner
inline constexpr auto kSessionIdleMax = 24h * 7;
inline constexpr auto kSessionAbsoluteMax = 24h * 30;
inline constexpr std::size_t kSessionsSweptMax = 8;  // ended ones, at each login
// Calls that the edge itself makes to an upstream.
inline constexpr std::size_t kCallsMax = 256;  // of one worker, at the same time
inline constexpr std::size_t kCallAnswerBytesMax = 256 * 1024;
inline constexpr auto kCallTimeoutMax = 4500ms;  // before the walk gives the filter up

// State.
inline constexpr std::size_t kCounterEntriesDefault = 4 * 1024 * 1024;
// The claim journal: records of a segment (40 bytes each), segments before the oldest is emptied.
inline constexpr std::size_t kClaimSegmentRecordsLeast = 1600;
inline constexpr std::size_t kClaimSegmentRecordsMost = 100'000;
inline constexpr std::size_t kClaimSegmentBytesMax = 16 * 1024 * 1024;
inline constexpr std::size_t kClaimSegmentsMax = 64;
inline constexpr std::size_t kClaimsPendingMax = 50'000;  // of a worker, not journaled yet
inline constexpr auto kStoreRetryInterval = 1s;           // how often a store that failed is tried
inline constexpr std::size_t kHoldsPendingMax = 10'000;
inline constexpr std::size_t kHoldsReleasingMax = 16;  // sent upstream at the same time
inline constexpr std::size_t kHoldAnswerBytesMax = 256 * 1024;
inline constexpr std::size_t kHoldRulingBytesMax = 1024;  // who decided, and why: each
inline constexpr auto kHoldSweepInterval = 1s;
inline constexpr auto kHoldReleaseGrace = 60s;  // an approved hold that is older is not sent
inline constexpr auto kHoldKept = 7 * 24h;      // after it is settled, without its content
inline constexpr std::size_t kLedgerQueueMax = 4096;
inline constexpr std::size_t kLedgerQueueBytesMax = 256 * 1024 * 1024;
inline constexpr std::size_t kLedgerBatchMax = 256;  // requests in one commit
inline constexpr std::size_t kLedgerListMax = 1000;
inline constexpr std::size_t kLedgerNameBytesMax = 256;  // kind, id, lane, state
inline constexpr std::size_t kLedgerSummaryBytesMax = 64 * 1024;

// Audit records: longer texts are cut, further shadows dropped; README.md of observe has the sum.
inline constexpr std::size_t kAuditPathBytesMax = 1024;
inline constexpr std::size_t kAuditDetailBytesMax = 512;
inline constexpr std::size_t kAuditActWhyBytesMax = 8 * 1024;  // why an operator did something
inline constexpr std::size_t kAuditShadowsMax = 16;
inline constexpr std::size_t kAuditLineBytesMax = 160 * 1024;
// Lines kept per worker while the file cannot be written; past it records are lost and counted.
inline constexpr std::size_t kAuditBufferBytesMax = 4 * 1024 * 1024;
inline constexpr std::size_t kAuditFilesMax = 10'000;
inline constexpr auto kAuditRetryInterval = 1s;

// Label values in metrics; further names are counted under the empty one.
inline constexpr std::size_t kMetricRoutesMax = 1024;
inline constexpr std::size_t kMetricFiltersMax = 256;
inline constexpr std::size_t kMetricRulesMax = 512;
inline constexpr std::size_t kMetricUpstreamsMax = 256;

// Lua (defaults; operators may change them).
inline constexpr std::size_t kRuleInstructionsDefault = 200'000;
inline constexpr std::size_t kRuleMemoryBytesDefault = 8 * 1024 * 1024;
inline constexpr auto kRuleWallDefault = 5ms;
inline constexpr std::size_t kRuleFileBytesMax = 256 * 1024;
inline constexpr std::size_t kRuleFilesMax = 256;
inline constexpr std::size_t kRuleIdBytesMax = 64;
inline constexpr std::size_t kRuleReasonBytesMax = 256;
inline constexpr auto kRuleHoldTtlMax = std::chrono::seconds(7 * 24h);
// A text that a rule makes may have this part of its memory: turning digits into a number, or
// comparing, is one instruction that nothing interrupts.
inline constexpr std::size_t kRuleTextPart = 4;
inline constexpr std::uint64_t kRuleInstructionsMax = 100'000'000;
inline constexpr std::size_t kRuleMemoryBytesMin = 64 * 1024;
inline constexpr std::size_t kRuleMemoryBytesMax = 256 * 1024 * 1024;
inline constexpr auto kRuleWallMax = 1s;
// A rule that takes longer lets the worker's other connections be served and goes on in a later
// turn of its loop. Those under way at once share one slice in each turn.
inline constexpr auto kRuleSlice = 500us;
// Requests of one worker whose rules of one set have paused. Each has a Lua state with a memory
// budget of its own; past it a rule runs to its end, as all do where nothing can wait.
inline constexpr std::size_t kRulesPausedMax = 8;
// Calls in a row, over all workers, after which a rule that spends its budget is not run any more.
inline constexpr std::uint32_t kRuleQuarantineAfterDefault = 5;
inline constexpr std::uint32_t kRuleQuarantineAfterMax = 10'000;
inline constexpr auto kRuleQuarantineDefault = 60s;
inline constexpr auto kRuleQuarantineMax = 24h;
inline constexpr std::size_t kRulesWatchedMax = 4096;             // remembered over reloads
inline constexpr std::size_t kRulePatternBytesMax = 1024;         // of regex.match
inline constexpr std::size_t kRulePatternsMax = 64;               // kept compiled by one Lua state
inline constexpr std::size_t kRulePatternMemoryMax = 128 * 1024;  // of each
inline constexpr std::size_t kRuleStateCallsMax = 16;             // in one call of one rule
inline constexpr std::size_t kRuleStateKeyBytesMax = 256;
inline constexpr auto kRuleStatePeriodMax = 24h;
inline constexpr std::uint64_t kRuleStateTokensMax = 1'000'000;

// Configuration files.
inline constexpr std::size_t kConfigBytesMax = 4 * 1024 * 1024;
inline constexpr std::size_t kConfigDepthMax = 32;
inline constexpr std::size_t kConfigNodesMax = 100'000;
inline constexpr std::size_t kConfigKeyBytesMax = 256;  // keys make up the paths in messages
inline constexpr std::size_t kConfigErrorsMax = 100;
inline constexpr std::size_t kListenersMax = 64;
inline constexpr std::size_t kUpstreamsMax = 1000;
inline constexpr std::size_t kUpstreamAddressesMax = 256;
inline constexpr std::size_t kRoutesMax = 1000;
inline constexpr std::size_t kRouteHostsMax = 1000;
inline constexpr std::size_t kRouteFiltersMax = 64;
inline constexpr std::size_t kWorkersMax = 512;
inline constexpr std::size_t kSecretBytesMax = 64 * 1024;
inline constexpr std::size_t kPolicyFilesMax = 1024;
inline constexpr std::size_t kPolicyHistoryMax = 32;
inline constexpr std::size_t kPolicyKeptBytesMax = 32 * 1024 * 1024;  // files of one kept policy
inline constexpr std::size_t kPolicyWeakerMax = 100;  // differences that a refused reload tells
inline constexpr std::size_t kDiffLinesMax =
    20'000;                                          // of one file; longer ones are told apart only
inline constexpr std::size_t kDiffEditsMax = 2'000;  // past this a file is shown as replaced

// Administration.
inline constexpr std::size_t kAdminConnectionsMax = 64;
inline constexpr std::size_t kAdminInputBytesMax = 64 * 1024;  // read ahead of the codec
inline constexpr std::size_t kAdminBodyBytesMax = 1024 * 1024;
inline constexpr std::size_t kAdminAnswerBytesMax = 64 * 1024 * 1024;  // what our own client takes
inline constexpr std::size_t kAdminWhoBytesMax = 128;
inline constexpr auto kAdminAnswerTimeout = 20s;

// Waits (defaults).
inline constexpr auto kHandshakeTimeout = 10s;
inline constexpr auto kHeadTimeout = 10s;
inline constexpr auto kBodyTimeout = 30s;
inline constexpr auto kIdleTimeout = 75s;
inline constexpr auto kWriteTimeout = 60s;  // no progress while sending to a client
inline constexpr auto kConnectTimeout = 5s;
inline constexpr auto kFirstByteTimeout = 60s;
inline constexpr auto kTotalTimeout = 1h;         // of an exchange; an event stream has none
inline constexpr auto kSurplusTimeout = 5s;       // of each wait of a connection over a cap
inline constexpr auto kUpstreamIdleTimeout = 4s;  // below the 5 s keep-alive of common agents
inline constexpr auto kFilterTimeout = 5s;
inline constexpr auto kShadowFilterTimeout = 100ms;  // a shadow may not hold anybody up
inline constexpr auto kDrainTimeout = 30s;
inline constexpr auto kLingerTimeout = 1s;  // what a refused client still sends is read and dropped
inline constexpr auto kPolicyWatchInterval = 1s;

}  // namespace edgehold::limits
