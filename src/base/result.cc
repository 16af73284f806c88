#include "base/result.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>

#include "base/text.h"

namespace berm {

std::string_view name_of(Errc code) {
  switch (code) {
    case Errc::usage:
      return "usage";
    case Errc::invalid_policy:
      return "invalid_policy";
    case Errc::unsupported:
      return "unsupported";
    case Errc::denied:
      return "denied";
    case Errc::kernel:
      return "kernel";
    case Errc::busy:
      return "busy";
    case Errc::internal:
      break;
  }
  return "internal";
}

tl::unexpected<Error> os_error(std::string what, int os_errno) {
  Error error{.code = Errc::kernel, .what = std::move(what), .os_errno = os_errno};
  return tl::unexpected(std::move(error));
}

tl::unexpected<Error> os_error(std::string what) {
  const int saved = errno;
  return os_error(std::move(what), saved);
}

tl::unexpected<Error> failure(Errc code, std::string what, std::string fix) {
  Error error{.code = code, .what = std::move(what), .fix = std::move(fix)};
  return tl::unexpected(std::move(error));
}

std::string sentence(const Error& error) {
  const bool whole = error.code == Errc::invalid_policy || error.code == Errc::usage;
  std::string out = (whole ? "" : "cannot ") + error.what;
  if (error.os_errno != 0) {
    const char* name = ::strerrorname_np(error.os_errno);
    out += fmt::format(": {} ({})", ::strerrordesc_np(error.os_errno), name ? name : "?");
  }
  return out;
}

std::string render(const Error& error) {
  std::string out = fmt::format("berm: error: {}\n", printable_block(sentence(error)));
  for (const std::string& outer : error.context) {
    out += fmt::format("  while: {}\n", printable(outer));
  }
  if (!error.fix.empty()) out += fmt::format("  fix:   {}\n", printable(error.fix));
  return out;
}

}  // namespace berm
