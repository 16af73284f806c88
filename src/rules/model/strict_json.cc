#include "rules/model/strict_json.h"

#include <fmt/format.h>
#include <rapidjson/reader.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <exception>
#include <optional>
#include <unordered_set>
#include <utility>
#include <vector>

#include "base/text.h"

namespace berm {
namespace {

using Members = std::vector<std::pair<const std::string, Json>>;

// ordered_map looks for the key on every insertion: quadratic for an object of many keys. We know
// that the key is new, so we append to the vector that it is.
Members& members_of(Json& object) { return object.get_ref<Json::object_t&>(); }

const Members& members_of(const Json& object) { return object.get_ref<const Json::object_t&>(); }

// A member's key is const, so the vector would copy every value whenever it grows: a body of
// megabytes several times. We move the values.
Json& append(Members& members, std::string key, Json value) {
  if (members.size() == members.capacity()) {
    Members larger;
    larger.reserve(std::max<std::size_t>(4, 2 * members.size()));
    for (auto& [old_key, old_value] : members) {
      larger.emplace_back(old_key, std::move(old_value));
    }
    members.swap(larger);
  }
  return members.emplace_back(std::move(key), std::move(value)).second;
}

/// Builds the value; stops at the first thing that two parsers may read differently. A handler of
/// RapidJSON: its names are its own.
class StrictBuilder {
 public:
  explicit StrictBuilder(const JsonBounds& bounds) : bounds_(bounds) {}

  bool Null() { return add(nullptr); }
  bool Bool(bool value) { return add(value); }
  // Every number comes raw: the library's own conversion reads "0e230" as 1.5e-36, and beyond its
  // table of powers where a number has many zeros.
  bool Int(int) { return stop("it holds a converted number"); }
  bool Uint(unsigned) { return stop("it holds a converted number"); }
  bool Int64(std::int64_t) { return stop("it holds a converted number"); }
  bool Uint64(std::uint64_t) { return stop("it holds a converted number"); }
  bool Double(double) { return stop("it holds a converted number"); }
  bool RawNumber(const char* text, unsigned size, bool) {
    const std::string_view number(text, size);
    const bool whole = number.find_first_of(".eE") == std::string_view::npos;
    if (whole && number.starts_with('-')) {
      if (const auto value = converted<std::int64_t>(number)) return add(*value);
    } else if (whole) {
      if (const auto value = converted<std::uint64_t>(number)) return add(*value);
    }
    const std::optional<double> value = converted<double>(number);
    return value ? add(*value) : stop("a number is out of range");
  }
  bool String(const char* text, unsigned size, bool) {
    if (has_surrogate({text, size})) return stop("it holds a lone surrogate");
    return add(std::string(text, size));
  }
  bool StartObject() { return open(Json::object()); }
  bool EndObject(unsigned) { return close(); }
  bool StartArray() { return open(Json::array()); }
  bool EndArray(unsigned) { return close(); }

  bool Key(const char* text, unsigned size, bool) {
    std::string key(text, size);
    if (has_surrogate(key)) return stop("it holds a lone surrogate");
    Level& level = levels_.back();
    if (level.container->size() >= bounds_.members) {
      return stop(fmt::format("an object has more than {} members", bounds_.members));
    }
    if (!is_new(level, key)) return stop("a key stands twice in one object");
    level.key = std::move(key);
    return true;
  }

  [[nodiscard]] const std::string& why() const { return why_; }
  [[nodiscard]] Json take() { return std::move(root_); }

 private:
  struct Level {
    Json* container = nullptr;
    std::string key = {};
    std::unordered_set<std::string> seen = {};  ///< only of objects with many keys
  };

  // All of `number`; nullopt if T cannot hold it.
  template <class T>
  static std::optional<T> converted(std::string_view number) {
    T value{};
    const char* end = number.data() + number.size();
    const auto [stopped, error] = std::from_chars(number.data(), end, value);
    return error == std::errc() && stopped == end ? std::optional<T>(value) : std::nullopt;
  }

  // The library lets an escaped low surrogate stand alone, and encodes it like a character.
  static bool has_surrogate(std::string_view text) {
    for (std::size_t at = text.find('\xED'); at != std::string_view::npos;
         at = text.find('\xED', at + 1)) {
      if (at + 1 < text.size() && static_cast<unsigned char>(text[at + 1]) >= 0xA0) return true;
    }
    return false;
  }

  bool stop(std::string why) {
    if (why_.empty()) why_ = std::move(why);
    return false;
  }

  static bool is_new(Level& level, const std::string& key) {
    constexpr std::size_t kFew = 24;
    const Members& members = members_of(*level.container);
    if (members.size() < kFew) {
      return std::ranges::none_of(members, [&](const auto& m) { return m.first == key; });
    }
    if (level.seen.empty()) {
      for (const auto& entry : members) level.seen.insert(entry.first);
    }
    return level.seen.insert(key).second;
  }

  // Where the value went; nullptr if there are too many.
  Json* place(Json value) {
    if (++values_ > bounds_.values) {
      stop(fmt::format("it has more than {} values", bounds_.values));
      return nullptr;
    }
    if (levels_.empty()) {
      root_ = std::move(value);
      return &root_;
    }
    Json& container = *levels_.back().container;
    if (container.is_object()) {
      return &append(members_of(container), std::move(levels_.back().key), std::move(value));
    }
    auto& items = container.get_ref<Json::array_t&>();
    items.push_back(std::move(value));
    return &items.back();
  }

  bool add(Json value) { return place(std::move(value)) != nullptr; }

  bool open(Json container) {
    if (levels_.size() >= bounds_.depth) {
      return stop(fmt::format("it is nested deeper than {}", bounds_.depth));
    }
    Json* at = place(std::move(container));
    if (at == nullptr) return false;
    levels_.push_back({.container = at});
    return true;
  }

  bool close() {
    levels_.pop_back();
    return true;
  }

  JsonBounds bounds_;
  Json root_;
  std::vector<Level> levels_;  ///< the pointers stay valid: only the innermost container grows
  std::size_t values_ = 0;
  std::string why_;
};

// RFC 8259 §7. The library's own writer looks at each byte of a conversation once more for UTF-8,
// which the parser has refused already where it was none; that cost half a millisecond a request.
void write_string(std::string_view text, std::string& out) {
  out += '"';
  std::size_t from = 0;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const auto byte = static_cast<unsigned char>(text[at]);
    if (byte >= 0x20 && byte != '"' && byte != '\\') continue;
    out += text.substr(from, at - from);
    from = at + 1;
    constexpr std::string_view kShort = "\"\\\b\f\n\r\t";
    constexpr std::string_view kLetters = "\"\\bfnrt";
    const std::size_t known = kShort.find(text[at]);
    if (known != std::string_view::npos) {
      out += '\\';
      out += kLetters[known];
    } else {
      out += fmt::format("\\u{:04x}", byte);
    }
  }
  out += text.substr(from);
  out += '"';
}

// As deep as the parser lets in.
void write(const Json& value, std::string& out) {
  if (value.is_string()) return write_string(value.get_ref<const std::string&>(), out);
  if (!value.is_structured()) {
    out += value.dump();
    return;
  }
  const bool object = value.is_object();
  out += object ? '{' : '[';
  bool first = true;
  for (auto item = value.begin(); item != value.end(); ++item) {
    if (!std::exchange(first, false)) out += ',';
    if (object) {
      write_string(item.key(), out);
      out += ':';
    }
    write(*item, out);
  }
  out += object ? '}' : ']';
}

bool is_utf8(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    std::uint64_t eight = 0;
    if (at + sizeof eight <= text.size()) {
      std::memcpy(&eight, text.data() + at, sizeof eight);
      if ((eight & 0x8080808080808080ULL) == 0) {
        at += sizeof eight;
        continue;
      }
    }
    char32_t point = 0;
    const std::size_t length = decode_utf8(text, at, point);
    if (length == 0) return false;
    at += length;
  }
  return true;
}

tl::unexpected<Error> unreadable(std::string_view why) {
  return failure(Errc::denied, fmt::format("read the request's body: {}", why));
}

}  // namespace

Result<Json> parse_strict_json(std::string_view text, const JsonBounds& bounds) {
  if (text.size() > bounds.bytes) {
    return unreadable(fmt::format("it is larger than {} bytes", bounds.bytes));
  }
  // The library takes a NUL for the end of the text and skips a byte order mark; others do not.
  if (text.find('\0') != std::string_view::npos) return unreadable("it holds a NUL");
  if (text.starts_with("\xEF\xBB\xBF")) return unreadable("it starts with a byte order mark");
  if (!is_utf8(text)) return unreadable("it is not UTF-8");
  StrictBuilder builder(bounds);
  try {
    std::string copy(text);  // parsed where it lies: strings end up unescaped in it
    rapidjson::InsituStringStream in(copy.data());
    rapidjson::Reader reader;
    // Not recursive: how deep is the builder's to say.
    constexpr unsigned kFlags = rapidjson::kParseInsituFlag | rapidjson::kParseIterativeFlag |
                                rapidjson::kParseNumbersAsStringsFlag;
    const rapidjson::ParseResult parsed = reader.Parse<kFlags>(in, builder);
    if (!parsed) {
      return unreadable(builder.why().empty()
                            ? fmt::format("it is not JSON (byte {})", parsed.Offset())
                            : builder.why());
    }
  } catch (const std::exception&) {
    return unreadable("it is not JSON");
  }
  return builder.take();
}

Result<std::string> to_json_text(const Json& value) {
  try {
    std::string out;
    write(value, out);
    return out;
  } catch (const std::exception&) {
    return failure(Errc::denied, "write the request's body");
  }
}

const Json* member(const Json& value, std::string_view key) {
  if (!value.is_object()) return nullptr;
  const Members& members = members_of(value);
  const auto found = std::ranges::find(members, key, &Members::value_type::first);
  return found == members.end() || found->second.is_null() ? nullptr : &found->second;
}

Json* member(Json& value, std::string_view key) {
  return const_cast<Json*>(member(std::as_const(value), key));
}

std::string_view text_member(const Json& value, std::string_view key) {
  const Json* found = member(value, key);
  if (found == nullptr || !found->is_string()) return "";
  return found->get_ref<const std::string&>();
}

void set_member(Json& object, std::string_view key, Json value) {
  Members& members = members_of(object);
  const auto found = std::ranges::find(members, key, &Members::value_type::first);
  if (found != members.end()) {
    found->second = std::move(value);
  } else {
    append(members, std::string(key), std::move(value));
  }
}

bool erase_member(Json& object, std::string_view key) {
  if (!object.is_object()) return false;
  return object.get_ref<Json::object_t&>().erase(std::string(key)) > 0;
}

}  // namespace berm
