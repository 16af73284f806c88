// Reads shell texts, each ended by a NUL, and writes a line of JSON for each: how berm's parser
// splits it into commands, before wrappers and inner code are looked at. For shfmt_check.py.
#include <iostream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>

#include "rules/shell/parts.h"

namespace {

nlohmann::json words_of(std::string_view text) {
  std::vector<std::vector<std::string>> spoken;
  berm::shell::Answer answer;
  answer.spoken = &spoken;
  berm::shell::read_code(answer, text, {});
  nlohmann::json unclear = nlohmann::json::array();
  for (const berm::Unclear& part : answer.script.unclear)
    unclear.push_back(berm::name_of(part.kind));
  return {{"commands", spoken}, {"unclear", unclear}};
}

}  // namespace

int main() {
  const std::string input(std::istreambuf_iterator<char>(std::cin), {});
  for (std::size_t at = 0; at < input.size();) {
    const std::size_t end = std::min(input.find('\0', at), input.size());
    const nlohmann::json line = words_of(std::string_view(input).substr(at, end - at));
    std::cout << line.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace) << "\n";
    at = end + 1;
  }
}
