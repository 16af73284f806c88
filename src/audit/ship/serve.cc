#include "audit/ship/serve.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <nlohmann/json.hpp>
#include <thread>

#include "audit/ship/shipper.h"
#include "record/sha256.h"
#include "sys/confine.h"
#include "sys/frames.h"
#include "tiers/namespace/seccomp/filters.h"

namespace berm {
namespace {

using nlohmann::json;
using Clock = std::chrono::steady_clock;

#if defined(__x86_64__)
constexpr auto& kFilter = seccomp::kShipX86_64;
#elif defined(__aarch64__)
constexpr auto& kFilter = seccomp::kShipAarch64;
#endif

constexpr int kControlFd = 0;
constexpr std::chrono::seconds kPatience{10};
constexpr std::chrono::seconds kWithoutSupervisor{30};
constexpr int kLookMs = 250;
constexpr std::uint64_t kWorthTelling = 64 << 10;  // bytes of lag

class Ship {
 public:
  Result<void> equip();
  void serve();

 private:
  Result<std::unique_ptr<Shipper>> make(const SinkGrant& grant, UniqueFd descriptor,
                                        std::map<std::string, Secret> secrets);
  bool hear();
  void tell();
  [[nodiscard]] bool all_done() const;

  ShipConfiguration configuration_;
  UniqueFd record_;
  UniqueFd changed_;
  std::vector<std::unique_ptr<Shipper>> shippers_;  ///< in the order of the configuration
  std::vector<std::optional<SinkReport>> told_;
  bool supervised_ = true;
};

Result<std::unique_ptr<Shipper>> Ship::make(const SinkGrant& grant, UniqueFd descriptor,
                                            std::map<std::string, Secret> secrets) {
  ProgressFile progress =
      BERM_TRY(ProgressFile::open(configuration_.directory, configuration_.run, grant));
  std::unique_ptr<Receiver> receiver =
      BERM_TRY(make_receiver({.grant = grant,
                              .run = configuration_.run,
                              .secrets = std::move(secrets),
                              .descriptor = std::move(descriptor)}));
  const int wake = changed_.get();
  return std::make_unique<Shipper>(
      grant, configuration_.run, record_.get(), std::move(progress), std::move(receiver), [wake] {
        const std::uint64_t one = 1;
        [[maybe_unused]] const ssize_t put = ::write(wake, &one, sizeof one);
      });
}

// Every file is opened here, and everything that a library reads late is read: afterwards there is
// none.
Result<void> Ship::equip() {
  const std::string text = BERM_TRY(read_frame(kControlFd, kPatience));
  configuration_ = BERM_TRY(ship_configuration_from_json(text));
  std::vector<std::map<std::string, Secret>> secrets;
  std::size_t wanted = 0;
  for (const SinkGrant& sink : configuration_.sinks) {
    std::map<std::string, Secret> values;
    for (const auto& [key, from] : sink.secret) {
      values[key] = BERM_TRY(read_secret_frame(kControlFd, kPatience));
    }
    secrets.push_back(std::move(values));
    if (descriptor_of(sink) >= 0) ++wanted;
  }
  std::vector<UniqueFd> fds;
  if (wanted > 0) fds = BERM_TRY(receive_descriptors(kControlFd));
  if (fds.size() != wanted) return failure(Errc::internal, "get the descriptors of the sinks");
  record_ = BERM_TRY(open_file(configuration_.directory + "/record.jsonl", O_RDONLY | O_NOFOLLOW));
  changed_ = UniqueFd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  std::size_t next = 0;
  for (std::size_t i = 0; i < configuration_.sinks.size(); ++i) {
    const SinkGrant& grant = configuration_.sinks[i];
    UniqueFd fd;
    if (descriptor_of(grant) >= 0) fd = std::move(fds[next++]);
    shippers_.push_back(BERM_TRY(make(grant, std::move(fd), std::move(secrets[i]))));
    if (configuration_.from_zero) shippers_.back()->start_from_zero();
  }
  told_.resize(shippers_.size());
  (void)sha256_hex("");  // OpenSSL makes itself ready while files can be opened
  return confine_process(kFilter, configuration_.uid, Orphan::goes_on);
}

bool Ship::hear() {
  const Result<std::string> frame = read_frame(kControlFd, kPatience);
  if (!frame) return false;
  const json said = json::parse(*frame, nullptr, false);
  if (!said.is_object()) return false;
  for (const std::unique_ptr<Shipper>& shipper : shippers_) {
    if (said.contains("flush")) shipper->flush();
    if (said.contains("end")) shipper->finish();
  }
  if (!said.contains("secret")) return true;
  Result<Secret> secret = read_secret_frame(kControlFd, kPatience);
  if (!secret) return false;
  const std::string sink = said["secret"].value("sink", "");
  for (std::size_t i = 0; i < shippers_.size(); ++i) {
    if (configuration_.sinks[i].name != sink) continue;
    shippers_[i]->renew(said["secret"].value("key", ""), *std::move(secret));
    break;
  }
  return true;
}

void Ship::tell() {
  for (std::size_t i = 0; supervised_ && i < shippers_.size(); ++i) {
    SinkReport now = shippers_[i]->report();
    now.bytes = shippers_[i]->bytes_behind();
    std::optional<SinkReport>& told = told_[i];
    SinkReport same = now;
    if (told) same.bytes = told->bytes;
    const std::uint64_t before = told ? told->bytes : 0;
    const bool far = now.bytes > before + kWorthTelling || (now.bytes == 0 && before != 0);
    if (told && same == *told && !far) continue;
    told = now;
    const std::string text = to_json(configuration_.sinks[i].name, now)
                                 .dump(-1, ' ', false, json::error_handler_t::replace);
    if (!write_frame(kControlFd, text)) supervised_ = false;
  }
}

bool Ship::all_done() const {
  for (const std::unique_ptr<Shipper>& shipper : shippers_) {
    if (!shipper->is_done()) return false;
  }
  return true;
}

void Ship::serve() {
  for (const std::unique_ptr<Shipper>& shipper : shippers_) {
    std::thread([one = shipper.get()] { one->run(); }).detach();  // ends with the process
  }
  std::optional<Clock::time_point> until;
  while (!all_done() && (!until || Clock::now() < *until)) {
    pollfd fds[2] = {{supervised_ ? kControlFd : -1, POLLIN, 0}, {changed_.get(), POLLIN, 0}};
    if (::poll(fds, 2, kLookMs) < 0 && errno != EINTR) break;
    std::uint64_t count = 0;
    [[maybe_unused]] const ssize_t got = ::read(changed_.get(), &count, sizeof count);
    if (fds[0].revents != 0 && !hear()) supervised_ = false;
    tell();
    if (supervised_ || until) continue;
    // Killed, perhaps: what it wrote is worth a while.
    until = Clock::now() + kWithoutSupervisor;
    for (const std::unique_ptr<Shipper>& shipper : shippers_) shipper->finish();
  }
  tell();
  // Nobody waits for an answer that a thread of ours still waits for.
  ::_exit(all_done() ? 0 : 1);
}

}  // namespace

int serve_ship() {
  Ship ship;
  if (const Result<void> ready = ship.equip(); !ready) {
    const json answer = {
        {"ok", false}, {"what", sentence(ready.error())}, {"fix", ready.error().fix}};
    (void)write_frame(kControlFd, answer.dump(-1, ' ', false, json::error_handler_t::replace));
    return 125;
  }
  if (!write_frame(kControlFd, R"({"ok":true})")) return 125;
  ship.serve();
  return 0;
}

}  // namespace berm
