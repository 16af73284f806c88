// fuzz/export_fuzz.cc: one line in, one clean line of the format out, whatever it holds; and where
// the format carries the line, it is the line.
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "record/export.h"
#include "record/export_test_support.h"

namespace {

using nlohmann::json;

bool is_utf8(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    char32_t c = 0;
    const std::size_t length = berm::decode_utf8(text, at, c);
    if (length == 0) return false;
    at += length;
  }
  return true;
}

json object_of(berm::EventFormat format, std::string_view line) {
  const std::string told = berm::formatted(format, line);
  const json out = json::parse(told, nullptr, false);
  if (!berm::is_one_clean_line(told) || !out.is_object()) std::abort();
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view line(reinterpret_cast<const char*>(data), size);
  const json ocsf = object_of(berm::EventFormat::ocsf, line);
  const json ecs = object_of(berm::EventFormat::ecs, line);
  if (is_utf8(line) && (ocsf["raw_data"] != line || ecs["event"]["original"] != line)) std::abort();
  const std::string cef = berm::formatted(berm::EventFormat::cef, line);
  if (!berm::is_one_clean_line(cef) || !berm::read_cef(cef)) std::abort();
  return 0;
}
