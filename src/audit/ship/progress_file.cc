#include "audit/ship/progress_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "policy/policy.h"

namespace berm {
namespace {

using nlohmann::json;

constexpr std::size_t kPage = 4096;
constexpr std::size_t kMostGaps = 8;
constexpr std::size_t kLongestGap = 200;

}  // namespace

std::string progress_path(const std::string& directory, const std::string& sink) {
  return fmt::format("{}/sinks/{}.json", directory, sink);
}

std::vector<std::string> sinks_with_state(const std::string& directory) {
  std::vector<std::string> out;
  std::error_code error;
  for (std::filesystem::directory_iterator at(directory + "/sinks", error), end;
       !error && at != end; at.increment(error)) {
    const std::filesystem::path path = at->path();
    if (path.extension() == ".json") out.push_back(path.stem().string());
  }
  std::ranges::sort(out);
  return out;
}

Result<SinkProgressState> read_progress(const std::string& text, const std::string& run) {
  const json in = json::parse(text, nullptr, false);
  try {
    if (in.at("run") != run) return failure(Errc::denied, "use the state of another run's sink");
    SinkProgressState state;
    state.acknowledged = {.offset = in.at("offset"), .sequence = in.at("acknowledged")};
    state.refused = in.at("refused");
    state.gaps = in.at("gaps").get<std::vector<std::string>>();
    return state;
  } catch (const json::exception&) {
    return failure(Errc::denied, "read the state of a sink: it is torn");
  }
}

Result<ProgressFile> ProgressFile::open(const std::string& directory, const std::string& run,
                                        const SinkGrant& sink) {
  BERM_TRY(make_directories(directory + "/sinks", 0700));
  const std::string path = progress_path(directory, sink.name);
  ProgressFile file;
  file.run_ = run;
  file.sink_ = sink.name;
  file.type_ = spelling(sink.type);
  file.fd_ = BERM_TRY(open_file(path, O_WRONLY | O_CREAT | O_NOFOLLOW, 0600));
  // What ships for a berm that was killed goes on for a while: two at a time would take back what
  // the other one has noted.
  if (::flock(file.fd_.get(), LOCK_EX | LOCK_NB) != 0) {
    return os_error(fmt::format("ship to sink '{}', which is shipped to already", sink.name));
  }
  if (const Result<std::string> text = read_plain_file(path, kPage)) {
    if (Result<SinkProgressState> state = read_progress(*text, run)) file.state_ = *state;
  }
  return file;
}

// The numbers stand in the first sector, which a disk writes as a whole.
std::string ProgressFile::text_of(const SinkProgressState& state) const {
  const json gaps = state.gaps;
  return fmt::format(
      "{{\"acknowledged\":{},\"offset\":{},\"refused\":{},\"run\":\"{}\",\"schema\":"
      "\"berm.sink/1\",\"sink\":\"{}\",\"type\":\"{}\",\"gaps\":{}}}",
      state.acknowledged.sequence, state.acknowledged.offset, state.refused, run_, sink_, type_,
      gaps.dump(-1, ' ', true, json::error_handler_t::replace));
}

Result<void> ProgressFile::save(const SinkProgressState& state) {
  state_ = state;
  if (state_.gaps.size() > kMostGaps) state_.gaps.resize(kMostGaps);
  for (std::string& gap : state_.gaps) gap = gap.substr(0, kLongestGap);
  std::string text = text_of(state_);
  // Escapes make a receiver's words longer: the numbers matter more than the last of them.
  while (text.size() >= kPage && !state_.gaps.empty()) {
    state_.gaps.pop_back();
    text = text_of(state_);
  }
  text.resize(kPage - 1, ' ');
  text += '\n';
  if (::pwrite(fd_.get(), text.data(), text.size(), 0) != static_cast<ssize_t>(text.size())) {
    return os_error(fmt::format("keep what sink '{}' has", sink_));
  }
  return {};
}

void ProgressFile::flush() { ::fdatasync(fd_.get()); }

}  // namespace berm
