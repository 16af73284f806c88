#include "pod/line.h"

#include <nlohmann/json.hpp>

#include "net/dial.h"

namespace berm::pod {

using nlohmann::json;

Result<void> write_bytes(ByteStream& stream, std::string_view bytes) {
  boost::system::error_code error;
  while (!bytes.empty() && !error) bytes.remove_prefix(stream.write_bytes(bytes, error));
  if (error) return failure(Errc::kernel, "write to the other pod: " + error.message());
  return {};
}

Result<void> write_line(ByteStream& stream, const json& call) {
  return write_bytes(stream, call.dump(-1, ' ', false, json::error_handler_t::replace) + "\n");
}

Result<json> read_line(ByteStream& stream, std::chrono::milliseconds patience) {
  const Deadline deadline = Deadline::in(patience);
  std::string line;
  boost::system::error_code error;
  while (line.size() <= kMostLine) {
    stream.set_timeout(deadline.left());
    char byte = 0;
    const std::size_t got = stream.read_bytes({&byte, 1}, error);
    if (error) return failure(Errc::kernel, "hear the other pod: " + error.message());
    if (got == 1 && byte == '\n') break;
    if (got == 1) line += byte;
  }
  json call = json::parse(line, nullptr, false);
  if (line.size() > kMostLine || !call.is_object()) {
    return failure(Errc::denied, "understand the other pod");
  }
  return call;
}

std::string text_in(const json& call, const char* key) {
  return call.contains(key) && call[key].is_string() ? call[key].get<std::string>() : std::string();
}

std::uint64_t number_in(const json& call, const char* key, std::uint64_t otherwise) {
  return call.contains(key) && call[key].is_number_unsigned() ? call[key].get<std::uint64_t>()
                                                              : otherwise;
}

}  // namespace berm::pod
