// SPDX-License-Identifier: Apache-2.0
// One operator's connection to the admin listener: HTTP/1.1, one request at a time, all of it
// bounded in bytes and time.
// Thread: main only.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "proxy/base/async.h"
#include "proxy/base/bytes.h"
#include "proxy/base/graveyard.h"
#include "proxy/base/ip.h"
#include "proxy/base/loop.h"
#include "proxy/http/http1_server_codec.h"
#include "proxy/net/transport.h"
#include "proxy/server/admin_api.h"

namespace edgehold {

class AdminConnection final : public Mortal,
                              private Transport::Observer,
                              private ServerCodec::Events,
                              private TurnEndTask {
 public:
  using OnClosed = std::function<void(AdminConnection&)>;
  struct Peer {
    std::string caller;             // AdminRequest::caller
    std::optional<Endpoint> local;  // where it connected; nothing for a Unix socket
  };

  // `on_closed` is called once, when nothing more will happen here; it buries the connection.
  AdminConnection(Loop& loop, AdminApi& api, std::unique_ptr<Transport> transport, Peer peer,
                  OnClosed on_closed);

  void start();

 private:
  enum class Wait : std::uint8_t { kIdle, kHead, kBody, kAnswer, kWrite };

  // Transport::Observer
  void onTransportOpen() override {}
  void onTransportReadable() override;
  void onTransportWritable() override { flushLater(); }
  void onTransportFailed(Error error) override;

  // ServerCodec::Events
  void onRequestHead(StreamId stream, RequestHead&& head) override;
  void onRequestBody(StreamId stream, ByteView chunk) override;
  void onRequestEnd(StreamId stream) override;
  void onRequestError(StreamId stream, Error error) override;
  void onRequestCancelled(StreamId) override {}

  void onTurnEnd() override;
  void flushLater() { loop_.atTurnEnd(*this); }
  void feed();
  void flush();
  void close();
  Wait currentWait();
  void setWait();
  void onDeadline();
  Result<void> checkHead(const RequestHead& head) const;
  void send(const AdminAnswer& answer);

  Loop& loop_;
  AdminApi& api_;
  std::unique_ptr<Transport> transport_;
  const Peer peer_;
  OnClosed on_closed_;
  Http1ServerCodec codec_;
  std::unique_ptr<Timer> deadline_;
  Buffer input_;  // what the codec left
  AdminRequest request_;
  std::optional<Async<AdminAnswer>> answer_;
  StreamId stream_ = 0;  // that awaits its answer; 0 when none does
  Wait wait_ = Wait::kIdle;
  bool is_closed_ = false;
  bool has_input_ended_ = false;
};

}  // namespace edgehold
