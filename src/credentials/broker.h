// src/credentials/broker.h: the supervisor's side of the broker.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/secret.h"
#include "credentials/lease.h"
#include "credentials/outcome.h"
#include "policy/credential_source.h"
#include "sys/fd.h"

namespace berm {

/// The program that calls serve_broker(), and what it is called with.
struct BrokerProgram {
  std::string path;  ///< "" = this program
  std::vector<std::string> arguments = {"broker", "--child"};
};

struct Credential {
  LeaseReport report;
  Secret value;
};

/// What a broker says without being asked.
struct BrokerEvent {
  enum class Kind : std::uint8_t {
    renewed,         ///< `value` replaces the credential report.name
    prolonged,       ///< the same value lives until report.expires
    renewal_failed,  ///< `error`; the value lives until report.expires, and it is tried again
  };
  Kind kind = Kind::renewed;
  LeaseReport report;
  Secret value;
  Error error;
};

/// The keeper of a run's credentials: a process of its own, in a session of its own. It ends what
/// it minted when told, and when we die. Dropping a Broker ends them too, and waits for it.
class Broker {
 public:
  /// Starts the broker and waits until all credentials are there. It sees of the environment what
  /// `sources` name, the proxy and the trusted roots.
  ///
  /// Descriptors that sources name ("fd:N") are read to their end here, and closed from 3 on.
  /// @param journal  Directory for what lives, beside other runs' journals.
  /// @param run      A file name.
  /// @return  what refused the run: `what` has the step, the status and the issuer's own words,
  ///          `context` the credential, and the others that failed. Nothing lives then; `failed`
  ///          says what was minted before, and how it ended.
  [[nodiscard]] static Result<Broker> start(const BrokerProgram& program,
                                            const std::string& journal, const std::string& run,
                                            const std::vector<CredentialSource>& sources,
                                            FailedMint* failed = nullptr);
  Broker(Broker&&) noexcept;
  Broker& operator=(Broker&&) = delete;
  ~Broker();

  /// In the order of the sources; once.
  [[nodiscard]] std::vector<Credential> take_credentials() { return std::move(credentials_); }
  /// What could not be locked in memory there; "" if everything was.
  [[nodiscard]] const std::string& memory_note() const { return memory_note_; }
  /// To poll(2) for an event, if has_event() is false.
  [[nodiscard]] int fd() const { return control_.get(); }
  [[nodiscard]] bool has_event() const { return !early_.empty(); }
  [[nodiscard]] pid_t pid() const { return pid_; }

  /// The next event. @return Errc::kernel with ECONNRESET: the broker is gone.
  [[nodiscard]] Result<BrokerEvent> receive();

  /// Ends all credentials, and the broker. At most two minutes.
  [[nodiscard]] Result<std::vector<RevokeOutcome>> revoke_all();

  /// Sets the status of the Anthropic API key behind credential `name` to "inactive", by its
  /// with.admin. @param key_id  "" = the key itself is looked for.
  [[nodiscard]] Result<void> disable_anthropic_key(const std::string& name,
                                                   const std::string& key_id = "");

 private:
  Broker(UniqueFd control, pid_t pid, UniqueFd pidfd);
  [[nodiscard]] Result<void> receive_credentials(FailedMint* failed);
  [[nodiscard]] Result<std::string> await(std::string_view kind);
  [[nodiscard]] bool wait_for_end(int milliseconds);

  UniqueFd control_;
  pid_t pid_ = -1;
  UniqueFd pidfd_;
  std::vector<Credential> credentials_;
  std::vector<BrokerEvent> early_;  ///< came while an answer was waited for
  std::string memory_note_;
};

/// What earlier runs left alive, after it was ended as far as it can be. Costs nothing where no
/// journal is. Two berms may call it at once.
[[nodiscard]] Result<std::vector<RecoveredLease>> recover_leases(const BrokerProgram& program,
                                                                 const std::string& journal);

}  // namespace berm
