// SPDX-License-Identifier: Apache-2.0
// Templates of signed texts.
// Thread: any (immutable).
#include "filters/channels/signed_text.h"

#include <algorithm>
#include <utility>

#include "filters/grammar.h"

namespace edgehold {

Result<SignedText> SignedText::compile(std::string_view text) {
  SignedText compiled;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '{') {
      const std::size_t end = text.find('}', at);
      if (end == std::string_view::npos) return fail("`{` without `}`");
      TRY(compiled.add(text.substr(at + 1, end - at - 1)));
      at = end;
    } else if (text[at] == '\\') {
      const char next = at + 1 < text.size() ? text[at + 1] : '\0';
      if (next != 'n' && next != '\\') return fail("after `\\` comes `n` or `\\`");
      compiled.addLiteral(next == 'n' ? '\n' : '\\');
      ++at;
    } else {
      compiled.addLiteral(text[at]);
    }
  }
  TRY(compiled.check());
  return compiled;
}

void SignedText::addLiteral(char c) {
  if (pieces_.empty() || pieces_.back().kind != Kind::kLiteral) pieces_.emplace_back();
  pieces_.back().text.push_back(c);
}

Result<void> SignedText::add(std::string_view placeholder) {
  constexpr std::array<std::pair<std::string_view, Kind>, 5> kNamed = {{
      {"body", Kind::kBody},
      {"timestamp", Kind::kTimestamp},
      {"method", Kind::kMethod},
      {"path", Kind::kPath},
      {"target", Kind::kTarget},
  }};
  constexpr std::string_view kHeader = "header:";
  for (const auto& [name, kind] : kNamed) {
    if (placeholder != name) continue;
    uses_timestamp_ |= kind == Kind::kTimestamp;
    pieces_.push_back({kind, {}, {}});
    return {};
  }
  if (placeholder.starts_with(kHeader) && isFieldName(placeholder.substr(kHeader.size()))) {
    FieldName field(std::string(placeholder.substr(kHeader.size())));
    pieces_.push_back({Kind::kHeader, {}, std::move(field)});
    return {};
  }
  return fail("`{" + std::string(placeholder) +
              "}` is none of `{body}`, `{timestamp}`, `{method}`, `{path}`, `{target}`, "
              "`{header:NAME}`");
}

Result<void> SignedText::check() const {
  if (pieces_.size() > limits::kSignedPiecesMax) return fail("more than 16 pieces");
  static_assert(limits::kSignedPiecesMax == 16, "the message above says so");
  const auto bodies = std::count_if(pieces_.begin(), pieces_.end(),
                                    [](const Piece& piece) { return piece.kind == Kind::kBody; });
  // What is not signed can be anything.
  if (bodies != 1) return fail("the signed text must hold `{body}` exactly once");
  for (std::size_t i = 0; i + 1 < pieces_.size(); ++i) {
    const bool both_vary =
        pieces_[i].kind != Kind::kLiteral && pieces_[i + 1].kind != Kind::kLiteral;
    if (both_vary && !mayTouchNext(pieces_[i].kind)) {
      return fail("two values need a separator between them, or one could lend bytes to the other");
    }
  }
  return {};
}

Result<ByteView> SignedText::valueOf(const Piece& piece, const Exchange& exchange,
                                     std::string_view timestamp) {
  switch (piece.kind) {
    case Kind::kLiteral:
      return piece.text;
    case Kind::kBody:
      return exchange.body.view();
    case Kind::kTimestamp:
      return timestamp;
    case Kind::kMethod:
      return exchange.request.method_token;
    case Kind::kPath:
      return exchange.request.target.path;
    case Kind::kTarget:
      return exchange.request.target.text;
    case Kind::kHeader:
      break;
  }
  const FieldName::Found found = piece.field.find(exchange.request.headers);
  if (found.count == 1) return found.value;
  return fail(Reason::kSignatureInvalid, "`" + piece.field.text() + "` must come exactly once");
}

Result<SignedText::Pieces> SignedText::evaluate(const Exchange& exchange,
                                                std::string_view timestamp) const {
  Pieces pieces;
  for (std::size_t i = 0; i < pieces_.size(); ++i) {
    const Piece& piece = pieces_[i];
    TRY_ASSIGN(const ByteView value, valueOf(piece, exchange, timestamp));
    const bool is_before_literal = i + 1 < pieces_.size() && pieces_[i + 1].kind == Kind::kLiteral;
    // The body is last or followed by a literal that it may well contain; its length is fixed by
    // the framing, and what comes behind it is fixed too.
    const bool is_checked = piece.kind != Kind::kLiteral && piece.kind != Kind::kBody;
    if (is_checked && is_before_literal &&
        value.find(pieces_[i + 1].text.front()) != ByteView::npos) {
      return fail(Reason::kSignatureInvalid, "a signed value holds the separator behind it");
    }
    pieces.views[pieces.count++] = value;
  }
  return pieces;
}

}  // namespace edgehold
