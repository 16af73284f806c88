// fuzz/registries_fuzz.cc: configuration that somebody else wrote gives names or nothing; a name
// that was taken from a URL is the same when it is read again.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "host/registries/formats.h"
#include "host/registries/reader.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data + 1), size - 1);
  switch (data[0] % 6) {
    case 0: {
      const auto address = berm::parse_registry_url(text);
      if (!address) return 0;
      const std::string again = "http://" + address->host + ":" + std::to_string(address->port);
      if (berm::parse_registry_url(again) != address) std::abort();
      return 0;
    }
    case 1:
      static_cast<void>(berm::parse_ini(text, berm::IniStyle::folded));
      return 0;
    case 2:
      static_cast<void>(berm::parse_ini(text, berm::IniStyle::one_line));
      return 0;
    case 3:
      if (const auto elements = berm::parse_xml(text)) {
        for (const berm::XmlElement& element : *elements) {
          if (element.parent >= elements->size()) std::abort();
        }
      }
      return 0;
    case 4:
      static_cast<void>(berm::parse_toml_settings(text));
      return 0;
    default:
      static_cast<void>(berm::parse_json_settings(text));
      return 0;
  }
}
