// bench/redact.cc: how fast the redactor reads text without a hit, beside what others need for the
// same: RE2::Set with the same rules (patterns), grep -F -f with the parts of the same secrets as
// they are (known secrets; berm looks for their encodings too).
//
//   redact [FILE]      FILE: source code to read instead of made-up functions
//
// "both" to "rules" are streams in chunks of 64 KiB; "whole" is redact() of the text at once, which
// also pays for fresh memory of the text's size.
//
// One core, processor time; each number is the best of five rounds, which is the one least
// disturbed.
#include <fmt/format.h>
#include <re2/set.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include "base/text.h"
#include "redact/redactor.h"
#include "redact/scanner.h"

namespace {

constexpr std::size_t kText = 32 << 20;
constexpr std::size_t kChunk = 64 << 10;
constexpr std::size_t kSecretSizes[] = {40, 93, 108, 250, 500};

std::mt19937_64& random_source() {
  static std::mt19937_64 source(1);
  return source;
}

std::string random_text(std::size_t size, std::string_view alphabet) {
  std::string text(size, ' ');
  for (char& c : text) c = alphabet[random_source()() % alphabet.size()];
  return text;
}

constexpr std::string_view kBase64 =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

std::string_view any_of(std::initializer_list<std::string_view> words) {
  return words.begin()[random_source()() % words.size()];
}

std::string source_line() {
  const auto number = random_source()() % 1000;
  switch (random_source()() % 5) {
    case 0:
      return fmt::format("  const auto {} = static_cast<std::size_t>({}.size() + {});\n",
                         any_of({"offset", "key", "count", "token", "index"}),
                         any_of({"buffer", "tokens", "path", "names"}), number);
    case 1:
      return fmt::format("  if (!{}) return failure(Errc::denied, \"read the {} file\");\n",
                         any_of({"result", "found", "secret"}),
                         any_of({"policy", "passwd", "git"}));
    case 2:
      return fmt::format("// https://example.com/{}: see RFC {} for the order of these.\n",
                         any_of({"docs", "api", "kernel"}), number);
    case 3:
      return fmt::format("bool {}_is_valid(std::string_view {}, int limit = {}) {{\n",
                         any_of({"host", "token", "sk", "name"}), any_of({"text", "value"}),
                         number);
    default:
      return "}\n\n";
  }
}

std::string json_line() {
  return fmt::format(
      "{{\"seq\":{},\"time\":\"2026-11-22T18:{:02}:{:02}Z\",\"event\":\"{}\",\"host\":\"{}\","
      "\"rule\":\"network.rule \\\"api.example.com\\\"\",\"bytes\":{},\"hash\":\"{}\"}}\n",
      random_source()() % 100000, random_source()() % 60, random_source()() % 60,
      any_of({"egress.connect", "egress.request", "fs.write", "process.exec"}),
      any_of({"api.example.com", "registry.example.com", "198.18.0.7"}),
      random_source()() % 1000000, random_text(64, "0123456789abcdef"));
}

std::string log_line() {
  return fmt::format(
      "\x1b[32m[{:3}%]\x1b[0m Building CXX object src/{}/CMakeFiles/berm_{}.dir/{}.cc.o ({} ms)\n",
      random_source()() % 100, any_of({"net", "base", "egress"}), any_of({"net", "base", "egress"}),
      any_of({"authority", "parse", "print"}), random_source()() % 9000);
}

std::string repeated(std::string seed) {
  std::string text;
  text.reserve(kText + seed.size());
  while (text.size() < kText) text += seed;
  text.resize(kText);
  return text;
}

std::string lines(std::string (*line)()) {
  std::string seed;
  while (seed.size() < (4 << 20)) seed += line();
  return repeated(std::move(seed));
}

/// Processor time of this process and of its children: the machine may be shared.
double seconds() {
  double sum = 0;
  for (const int who : {RUSAGE_SELF, RUSAGE_CHILDREN}) {
    rusage usage = {};
    ::getrusage(who, &usage);
    for (const timeval& time : {usage.ru_utime, usage.ru_stime}) {
      sum += static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
    }
  }
  return sum;
}

/// GB/s (10^9) of the best round.
double rate(std::size_t bytes, const std::function<void()>& work, int rounds = 5) {
  double best = 1e9;
  for (int round = 0; round < rounds; ++round) {
    const double start = seconds();
    work();
    best = std::min(best, seconds() - start);
  }
  return static_cast<double>(bytes) / best / 1e9;
}

std::string regular_expression(const berm::PatternRule& rule) {
  std::string keywords;
  for (const std::string_view keyword : berm::split(rule.keywords, ' ')) {
    if (!keywords.empty()) keywords += '|';
    keywords += RE2::QuoteMeta(re2::StringPiece(keyword.data(), keyword.size()));
  }
  if (rule.lead.empty()) return fmt::format("{}", rule.secret);
  return fmt::format("(?:(?i:{})){}{}", keywords, rule.lead, rule.secret);
}

double re2_set_rate(std::string_view text) {
  RE2::Options options;
  options.set_encoding(RE2::Options::EncodingLatin1);
  options.set_max_mem(512 << 20);
  RE2::Set set(options, RE2::UNANCHORED);
  for (const berm::PatternRule& rule : berm::pattern_rules()) {
    std::string error;
    if (set.Add(regular_expression(rule), &error) < 0) fmt::print(stderr, "RE2::Set: {}\n", error);
  }
  if (!set.Compile()) return 0;
  const std::string_view part = text.substr(0, 8 << 20);  // it is slow
  std::vector<int> found;
  bool failed = false;
  const double result = rate(
      part.size(),
      [&] {
        for (std::size_t at = 0; at < part.size(); at += 4096) {
          RE2::Set::ErrorInfo info = {};
          const std::string_view piece = part.substr(at, 4096);
          set.Match(re2::StringPiece(piece.data(), piece.size()), &found, &info);
          failed |= info.kind == RE2::Set::kOutOfMemory;
        }
      },
      2);
  return failed ? 0 : result;
}

double grep_rate(const std::string& text, const std::vector<std::string>& secrets) {
  char directory[] = "/tmp/berm-bench-XXXXXX";
  if (::mkdtemp(directory) == nullptr) return 0;
  const std::string base = directory;
  std::ofstream(base + "/text") << text;
  std::ofstream parts(base + "/parts");
  for (const std::string& secret : secrets) {
    for (std::size_t at = 0; at + 12 <= secret.size(); ++at) parts << secret.substr(at, 12) << '\n';
  }
  parts.close();
  const std::string command =
      fmt::format("LC_ALL=C grep -c -F -f {0}/parts {0}/text >/dev/null", base);
  const double result = rate(
      text.size(), [&] { (void)!std::system(command.c_str()); }, 3);
  (void)!std::system(fmt::format("rm -r {}", base).c_str());
  return result;
}

void measure(std::string_view name, const std::string& text, const berm::KnownSecrets& known,
             const std::vector<std::string>& secrets) {
  const berm::KnownSecrets none;
  std::size_t size = 0;
  const auto streamed = [&](const berm::KnownSecrets& which, berm::Patterns patterns) {
    return rate(text.size(), [&] {
      berm::RedactingStream stream(which, patterns);
      for (std::size_t at = 0; at < text.size(); at += kChunk) {
        size += stream.feed(std::string_view(text).substr(at, kChunk)).size();
      }
    });
  };
  const double both = streamed(known, berm::Patterns::all);
  const double known_only = streamed(known, berm::Patterns::none);
  const double patterns_only = streamed(none, berm::Patterns::all);
  const double whole = rate(text.size(), [&] { size += berm::redact(text, known).size(); });
  const double scanner = rate(text.size(), [&] {
    berm::Scanner scan(known);
    for (std::size_t at = 0; at < text.size(); at += kChunk) {
      size += scan.feed(std::string_view(text).substr(at, kChunk)).size();
    }
  });
  const double set = re2_set_rate(text);
  const double grep = grep_rate(text, secrets);
  fmt::print("{:12} {:6.2f} {:6.2f} {:6.2f} {:6.2f} {:8.2f} {:9.3f} {:6.1f}x {:8.3f} {:6.1f}x\n",
             name, both, whole, known_only, patterns_only, scanner, set,
             set > 0 ? patterns_only / set : 0, grep, grep > 0 ? scanner / grep : 0);
  if (size == 0) std::abort();  // the work must not be optimised away
}

/// Keywords one behind the other, each of which could begin a secret that has no end.
void measure_hostile(std::string_view what) {
  const berm::KnownSecrets none;
  const std::string text = repeated(std::string(what));
  std::size_t size = 0;
  const double streamed = rate(
      text.size(),
      [&] {
        berm::RedactingStream stream(none);
        for (std::size_t at = 0; at < text.size(); at += kChunk) {
          size += stream.feed(std::string_view(text).substr(at, kChunk)).size();
        }
        size += stream.finish().size();
      },
      2);
  fmt::print("{:12} {:6.3f}\n", what, streamed);
  if (size == 0) std::abort();  // the work must not be optimised away
}

}  // namespace

int main(int argc, char** argv) {
  berm::KnownSecrets known;
  std::vector<std::string> secrets;
  for (const std::size_t size : kSecretSizes) {
    secrets.push_back(random_text(size, kBase64));
    if (!known.add(fmt::format("secret{}", size), secrets.back())) return 1;
  }
  std::string source;
  if (argc > 1) {
    std::ifstream file(argv[1]);
    source = repeated({std::istreambuf_iterator<char>(file), {}});
  } else {
    source = lines(source_line);
  }
  fmt::print(
      "GB/s           both  whole  known  rules  scanner  RE2::Set  rules/   grep -F scanner/\n");
  measure("source", source, known, secrets);
  measure("JSON lines", lines(json_line), known, secrets);
  measure("build log", lines(log_line), known, secrets);
  measure("base64", random_text(kText, kBase64), known, secrets);
  fmt::print("\nrepeated      rules\n");
  for (const std::string_view what : {"-eyJ", "glrt-", "password=", "-----BEGIN ", "://a:"}) {
    measure_hostile(what);
  }
}
