#include "record/proof.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/text.h"
#include "record/chain.h"
#include "record/fields.h"

namespace berm {
namespace {

using nlohmann::json;

constexpr const char* kSchema = "berm.proof/1";
constexpr std::size_t kLongestProof = 64;  // hashes: of 2^64 events

json to_json(const MerkleProof& proof) {
  json out = json::array();
  for (const Digest& digest : proof) out.push_back(to_hex(digest));
  return out;
}

std::optional<Digest> digest_of(const json& text) {
  const std::string bytes = text.is_string() ? from_hex(text.get<std::string>()) : "";
  Digest out{};
  if (bytes.size() != out.size()) return std::nullopt;
  std::copy(bytes.begin(), bytes.end(), out.begin());
  return out;
}

std::optional<MerkleProof> proof_of(const json& list) {
  if (!list.is_array() || list.size() > kLongestProof) return std::nullopt;
  MerkleProof out;
  for (const json& item : list) {
    const std::optional<Digest> digest = digest_of(item);
    if (!digest) return std::nullopt;
    out.push_back(*digest);
  }
  return out;
}

std::uint64_t number_of(const json& object, const char* key) {
  const json& found = member_of(object, key);
  return found.is_number_unsigned() ? found.get<std::uint64_t>() : UINT64_MAX;
}

// The `number`th line, from 0; "" if there is none.
std::string_view line_at(std::string_view text, std::uint64_t number) {
  for (; number > 0 && !text.empty(); --number) {
    text.remove_prefix(std::min(text.size(), text.find('\n') + 1));
  }
  return text.substr(0, text.find('\n'));
}

// The data of "record.key", which every proof brings along.
json key_of(std::string_view text) {
  while (!text.empty()) {
    const std::optional<SealedLine> line = parse_sealed(text.substr(0, text.find('\n')));
    if (line && line->type == "record.key") return json::parse(line->data, nullptr, false);
    text.remove_prefix(std::min(text.size(), text.find('\n') + 1));
  }
  return {};
}

Result<RecordCheck> sound(std::string_view text, std::uint64_t least) {
  RecordCheck check = check_record(text);
  if (!check.intact()) {
    return failure(Errc::denied, "prove anything from a record that is not intact",
                   "berm verify tells what is wrong where");
  }
  if (least == 0 || least > check.signed_events) {
    return failure(Errc::usage,
                   fmt::format("only the first {} events are signed", check.signed_events));
  }
  check.leaves.resize(check.signed_events);
  return check;
}

struct Signed {
  std::optional<Checkpoint> checkpoint;
  bool certified = false;
  std::string wrong;
};

Signed read_checkpoint(const json& proof, const std::optional<PublicKey>& trusted) {
  Signed out;
  const json named = member_of(proof, "key");
  const std::optional<PublicKey> key = parse_public_key(text_of(named, "public"));
  const std::optional<SignedNote> note = parse_note(text_of(proof, "checkpoint"));
  if (!key || !note || !is_signed_by(*key, *note)) {
    out.wrong = "the checkpoint is not signed by the key of the run";
    return out;
  }
  out.checkpoint = parse_checkpoint(note->text);
  if (!out.checkpoint) {
    out.wrong = "what is signed is no checkpoint";
    return out;
  }
  if (!trusted) return out;
  out.certified = is_certified(named, out.checkpoint->run, *key, *trusted);
  if (!out.certified) {
    out.checkpoint.reset();
    out.wrong = "the key of this run is not certified by the key you trust";
  }
  return out;
}

}  // namespace

Result<json> prove_event(std::string_view text, std::uint64_t sequence) {
  const RecordCheck check = BERM_TRY(sound(text, sequence == UINT64_MAX ? 0 : sequence + 1));
  return json{{"schema", kSchema},
              {"event", line_at(text, sequence)},
              {"index", sequence},
              {"size", check.signed_events},
              {"inclusion", to_json(prove_inclusion(check.leaves, sequence))},
              {"checkpoint", check.checkpoint},
              {"key", key_of(text)}};
}

Result<json> prove_record_growth(std::string_view text, std::uint64_t older) {
  const RecordCheck check = BERM_TRY(sound(text, older));
  return json{{"schema", kSchema},
              {"older_size", older},
              {"older_root", to_hex(root_of(std::span(check.leaves).first(older)))},
              {"size", check.signed_events},
              {"consistency", to_json(prove_growth(check.leaves, older))},
              {"checkpoint", check.checkpoint},
              {"key", key_of(text)}};
}

ProofCheck check_proof(const json& proof, const std::optional<PublicKey>& key) {
  const Signed by = read_checkpoint(proof, key);
  if (!by.checkpoint) return {.what = by.wrong};
  const Checkpoint& to = *by.checkpoint;
  ProofCheck out{.run = to.run, .certified = by.certified};
  if (const std::optional<MerkleProof> way = proof_of(member_of(proof, "inclusion"))) {
    const std::string line = text_of(proof, "event");
    const std::optional<SealedLine> event = parse_sealed(line);
    const std::uint64_t index = number_of(proof, "index");
    out.holds = event && event->fits && event->run == to.run && event->sequence == index &&
                is_included(leaf_hash(bytes_of(event->digest)), index, to.size, *way, to.root);
    if (out.holds) out.event = line;
    out.what = out.holds ? fmt::format("event {} is one of the {} that were signed", index, to.size)
                         : "the event is not in what was signed";
    return out;
  }
  const std::optional<MerkleProof> way = proof_of(member_of(proof, "consistency"));
  const std::optional<Digest> older_root = digest_of(member_of(proof, "older_root"));
  const std::uint64_t older = number_of(proof, "older_size");
  out.holds = way && older_root && has_grown(older, *older_root, to.size, to.root, *way);
  out.what = out.holds ? fmt::format(
                             "the first {} events, root {}, are the beginning of the {} "
                             "that were signed",
                             older, to_hex(*older_root), to.size)
                       : "the older part is not the beginning of what was signed";
  return out;
}

}  // namespace berm
