#include "redact/credentials.h"

#include <re2/re2.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <tuple>

namespace berm {
namespace {

std::unique_ptr<re2::RE2> compile(std::string_view text) {
  re2::RE2::Options options;
  options.set_encoding(re2::RE2::Options::EncodingLatin1);  // hostile text need not be UTF-8
  options.set_longest_match(true);
  options.set_log_errors(false);
  return std::make_unique<re2::RE2>(re2::StringPiece(text.data(), text.size()), options);
}

double entropy_of(std::string_view text) {
  std::array<unsigned, 256> counts = {};
  for (const char c : text) ++counts[static_cast<unsigned char>(c)];
  double bits = 0;
  for (const unsigned count : counts) {
    if (count == 0) continue;
    const double share = static_cast<double>(count) / static_cast<double>(text.size());
    bits -= share * std::log2(share);
  }
  return bits;
}

// Three bits a character: above words and counters, below any generated key of 16 characters.
bool is_random(std::string_view text) {
  const bool digit = std::ranges::any_of(text, [](char c) { return c >= '0' && c <= '9'; });
  const bool letter = std::ranges::any_of(
      text, [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); });
  return digit && letter && entropy_of(text) >= 3.0;
}

// Amazon's documents and others' mark what is none.
bool is_example(std::string_view text) { return text.find("EXAMPLE") != std::string_view::npos; }

// What stands between the lines "-----BEGIN …-----" and "-----END …-----" and in the latter: RFC
// 7468, the headers of RFC 1421, line ends also as JSON writes them.
bool is_in_key(char c) {
  return is_in(Alphabet::base64, c) || c == '\n' || c == '\r' || c == ' ' || c == '\t' ||
         c == '\\' || c == ':' || c == ',';
}

bool advance_key(Tail& tail, std::string_view text) {
  constexpr std::size_t kLongestKey = 65536;
  constexpr std::size_t kFrame = 5;
  for (; tail.span.end < text.size(); ++tail.span.end, ++tail.taken) {
    // Five dashes open the last line, five close it.
    if (tail.frames == 2 || tail.taken == kLongestKey) return false;
    const char c = text[tail.span.end];
    if (!is_in_key(c)) return false;
    tail.dashes = c == '-' ? tail.dashes + 1 : 0;
    if (tail.dashes == kFrame) ++tail.frames;
  }
  return tail.frames < 2;
}

// A URL without '@': most are. What both rules for URLs look at is in the alphabet.
bool is_plain_url(const PatternRule& rule, std::string_view behind) {
  if (rule.where != Keyword::pair || rule.lead.empty()) return false;
  constexpr std::size_t kReach = PatternRule::kLead + PatternRule::kSecret;
  const std::string_view reach = behind.substr(0, kReach);
  const ByteSet& alphabet = bytes_of(rule.alphabet);
  for (const char c : reach) {
    if (c == '@') return false;
    if (!is_in(alphabet, c)) return true;
  }
  return reach.size() == kReach;
}

}  // namespace

std::size_t Readings::end_of_run(Alphabet alphabet, std::string_view text, std::size_t begin,
                                 std::size_t limit) {
  Stretch& run = runs_[static_cast<std::size_t>(alphabet)];
  if (begin < run.begin || begin > run.end) run = {begin, begin};
  const ByteSet& bytes = bytes_of(alphabet);
  while (run.end < limit && is_in(bytes, text[run.end])) ++run.end;
  return std::min(run.end, limit);
}

std::size_t Readings::find_claims(std::string_view text, std::size_t begin) {
  if (begin < without_claims_.begin || begin > without_claims_.end) {
    without_claims_ = {begin, std::min(text.find(".eyJ", begin), text.size())};
  }
  return without_claims_.end;
}

bool Readings::has_digit(std::string_view text, std::size_t begin, std::size_t end) {
  if (begin < no_digit_.begin || begin > no_digit_.end) no_digit_ = {begin, begin};
  std::size_t& at = no_digit_.end;
  while (at < end && (text[at] < '0' || text[at] > '9')) ++at;
  return at < end;
}

void Readings::cover(Alphabet alphabet, const SecretSpan& span) {
  covered_[static_cast<std::size_t>(alphabet)] = {span.begin, span.end};
}

bool Readings::is_covered(Alphabet alphabet, std::size_t begin) const {
  // Not at its very beginning: there the rules' order says which kind is named.
  const Stretch& covered = covered_[static_cast<std::size_t>(alphabet)];
  return covered.begin < begin && begin < covered.end;
}

bool advance(Tail& tail, std::string_view text) {
  if (tail.is_key) return advance_key(tail, text);
  while (tail.span.end < text.size() && is_in(tail.alphabet, text[tail.span.end])) ++tail.span.end;
  return tail.span.end == text.size();
}

Credentials::Credentials(std::span<const PatternRule> rules)
    : rules_(rules), keywords_(rules), compiled_(rules.size()) {}

Credentials::~Credentials() = default;

const Credentials& Credentials::shared() {
  static const Credentials credentials(pattern_rules());
  return credentials;
}

const Credentials::Compiled& Credentials::compiled(std::size_t number) const {
  Compiled& entry = compiled_[number];
  std::call_once(entry.once, [&] {
    entry.lead = compile(rules_[number].lead);
    entry.secret = compile(rules_[number].secret);
  });
  return entry;
}

// Sets where the secret begins.
bool Credentials::find_lead(Candidate& candidate, std::string_view text) const {
  const PatternRule& rule = rules_[candidate.hit.rule];
  candidate.secret = candidate.hit.at;
  if (rule.lead.empty()) return true;
  candidate.secret += candidate.hit.length;
  const std::string_view window = text.substr(candidate.secret, PatternRule::kLead);
  if (!window.empty() && !may_begin_lead(rule, window[0])) return false;
  re2::StringPiece found;
  const bool matches = compiled(candidate.hit.rule)
                           .lead->Match({window.data(), window.size()}, 0, window.size(),
                                        re2::RE2::ANCHOR_START, &found, 1);
  candidate.secret += found.size();
  return matches;
}

Credentials::Verdict Credentials::judge(Candidate& candidate, std::string_view text, bool complete,
                                        std::optional<Tail>& tail, Readings& readings) const {
  const PatternRule& rule = rules_[candidate.hit.rule];
  if (is_plain_url(rule, text.substr(candidate.hit.at + candidate.hit.length))) {
    return Verdict::refused;
  }
  const std::size_t before = candidate.secret;
  // A lead can still grow while less than its reach is here.
  const bool lead_open = !complete && !rule.lead.empty() &&
                         candidate.hit.at + candidate.hit.length + PatternRule::kLead > text.size();
  const bool has_lead = find_lead(candidate, text);
  if (!has_lead) {
    candidate.secret = text.size();
    return lead_open ? Verdict::open : Verdict::refused;
  }
  const std::size_t begin = candidate.secret;
  const std::size_t limit = std::min(text.size(), begin + PatternRule::kSecret);
  const std::size_t known_to = begin == before ? std::max(begin, candidate.alphabet_to) : begin;
  const std::size_t end = readings.end_of_run(rule.alphabet, text, known_to, limit);
  candidate.alphabet_to = end;
  if (end == text.size() && end < begin + PatternRule::kSecret && !complete) return Verdict::open;

  const re2::StringPiece window(text.data() + begin, end - begin);
  const re2::RE2& secret = *compiled(candidate.hit.rule).secret;
  std::array<re2::StringPiece, 2> found;
  const int groups = 1 + secret.NumberOfCapturingGroups();
  const bool may_match = !readings.is_covered(rule.alphabet, begin) &&
                         (rule.extra != Extra::jwt || readings.find_claims(text, begin) < end) &&
                         (rule.extra != Extra::random || readings.has_digit(text, begin, end));
  bool matches = may_match && secret.Match(window, 0, window.size(), re2::RE2::ANCHOR_START,
                                           found.data(), groups);
  const re2::StringPiece& taken = found[static_cast<std::size_t>(groups - 1)];
  const std::string_view credential = matches ? std::string_view(taken.data(), taken.size()) : "";
  matches = matches && !credential.empty() && !is_example(credential) &&
            (rule.extra != Extra::random || is_random(credential));
  if (!matches) {
    candidate.secret = text.size();
    return lead_open ? Verdict::open : Verdict::refused;
  }
  tail = Tail{.alphabet = rule.alphabet, .is_key = rule.extra == Extra::key};
  tail->span = {begin, begin + credential.size(), candidate.hit.rule};
  return Verdict::found;
}

std::size_t Credentials::hold_from(const Candidate& candidate, std::size_t text_size) const {
  return std::min(candidate.secret, text_size);
}

std::string_view credential_in(std::string_view line) {
  const Credentials& credentials = Credentials::shared();
  std::vector<KeywordHit> hits;
  credentials.keywords().find(line, 0, hits);
  // By their place: hits come in no order, and the answer must not depend on it.
  std::ranges::sort(hits, {}, [](const KeywordHit& hit) { return std::tuple(hit.at, hit.rule); });
  Readings readings;
  for (const KeywordHit& hit : hits) {
    const PatternRule& rule = credentials.rule(hit.rule);
    if (rule.certainty != Certainty::certain) continue;
    Candidate candidate = {.hit = hit};
    std::optional<Tail> tail;
    if (credentials.judge(candidate, line, true, tail, readings) == Credentials::Verdict::found) {
      return rule.kind;
    }
  }
  return "";
}

}  // namespace berm
