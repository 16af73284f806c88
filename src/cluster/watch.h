// src/cluster/watch.h: what becomes of the pods of one run.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>

#include "cluster/client.h"

namespace berm {

/// One object of a list, as the server last told of it.
struct WatchedObject {
  nlohmann::json object;
  bool deleted = false;
};

/// Lists, then watches from there; goes on where a watch broke off (bookmarks), and lists anew
/// where the server has forgotten that place (410 Gone). A thread of its own.
class ObjectWatch {
 public:
  /// @param path  of a list: "/api/v1/namespaces/n/pods"
  /// @param selector  of labels
  /// @param changed  called on the watch's thread after each change
  ObjectWatch(ClusterClient& cluster, std::string path, std::string selector,
              std::function<void()> changed);
  ~ObjectWatch();
  ObjectWatch(const ObjectWatch&) = delete;
  ObjectWatch& operator=(const ObjectWatch&) = delete;

  /// By name. What was deleted stays, and says so.
  [[nodiscard]] std::map<std::string, WatchedObject> objects();
  /// Why nothing can be seen; "" = all is well.
  [[nodiscard]] std::string trouble();

 private:
  void run();
  [[nodiscard]] bool list();
  void follow();
  /// @return false where the server has forgotten our place
  [[nodiscard]] bool take(std::string_view line);
  void keep(const nlohmann::json& object, bool deleted);
  void rest(std::chrono::milliseconds time);
  [[nodiscard]] std::string query(bool watch) const;

  ClusterClient& cluster_;
  const std::string path_;
  const std::string selector_;
  const std::function<void()> changed_;
  std::string version_;  ///< on the watch's thread
  bool forgotten_ = false;
  std::mutex mutex_;  ///< of what follows
  std::condition_variable wake_;
  std::map<std::string, WatchedObject> objects_;
  std::string trouble_;
  std::atomic<bool> over_ = false;
  std::thread thread_;
};

}  // namespace berm
