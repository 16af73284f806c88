#include "cli/console.h"

#include <unistd.h>

#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>

#include "cli/commands.h"
#include "sys/fd.h"

namespace berm {

// A reader that went away (a pager that was quit) is no error of ours.
void put(std::string_view text) { (void)write_all(STDOUT_FILENO, text); }
void complain(std::string_view text) { (void)write_all(STDERR_FILENO, text); }

void put_json(const nlohmann::json& value) {
  put(value.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
}

int fail(const Error& error) {
  complain(render(error));
  return error.code == Errc::usage ? kUsage : kCannot;
}

bool wants_color(int fd) {
  const char* term = ::getenv("TERM");
  return ::isatty(fd) == 1 && ::getenv("NO_COLOR") == nullptr && term != nullptr &&
         std::string_view(term) != "dumb";
}

}  // namespace berm
