// fuzz/shell_fuzz.cc: what is said to be clear is clear all the way: such a command has a name of
// printable ASCII that no expansion made, none of its text is a control character's, and it says
// the same a second time. And: reading ends.
#include <cstdlib>

#include "base/text.h"
#include "rules/shell/shell.h"

namespace {

void check_clear(const berm::SimpleCommand& command) {
  if (command.source.size() > 512) std::abort();
  if (command.words.empty()) return;
  const berm::ShellWord& name = command.words[0];
  if (name.unknown || name.glob || !berm::is_printable_ascii(name.text)) std::abort();
  for (const berm::ShellWord& word : command.words) {
    if (!word.unknown && word.text.find(berm::kUnknownPart) != std::string::npos) std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const berm::ShellScript script = berm::understand_shell(text);
  const std::string shown = berm::to_text(script);
  if (shown != berm::to_text(berm::understand_shell(text))) std::abort();
  for (const berm::Unclear& part : script.unclear) {
    if (part.text.size() > 512) std::abort();
  }
  if (!script.unclear.empty()) return 0;
  for (const berm::SimpleCommand& command : script.commands) check_clear(command);
  return 0;
}
