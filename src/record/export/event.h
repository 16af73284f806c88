// src/record/export/event.h: a line of a record, read to be told in the words of another schema.
#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace berm::formats {

/// An event's data. A member that one place of the output tells is taken from it; what nobody took
/// is the rest. A member of another type than asked for is left where it is.
class Data {
 public:
  explicit Data(const nlohmann::json& data) : data_(&data) {}

  /// "" if it is no string.
  [[nodiscard]] std::string_view text(std::string_view key);
  /// nullopt if it is no whole number from 0 to `most`.
  [[nodiscard]] std::optional<std::int64_t> number(std::string_view key,
                                                   std::int64_t most = INT64_MAX);
  [[nodiscard]] std::string_view peek_text(std::string_view key) const;
  [[nodiscard]] std::optional<std::int64_t> peek_number(std::string_view key,
                                                        std::int64_t most = INT64_MAX) const;
  /// null if it is not there.
  [[nodiscard]] const nlohmann::json& peek(std::string_view key) const;
  /// True only for a true `true`.
  [[nodiscard]] bool is_set(std::string_view key) const;
  void take(std::string_view key);
  [[nodiscard]] const nlohmann::json& whole() const { return *data_; }

  [[nodiscard]] bool has_rest() const;
  /// In canonical form, with its braces.
  [[nodiscard]] std::string rest() const;

 private:
  [[nodiscard]] bool is_taken(const nlohmann::json& member) const;

  const nlohmann::json* data_;
  std::vector<const nlohmann::json*> taken_;
};

/// What stands around the data. What a line lacks, or has in another type than ours, is empty; what
/// is there is what the line claims. The views are of `json` and of the line.
struct Event {
  explicit Event(std::string_view text);

  std::string_view line;
  std::unique_ptr<const nlohmann::json> json;  ///< null (not a null pointer): the line is no event
  Data data;
  std::string_view run;
  std::string_view source;
  std::string_view type;
  std::string_view time;      ///< RFC 3339, UTC
  std::int64_t time_ms = 0;   ///< since 1970
  std::string_view hash;      ///< 64 hexadecimal digits
  std::string_view previous;  ///< the same; "" of the first event
  std::optional<std::int64_t> sequence;
  std::optional<std::int64_t> version;
  std::string uid;         ///< "RUN-SEQ", what the sinks dedup by
  std::string uid_before;  ///< of the event before; "" of the first
  /// The rest of the data is small and flat enough for those who index it.
  bool tells_rest = false;
};

/// "2026-11-23T01:01:23.099020925Z" in milliseconds since 1970; nullopt for every other form.
[[nodiscard]] std::optional<std::int64_t> milliseconds_of(std::string_view time);

/// "192.0.2.1:443" or "[2001:db8::1]:443": where somebody tried to go.
struct Endpoint {
  std::string ip;  ///< "" if it is no address
  std::optional<std::int64_t> port;
};
[[nodiscard]] Endpoint endpoint_of(std::string_view address);

/// The words of an argv as a shell would read them; "" if `argv` is not one.
[[nodiscard]] std::string command_line(const nlohmann::json& argv);
/// "/usr/bin/git" → "git"
[[nodiscard]] std::string_view base_name(std::string_view path);
/// The beginning of `text`: at most `most` bytes, no half of a character.
[[nodiscard]] std::string_view cut(std::string_view text, std::size_t most);

}  // namespace berm::formats
