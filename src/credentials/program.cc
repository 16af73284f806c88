#include "credentials/program.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "base/text.h"
#include "sys/child.h"

namespace berm {
namespace {

constexpr std::chrono::seconds kPatience{30};
constexpr std::size_t kMostOutput = 64 << 10;
constexpr std::size_t kMostWords = 300;
constexpr int kNotFound = 127;  // run_command(): execvpe said ENOENT

std::vector<std::string> environment(std::vector<std::string> names) {
  names.emplace_back("PATH");
  std::vector<std::string> out;
  for (const std::string& name : names) {
    const char* value = ::getenv(name.c_str());
    if (value != nullptr) out.push_back(name + "=" + value);
  }
  return out;
}

}  // namespace

Result<Secret> first_line_of(const std::vector<std::string>& argv,
                             const std::vector<std::string>& variables,
                             const std::string& missing_fix) {
  const std::string program = printable(argv[0]);
  CommandResult result = BERM_TRY(run_command({.argv = argv,
                                               .env = environment(variables),
                                               .directory = "/",
                                               .input = "",
                                               .output_limit = kMostOutput,
                                               .deadline = kPatience}));
  const Secret output(std::move(result.output));
  if (result.code == kNotFound) {
    return failure(Errc::denied, fmt::format("run '{}': there is no such program", program),
                   missing_fix);
  }
  if (result.code != 0) {
    const std::string words = printable(trim(result.errors).substr(0, kMostWords));
    return failure(
        Errc::denied,
        fmt::format("ask '{}' for the key: it ends with code {}: '{}'", program, result.code,
                    words),
        fmt::format("run it by hand: {}", printable(fmt::format("{}", fmt::join(argv, " ")))));
  }
  const std::string_view all = output.reveal();
  const std::string_view line = all.substr(0, std::min(all.find('\n'), all.size()));
  if (line.empty()) {
    return failure(Errc::denied, fmt::format("ask '{}' for the key: it says nothing", program),
                   "let it print the key as its first line");
  }
  return Secret::filled(line.size(),
                        [&](std::span<char> bytes) { line.copy(bytes.data(), bytes.size()); });
}

}  // namespace berm
