// fuzz/git_config_fuzz.cc: what is safe stays safe, and is the same, when it is written and read
// again.
#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "workspace/git_config.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::vector<berm::GitSetting> kept =
      berm::parse_git_config({reinterpret_cast<const char*>(data), size});
  std::erase_if(kept, [](const berm::GitSetting& s) {
    // A value or sub-section with these bytes cannot come from a file that git itself wrote.
    const auto odd = [](const std::string& text) {
      return text.find_first_of(std::string_view("\0\n\r\b\t", 5)) != std::string::npos;
    };
    return !berm::is_safe_git_setting(s) || odd(s.value) || odd(s.name);
  });
  if (berm::parse_git_config(berm::to_git_config(kept)) != kept) std::abort();
  return 0;
}
