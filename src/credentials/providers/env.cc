// env:NAME: a variable of the user's environment. The agent never sees it: what enters the sandbox
// is named, and secrets are not.
#include <fmt/format.h>

#include <cstdlib>

#include "credentials/provider.h"

namespace berm {
namespace {

Result<Secret> read(const MintContext&, const CredentialSource&, const SourceAddress& address) {
  return read_variable(address.parts[0]);
}

}  // namespace

Result<Secret> read_variable(const std::string& name) {
  const char* value = ::getenv(name.c_str());
  if (value == nullptr || *value == '\0') {
    return failure(Errc::denied, fmt::format("read the variable {}: it is not set", name),
                   fmt::format("export {} before berm; the agent itself never sees it", name));
  }
  return Secret(std::string(value));
}

const Provider kEnv = {.scheme = SourceScheme::env, .read = read};

}  // namespace berm
