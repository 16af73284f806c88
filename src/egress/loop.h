// src/egress/loop.h: one thread's readiness, timers and messages from other threads (epoll(7)).
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "base/result.h"
#include "sys/fd.h"

namespace berm {

/// Every method but post() belongs to the thread that runs the loop.
class Loop {
 public:
  using Clock = std::chrono::steady_clock;
  using Task = std::function<void()>;
  using Timer = std::multimap<Clock::time_point, Task>::iterator;

  /// Somebody with descriptors. `slot` tells which of its descriptors is ready (0 to 7).
  class Handler {
   public:
    virtual ~Handler() = default;
    virtual void on_ready(unsigned slot, std::uint32_t events) = 0;

   protected:
    Handler() = default;
    Handler(const Handler&) = delete;
    Handler& operator=(const Handler&) = delete;
  };

  [[nodiscard]] static Result<std::unique_ptr<Loop>> create();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  /// @param events  EPOLLIN, EPOLLOUT, EPOLLET …; 0 keeps the descriptor but tells nothing.
  [[nodiscard]] bool watch(int fd, std::uint32_t events, Handler& handler, unsigned slot = 0);
  /// The same for a descriptor that another handler may be watching: it takes its place.
  [[nodiscard]] bool watch_instead(int fd, std::uint32_t events, Handler& handler,
                                   unsigned slot = 0);
  void change(int fd, std::uint32_t events, Handler& handler, unsigned slot = 0);
  void forget(int fd);

  /// Keeps `handler` alive until the events that were fetched together are told: one of them may
  /// still name it. Its descriptors are forgotten by closing them.
  void bury(std::shared_ptr<Handler> handler);

  /// Runs `task` on the loop's thread, soon. From any thread.
  void post(Task task);
  Timer after(std::chrono::milliseconds delay, Task task);
  void cancel(Timer timer) { timers_.erase(timer); }

  void run();   ///< until stop()
  void stop();  ///< from any thread

 private:
  Loop(UniqueFd epoll, UniqueFd wakeup) : epoll_(std::move(epoll)), wakeup_(std::move(wakeup)) {}
  [[nodiscard]] int timeout() const;
  void run_timers();
  void run_posted();

  UniqueFd epoll_;
  UniqueFd wakeup_;
  std::multimap<Clock::time_point, Task> timers_;
  std::vector<std::shared_ptr<Handler>> buried_;
  std::vector<const Handler*> dead_;
  std::mutex mutex_;  ///< of posted_
  std::vector<Task> posted_;
  bool running_ = true;
};

}  // namespace berm
