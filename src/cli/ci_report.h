// src/cli/ci_report.h: the report of a run where a CI system looks for it.
#pragma once

#include <string>

#include "session/run_session.h"

namespace berm {

/// Around one `berm run`, outside of the sandbox. GitHub Actions: job summary, annotations, step
/// outputs; and what the agent prints is no workflow command meanwhile. GitLab CI: berm-report/ and
/// a collapsed section. Nothing elsewhere. What cannot be written is a warning: the verdict is of
/// the run.
class CiReport {
 public:
  enum class Wish : std::uint8_t { automatic, off };
  explicit CiReport(Wish wish);

  /// Before anything of the agent can reach our streams.
  void begin();
  /// After the last byte that the agent had a part in.
  void end();
  void tell(const RunReport& report) const;
  /// The run never began.
  void tell(const Error& error) const;

 private:
  enum class System : std::uint8_t { none, github, gitlab };
  System system_ = System::none;
  std::string token_;     ///< ends GitHub's silence; nobody inside can know it
  bool silenced_ = true;  ///< the runner hears no command on our streams
};

}  // namespace berm
