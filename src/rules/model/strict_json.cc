#include "rules/model/strict_json.h"

#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <unordered_set>
#include <utility>
#include <vector>

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

/// Builds the value; stops at the first thing that two parsers may read differently.
class StrictBuilder : public nlohmann::json_sax<Json> {
 public:
  explicit StrictBuilder(const JsonBounds& bounds) : bounds_(bounds) {}

  bool null() override { return add(nullptr); }
  bool boolean(bool value) override { return add(value); }
  bool number_integer(number_integer_t value) override { return add(value); }
  bool number_unsigned(number_unsigned_t value) override { return add(value); }
  bool number_float(number_float_t value, const string_t&) override { return add(value); }
  bool string(string_t& value) override { return add(std::move(value)); }
  bool binary(binary_t&) override { return stop("it holds binary data"); }
  bool start_object(std::size_t) override { return open(Json::object()); }
  bool end_object() override { return close(); }
  bool start_array(std::size_t) override { return open(Json::array()); }
  bool end_array() override { return close(); }

  bool key(string_t& value) override {
    Level& level = levels_.back();
    if (level.container->size() >= bounds_.members) {
      return stop(fmt::format("an object has more than {} members", bounds_.members));
    }
    if (!is_new(level, value)) return stop("a key stands twice in one object");
    level.key = std::move(value);
    return true;
  }

  bool parse_error(std::size_t position, const std::string&,
                   const nlohmann::detail::exception&) override {
    return stop(fmt::format("it is not JSON in UTF-8 (byte {})", position));
  }

  [[nodiscard]] const std::string& why() const { return why_; }
  [[nodiscard]] Json take() { return std::move(root_); }

 private:
  struct Level {
    Json* container = nullptr;
    std::string key = {};
    std::unordered_set<std::string> seen = {};  ///< only of objects with many keys
  };

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
  StrictBuilder builder(bounds);
  try {
    if (!Json::sax_parse(text.begin(), text.end(), &builder)) return unreadable(builder.why());
  } catch (const std::exception&) {
    return unreadable("it is not JSON");
  }
  return builder.take();
}

Result<std::string> to_json_text(const Json& value) {
  try {
    return value.dump();
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
