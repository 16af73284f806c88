#include "rules/shell/options.h"

namespace berm::shell {
namespace {

Word rest_of(const Word& word, std::size_t from) {
  Word rest = word;
  rest.text = word.text.substr(from);
  return rest;
}

// A value is the rest of the word, or the next word.
void take_value(const std::vector<Word>& words, Options& out, Option option) {
  if (out.next < words.size()) {
    option.value = words[out.next];
    out.uncertain = out.uncertain || words[out.next].splits || words[out.next].glob;
    ++out.next;
  }
  out.found.push_back(std::move(option));
}

void read_long(const std::vector<Word>& words, const OptionTable& table, Options& out) {
  const std::size_t at = out.next++;
  const std::string_view text = words[at].text;
  const std::size_t equals = text.find('=');
  Option option{
      .name = std::string(text.substr(2, equals == std::string_view::npos ? equals : equals - 2)),
      .value = {},
      .at = at};
  const bool flag = is_in_list(table.long_flags, option.name);
  const bool value = is_in_list(table.long_values, option.name);
  if (!flag && !value) out.known = false;
  if (equals != std::string_view::npos) {
    option.value = rest_of(words[at], equals + 1);
    out.found.push_back(std::move(option));
  } else if (value) {
    take_value(words, out, std::move(option));
  } else {
    out.found.push_back(std::move(option));
  }
}

void read_short(const std::vector<Word>& words, const OptionTable& table, Options& out) {
  const std::size_t at = out.next++;
  const std::string_view text = words[at].text;
  for (std::size_t i = 1; i < text.size(); ++i) {
    Option option{.name = std::string(1, text[i]), .value = {}, .at = at};
    if (table.values.find(text[i]) != std::string_view::npos) {
      if (i + 1 == text.size()) return take_value(words, out, std::move(option));
      option.value = rest_of(words[at], i + 1);
      out.found.push_back(std::move(option));
      return;
    }
    if (table.flags.find(text[i]) == std::string_view::npos) out.known = false;
    out.found.push_back(std::move(option));
  }
}

}  // namespace

bool is_in_list(std::string_view list, std::string_view name) {
  for (std::size_t at = 0; at < list.size();) {
    const std::size_t end = std::min(list.find(' ', at), list.size());
    if (list.substr(at, end - at) == name) return true;
    at = end + 1;
  }
  return false;
}

const Option* Options::find(std::string_view name) const {
  for (const Option& option : found) {
    if (option.name == name) return &option;
  }
  return nullptr;
}

Options read_options(const std::vector<Word>& words, std::size_t from, const OptionTable& table) {
  Options out{.next = from};
  while (out.known && out.next < words.size()) {
    const Word& word = words[out.next];
    if (word.text == "--") {
      ++out.next;
      return out;
    }
    if (word.text.size() < 2 || word.text[0] != '-') return out;
    if (word.splits || word.glob) {
      out.known = false;
    } else if (word.text[1] == '-') {
      read_long(words, table, out);
    } else {
      read_short(words, table, out);
    }
  }
  return out;
}

}  // namespace berm::shell
