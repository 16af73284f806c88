#include "batch/pace.h"

#include <algorithm>

namespace berm {

bool Pace::may_start(std::size_t live, Time now) const { return live < now_ && now >= not_before_; }

Pace::Time Pace::next(std::size_t live) const { return live < now_ ? not_before_ : Time::max(); }

void Pace::refused(std::size_t live, Time now) {
  now_ = std::clamp<std::size_t>(live, 1, now_);
  held_ = 0;
  // Those that were started together are refused together: the first of them says it all.
  if (now < not_before_) return;
  pause_ = pause_.count() == 0 ? kFirstPause : std::min(pause_ * 2, kLongestPause);
  not_before_ = now + pause_;
}

void Pace::held() {
  pause_ = {};
  if (++held_ < now_) return;
  held_ = 0;
  now_ = std::min(now_ + 1, most_);
}

}  // namespace berm
