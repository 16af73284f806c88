// berm verify: whether a record, or a proof of a part of it, can be trusted.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/text.h"
#include "cli/commands.h"
#include "cli/console.h"
#include "cli/record.h"
#include "cli/verify_held.h"
#include "record/attestation.h"
#include "record/proof.h"
#include "session/run_directory.h"

namespace berm {
namespace {

using nlohmann::json;

constexpr std::size_t kMaxProof = 4 << 20;

struct VerifyOptions {
  std::string run;
  std::string key;
  std::string proof;
  std::string attestation;
  std::vector<std::string> held;
  bool json = false;
};

// A file's path, or the key itself.
Result<std::optional<PublicKey>> trusted_key(const std::string& text) {
  if (text.empty()) return std::optional<PublicKey>();
  std::optional<PublicKey> key = parse_public_key(text);
  if (!key) key = parse_public_key(BERM_TRY(read_file(text, kMaxProof)));
  if (!key) {
    return failure(Errc::usage, fmt::format("'{}' holds no Ed25519 public key", printable(text)),
                   "openssl pkey -in audit.pem -pubout prints the one of a private key");
  }
  return key;
}

// The hash that run.json remembers; "" for a lone file, or while the run goes on.
std::string remembered_head(const std::string& path) {
  const Result<json> run = load_run(path.substr(0, path.rfind('/')));
  if (!run || !run->is_object()) return "";
  const auto head = run->find("record_head");
  return head != run->end() && head->is_string() ? head->get<std::string>() : "";
}

json to_json(const RecordCheck& check, const std::string& path) {
  json problems = json::array();
  for (const RecordProblem& p : check.problems) {
    problems.push_back({{"line", p.line}, {"fault", name_of(p.fault)}, {"what", p.what}});
  }
  return {{"schema", "berm.verify/1"},
          {"record", path},
          {"run", check.run},
          {"events", check.events},
          {"intact", check.intact()},
          {"complete", check.complete},
          {"head", check.head},
          {"checkpoints", check.checkpoints},
          {"signed_events", check.signed_events},
          {"key", check.key ? json(fingerprint(*check.key)) : json()},
          {"certified", check.certified},
          {"clock_steps_back", check.clock_steps_back},
          {"problems", std::move(problems)}};
}

std::string who_signed(const RecordCheck& check) {
  if (!check.key) return "";
  return fmt::format(
      ", signed by the run's key {} {}", fingerprint(*check.key),
      check.certified ? "which your key certifies" : "(nobody asked who vouches for it: --key)");
}

void tell(const RecordCheck& check, const std::string& path, bool head_known) {
  for (const RecordProblem& p : check.problems) {
    put(fmt::format("{}:{}: {}: {}\n", printable(path), p.line, name_of(p.fault),
                    printable(p.what)));
  }
  if (check.clock_steps_back > 0) {
    put(fmt::format("note: the wall clock was set back {} times; the monotonic one was not\n",
                    check.clock_steps_back));
  }
  if (!check.intact()) return;
  if (!check.complete) {
    put(
        fmt::format("incomplete: no signed end; the record was cut off, or the run is still going "
                    "on\nintact so far: {} events, of which {} are signed{}\n",
                    check.events, check.signed_events, who_signed(check)));
    return;
  }
  put(fmt::format("intact: {} events, head {}{}{}\n", check.events, check.head.substr(0, 16),
                  who_signed(check),
                  head_known ? ""
                             : "; the chain alone: no run.json beside it tells the head it ended "
                               "with"));
}

int verify_record(const VerifyOptions& options, const std::optional<PublicKey>& key) {
  const Result<std::string> path = record_path(options.run.empty() ? "latest" : options.run);
  if (!path) return fail(path.error());
  const Result<std::string> text = read_file(*path, kMaxRecord);
  if (!text) return fail(text.error());
  const std::string head = remembered_head(*path);
  const RecordCheck check = check_record(*text, {.head = head, .key = key});
  if (options.json) {
    put_json(to_json(check, *path));
  } else {
    tell(check, *path, !head.empty());
  }
  if (!check.intact()) return kNo;
  return check.complete ? kDone : kIncomplete;
}

int verify_proof(const VerifyOptions& options, const std::optional<PublicKey>& key) {
  const Result<std::string> text = read_file(options.proof, kMaxProof);
  if (!text) return fail(text.error());
  const ProofCheck check = check_proof(json::parse(*text, nullptr, false), key);
  if (options.json) {
    put_json({{"schema", "berm.verify/1"},
              {"proof", options.proof},
              {"holds", check.holds},
              {"what", check.what},
              {"run", check.run},
              {"event", check.event},
              {"certified", check.certified}});
  } else {
    put(fmt::format("{}: {}{}\n", check.holds ? "holds" : "DOES NOT HOLD", printable(check.what),
                    check.holds ? fmt::format(" in run {}", printable(check.run)) : ""));
  }
  return check.holds ? kDone : kNo;
}

// Against the record if there is one: a lone statement is checked for its signature only.
int verify_attestation(const VerifyOptions& options, const std::optional<PublicKey>& key) {
  const Result<std::string> text = read_file(options.attestation, kMaxProof);
  if (!text) return fail(text.error());
  std::optional<std::string> record;
  std::optional<PublicKey> signer = key;
  if (!options.run.empty()) {
    const Result<std::string> path = record_path(options.run);
    if (!path) return fail(path.error());
    Result<std::string> read = read_file(*path, kMaxRecord);
    if (!read) return fail(read.error());
    record = *std::move(read);
    if (!signer) signer = check_record(*record).key;
  }
  if (!signer) {
    return fail(Error{.code = Errc::usage,
                      .what = "an attestation without its record needs the key that signed it",
                      .fix = "berm verify --attestation FILE --key PUBLIC"});
  }
  const AttestationCheck check =
      check_attestation(json::parse(*text, nullptr, false), *signer, record);
  if (options.json) {
    put_json({{"schema", "berm.verify/1"},
              {"attestation", options.attestation},
              {"holds", check.holds},
              {"what", check.what},
              {"with_record", record.has_value()},
              {"key", fingerprint(*signer)},
              {"statement", json::parse(check.statement, nullptr, false)}});
  } else {
    put(fmt::format("{}: {}{}\n", check.holds ? "holds" : "DOES NOT HOLD", printable(check.what),
                    record ? "" : " (no RUN given: not compared with a record)"));
  }
  return check.holds ? kDone : kNo;
}

int verify_held(const VerifyOptions& options, const std::optional<PublicKey>& key) {
  HeldRequest request{.paths = options.held, .record = "", .key = key, .json = options.json};
  if (!options.run.empty()) {
    const Result<std::string> path = record_path(options.run);
    if (!path) return fail(path.error());
    request.record = *path;
  }
  return verify_held(request);
}

int verify(const VerifyOptions& options) {
  const Result<std::optional<PublicKey>> key = trusted_key(options.key);
  if (!key) return fail(key.error());
  if (!options.held.empty()) return verify_held(options, *key);
  if (!options.attestation.empty()) return verify_attestation(options, *key);
  return options.proof.empty() ? verify_record(options, *key) : verify_proof(options, *key);
}

}  // namespace

void add_verify(CLI::App& app, Action& action) {
  CLI::App* command =
      app.add_subcommand("verify", "check that a record is whole, unchanged and signed");
  command->footer(
      "Examples:\n  berm verify\n  berm verify ./record.jsonl --key audit-public.pem\n"
      "  berm log latest --prove 17 > proof.json && berm verify --proof proof.json\n"
      "  berm verify --held /mnt/evidence        # objects of a bucket, files of rsyslog\n"
      "  berm verify latest --held search.json   # compared with the record that is here\n\n"
      "Exit codes: 0 intact and complete (a proof: holds) · 1 not · 3 intact, but something is "
      "missing");
  const auto options = std::make_shared<VerifyOptions>();
  command->add_option("RUN", options->run,
                      "id, part of it, 'latest', or the path of a record [latest]");
  command->add_option("--key", options->key,
                      "the public key (file, or base64) that must vouch for the run's own");
  command->add_option("--attestation", options->attestation,
                      "a file that 'berm attest' wrote; with RUN, compared with its record");
  command
      ->add_option("--held", options->held,
                   "files or directories with what a sink holds ('-': stdin), in any order; with "
                   "RUN, compared with its record")
      ->allow_extra_args(false);
  command->add_option("--proof", options->proof, "a file that 'berm log --prove' wrote");
  command->add_flag("--json", options->json, "for machines");
  command->callback([=, &action] { action = [=] { return verify(*options); }; });
}

}  // namespace berm
