#include "redact/stream.h"

#include <algorithm>
#include <tuple>

namespace berm {
namespace {

// A piece stays in the second-level cache while it is searched three times over.
constexpr std::size_t kPiece = 128 << 10;

std::size_t less(std::size_t from, std::size_t what) { return from - std::min(from, what); }

}  // namespace

std::string RedactingStream::feed(std::string_view chunk) {
  std::string out;
  if (chunk.size() > kPiece) out.reserve(chunk.size() + chunk.size() / 8);
  for (std::size_t at = 0; at < chunk.size(); at += kPiece) take(chunk.substr(at, kPiece), out);
  return out;
}

void RedactingStream::take(std::string_view piece, std::string& out) {
  buffer_.append(piece);
  find_known();
  hold_ = buffer_.size();
  if (patterns_ == Patterns::all) find_patterns(false);
  emit(std::min(known_from_, hold_), out);
  forget();
}

std::string RedactingStream::flush() {
  std::string out;
  emit(buffer_.size(), out);
  return out;
}

std::string RedactingStream::finish() {
  std::string out;
  if (patterns_ == Patterns::all) find_patterns(true);
  emit(buffer_.size(), out);
  buffer_.clear();
  candidates_.clear();
  tails_.clear();
  found_.clear();
  out_ = hidden_to_ = known_from_ = scanned_to_ = hold_ = 0;
  return out;
}

void RedactingStream::find_known() {
  if (known_.empty()) {
    known_from_ = buffer_.size();
    return;
  }
  spans_.clear();
  known_.find(text(), known_from_, spans_);
  for (const SecretSpan& span : spans_) found_.push_back({span, true});
  const std::size_t tail = less(buffer_.size(), known_.longest());
  known_from_ = std::max(known_from_, tail + known_.unfinished_from(text().substr(tail)));
}

void RedactingStream::find_patterns(bool complete) {
  const Keywords& keywords = Credentials::shared().keywords();
  continue_tails();
  hits_.clear();
  keywords.find(text(), less(scanned_to_, keywords.longest() - 1), hits_);
  for (const KeywordHit& hit : hits_) {
    if (hit.at + hit.length > scanned_to_) candidates_.push_back({.hit = hit});
  }
  scanned_to_ = buffer_.size();
  hold_ = complete ? buffer_.size() : keywords.unfinished_from(text());
  judge_candidates(complete);
}

void RedactingStream::judge_candidates(bool complete) {
  const Credentials& credentials = Credentials::shared();
  Readings readings;
  for (const Tail& tail : tails_) {
    if (!tail.is_key) readings.cover(tail.alphabet, tail.span);
  }
  std::erase_if(candidates_, [&](Candidate& candidate) {
    std::optional<Tail> tail;
    const Credentials::Verdict verdict =
        credentials.judge(candidate, text(), complete, tail, readings);
    if (verdict == Credentials::Verdict::open) {
      hold_ = std::min(hold_, credentials.hold_from(candidate, buffer_.size()));
      return false;
    }
    if (verdict == Credentials::Verdict::refused) return true;
    // Only a secret that fills its rule's reach, or a key behind its frame's first line, goes on.
    const bool goes_on = tail->is_key || tail->span.end - tail->span.begin == PatternRule::kSecret;
    const bool may_go_on = goes_on && advance(*tail, text());
    found_.push_back({tail->span, false});
    if (!tail->is_key && (goes_on || tail->span.end == candidate.alphabet_to)) {
      readings.cover(tail->alphabet, tail->span);
    }
    if (may_go_on) tails_.push_back(*tail);
    return true;
  });
}

void RedactingStream::continue_tails() {
  std::erase_if(tails_, [&](Tail& tail) {
    const bool may_go_on = advance(tail, text());
    found_.push_back({tail.span, false});
    return !may_go_on;
  });
}

// Passes on the bytes before `limit`. Whatever is still undecided begins at `limit` or later.
void RedactingStream::emit(std::size_t limit, std::string& out) {
  std::ranges::sort(found_, {}, [](const Found& found) {
    return std::tuple(found.span.begin, !found.is_known, found.span.label);
  });
  for (const Found& found : found_) hide(found, limit, out);
  std::erase_if(found_, [&](const Found& found) { return found.span.begin < limit; });
  const std::size_t plain = std::clamp(hidden_to_, out_, std::max(out_, limit));
  if (limit > plain) out.append(text().substr(plain, limit - plain));
  out_ = std::max(out_, limit);
}

void RedactingStream::hide(const Found& found, std::size_t limit, std::string& out) {
  const SecretSpan& span = found.span;
  const std::size_t from = std::max(out_, hidden_to_);
  if (span.begin >= limit || span.end <= from) return;
  if (span.begin < hidden_to_ && hidden_to_ >= out_) {  // goes on with what was named
    hidden_to_ = span.end;
    return;
  }
  const std::size_t begin = std::max(span.begin, from);
  out.append(text().substr(from, begin - from));
  out += "[redacted:";
  out += found.is_known ? std::string_view(known_.names()[span.label])
                        : Credentials::shared().rule(span.label).kind;
  out += ']';
  out_ = begin;
  hidden_to_ = span.end;
}

void RedactingStream::forget() {
  std::size_t keep = std::min(out_, known_from_);
  if (patterns_ == Patterns::all) {
    std::size_t first = less(scanned_to_, Credentials::shared().keywords().longest() - 1);
    for (const Candidate& candidate : candidates_) first = std::min(first, candidate.hit.at);
    keep = std::min(keep, less(first, Keywords::kBehind));
  }
  buffer_.drop_front(keep);
  for (std::size_t* offset : {&out_, &hidden_to_, &known_from_, &scanned_to_, &hold_}) {
    *offset = less(*offset, keep);
  }
  const auto move = [keep](SecretSpan& span) {
    span.begin = less(span.begin, keep);
    span.end -= keep;
  };
  for (Found& found : found_) move(found.span);
  for (Tail& tail : tails_) move(tail.span);
  for (Candidate& candidate : candidates_) {
    candidate.hit.at -= keep;
    candidate.alphabet_to = less(candidate.alphabet_to, keep);
    candidate.secret = less(candidate.secret, keep);
  }
}

}  // namespace berm
