#include "egress/events.h"

#include <unistd.h>

#include <nlohmann/json.hpp>

#include "sys/fd.h"

namespace berm {

void EventSink::say(nlohmann::json event) {
  // An agent can be refused a thousand times a second, and the record lies on the host's disk. What
  // is left out is counted.
  if (event.value("type", "") == "net.denied") {
    const std::uint64_t count = ++denied_;
    if (count > kMostDenied && count % kMostDenied != 0) return;
    if (count > kMostDenied) event["left_out"] = kMostDenied - 1;
  }
  const std::string line =
      event.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
  const std::lock_guard lock(mutex_);
  if (!write_all(fd_, line)) ::_exit(1);
}

}  // namespace berm
