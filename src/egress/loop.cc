#include "egress/loop.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace berm {
namespace {

constexpr std::uintptr_t kSlotBits = 7;  // handlers are aligned to eight bytes

epoll_event event_for(std::uint32_t events, Loop::Handler* handler, unsigned slot) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = reinterpret_cast<std::uintptr_t>(handler) | (slot & kSlotBits);
  return event;
}

}  // namespace

Result<std::unique_ptr<Loop>> Loop::create() {
  UniqueFd epoll(::epoll_create1(EPOLL_CLOEXEC));
  UniqueFd wakeup(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!epoll || !wakeup) return os_error("make an event loop");
  epoll_event event = event_for(EPOLLIN, nullptr, 0);
  if (::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, wakeup.get(), &event) != 0) {
    return os_error("watch the loop's own messages");
  }
  return std::unique_ptr<Loop>(new Loop(std::move(epoll), std::move(wakeup)));
}

bool Loop::watch(int fd, std::uint32_t events, Handler& handler, unsigned slot) {
  epoll_event event = event_for(events, &handler, slot);
  return ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) == 0;
}

bool Loop::watch_instead(int fd, std::uint32_t events, Handler& handler, unsigned slot) {
  epoll_event event = event_for(events, &handler, slot);
  return ::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd, &event) == 0 ||
         ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) == 0;
}

void Loop::change(int fd, std::uint32_t events, Handler& handler, unsigned slot) {
  epoll_event event = event_for(events, &handler, slot);
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd, &event);
}

void Loop::forget(int fd) { ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr); }

void Loop::bury(std::shared_ptr<Handler> handler) {
  dead_.push_back(handler.get());
  buried_.push_back(std::move(handler));
}

void Loop::post(Task task) {
  {
    const std::lock_guard lock(mutex_);
    posted_.push_back(std::move(task));
  }
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t wrote = ::write(wakeup_.get(), &one, sizeof one);
}

Loop::Timer Loop::after(std::chrono::milliseconds delay, Task task) {
  return timers_.emplace(Clock::now() + delay, std::move(task));
}

int Loop::timeout() const {
  if (timers_.empty()) return -1;
  const auto left =
      std::chrono::ceil<std::chrono::milliseconds>(timers_.begin()->first - Clock::now()).count();
  return static_cast<int>(std::clamp<std::int64_t>(left, 0, 60'000));
}

void Loop::run_timers() {
  const Clock::time_point now = Clock::now();
  while (!timers_.empty() && timers_.begin()->first <= now) {
    const Task task = std::move(timers_.begin()->second);
    timers_.erase(timers_.begin());
    task();
  }
}

void Loop::run_posted() {
  std::uint64_t count = 0;
  [[maybe_unused]] const ssize_t got = ::read(wakeup_.get(), &count, sizeof count);
  std::vector<Task> tasks;
  {
    const std::lock_guard lock(mutex_);
    tasks.swap(posted_);
  }
  for (const Task& task : tasks) task();
}

void Loop::run() {
  constexpr int kBatch = 256;
  std::vector<epoll_event> events(kBatch);
  while (running_) {
    const int ready = ::epoll_wait(epoll_.get(), events.data(), kBatch, timeout());
    for (int i = 0; i < ready; ++i) {
      const std::uint64_t data = events[static_cast<std::size_t>(i)].data.u64;
      auto* handler = reinterpret_cast<Handler*>(data & ~kSlotBits);
      if (handler == nullptr) {
        run_posted();
      } else if (std::ranges::find(dead_, handler) == dead_.end()) {
        handler->on_ready(static_cast<unsigned>(data & kSlotBits),
                          events[static_cast<std::size_t>(i)].events);
      }
    }
    run_timers();
    dead_.clear();
    buried_.clear();
  }
}

void Loop::stop() {
  post([this] { running_ = false; });
}

}  // namespace berm
