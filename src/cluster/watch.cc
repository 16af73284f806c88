#include "cluster/watch.h"

#include <fmt/format.h>

#include "base/text.h"

namespace berm {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;
using std::chrono::seconds;

// The server ends a watch by itself then; it is told, so that both agree.
constexpr int kWatchSeconds = 240;
// Bookmarks come each minute. A connection that is silent for longer is dead (a half-open one, a
// proxy that has let go).
constexpr seconds kSilence{90};

json member(const json& object, const char* key) {
  return object.is_object() && object.contains(key) ? object[key] : json();
}
std::string text(const json& value) {
  return value.is_string() ? value.get<std::string>() : std::string();
}

}  // namespace

ObjectWatch::ObjectWatch(ClusterClient& cluster, std::string path, std::string selector,
                         std::function<void()> changed)
    : cluster_(cluster),
      path_(std::move(path)),
      selector_(std::move(selector)),
      changed_(std::move(changed)),
      thread_([this] { run(); }) {}

ObjectWatch::~ObjectWatch() {
  over_ = true;
  wake_.notify_all();
  thread_.join();
}

std::map<std::string, WatchedObject> ObjectWatch::objects() {
  const std::lock_guard lock(mutex_);
  return objects_;
}

std::string ObjectWatch::trouble() {
  const std::lock_guard lock(mutex_);
  return trouble_;
}

void ObjectWatch::rest(milliseconds time) {
  std::unique_lock lock(mutex_);
  wake_.wait_for(lock, time, [this] { return over_.load(); });
}

std::string ObjectWatch::query(bool watch) const {
  std::string out = fmt::format("{}?labelSelector={}", path_, selector_);
  if (watch) {
    out += fmt::format("&watch=true&allowWatchBookmarks=true&timeoutSeconds={}&resourceVersion={}",
                       kWatchSeconds, version_);
  }
  return out;
}

void ObjectWatch::keep(const json& object, bool deleted) {
  const std::string name = text(member(member(object, "metadata"), "name"));
  if (name.empty()) return;
  {
    const std::lock_guard lock(mutex_);
    WatchedObject& kept = objects_[name];
    kept = {object, deleted};
  }
  changed_();
}

bool ObjectWatch::list() {
  const Result<ClusterAnswer> answer = cluster_.get(query(false));
  const json said =
      answer && answer->status == 200 ? json::parse(answer->body, nullptr, false) : json();
  {
    const std::lock_guard lock(mutex_);
    trouble_ = !answer                 ? sentence(answer.error())
               : answer->status != 200 ? answer->message
                                       : std::string();
  }
  if (!said.is_object()) {
    changed_();
    return false;
  }
  version_ = text(member(member(said, "metadata"), "resourceVersion"));
  std::map<std::string, bool> seen;
  const json items = member(said, "items");
  for (const json& item : items.is_array() ? items : json::array()) {
    seen[text(member(member(item, "metadata"), "name"))] = true;
    keep(item, false);
  }
  // What went away while nobody watched.
  for (const auto& [name, object] : objects()) {
    if (!seen.contains(name) && !object.deleted) keep(object.object, true);
  }
  return true;
}

bool ObjectWatch::take(std::string_view line) {
  if (line.empty()) return !over_;
  const json event = json::parse(line, nullptr, false);
  const std::string type = text(member(event, "type"));
  const json object = member(event, "object");
  if (type == "ERROR") {
    forgotten_ = true;
    return false;
  }
  const std::string version = text(member(member(object, "metadata"), "resourceVersion"));
  if (!version.empty()) version_ = version;
  if (type == "ADDED" || type == "MODIFIED") keep(object, false);
  if (type == "DELETED") keep(object, true);
  return !over_;
}

void ObjectWatch::follow() {
  forgotten_ = false;
  while (!over_ && !forgotten_) {
    const Result<ClusterAnswer> ended = cluster_.watch(
        query(true), [this](std::string_view line) { return take(line); }, kSilence);
    if (ended && ended->status == 410) return;
    const bool sound = ended && ended->status == 200;
    if (!sound && !over_) rest(seconds(1));
  }
}

void ObjectWatch::run() {
  while (!over_) {
    if (list()) {
      follow();
    } else {
      rest(seconds(1));
    }
  }
}

}  // namespace berm
