#include "supervise/asker.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>

namespace berm {
namespace {

// DECSC, the last line, clear it, reverse; and back (DECRC). The agent's own picture stays.
constexpr const char* kLastLine =
    "\x1b"
    "7\x1b[999;1H\x1b[2K\x1b[7m";
constexpr const char* kBack =
    "\x1b[999;1H\x1b[2K\x1b"
    "8";
constexpr std::chrono::milliseconds kGuard{500};
constexpr char kInterrupt = 3;  // Ctrl-C
constexpr const char* kChoices = " [o]nce  for this [r]un  write to [p]olicy  [d]eny ";

}  // namespace

std::optional<Asker> Asker::open(bool full_screen) {
  UniqueFd terminal(::open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  if (!terminal) return std::nullopt;
  Asker asker;
  asker.terminal_ = std::move(terminal);
  asker.full_screen_ = full_screen;
  return asker;
}

void Asker::ask(Question question) {
  waiting_.push_back(std::move(question));
  if (waiting_.size() == 1) show();
}

// A terminal that is stopped (Ctrl-S) must not stop the supervisor, which holds the limits.
void Asker::put(std::string_view text) {
  [[maybe_unused]] const ssize_t wrote = ::write(terminal_.get(), text.data(), text.size());
}

void Asker::show() {
  const Question& question = waiting_.front();
  ::tcflush(terminal_.get(), TCIFLUSH);
  shown_at_ = std::chrono::steady_clock::now();
  if (!full_screen_ && !raw_) {
    if (Result<RawTerminal> raw = RawTerminal::enter(terminal_.get())) raw_ = *std::move(raw);
  }
  const std::string line =
      full_screen_ ? fmt::format("{} berm: {} {}\x1b[0m", kLastLine, question.text, kChoices)
                   : fmt::format("\r\x1b[2K\x1b[7m berm: {} {}\x1b[0m ", question.text, kChoices);
  put(line);
}

void Asker::clear() {
  put(full_screen_ ? kBack : "\r\x1b[2K");
  if (waiting_.empty()) raw_.reset();
}

std::optional<Asker::Answer> Asker::hear() {
  char keys[256];
  const ssize_t got = ::read(terminal_.get(), keys, sizeof keys);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return std::nullopt;
  // A person presses one key, and not at once. What comes in a burst, or with the question, is the
  // answer of the terminal to an escape sequence of the agent (OSC 10), a paste, or typing that was
  // meant for somebody else.
  const bool early = std::chrono::steady_clock::now() - shown_at_ < kGuard;
  if (got == 1 && keys[0] == kInterrupt) {
    interrupted_ = true;
  } else if (got > 1 || (got == 1 && early)) {
    return std::nullopt;
  }
  std::optional<Said> said;
  const char key = got == 1 ? keys[0] : 'd';  // the terminal is gone
  if (key == 'o') said = Said::once;
  if (key == 'r') said = Said::for_this_run;
  if (key == 'p') said = Said::for_the_policy;
  if (key == 'd' || key == 'n' || key == kInterrupt) said = Said::no;
  if (!said) return std::nullopt;
  Answer answer{.question = std::move(waiting_.front()), .said = *said};
  waiting_.pop_front();
  if (*said == Said::for_this_run) allowed_.insert(answer.question.key);
  clear();
  // What was asked meanwhile and is answered by this.
  if (active()) show();
  return answer;
}

}  // namespace berm
