// tests/credentials/running.h: a program that is looked at, spoken to and killed while it runs.
#pragma once

#include <poll.h>

#include <chrono>
#include <regex>

#include "../egress/world.h"

namespace berm::test {

/// Started by the constructor, killed by the destructor.
class Running {
 public:
  enum class Stream : std::uint8_t { out, err };

  Running(const std::vector<std::string>& argv, const std::map<std::string, std::string>& env,
          const std::string& directory) {
    int ends[3][2];
    for (auto& pair : ends) {
      if (::pipe2(pair, O_CLOEXEC) != 0) std::abort();
    }
    std::vector<std::string> words = in_tier(argv);
    std::vector<std::string> variables;
    for (const auto& [name, value] : env) variables.push_back(name + "=" + value);
    const auto c_strings = [](std::vector<std::string>& texts) {
      std::vector<char*> out;
      for (std::string& text : texts) out.push_back(text.data());
      out.push_back(nullptr);
      return out;
    };
    const std::vector<char*> arguments = c_strings(words);
    const std::vector<char*> environment = c_strings(variables);
    ::signal(SIGPIPE, SIG_IGN);
    pid_ = ::fork();
    if (pid_ == 0) {
      ::dup2(ends[0][0], 0);
      ::dup2(ends[1][1], 1);
      ::dup2(ends[2][1], 2);
      if (::chdir(directory.c_str()) != 0) ::_exit(99);
      ::execvpe(arguments[0], arguments.data(), environment.data());
      ::_exit(127);
    }
    in_ = ends[0][1];
    from_[0] = ends[1][0];
    from_[1] = ends[2][0];
    ::close(ends[0][0]);
    ::close(ends[1][1]);
    ::close(ends[2][1]);
  }
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;
  ~Running() {
    if (pid_ > 0) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
    }
    for (const int fd : {in_, from_[0], from_[1]}) {
      if (fd >= 0) ::close(fd);
    }
  }

  /// berm itself: what stood before it has become it.
  [[nodiscard]] pid_t pid() const { return pid_; }
  [[nodiscard]] const std::string& out() const { return text_[0]; }
  [[nodiscard]] const std::string& err() const { return text_[1]; }

  /// Until `marker` has come; false if it never does.
  [[nodiscard]] bool await(const std::string& marker, Stream stream = Stream::out) {
    const std::string& text = text_[stream == Stream::out ? 0 : 1];
    while (text.find(marker) == std::string::npos) {
      if (!read_more()) return false;
    }
    return true;
  }
  void say(std::string_view text) const {
    EXPECT_EQ(::write(in_, text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }
  void signal(int number) const { EXPECT_EQ(::kill(pid_, number), 0); }

  /// To its end.
  Finished finish() {
    ::close(std::exchange(in_, -1));
    while (read_more()) continue;
    int status = 0;
    if (from_[0] >= 0 || from_[1] >= 0) ::kill(pid_, SIGKILL);  // it hung, and that was told
    ::waitpid(std::exchange(pid_, -1), &status, 0);
    return {.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status),
            .out = text_[0],
            .err = text_[1]};
  }

 private:
  bool read_more() {
    if (from_[0] < 0 && from_[1] < 0) return false;
    pollfd fds[2] = {{from_[0], POLLIN, 0}, {from_[1], POLLIN, 0}};
    constexpr int kPatience = 120'000;  // ends a test that hangs
    if (::poll(fds, 2, kPatience) <= 0) {
      ADD_FAILURE() << "no output for two minutes";
      return false;
    }
    for (int i = 0; i < 2; ++i) {
      if (fds[i].revents == 0) continue;
      char bytes[65536];
      const ssize_t got = ::read(from_[i], bytes, sizeof bytes);
      if (got > 0) text_[i].append(bytes, static_cast<std::size_t>(got));
      if (got <= 0) ::close(std::exchange(from_[i], -1));
    }
    return true;
  }

  pid_t pid_ = -1;
  int in_ = -1;
  int from_[2] = {-1, -1};
  std::string text_[2];
};

}  // namespace berm::test
