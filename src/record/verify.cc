#include "record/verify.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/base64.h"
#include "base/text.h"
#include "record/chain.h"
#include "record/fields.h"

namespace berm {
namespace {

using nlohmann::json;

constexpr std::size_t kMostProblems = 1000;
constexpr std::uint64_t kLargestGap = 1 << 20;  // that is kept account of

Digest leaf_of(const SealedLine& event) { return leaf_hash(bytes_of(event.digest)); }

class Checker {
 public:
  explicit Checker(const RecordTrust& trust) : trust_(trust) { check_.head = genesis_hash(); }

  void line(std::string_view line) {
    ++number_;
    ++check_.events;
    const std::optional<SealedLine> sealed = parse_sealed(line);
    if (!sealed) {
      report(RecordFault::edited, "no event in canonical form");
      unknown_previous_ = true;
      return;
    }
    compare(*sealed);
    if (!check_.key && sealed->fits && sealed->type == "record.key") read_key(*sealed);
    if (sealed->type == "checkpoint") read_checkpoint(*sealed);
    go_on(*sealed);
  }

  void torn_line() {
    ++number_;
    report(RecordFault::truncated, "the last line has no end");
  }

  RecordCheck finish() {
    if (check_.events == 0 && check_.intact()) report(RecordFault::truncated, "empty");
    if (check_.events > 0 && !check_.key && number_ > 0) {
      number_ = 1;
      report(RecordFault::unsigned_, "the record names no key that signs it");
    }
    if (!trust_.head.empty() && check_.head != trust_.head) {
      report(RecordFault::truncated,
             "truncated or replaced: the last hash is not the one the run ended with");
    }
    check_signatures();
    check_.complete = ended_ && check_.signed_events >= end_at_ && check_.gaps.empty();
    return std::move(check_);
  }

 private:
  void report(RecordFault fault, std::string what) {
    if (check_.problems.size() < kMostProblems) {
      check_.problems.push_back({number_, fault, std::move(what)});
    }
  }

  // One edit is one problem and not all that follow: the first that fits is told.
  void compare(const SealedLine& event) {
    if (!event.fits) {
      return report(RecordFault::edited, "the hash does not fit the content");
    }
    if (!check_.run.empty() && event.run != check_.run) {
      return report(RecordFault::other_run, "an event of another run");
    }
    if (event.sequence > expected_ && trust_.may_lack_events) {
      if (check_.gaps.size() < kMostProblems)
        check_.gaps.push_back({expected_, event.sequence - 1});
      return;
    }
    if (event.sequence > expected_) {
      return report(RecordFault::dropped,
                    expected_ + 1 == event.sequence
                        ? fmt::format("event {} is missing before it", expected_)
                        : fmt::format("events {} to {} are missing before it", expected_,
                                      event.sequence - 1));
    }
    if (event.sequence < expected_) return compare_with_earlier(event);
    if (!unknown_previous_ && event.previous != check_.head) {
      return report(RecordFault::forked,
                    fmt::format("event {} does not continue the event before it", event.sequence));
    }
    if (event.monotonic_ns < monotonic_) report(RecordFault::clock_back, "the clock goes back");
    if (ended_ && event.type != "checkpoint") {
      report(RecordFault::after_end, "an event after the end of the run");
    }
  }

  void compare_with_earlier(const SealedLine& event) {
    const bool known = event.sequence < check_.leaves.size();
    const Digest earlier = known ? check_.leaves[event.sequence] : Digest{};
    if (!known || earlier == Digest{}) {
      return report(RecordFault::reordered,
                    fmt::format("event {} stands behind a later one", event.sequence));
    }
    if (earlier == leaf_of(event)) {
      return report(RecordFault::repeated, fmt::format("event {} again", event.sequence));
    }
    report(RecordFault::forked, fmt::format("another event {} with other content", event.sequence));
  }

  void read_key(const SealedLine& event) {
    const json key = json::parse(event.data, nullptr, false);
    check_.key = parse_public_key(text_of(key, "public"));
    if (!trust_.key) return;
    check_.certified = check_.key && is_certified(key, event.run, *check_.key, *trust_.key);
    if (!check_.certified) {
      report(RecordFault::wrong_key, "the key of this run is not certified by the key you trust");
    }
  }

  // Its content now, its signature at the end: one takes as long as reading two hundred events.
  void read_checkpoint(const SealedLine& event) {
    ++check_.checkpoints;
    const json data = json::parse(event.data, nullptr, false);
    const std::optional<SignedNote> note = parse_note(text_of(data, "note"));
    const std::optional<Checkpoint> checkpoint = note ? parse_checkpoint(note->text) : std::nullopt;
    if (!checkpoint || !check_.key || checkpoint->run != event.run) {
      return report(RecordFault::wrong_key, "a checkpoint that the run's key did not sign");
    }
    // Whatever is wrong before it shows there; what is right and yet another is a forgery.
    if (!check_.intact()) return;
    // Behind a gap there is no root; the head still signs what leads up to it without another gap.
    const bool whole = check_.gaps.empty();
    const bool links = whole || event.sequence == expected_;
    if (checkpoint->size != (whole ? expected_ : event.sequence) ||
        (whole && checkpoint->root != tree_.root()) || (links && checkpoint->head != check_.head)) {
      return report(RecordFault::forked, "the signed checkpoint is of another history");
    }
    signed_.push_back({number_, checkpoint->size, text_of(data, "note"), links});
  }

  // The last good signature is over the bytes of all that stand before it; where events are missing
  // each is over its own stretch.
  void check_signatures() {
    const bool all = !check_.gaps.empty();
    for (; !signed_.empty() && (all || check_.checkpoint.empty()); signed_.pop_back()) {
      const SignedSize& last = signed_.back();
      if (is_signed_by(*check_.key, *parse_note(last.note))) {
        if (!last.links || !check_.checkpoint.empty()) continue;
        check_.signed_events = last.size;
        check_.checkpoint = last.note;
      } else {
        number_ = last.line;
        report(RecordFault::wrong_key, "a checkpoint that the run's key did not sign");
      }
    }
  }

  // Goes on from what the line claims.
  void go_on(const SealedLine& event) {
    if (check_.run.empty()) check_.run = event.run;
    if (event.run != check_.run) return;  // a guest: what follows it continues what was before it
    const Digest leaf = leaf_of(event);
    if (event.sequence >= check_.leaves.size() &&
        event.sequence - check_.leaves.size() < kLargestGap) {
      check_.leaves.resize(event.sequence + 1);
    }
    if (event.sequence < check_.leaves.size()) check_.leaves[event.sequence] = leaf;
    if (event.sequence < expected_) return;
    tree_.append(leaf);
    expected_ = event.sequence + 1;
    check_.head = event.hash;
    unknown_previous_ = false;
    monotonic_ = event.monotonic_ns;
    if (event.time < time_) ++check_.clock_steps_back;
    time_ = event.time;
    if (event.type == "run.end") {
      ended_ = true;
      end_at_ = expected_;
    }
  }

  struct SignedSize {
    std::size_t line;
    std::uint64_t size;
    std::string note;
    bool links;  ///< the event before it is there
  };

  const RecordTrust& trust_;
  RecordCheck check_;
  std::vector<SignedSize> signed_;
  MerkleTree tree_;
  std::size_t number_ = 0;
  std::uint64_t expected_ = 0;  // unsigned: what a hostile line claims may overflow
  std::int64_t monotonic_ = 0;
  std::string time_;
  bool unknown_previous_ = false;
  bool ended_ = false;
  std::uint64_t end_at_ = 0;
};

}  // namespace

std::string_view name_of(RecordFault fault) {
  switch (fault) {
    case RecordFault::edited:
      return "edited";
    case RecordFault::dropped:
      return "dropped";
    case RecordFault::repeated:
      return "repeated";
    case RecordFault::reordered:
      return "reordered";
    case RecordFault::forked:
      return "forked";
    case RecordFault::other_run:
      return "other-run";
    case RecordFault::truncated:
      return "truncated";
    case RecordFault::clock_back:
      return "clock-back";
    case RecordFault::after_end:
      return "after-end";
    case RecordFault::unsigned_:
      return "unsigned";
    case RecordFault::wrong_key:
      break;
  }
  return "wrong-key";
}

bool is_certified(const json& data, std::string_view run, const PublicKey& key,
                  const PublicKey& trusted) {
  const std::optional<SignedNote> note = parse_note(text_of(data, "certificate"));
  const std::optional<RunKeyClaim> claim = note ? parse_run_key_claim(note->text) : std::nullopt;
  return claim && claim->key == key && claim->run == run && is_signed_by(trusted, *note);
}

RecordCheck check_record(std::string_view text, const RecordTrust& trust) {
  Checker checker(trust);
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    if (end == std::string_view::npos) {
      checker.torn_line();
      break;
    }
    checker.line(text.substr(0, end));
    text.remove_prefix(end + 1);
  }
  return checker.finish();
}

}  // namespace berm
